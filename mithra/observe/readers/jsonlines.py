"""JSON lines in bulk: DuckDB reads them fast, Python reads again what DuckDB could not, by line number.

DuckDB's JSON reader has no reject store: a line that is not JSON comes out as a row of nulls, a value of the
wrong type as a null, without saying where. Speed and line numbers are both had so: the reader keeps the order
and gives exactly one row for each line that is not blank, so a row's number is enough to find its line. What
looks odd in a row is noted, and if there is anything, a second pass over the file counts lines up to those
rows. A file without odd lines is read once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import FormatError
from mithra.observe.ahead import ahead
from mithra.observe.engine import silence
from mithra.observe.readers import jsonfile
from mithra.observe.source import MAX_LINE_BYTES, Rejects, Rows, Source

__all__ = ["Column", "Convert", "JsonLines", "OddError", "parsed", "read_columns", "read_json"]

BATCH_ROWS = 1 << 16
JSON_MEMORY = "1GB"
JSON_THREADS = 1  # it reads a file in order with one anyway, and leaves the other core to the conversion
ODD_LINES_PER_BATCH = 1 << 14
DUCKDB_PACKINGS = {None: "uncompressed", "gzip": "gzip", "zstd": "zstd"}  # others are read in Python

log = logging.getLogger(__name__)

# Rows of a batch by table, and for each of its records why it is refused (null if it is not).
Convert = Callable[[pa.RecordBatch], tuple[list[Rows], pa.Array]]


@dataclass(frozen=True)
class Column:
    """A column of ours, and the keys under which records hold it; the first that is there counts."""

    type: pa.DataType
    paths: tuple[tuple[str, ...], ...]


class OddError(Exception):
    """Why a line makes no record."""


class JsonLines:
    """A file's lines as rows of a DuckDB query, then the odd ones among them as lines."""

    def __init__(self, source: Source, query: str) -> None:
        self._source, self._query = source, query
        self._rows = 0
        self._rest_odd = False  # DuckDB gave up at that row: everything after it is odd
        self._odd: list[NDArray[np.int64]] = []  # row numbers, from 0
        self._reasons: list[pa.Array] = []

    @property
    def has_odd(self) -> bool:
        """Whether a second pass is needed."""
        return bool(self._odd) or self._rest_odd

    def batches(self) -> Iterator[tuple[pa.Array, pa.RecordBatch]]:
        """Row numbers and rows.

        Raises:
            FormatError: packed data cut short.
        """
        if self._source.packing not in DUCKDB_PACKINGS:
            self._rest_odd = True
            return
        if self._source.packing:
            self._source.verify()
        con = duckdb.connect(config={"threads": JSON_THREADS, "memory_limit": JSON_MEMORY})
        silence(con)
        try:
            for batch in ahead(con.sql(self._query).to_arrow_reader(BATCH_ROWS)):
                start, self._rows = self._rows, self._rows + batch.num_rows
                yield pa.array(np.arange(start, self._rows)), batch
        except duckdb.Error as error:
            name = self._source.name
            log.info("%s: DuckDB stopped after row %d (%s); reading on in Python", name, self._rows, error)
            self._rest_odd = True
        finally:
            con.close()

    def note(self, rows: pa.Array, reasons: pa.Array | None = None) -> None:
        """Rows whose lines the second pass is to find, and why they are refused where that is known."""
        if len(rows):
            self._odd.append(rows.to_numpy(zero_copy_only=False))
            self._reasons.append(pa.nulls(len(rows), pa.string()) if reasons is None else reasons)

    def odd(self) -> Iterator[list[tuple[int, bytes, str | None]]]:
        """The second pass: line number, line and known reason of the noted rows."""
        rows = np.concatenate(self._odd) if self._odd else np.empty(0, dtype=np.int64)
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        why = pa.concat_arrays([*self._reasons, pa.array([], pa.string())]).take(pa.array(order))
        picked = list[tuple[int, bytes, str | None]]()
        row = 0
        for first_line, lines in self._source.lines():
            filled = np.flatnonzero([not (line.isspace() or line == b"") for line in lines])
            low, high = np.searchsorted(wanted, (row, row + len(filled)))
            known = dict(zip(wanted[low:high] - row, why[low:high].to_pylist(), strict=True))
            at = wanted[low:high] - row
            if self._rest_odd and row + len(filled) > self._rows:
                at = np.union1d(at, np.arange(max(self._rows - row, 0), len(filled)))
            picked += [(first_line + int(filled[i]), lines[filled[i]], known.get(i)) for i in at]
            row += len(filled)
            if len(picked) >= ODD_LINES_PER_BATCH:
                yield picked
                picked = []
        if row != self._rows and not self._rest_odd:
            raise FormatError(
                f"{row} lines but {self._rows} records: line ends are mixed up", file=self._source.path
            )
        yield picked


