"""Scores as a table, and as files: one row for every name asked for, in the order asked.

Where they came from (digests, thresholds, the simulated mark) stands in the schema's metadata. Parquet keeps
that by itself; in CSV and JSON lines every row repeats it in columns, so that no copy loses its mark. CSV is
for people: lists are joined, and no cell can be taken for a formula.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.atomic import atomic_path, atomic_text
from mithra.errors import FormatError, InputError, UsageError
from mithra.names import display
from mithra.observe.frames import to_pandas, to_polars

__all__ = ["ORIGIN", "SCHEMA", "VERDICTS", "Scores"]

VERDICTS = ("nefarious", "benign", "unknown")
_STRINGS = pa.list_(pa.string())

SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # canonical; where refused, what was given with everything odd escaped
        ("score", pa.float64()),  # calibrated probability of being nefarious; null where refused
        ("verdict", pa.string()),  # nefarious, benign, or unknown (evidence too thin)
        ("owner_kind", pa.string()),  # attacker, compromised or tenant; null unless nefarious and told
        ("owner_probability", pa.float64()),  # of that kind, if the name is nefarious
        ("rank", pa.int64()),  # 1 is the worst of the names asked for; null where refused
        ("evidence_kinds", _STRINGS),  # kinds that speak for nefarious
        ("reasons", _STRINGS),  # in words, the most important first
        ("group", pa.string()),  # eTLD+1
        ("known", pa.bool_()),  # the snapshot holds it
        ("shared_suffix", pa.bool_()),  # it lies under a private public suffix, such as github.io
        ("popular_days", pa.int64()),  # days on popularity lists; this and the next four guard decisions
        ("popular_rank", pa.int64()),  # best rank
        ("warning_list", pa.string()),  # the list of benign or special names that holds it
        ("label_benign", pa.bool_()),  # a source holds it to be benign
        ("state", pa.string()),  # parked, sinkholed or expired: nobody's weapon now; null where in use
        ("addresses", _STRINGS),
        ("name_servers", _STRINGS),
        ("registrar", pa.string()),
        ("asn", _STRINGS),
        ("given", pa.string()),  # as it was asked for
    ]
)
ORIGIN = (
    "simulated",
    "model_digest",
    "snapshot_digest",
    "as_of",
    "base_rate",
    "thresholds",
    "drift",
)  # all text
_LISTS = tuple(field.name for field in SCHEMA if field.type == _STRINGS)
_BETWEEN = " | "  # items of a list in a CSV cell
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # a cell that begins so gets an apostrophe in front
_ENDINGS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_FORMATS = ("parquet", "csv", "jsonl")


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one run, one row a name as asked for; columns as in SCHEMA."""

    table: pa.Table

    def __post_init__(self) -> None:
        _check(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        verdicts = self.table["verdict"].value_counts().to_pylist()
        counts = ", ".join(f"{count['counts']} {count['values']}" for count in verdicts)
        return f"Scores({len(self)} names: {counts or 'none'}{', simulated' if self.simulated else ''})"

    @property
    def origin(self) -> dict[str, str]:
        """What the scores came from, by the keys of ORIGIN."""
        held = self.table.schema.metadata or {}
        return {key: held.get(key.encode(), b"").decode() for key in ORIGIN}

    @property
    def simulated(self) -> bool:
        """Whether the model has seen simulated data only: lists made of it are never pushed."""
        return self.origin["simulated"] != "false"

    @property
    def thresholds(self) -> dict[str, float | None]:
        """Lowest score to flag by false-positive rate, None where it was not measurable."""
        found: dict[str, float | None] = json.loads(self.origin["thresholds"] or "{}")
        return found

    @property
    def drift(self) -> dict[str, Any] | None:
        """How far what arrives is from what arrived before training; None where nobody could tell."""
        found: dict[str, Any] | None = json.loads(self.origin["drift"] or "null")
        return found

    def top(self, count: int) -> Scores:
        """The worst names, each once, the worst first.

        Raises:
            UsageError: a count below 1.
        """
        if count < 1:
            raise UsageError("top takes a number of names from 1 on", value=count)
        rank = np.asarray(pc.fill_null(self.table["rank"], np.iinfo(np.int64).max), dtype=np.int64)
        ranks, first = np.unique(rank, return_index=True)
        chosen = first[ranks < np.iinfo(np.int64).max][:count]
        return Scores(self.table.take(pa.array(chosen)))

    def to_arrow(self) -> pa.Table:
        """The table, metadata included."""
        return self.table

    def to_pandas(self) -> Any:
        """A pandas frame."""
        return to_pandas(self.table)

    def to_polars(self) -> Any:
        """A polars frame."""
        return to_polars(self.table)

    def write(self, path: str | Path, format: str | None = None) -> Path:
        """Write as Parquet, CSV or JSON lines, by the file's ending or `format`; whole or not at all.

        Raises:
            UsageError: another format.
            InputError: the file cannot be written.
        """
        target, kind = Path(path), _format(path, format)
        if kind == "parquet":
            with atomic_path(target) as temporary:
                pq.write_table(self.table, temporary)
            return target
        with atomic_text(target) as file:
            self.write_text(file, kind)
        return target

    def write_text(self, file: IO[str], format: str) -> None:
        """Write `csv` or `jsonl` to an open text file, such as standard output."""
        if format not in ("csv", "jsonl"):
            raise UsageError("no text format of scores", value=format, hint="Use csv or jsonl")
        origin = self.origin
        if format == "jsonl":
            thresholds = {"thresholds": self.thresholds}
            file.writelines(
                json.dumps(_finite(row) | origin | thresholds, allow_nan=False) + "\n" for row in self._rows()
            )
            return
        writer = csv.DictWriter(file, [*SCHEMA.names, *ORIGIN], lineterminator="\n")
        writer.writeheader()
        writer.writerows(_cells(row) | origin for row in self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for batch in self.table.to_batches(max_chunksize=10_000):
            yield from batch.to_pylist()

    @classmethod
    def read(cls, path: str | Path) -> Scores:
        """Read what `write` wrote.

        Raises:
            InputError: no such file, or rows that are no scores; the message names the file and the line.
        """
        file, kind = Path(path), _format(path, None)
        try:
            if kind == "parquet":
                table = pq.read_table(file)
                return cls(table.select(SCHEMA.names).cast(SCHEMA.with_metadata(table.schema.metadata)))
            with file.open(encoding="utf-8", newline="") as text:
                return cls(_table_of(text, kind, file))
        except (OSError, UnicodeDecodeError, pa.ArrowException, KeyError, csv.Error) as error:
            raise InputError(f"cannot read scores: {error}", file=file) from error
        except InputError as error:
            if error.file is None:
                error.file = file
            raise


def _format(path: str | Path, stated: str | None) -> str:
    kind = _ENDINGS.get(Path(path).suffix.lower()) if stated is None else stated
    if kind not in _FORMATS:
        raise UsageError(
            "unknown format of scores",
            value=path if stated is None else stated,
            hint="Use an ending .parquet, .csv or .jsonl, or format=",
        )
    return kind


def _check(table: pa.Table) -> None:
    if not isinstance(table, pa.Table):
        raise UsageError("scores are an Arrow table", value=type(table).__name__)
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise InputError("not a table of scores", value=table.schema.names, hint=f"Columns: {SCHEMA.names}")
    if (table.schema.metadata or {}).get(b"simulated") not in (b"true", b"false"):
        raise InputError("scores do not say whether they are simulated", hint="Make them with mithra score")
    odd = pc.invert(pc.is_in(table["verdict"], value_set=pa.array(VERDICTS)))
    if pc.any(odd).as_py():
        raise InputError("unknown verdict", value=table["verdict"].filter(odd)[0], hint=f"Known: {VERDICTS}")


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN and no infinity."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as CSV cells: lists joined, `given` escaped, and nothing that a spreadsheet would run."""
    cells: dict[str, Any] = {}
    for key, value in row.items():
        text = value
        if key in _LISTS:
            text = _BETWEEN.join(item.replace(_BETWEEN, " / ") for item in value or ())
        elif key == "given" and value is not None and not (value.isascii() and value.isprintable()):
            text = display(value)
        cells[key] = f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
    return cells


def _table_of(text: IO[str], kind: str, file: Path) -> pa.Table:
    """The table of text rows, with the metadata that each of them repeats."""
    rows, origin = [], None
    for number, given in enumerate(_parsed(text, kind), 2 if kind == "csv" else 1):
        try:
            row = json.loads(given) if kind == "jsonl" else given
            row.setdefault("drift", "")  # earlier versions wrote none
            origin = origin or {key: _origin_text(row[key]) for key in ORIGIN}
            if any(_origin_text(row[key]) != origin[key] for key in ORIGIN):
                raise ValueError("rows of several runs in one file")
            rows.append({field.name: _typed(field, row[field.name], kind) for field in SCHEMA})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(f"not a score: {error!r}", value=given, file=file, line=number) from error
    if origin is None:
        raise FormatError("no scores in the file", file=file)
    return pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(origin))


def _parsed(text: IO[str], kind: str) -> Iterator[Any]:
    return iter(csv.DictReader(text)) if kind == "csv" else (line for line in text if line.strip())


def _origin_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _typed(field: pa.Field, value: Any, form: str) -> Any:
    """A JSON value as it is, a CSV cell with its type back."""
    if form == "jsonl":
        return value
    value = value[1:] if value.startswith("'") else value
    if field.type == _STRINGS:
        return value.split(_BETWEEN) if value else []
    if value == "":
        return "" if field.name == "name" else None
    if field.type == pa.bool_():
        return {"True": True, "False": False}[value]
    return {pa.int64(): int, pa.float64(): float}.get(field.type, str)(value)
