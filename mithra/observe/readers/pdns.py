"""Passive DNS in the Common Output Format (draft-dulaunoy-dnsop-passive-dns-cof), one JSON object a line.

DuckDB's JSON reader does the bulk, but it has no reject store: a line that is not JSON comes out as a row
of nulls, a value of the wrong type as a null, without saying where. Speed and line numbers are both had so:
the reader keeps the order and gives exactly one row for each line that is not blank. Whatever looks odd in
a row (a null, an rdata of another shape, a name that is refused) only has its row number noted. If there
are any, a second pass over the file counts lines up to those rows and reads them alone with Python's `json`,
which either makes the record after all or says why not. A file without odd lines is read once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import FormatError
from mithra.observe.ahead import ahead
from mithra.observe.engine import silence
from mithra.observe.readers.jsonfile import loads
from mithra.observe.records import resolutions
from mithra.observe.source import (
    MAX_LINE_BYTES,
    Options,
    Reader,
    Rejects,
    Rows,
    Source,
)

__all__ = ["READERS"]

BATCH_ROWS = 1 << 17
JSON_MEMORY = "1GB"
JSON_THREADS = 1  # it reads a file in order with one anyway, and leaves the other core to the conversion
FRAME_KEYS = {"cond", "obj"}
ODD_LINES_PER_BATCH = 1 << 14

log = logging.getLogger(__name__)

# Our column: the keys that hold it, first come first served. `zone_` times are DNSDB's, from zone files.
_KEYS = {
    "rrname": ("rrname",),
    "rrtype": ("rrtype",),
    "rdata": ("rdata", "rrdata"),
    "first": ("time_first", "zone_time_first"),
    "last": ("time_last", "zone_time_last"),
    "count": ("count",),
    "origin": ("origin",),
}
_NUMBERS = {"first", "last", "count"}


@dataclass
class _Seen:
    """What the first pass leaves for the second."""

    rows: int = 0
    odd: list[NDArray[np.int64]] = field(default_factory=list)  # row numbers, from 0
    rest_odd: bool = False  # DuckDB gave up at `rows`: everything after it is for the second pass
    last_frame: str | None = None


def sniff_cof(sample: bytes) -> bool:
    """JSON objects a line with rrname and rrtype, or DNSDB's frames."""
    first = _first_object(sample)
    if first is None:
        return False
    record = first.get("obj")
    return "rrname" in (record if isinstance(record, dict) else first) or (
        "cond" in first and b'"rrname"' in sample
    )


