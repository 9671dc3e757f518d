"""Passive DNS in the Common Output Format (draft-dulaunoy-dnsop-passive-dns-cof), one JSON object a line.

Whatever looks odd in a row of DuckDB's (a null, an rdata of another shape, a name that is refused) goes to
the second pass, which either makes the record after all or says why not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError
from mithra.observe.convert import repeated
from mithra.observe.readers import jsonfile
from mithra.observe.readers.jsonlines import JsonLines, OddError, parsed, read_json
from mithra.observe.records import resolutions
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

FRAME_KEYS = {"cond", "obj"}
_BLANK = b"\xef\xbb\xbf \t\r\n"

# Our column: the keys that hold it, first come first served. `zone_` times are those of zone files, `_ms`
# are milliseconds.
_KEYS = {
    "rrname": ("rrname",),
    "rrtype": ("rrtype",),
    "rdata": ("rdata", "rrdata"),
    "first": ("time_first", "time_first_ms", "zone_time_first"),
    "last": ("time_last", "time_last_ms", "zone_time_last"),
    "count": ("count",),
    "origin": ("origin",),
}
_NUMBERS = {"first", "last", "count"}
_WHOLE = {"succeeded", "limited"}  # conditions that end an answer with all of it there


@dataclass
class _Seen:
    """What batches leave for the end of the file."""

    lines: JsonLines
    last_frame: str | None = None
    begun: int = 0  # DNSDB's answers in this file, and those with their closing frame
    ended: int = 0

    def frame(self, condition: object) -> None:
        """Take note of a frame's condition."""
        if isinstance(condition, str):
            self.last_frame = condition
            self.begun += condition == "begin"
            self.ended += condition in _WHOLE


def sniff_cof(sample: bytes) -> bool:
    """JSON objects a line (or in one array) with rrname and rrtype, or DNSDB's frames."""
    first = _first_object(sample) or jsonfile.first_record(sample)
    if first is None:
        return False
    record = first.get("obj")
    return "rrname" in (record if isinstance(record, dict) else first) or (
        "cond" in first and b'"rrname"' in sample
    )


def read_cof(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions of a COF file.

    Raises:
        FormatError: packed data cut short, or DNSDB's frames without the closing one.
    """
    if _first_object(source.sample) is None and source.sample.lstrip(_BLANK).startswith(b"["):
        yield from _array(source, options)
        return
    framed = bool(FRAME_KEYS & (_first_object(source.sample) or {}).keys())
    seen = _Seen(JsonLines(source, _query(source, framed)))
    for row, batch in seen.lines.batches():
        yield _kept(row, batch, source, options, seen)
    for picked in seen.lines.odd() if seen.lines.has_odd else ():
        yield from _exact(picked, source, options, framed, seen)
    if framed and (seen.last_frame not in _WHOLE or seen.ended < seen.begun):
        raise FormatError(
            "the closing frame is missing, so the answer is not whole",
            value=seen.last_frame,
            file=source.path,
            hint="Ask the server again: its answer ended early",
        )


READERS = [
    Reader(
        "cof",
        2,
        ("resolutions",),
        sniff_cof,
        read_cof,
        about="passive DNS in the Common Output Format: JSON objects a line or in an array, DNSDB's frames",
        example='{"rrname":"www.example.com.","rrtype":"A","rdata":["192.0.2.7"],"time_first":1767225600,'
        '"time_last":1769817600,"count":12}\n',
        fields=("rrname", "rrtype", "rdata", "time_first", "time_last", "count", "origin"),
    )
]


def _array(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of one JSON array, as clients of CIRCL's server keep its answers."""
    for batch in jsonfile.records(source):
        lines = [
            (n, json.dumps(value).encode(), None)
            for n, value in zip(batch.numbers, batch.values, strict=True)
        ]
        yield from _exact(lines, source, options, False, None)
        if batch.rejects.lines:
            yield batch.rejects


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
        f"coalesce({', '.join(record + key + _scale(key) for key in keys if key in fields)}) AS {column}"
        for column, keys in _KEYS.items()
        if any(key in fields for key in keys)
    ]
    columns = ", ".join(f"{key}: '{kind}'" for key, kind in fields.items())
    if framed:
        structure = ", ".join(f"{key} {kind}" for key, kind in fields.items())
        columns = f"cond: 'VARCHAR', obj: 'STRUCT({structure})'"
        chosen.append("cond")
    return read_json(source, ", ".join(chosen), columns)


