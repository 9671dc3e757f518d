"""Decisions as a table with what they came from, and as files.

One row a decision, the worst name first; where they came from (digests, threshold, mode, the simulated mark)
stands in the schema's metadata. Parquet keeps that by itself; in CSV and JSON lines every row repeats it in
columns, so that no copy of a list loses its mark.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.atomic import atomic_path, atomic_text
from mithra.errors import FormatError, InputError, UsageError
from mithra.observe.frames import to_pandas, to_polars
from mithra.schema import TIMESTAMP

__all__ = ["ACTIONS", "LEVELS", "ORIGIN", "SCHEMA", "Decisions"]

ACTIONS = ("block", "watch", "allow")
LEVELS = ("host", "subtree")

SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # canonical
        ("action", pa.string()),  # block, watch or allow
        ("level", pa.string()),  # host, or subtree: the name and all below it
        ("reasons", pa.list_(pa.string())),
        ("score", pa.float64()),
        ("rank", pa.int64()),
        ("expires", TIMESTAMP),  # null unless blocked
        ("guard", pa.string()),  # the rule that kept it from being blocked, null where none did
    ]
)

ORIGIN = (  # metadata keys, all text
    "simulated",
    "model_digest",
    "snapshot_digest",
    "policy_digest",
    "as_of",
    "decided_at",
    "mode",
    "threshold",
    "suffix_list",
)


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions of one run. `origin` says what they came from, by the keys of ORIGIN."""

    table: pa.Table

    def __post_init__(self) -> None:
        _check(self.table)

    @classmethod
    def of(cls, rows: Mapping[str, list[Any]], origin: Mapping[str, str]) -> Decisions:
        """From columns of Python values."""
        return cls(pa.table(dict(rows), schema=SCHEMA.with_metadata({key: origin[key] for key in ORIGIN})))

    @property
    def origin(self) -> dict[str, str]:
        """What the decisions came from."""
        held = self.table.schema.metadata or {}
        return {key: held.get(key.encode(), b"").decode() for key in ORIGIN}

    @property
    def simulated(self) -> bool:
        """Whether the model behind them has seen simulated data only: such a list is never pushed."""
        return self.origin["simulated"] != "false"

    @property
    def blocks(self) -> pa.Table:
        """The rows that block."""
        return self.table.filter(pc.equal(self.table["action"], "block"))

    def counts(self) -> dict[str, int]:
        """Rows by action, and by guard as `guard:<code>`."""
        found = Counter(self.table["action"].to_pylist())
        guards = Counter(guard for guard in self.table["guard"].to_pylist() if guard)
        return {action: found[action] for action in ACTIONS} | {
            f"guard:{code}": guards[code] for code in sorted(guards)
        }

    def __len__(self) -> int:
        return len(self.table)

    def to_arrow(self) -> pa.Table:
        """The table, metadata included."""
        return self.table

    def to_pandas(self) -> Any:
        """A pandas frame."""
        return to_pandas(self.table)

    def to_polars(self) -> Any:
        """A polars frame."""
        return to_polars(self.table)

    def write(self, path: str | Path) -> Path:
        """Write as Parquet, CSV or JSON lines, by the file's ending, whole or not at all.

        Raises:
            UsageError: another ending.
        """
        target, kind = Path(path), _kind(path)
        if kind == "parquet":
            with atomic_path(target) as temporary:
                pq.write_table(self.table, temporary)
            return target
        with atomic_text(target) as file:
            self.write_text(file, kind)
        return target

    def write_text(self, file: IO[str], kind: str) -> None:
        """Write `csv` or `jsonl` to an open text file, such as standard output."""
        origin = self.origin
        rows = (_plain(row) | origin for row in self.table.to_pylist())
        if kind == "jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
            return
        writer = csv.DictWriter(file, [*SCHEMA.names, *ORIGIN], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"reasons": json.dumps(row["reasons"])} for row in rows)

    @classmethod
    def read(cls, path: str | Path) -> Decisions:
        """Read what `write` wrote.

        Raises:
            InputError: no such file, or rows that are no decisions; the message names the file and the line.
        """
        file, kind = Path(path), _kind(path)
        try:
            if kind == "parquet":
                table = pq.read_table(file)
                return cls(table.select(SCHEMA.names).cast(SCHEMA.with_metadata(table.schema.metadata)))
            with file.open(encoding="utf-8", newline="") as text:
                return _from_rows(list(_rows(text, kind, file)), file)
        except (OSError, UnicodeDecodeError, pa.ArrowException, KeyError, csv.Error) as error:
            raise InputError(f"cannot read decisions: {error}", file=file) from error
        except InputError as error:
            if error.file is None:
                error.file = file
            raise


def _kind(path: str | Path) -> str:
    kind = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(
        Path(path).suffix
    )
    if kind is None:
        raise UsageError("unknown ending for decisions", value=path, hint="Use .parquet, .csv or .jsonl")
    return kind


def _check(table: pa.Table) -> None:
    if not isinstance(table, pa.Table):
        raise UsageError("decisions are an Arrow table", value=type(table).__name__)
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise InputError(
            "not a table of decisions", value=table.schema.names, hint=f"Columns: {SCHEMA.names}"
        )
    if (table.schema.metadata or {}).get(b"simulated") not in (b"true", b"false"):
        raise InputError(
            "decisions do not say whether they are simulated", hint="Make them with mithra decide"
        )
    for column, allowed in (("action", ACTIONS), ("level", LEVELS)):
        odd = pc.invert(pc.is_in(table[column], value_set=pa.array(allowed)))
        if pc.any(odd).as_py():
            raise InputError(
                f"unknown {column}", value=table[column].filter(odd)[0], hint=f"Known: {allowed}"
            )
    if table["name"].null_count:
        raise InputError("a decision without a name")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    expires = row["expires"]
    return row | {"expires": expires.isoformat() if expires else None, "reasons": row["reasons"] or []}


def _rows(text: IO[str], kind: str, file: Path) -> Iterator[dict[str, Any]]:
    """Rows with their types back; the line is named when one is bad."""
    source: Iterator[Any] = csv.DictReader(text) if kind == "csv" else iter(text)
    for number, given in enumerate(source, 2 if kind == "csv" else 1):
        try:
            row = given if kind == "csv" else json.loads(given)
            yield _typed(row, kind)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(f"not a decision: {error!r}", value=given, file=file, line=number) from error


def _typed(row: dict[str, Any], kind: str) -> dict[str, Any]:
    reasons = json.loads(row["reasons"]) if kind == "csv" else row["reasons"]
    if not isinstance(row["name"], str) or not all(isinstance(reason, str) for reason in reasons):
        raise ValueError("name and reasons are text")
    return {
        "name": row["name"],
        "action": row["action"],
        "level": row["level"],
        "reasons": reasons,
        "score": _or_none(float, row["score"]),
        "rank": _or_none(int, row["rank"]),
        "expires": _or_none(_moment, row["expires"]),
        "guard": row["guard"] or None,
        "origin": {key: row[key] for key in ORIGIN},
    }


def _or_none(kind: Any, value: Any) -> Any:
    return None if value in (None, "") else kind(value)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("expires needs an offset")
    return moment


def _from_rows(rows: list[dict[str, Any]], file: Path) -> Decisions:
    if not rows:
        raise FormatError("no decisions in the file", file=file)
    origin = rows[0]["origin"]
    if any(row["origin"] != origin for row in rows):
        raise FormatError("rows of several runs in one file", file=file, hint="Keep one run a file")
    return Decisions.of({name: [row[name] for row in rows] for name in SCHEMA.names}, origin)