def parsed(line: bytes) -> dict[str, Any]:
    """A line's object.

    Raises:
        OddError: it is too long, or holds none.
    """
    if len(line) > MAX_LINE_BYTES:
        raise OddError("line_too_long")
    try:
        record = jsonfile.loads(line)
    except (ValueError, RecursionError) as error:
        raise OddError("not_json") from error
    if not isinstance(record, dict):
        raise OddError("not_an_object")
    return record


def read_json(source: Source, chosen: str, columns: str) -> str:
    """SQL that reads a file's lines: expressions, and the columns that they are made from."""
    path = str(source.path).replace("'", "''")
    packed = DUCKDB_PACKINGS.get(source.packing)
    return f"""SELECT {chosen} FROM read_json('{path}', format = 'newline_delimited',
        compression = '{packed}', ignore_errors = true, columns = {{{columns}}})"""


def read_columns(
    source: Source,
    columns: Mapping[str, Column],
    convert: Convert,
    shown: Callable[[bytes], str],
    records_of: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda record: [record],
    left_out: frozenset[str] = frozenset(),
    shared: frozenset[str] = frozenset(),
) -> Iterator[Rows | Rejects]:
    """All of a file through `convert`, which gets batches with these columns; arrays and documents too.

    Args:
        shown: what rejects show of a record.
        records_of: the records that a document holds.
        left_out: columns that DuckDB need not look for, since no record is thought to have them. A row with
            nothing in the columns that remain, other than the shared ones, is read again for them.
        shared: columns that tell nothing of a record's kind.

    Raises:
        FormatError: packed data cut short, or a document that is no JSON.
    """
    if _by_line(source.sample, records_of):
        yield from _lines(source, columns, convert, shown, left_out, shared if left_out else frozenset())
    else:
        yield from _documents(source, columns, convert, shown, records_of)


def _lines(
    source: Source,
    columns: Mapping[str, Column],
    convert: Convert,
    shown: Callable[[bytes], str],
    left_out: frozenset[str],
    shared: frozenset[str],
) -> Iterator[Rows | Rejects]:
    asked = {name: column for name, column in columns.items() if name not in left_out}
    lines = JsonLines(source, _query(source, asked))
    for rows, batch in lines.batches():
        empty = _empty([batch[name] for name in asked if name not in shared])
        if pc.any(empty).as_py():
            lines.note(rows.filter(empty))
            rows, batch = rows.filter(pc.invert(empty)), batch.filter(pc.invert(empty))
        tables, reason = convert(_whole(batch, columns))
        yield from tables
        lines.note(rows.filter(pc.is_valid(reason)), reason.drop_null())
    for picked in lines.odd() if lines.has_odd else ():
        rejects, found = Rejects(), list[tuple[int, dict[str, Any]]]()
        for number, line, reason in picked:
            try:
                if reason is not None:
                    raise OddError(reason)
                found.append((number, parsed(line)))
            except OddError as odd:
                rejects.add(number, str(odd), shown(line))
        yield from _converted(found, columns, convert, shown, rejects)