def read_cof(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions of a COF file.

    Raises:
        FormatError: gzip data cut short, or DNSDB's frames without the closing one.
    """
    framed = bool(FRAME_KEYS & (_first_object(source.sample) or {}).keys())
    if source.gzipped:
        source.verify()
    seen = _Seen()
    yield from _plain_rows(source, options, framed, seen)
    if seen.odd or seen.rest_odd:
        yield from _odd_rows(source, options, framed, seen)
    if framed and seen.last_frame not in {"succeeded", "limited"}:
        raise FormatError(
            "the closing frame is missing, so the answer is not whole",
            value=seen.last_frame,
            file=source.path,
            hint="Ask the server again: its answer ended early",
        )


READERS = [Reader("cof", 1, ("resolutions",), sniff_cof, read_cof)]


def _plain_rows(source: Source, options: Options, framed: bool, seen: _Seen) -> Iterator[Rows]:
    con = duckdb.connect(config={"threads": JSON_THREADS, "memory_limit": JSON_MEMORY})
    silence(con)
    try:
        for batch in ahead(con.sql(_query(source, framed)).to_arrow_reader(BATCH_ROWS)):
            yield _kept(batch, source, options, seen)
    except duckdb.Error as error:
        log.info("%s: DuckDB stopped after row %d (%s); reading on in Python", source.name, seen.rows, error)
        seen.rest_odd = True
    finally:
        con.close()


def _query(source: Source, framed: bool) -> str:
    fields = {}
    for column, keys in _KEYS.items():
        kind = "BIGINT" if column in _NUMBERS else "VARCHAR"
        for key in keys:
            if key == keys[0] or b'"%s"' % key.encode() in source.sample:
                fields[key] = kind
    if b'"origin"' not in source.sample:
        del fields["origin"]
    if _arrays(source.sample):
        fields["rdata"] = "VARCHAR[]"
    record = "obj." if framed else ""
    chosen = [
        f"coalesce({', '.join(f'{record}{key}' for key in keys if key in fields)}) AS {column}"
        for column, keys in _KEYS.items()
        if any(key in fields for key in keys)
    ]
    columns = ", ".join(f"{key}: '{kind}'" for key, kind in fields.items())
    if framed:
        structure = ", ".join(f"{key} {kind}" for key, kind in fields.items())
        columns = f"cond: 'VARCHAR', obj: 'STRUCT({structure})'"
        chosen.append("cond")
    path = str(source.path).replace("'", "''")
    packed = "gzip" if source.gzipped else "uncompressed"
    return f"""SELECT {", ".join(chosen)} FROM read_json('{path}', format = 'newline_delimited',
        compression = '{packed}', ignore_errors = true, columns = {{{columns}}})"""


def _kept(batch: pa.RecordBatch, source: Source, options: Options, seen: _Seen) -> Rows:
    """The plain rows of a batch; the odd ones are noted."""
    start, seen.rows = seen.rows, seen.rows + batch.num_rows
    row = pa.array(np.arange(start, seen.rows))
    frames = _frames(batch, seen)
    fine = _fine(batch)
    if not pc.all(fine).as_py():
        _note(seen, row.filter(pc.and_not(pc.invert(fine), frames)))
        batch, row = batch.filter(fine), row.filter(fine)
    if pa.types.is_list(batch.schema.field("rdata").type):
        parents = pc.list_parent_indices(batch["rdata"])
        values, batch, row = pc.list_flatten(batch["rdata"]), batch.take(parents), row.take(parents)
        batch = batch.set_column(batch.schema.get_field_index("rdata"), "rdata", values)
    table, reason = _resolutions(batch, options)
    if reason.null_count < len(reason):
        # One bad value of an array sends the whole line to the second pass.
        bad = pc.is_in(row, value_set=pc.unique(row.filter(pc.is_valid(reason))))
        _note(seen, pc.unique(row.filter(bad)))
        keep = pc.invert(bad)
        table, batch = table.filter(keep), batch.filter(keep)
    return Rows("resolutions", _with_source(table, batch, source, options))


def _fine(batch: pa.RecordBatch) -> pa.Array:
    """Rows in which everything required is there and rdata has the shape that was asked for."""
    required = [pc.is_valid(batch[name]) for name in ("rrname", "rrtype", "rdata", "first", "last")]
    fine = required[0]
    for column in required[1:]:
        fine = pc.and_(fine, column)
    rdata = batch["rdata"]
    if pa.types.is_list(rdata.type):
        return pc.and_(fine, pc.fill_null(pc.greater(pc.list_value_length(rdata), 0), False))
    shaped = pc.or_(pc.starts_with(rdata, "["), pc.starts_with(rdata, "{"))
    return pc.and_not(fine, pc.fill_null(shaped, False))


def _frames(batch: pa.RecordBatch, seen: _Seen) -> pa.Array:
    """Rows that are DNSDB's frames (begin, ongoing, succeeded …) and no record."""
    if "cond" not in batch.schema.names:
        return pa.repeat(pa.scalar(False), batch.num_rows)
    states = pc.drop_null(batch["cond"])
    if len(states):
        seen.last_frame = states[-1].as_py()
    return pc.and_(pc.is_valid(batch["cond"]), pc.is_null(batch["rrname"]))


def _note(seen: _Seen, rows: pa.Array) -> None:
    if len(rows):
        seen.odd.append(rows.to_numpy(zero_copy_only=False))


def _resolutions(batch: pa.RecordBatch | pa.Table, options: Options) -> tuple[pa.Table, pa.Array]:
    columns = [batch[name] for name in ("rrname", "rrtype", "rdata", "first", "last")]
    table, reason = resolutions(*columns, now=options.now_seconds)
    return (
        table.append_column(
            "count", pc.if_else(pc.greater_equal(batch["count"], 0), batch["count"], None)
        ).append_column("captured_at", table["last_seen"])
    ), reason


def _with_source(
    table: pa.Table, batch: pa.RecordBatch | pa.Table, source: Source, options: Options
) -> pa.Table:
    stated = options.source or source.stem
    if options.source is None and "origin" in batch.schema.names:
        names = batch["origin"].dictionary_encode()
        return table.append_column("source", names.fill_null(stated) if names.null_count else names)
    rows = np.zeros(table.num_rows, dtype=np.int32)
    return table.append_column("source", pa.DictionaryArray.from_arrays(rows, pa.array([stated])))


def _odd_rows(source: Source, options: Options, framed: bool, seen: _Seen) -> Iterator[Rows | Rejects]:
    """The second pass: the noted rows, by line, with Python's json."""
    wanted = np.sort(np.concatenate(seen.odd)) if seen.odd else np.empty(0, dtype=np.int64)
    picked = list[tuple[int, bytes]]()
    row = 0
    for first_line, lines in source.lines():
        filled = np.flatnonzero([bool(line.strip()) for line in lines])
        low, high = np.searchsorted(wanted, (row, row + len(filled)))
        at = wanted[low:high] - row
        if seen.rest_odd and row + len(filled) > seen.rows:
            at = np.union1d(at, np.arange(max(seen.rows - row, 0), len(filled)))
        picked += [(first_line + int(i), lines[i]) for i in filled[at]]
        row += len(filled)
        if len(picked) >= ODD_LINES_PER_BATCH:
            yield from _exact(picked, source, options, framed, seen)
            picked = []
    if row != seen.rows and not seen.rest_odd:
        raise FormatError(f"{row} lines but {seen.rows} records: line ends are mixed up", file=source.path)
    yield from _exact(picked, source, options, framed, seen)


def _exact(
    picked: list[tuple[int, bytes]], source: Source, options: Options, framed: bool, seen: _Seen
) -> Iterator[Rows | Rejects]:
    rejects = Rejects()
    records = list[dict[str, Any]]()
    for number, line in picked:
        try:
            records += [{**record, "line": number, "raw": line} for record in _parsed(line, framed, seen)]
        except _OddError as error:
            rejects.add(number, str(error), line)
    if records:
        batch = pa.RecordBatch.from_pylist(records, _EXACT)
        table, reason = _resolutions(batch, options)
        for record, why in zip(records, reason.to_pylist(), strict=True):
            if why is not None:
                rejects.add(record["line"], why, record["raw"])
        keep = pc.is_null(reason)
        table = _with_source(table.filter(keep), batch.filter(keep), source, options)
        yield Rows("resolutions", table)
    if rejects.lines:
        yield rejects


class _OddError(Exception):
    """Why a line makes no record."""


_EXACT = pa.schema([(name, pa.int64() if name in _NUMBERS else pa.string()) for name in _KEYS])


def _parsed(line: bytes, framed: bool, seen: _Seen) -> list[dict[str, Any]]:
    if len(line) > MAX_LINE_BYTES:
        raise _OddError("line_too_long")
    try:
        record = loads(line)
    except (ValueError, RecursionError) as error:
        raise _OddError("not_json") from error
    if not isinstance(record, dict):
        raise _OddError("not_an_object")
    if framed:
        seen.last_frame = record.get("cond", seen.last_frame)
        record = record.get("obj")
        if record is None:
            return []
        if not isinstance(record, dict):
            raise _OddError("not_an_object")
    found = {column: _value(record, keys) for column, keys in _KEYS.items()}
    for column in ("rrname", "rrtype", "rdata"):
        if found[column] is None or found[column] == []:
            raise _OddError(f"no_{column}")
    times = {column: _seconds(found[column]) for column in ("first", "last")}
    values = found["rdata"] if isinstance(found["rdata"], list) else [found["rdata"]]
    if not all(isinstance(value, str) for value in values):
        raise _OddError("bad_rdata")
    text = {key: str(found[key]) for key in ("rrname", "rrtype")}
    origin = found["origin"] if isinstance(found["origin"], str) else None
    return [
        {**text, **times, "rdata": value, "count": _count(found["count"]), "origin": origin}
        for value in values
    ]


def _value(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _seconds(value: Any) -> int | None:
    """Epoch seconds from a number, a number in a string, or an ISO 8601 time."""
    if value is None:
        return None
    try:
        seconds = int(float(value)) if not isinstance(value, int) else value
    except (ValueError, OverflowError, TypeError):
        try:
            seconds = int(datetime.fromisoformat(value).timestamp())
        except (ValueError, TypeError, OverflowError) as error:
            raise _OddError("bad_date") from error
    if not -(1 << 62) < seconds < 1 << 62:
        raise _OddError("bad_date")
    return seconds


def _count(value: Any) -> int | None:
    try:
        count = int(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return count if 0 <= count < 1 << 62 else None


def _first_object(sample: bytes) -> dict[str, Any] | None:
    """The first line that is a JSON object, or None."""
    for line in sample.removeprefix(b"\xef\xbb\xbf").splitlines()[:20]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            return record
    return None


def _arrays(sample: bytes) -> bool:
    """Whether rdata comes as arrays."""
    for line in sample.splitlines()[:100]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("obj", record), dict):
            rdata = record.get("obj", record).get("rdata")
            if rdata is not None:
                return isinstance(rdata, list)
    return False
