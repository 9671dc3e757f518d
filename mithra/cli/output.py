"""Results on stdout or in a file: a table for people, JSON lines, CSV or Parquet for machines.

Names and reasons come from strangers. In a table nothing of them is read as markup or drives the terminal; in
CSV, text that a spreadsheet would run as a formula gets an apostrophe in front. JSON lines and Parquet hold
values as they are.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mithra.atomic import atomic_path, atomic_text
from mithra.cli.messages import shown
from mithra.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from mithra.learn.card import ReportCard
    from mithra.score.explain import Explanation

__all__ = [
    "Format",
    "chosen_format",
    "csv_text",
    "print_table",
    "shows_text",
    "stdin_bytes",
    "text_output",
    "write_json",
    "write_page",
    "write_records",
]

STDOUT = Path("-")
PIPED_WIDTH = 250  # columns of a table that no terminal limits
_FORMULA = re.compile(r"[=+@\t\r]|-(?![A-Za-z0-9._-]*$)")


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def chosen_format(given: Format | None, out: Path | None) -> Format:
    """The format asked for, else that of the file's ending, else a table.

    Raises:
        UsageError: an ending that names none.
    """
    if given is not None:
        return given
    if out is None or out == STDOUT:
        return Format.TABLE
    ending = {".ndjson": "jsonl", ".txt": "table"}.get(out.suffix, out.suffix[1:])
    if ending not in set(Format):
        raise UsageError(
            "the file's ending names no format", value=out, hint="Use .jsonl, .csv, .parquet or --format"
        )
    return Format(ending)


def write_records(records: pa.Table, format: Format, out: Path | None) -> None:
    """Write the records as JSON lines, CSV or Parquet; a file appears whole or not at all.

    Raises:
        UsageError: Parquet on a terminal.
    """
    if format is Format.PARQUET:
        _write_parquet(records, out)
        return
    with text_output(out) as file:
        if format is Format.JSONL:
            file.writelines(json.dumps(row, default=_plain) + "\n" for row in _rows(records))
            return
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(records.column_names)
        writer.writerows([csv_text(value) for value in row.values()] for row in _rows(records))


def stdin_bytes() -> bytes:
    """All of stdin.

    Raises:
        UsageError: it is closed.
    """
    if sys.stdin is None:
        raise UsageError("stdin is closed", hint="Pipe something in, or give a file")
    return sys.stdin.buffer.read()


@contextmanager
def text_output(out: Path | None) -> Iterator[IO[str]]:
    """Stdout for None or `-`, else the file, which appears whole or not at all."""
    if out is None or out == STDOUT:
        if sys.stdout is None:
            raise UsageError("stdout is closed", hint="Give --out FILE")
        yield sys.stdout
        return
    with atomic_text(out) as file:
        yield file


def write_json(value: Any, out: Path | None) -> None:
    """One JSON document; nothing where no file is wanted."""
    if out is None:
        return
    with text_output(out) as file:
        file.write(json.dumps(value, indent=2, default=_plain) + "\n")


def shows_text(json_file: Path | None, html_file: Path | None) -> bool:
    """Whether stdout is free for text; neither the JSON nor the page goes there.

    Raises:
        UsageError: both would.
    """
    if json_file == html_file == STDOUT:
        raise UsageError("stdout cannot take both", value="--json - --html -", hint="Give one of them a file")
    return STDOUT not in (json_file, html_file)


def write_page(subject: ReportCard | Explanation, out: Path | None) -> None:
    """A report card or an explanation as an HTML page; nothing where no file is wanted."""
    if out is None:
        return
    import mithra as mt

    with text_output(out) as file:
        file.write(mt.report(subject))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, out: Path | None = None) -> None:
    """A table for people. Numbers are set to the right; columns that are too narrow are folded, never cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        numeric = bool(listed) and all(isinstance(row[at], int | float | None) for row in listed)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(_cell(value)) for value in row))
    with text_output(out) as file:
        width = None if file.isatty() else PIPED_WIDTH
        console = Console(file=file, width=width, emoji=False, highlight=False)
        with console.capture() as rendered:  # on a closed pipe rich itself would end the process
            console.print(table)
        file.write(rendered.get())


def csv_text(value: Any) -> Any:
    """A value as a cell of CSV: lists joined, hostile text made harmless."""
    if isinstance(value, list):
        value = "; ".join(str(item) for item in value)
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    text = shown(value).replace("\n", "\\n")
    return f"'{text}" if _FORMULA.match(value) else text


def _rows(records: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in records.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _write_parquet(records: pa.Table, out: Path | None) -> None:
    import pyarrow.parquet as pq

    if out is not None and out != STDOUT:
        with atomic_path(out) as unfinished:
            pq.write_table(records, unfinished)
        return
    with text_output(None) as stdout:
        if stdout.isatty():
            raise UsageError("Parquet is not for a terminal", hint="Give --out FILE, or pipe it")
        pq.write_table(records, sys.stdout.buffer)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return shown(str(value))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):  # a NumPy number
        return value.item()
    return str(value)