def _documents(
    source: Source,
    columns: Mapping[str, Column],
    convert: Convert,
    shown: Callable[[bytes], str],
    records_of: Callable[[dict[str, Any]], list[dict[str, Any]]],
) -> Iterator[Rows | Rejects]:
    for part in jsonfile.records(source):
        found = list[tuple[int, dict[str, Any]]]()
        for number, whole in zip(part.numbers, part.values, strict=True):
            records = records_of(whole)
            found += [(number, whole)] if records == [whole] else enumerate(records, 1)
        rejects = Rejects(part.rejects.lines, part.rejects.reasons, [])
        rejects.excerpts.extend(shown(text.encode()) for text in part.rejects.excerpts)
        yield from _converted(found, columns, convert, shown, rejects)


def _batch_of(records: list[dict[str, Any]], columns: Mapping[str, Column]) -> pa.RecordBatch:
    """Objects as DuckDB would give them."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([_fitted(_found(r, column), column.type) for r in records], column.type)
            for column in columns.values()
        ],
        names=list(columns),
    )


def _converted(
    numbered: list[tuple[int, dict[str, Any]]],
    columns: Mapping[str, Column],
    convert: Convert,
    shown: Callable[[bytes], str],
    rejects: Rejects,
) -> Iterator[Rows | Rejects]:
    """Rows of some objects, and the rejects with theirs added."""
    if numbered:
        tables, reasons = convert(_batch_of([record for _, record in numbered], columns))
        yield from tables
        for (number, record), why in zip(numbered, reasons.to_pylist(), strict=True):
            if why is not None:
                rejects.add(number, why, shown(json.dumps(record).encode()))
    if rejects.lines:
        yield rejects


def _by_line(sample: bytes, records_of: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> bool:
    """Whether a file holds a record a line: no array, and a line among the first is a whole one."""
    text = sample.removeprefix(jsonfile.BOM).lstrip()
    whole = next(jsonfile.first_lines(text), None)
    return not text.startswith(b"[") and whole is not None and records_of(whole) == [whole]


def _query(source: Source, columns: Mapping[str, Column]) -> str:
    tree: dict[str, Any] = {}
    for column in columns.values():
        for path in column.paths:
            node = tree
            for key in path[:-1]:
                node = node.setdefault(key, {})
            node[path[-1]] = column.type
    chosen = [
        f"coalesce({', '.join('.'.join(map(_quoted, path)) for path in column.paths)}) AS {name}"
        for name, column in columns.items()
    ]
    types = [f"'{key}': '{_sql(kind)}'" for key, kind in tree.items()]
    return read_json(source, ", ".join(chosen), ", ".join(types))


def _sql(kind: Any) -> str:
    """DuckDB's name for an Arrow type, or for a tree of them."""
    if isinstance(kind, dict):
        return f"STRUCT({', '.join(f'{_quoted(key)} {_sql(part)}' for key, part in kind.items())})"
    if pa.types.is_struct(kind):
        return _sql({field.name: field.type for field in kind.fields})
    if pa.types.is_list(kind):
        return f"{_sql(kind.value_type)}[]"
    return {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}[str(kind)]


def _quoted(key: str) -> str:
    return f'"{key}"'


def _whole(batch: pa.RecordBatch, columns: Mapping[str, Column]) -> pa.RecordBatch:
    """The batch with nulls for the columns that it lacks."""
    have = set(batch.schema.names)
    arrays = [
        batch[name] if name in have else pa.nulls(batch.num_rows, column.type)
        for name, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _empty(columns: list[pa.Array]) -> pa.Array:
    """Rows of nothing but nulls."""
    empty = pc.is_null(columns[0])
    for column in columns[1:]:
        if not pc.any(empty).as_py():
            break
        empty = pc.and_(empty, pc.is_null(column))
    return empty


def _found(record: dict[str, Any], column: Column) -> Any:
    for path in column.paths:
        value: Any = record
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """The value as the type wants it, or null."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [_fitted(item, kind.value_type) for item in value] if isinstance(value, list) else None
    if pa.types.is_struct(kind):
        if not isinstance(value, dict):
            return None
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind.fields}
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else json.dumps(value)
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if pa.types.is_floating(kind):
        return number
    return int(number) if abs(number) < 1 << 62 else None