def _scale(key: str) -> str:
    """SQL that makes seconds of a time under this key."""
    return " // 1000" if key.endswith("_ms") else ""


def _kept(row: pa.Array, batch: pa.RecordBatch, source: Source, options: Options, seen: _Seen) -> Rows:
    """The plain rows of a batch; the odd ones are noted."""
    frames = _frames(batch, seen)
    fine = _fine(batch)
    if not pc.all(fine).as_py():
        seen.lines.note(row.filter(pc.and_not(pc.invert(fine), frames)))
        batch, row = batch.filter(fine), row.filter(fine)
    if pa.types.is_list(batch.schema.field("rdata").type):
        parents = pc.list_parent_indices(batch["rdata"])
        values, batch, row = pc.list_flatten(batch["rdata"]), batch.take(parents), row.take(parents)
        batch = batch.set_column(batch.schema.get_field_index("rdata"), "rdata", values)
    table, reason = _resolutions(batch, options)
    if reason.null_count < len(reason):
        # One bad value of an array sends the whole line to the second pass.
        bad = pc.is_in(row, value_set=pc.unique(row.filter(pc.is_valid(reason))))
        seen.lines.note(pc.unique(row.filter(bad)))
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
    for condition in pc.drop_null(batch["cond"]).to_pylist():
        seen.frame(condition)
    return pc.and_(pc.is_valid(batch["cond"]), pc.is_null(batch["rrname"]))


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
    return table.append_column("source", repeated(stated, table.num_rows))


def _exact(
    picked: Sequence[tuple[int, bytes, str | None]],
    source: Source,
    options: Options,
    framed: bool,
    seen: _Seen | None,
) -> Iterator[Rows | Rejects]:
    rejects = Rejects()
    records = list[dict[str, Any]]()
    for number, line, _ in picked:
        try:
            records += [{**record, "line": number, "raw": line} for record in _records(line, framed, seen)]
        except OddError as error:
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


_EXACT = pa.schema([(name, pa.int64() if name in _NUMBERS else pa.string()) for name in _KEYS])


def _records(line: bytes, framed: bool, seen: _Seen | None) -> list[dict[str, Any]]:
    record = parsed(line)
    if framed and seen is not None:
        seen.frame(record.get("cond"))
        inner = record.get("obj")
        if inner is None:
            return []
        if not isinstance(inner, dict):
            raise OddError("not_an_object")
        record = inner
    found = {column: _value(record, keys) for column, keys in _KEYS.items()}
    for column in ("rrname", "rrtype", "rdata"):
        if found[column] is None or found[column] == []:
            raise OddError(f"no_{column}")
    times = {column: _seconds(found[column]) for column in ("first", "last")}
    values = found["rdata"] if isinstance(found["rdata"], list) else [found["rdata"]]
    if not all(isinstance(value, str) for value in values):
        raise OddError("bad_rdata")
    text = {key: str(found[key]) for key in ("rrname", "rrtype")}
    origin = found["origin"] if isinstance(found["origin"], str) else None
    return [
        {**text, **times, "rdata": value, "count": _count(found["count"]), "origin": origin}
        for value in values
    ]


def _value(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    key = next((key for key in keys if record.get(key) is not None), None)
    if key is None or not key.endswith("_ms"):
        return None if key is None else record[key]
    try:
        return float(record[key]) / 1000
    except (ValueError, TypeError, OverflowError) as error:
        raise OddError("bad_date") from error


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
            raise OddError("bad_date") from error
    if not -(1 << 62) < seconds < 1 << 62:
        raise OddError("bad_date")
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
