"""Records of Route 53 Resolver query logs, out of what they are wrapped in.

A record is a JSON object with query_timestamp and query_name. Objects come one a line (S3, CloudWatch
exports with a time before each), in arrays, one after another without a line end (Firehose), or inside
others: `logEvents` and `events` with the record as text in `message` (CloudWatch), `Records` and `records`,
base64 and gzip in `data` (Kinesis, subscriptions). Arrow's JSON reader takes what it can in batches; the rest
goes through Python's.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from mithra.errors import FormatError
from mithra.observe.readers import jsonfile
from mithra.observe.readers.loglines import SHOWN_CHARS, batches
from mithra.observe.records import masked
from mithra.observe.source import Rejects, Source

__all__ = ["records_of", "sniff_route53"]

MAX_UNPACKED_BYTES = 1 << 24  # of one base64 value
MAX_TEXT_CHARS = 1 << 25  # of texts held
MAX_BLOCK_BYTES = 1 << 30  # of lines that Arrow takes at once
MAX_DEPTH = 8  # of wrappings
RECORDS_PER_BATCH = 1 << 14
MIN_SPLIT = 256  # lines

_STRINGS = ("query_timestamp", "query_name", "query_type", "query_class", "srcaddr", "firewall_rule_action")
_ANSWER = pa.struct([("Rdata", pa.string()), ("Type", pa.string())])
_RECORD = pa.schema([*((name, pa.string()) for name in _STRINGS), ("answers", pa.list_(_ANSWER))])
_ROW = pa.schema(
    [
        *_RECORD,
        ("Records", pa.list_(pa.struct(list(_RECORD)))),
        ("logEvents", pa.list_(pa.struct([("message", pa.string())]))),
        ("messageType", pa.string()),
    ]
)
_PARSING = pa.json.ParseOptions(
    explicit_schema=_ROW, unexpected_field_behavior="ignore", newlines_in_values=True
)
_CONTROL = "CONTROL_MESSAGE"  # CloudWatch asks whether somebody listens
_WRAPPINGS = ("logEvents", "events", "Records", "records", "awslogs", "kinesis", "message", "data", "Data")
_EXPORTED = r"^\d{4}-\d\d-\d\dT[\d:.]+Z? \{"
_PACKED = re.compile(rb'"[dD]ata"\s*:\s*"([A-Za-z0-9+/]{64,})')
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
_OPENS = re.compile(rb"\s*\{")
_MARKS = (b"query_timestamp", b"query_name")


def sniff_route53(sample: bytes) -> bool:
    """JSON, or times and JSON, with the keys of a record, perhaps packed."""
    head = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] not in {b"{", b"["} and not re.match(_EXPORTED.encode(), head):
        return False
    if all(mark in sample for mark in _MARKS):
        return True
    packed = _PACKED.search(sample)
    if packed is None:
        return False
    try:
        return all(mark in _unpacked(packed[1][: len(packed[1]) // 4 * 4]) for mark in _MARKS)
    except ValueError:
        return False


def records_of(source: Source) -> Iterator[tuple[pa.RecordBatch, Rejects]]:
    """Records in batches of _RECORD's columns, with line and text, and what is none.

    Raises:
        FormatError: documents that are not JSON, or too large.
    """
    sample = source.sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    exported = re.match(_EXPORTED.encode(), sample) is not None
    if not (exported or jsonfile.by_line(source.sample)):
        yield from _documents(source)
        return
    for lines, rejects in batches(source):
        if exported:
            text = pc.replace_substring_regex(lines["text"], _EXPORTED, "{")
            lines = lines.set_column(1, "text", text)
        yield from _of_texts(lines, rejects[0] if rejects else Rejects())


def _of_texts(lines: pa.RecordBatch, rejects: Rejects) -> Iterator[tuple[pa.RecordBatch, Rejects]]:
    """The records in texts of JSON, one value each."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines["text"])
    found, odd = _read(pc.binary_join(whole, "\n")[0].as_buffer()), lines
    if found is not None and len(found) != len(lines):  # several values in a line, or one over several
        found = None
    if found is None and len(lines) > MIN_SPLIT:  # so that one odd line does not slow down all
        yield from _of_texts(lines.slice(0, len(lines) // 2), rejects)
        yield from _of_texts(lines.slice(len(lines) // 2), Rejects())
        return
    if found is not None:
        rest = yield from _of_rows(found, lines["line"], lines["text"])
        odd = lines.filter(rest)
    gathered = _Gathered(rejects=rejects)
    for line, text in zip(odd["line"].to_pylist(), odd["text"].to_pylist(), strict=True):
        values = 0
        try:
            for values, value in enumerate(_values(text), 1):  # noqa: B007  the last one counts them
                gathered.take(line, value)
        except ValueError:
            values = 0
        if not values:
            gathered.refuse(line, "not_json", text)
        if gathered.full:
            yield from gathered.batches()
            gathered = _Gathered()
    yield from gathered.batches()


def _documents(source: Source) -> Iterator[tuple[pa.RecordBatch, Rejects]]:
    """The records of JSON that is not by line: one document or several, held in memory."""
    with source.open() as stream:
        data = stream.read(jsonfile.MAX_DOCUMENT_BYTES + 1)
    if len(data) > jsonfile.MAX_DOCUMENT_BYTES:
        raise FormatError(
            f"JSON documents of over {jsonfile.MAX_DOCUMENT_BYTES >> 20} MiB",
            file=source.path,
            hint="Write it as JSON lines, one object a line",
        )
    data = data.removeprefix(b"\xef\xbb\xbf")
    found = _read(pa.py_buffer(b'{"Records":%b}' % data if data.lstrip()[:1] == b"[" else data))
    if found is not None and not pc.any(_odd(found)).as_py():
        yield from _of_rows(found, pa.array(range(1, len(found) + 1), pa.int64()), None)
        return
    gathered, number = _Gathered(), 0
    text = data.decode("utf-8", "replace")
    del data
    try:
        for value in _values(text):
            for item in value if isinstance(value, list) else [value]:
                number += 1
                gathered.take(number, item)
                if gathered.full:
                    yield from gathered.batches()
                    gathered = _Gathered()
    except ValueError as error:
        raise FormatError(f"not JSON ({error})", file=source.path, hint="Fetch the file again") from error
    yield from gathered.batches()


def _read(data: pa.Buffer) -> pa.RecordBatch | None:
    """JSON objects as rows of _ROW; None where one does not have its types."""
    if len(data) > MAX_BLOCK_BYTES or not _OPENS.match(memoryview(data)):  # a null there crashes Arrow 26
        return None
    reading = pa.json.ReadOptions(use_threads=False, block_size=len(data))
    try:
        found = pa.json.read_json(pa.BufferReader(data), read_options=reading, parse_options=_PARSING)
        found.validate(full=True)  # of UTF-8
    except pa.ArrowException:
        return None
    return pa.record_batch({name: found[name].combine_chunks() for name in _ROW.names})


def _of_rows(
    found: pa.RecordBatch, lines: pa.Array, text: pa.Array | None
) -> Generator[tuple[pa.RecordBatch, Rejects], None, pa.Array]:
    """The records that rows are, or hold. Returns which rows are neither."""
    odd, own = _odd(found), pc.is_valid(found["query_name"])
    columns = {name: found[name] for name in _RECORD.names}
    shown = _shown(columns) if text is None else text
    yield _filled(pa.record_batch({"line": lines, "text": shown, **columns}).filter(own)), Rejects()
    held = pc.and_not(pc.invert(odd), own)
    if not pc.any(held).as_py():
        return odd
    found, lines = found.filter(held), lines.filter(held)
    inside = found["Records"]
    items, parents = inside.flatten(), pc.list_parent_indices(inside)
    columns = {name: pc.struct_field(items, name) for name in _RECORD.names}
    at = lines.take(parents) if text is not None else pa.array(range(1, len(items) + 1), pa.int64())
    of_array = pa.record_batch({"line": at, "text": _shown(columns), **columns})
    for start in range(0, len(of_array), RECORDS_PER_BATCH):
        yield _filled(of_array.slice(start, RECORDS_PER_BATCH)), Rejects()
    messages, parents = found["logEvents"].flatten(), pc.list_parent_indices(found["logEvents"])
    texts = pa.record_batch({"line": lines.take(parents), "text": pc.struct_field(messages, "message")})
    for start in range(0, len(texts), RECORDS_PER_BATCH):
        yield from _of_texts(texts.slice(start, RECORDS_PER_BATCH), Rejects())
    return odd


def _odd(found: pa.RecordBatch) -> pa.Array:
    """The rows that are no records and hold none where they should; if one does not, all that hold some."""
    records, events = found["Records"], found["logEvents"]
    control = pc.equal(found["messageType"], _CONTROL).fill_null(False)
    plain = pc.is_valid(found["query_name"])
    if not pc.struct_field(records.flatten(), "query_name").null_count:
        plain = pc.or_(plain, pc.is_valid(records))
    if not pc.struct_field(events.flatten(), "message").null_count:
        plain = pc.or_(plain, pc.and_not(pc.is_valid(events), control))
    return pc.invert(plain)


def _shown(columns: dict[str, pa.Array]) -> pa.Array:
    """What rejects show of records that have no text of their own."""
    asked = [columns[name].fill_null("") for name in _STRINGS[:3]]
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*asked, " "), 0, SHOWN_CHARS)


@dataclass
class _Gathered:
    """What Python took out of wrappings: records, texts that should hold some, and what is neither."""

    lines: list[int] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    text_lines: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)
    chars: int = 0  # of the texts

    @property
    def full(self) -> bool:
        """Whether it is time to go on with what is here."""
        return len(self.lines) + len(self.texts) >= RECORDS_PER_BATCH or self.chars >= MAX_TEXT_CHARS

    def take(self, line: int, value: Any, depth: int = 0) -> None:
        """What a JSON value holds."""
        if depth > MAX_DEPTH:
            self.refuse(line, "nested_too_deep", "")
        elif isinstance(value, list):
            for item in value:
                self.take(line, item, depth + 1)
        elif isinstance(value, str):
            self._take_text(line, value)
        elif not isinstance(value, dict):
            self.refuse(line, "not_an_object", value)
        elif value.keys() & {"query_name", "query_timestamp"}:
            self.lines.append(line)
            self.records.append(value)
        elif value.get("messageType") != _CONTROL:
            inside = [value[key] for key in _WRAPPINGS if key in value]
            for item in inside:
                self.take(line, item, depth + 1)
            if not inside:
                self.refuse(line, "not_a_query", value)

    def refuse(self, line: int, reason: str, shown: object) -> None:
        """Set something aside."""
        self.rejects.add(line, reason, masked(str(shown)[:SHOWN_CHARS]))

    def batches(self) -> Iterator[tuple[pa.RecordBatch, Rejects]]:
        """The records as columns, and then those in the texts."""
        yield self._columns(), self.rejects
        if self.texts:
            texts = {"line": pa.array(self.text_lines, pa.int64()), "text": pa.array(self.texts, pa.string())}
            yield from _of_texts(pa.record_batch(texts), Rejects())

    def _take_text(self, line: int, value: str) -> None:
        if self.chars >= MAX_TEXT_CHARS:
            self.refuse(line, "too_large", value)
            return
        text = re.sub(_EXPORTED, "{", value)
        try:
            if text.lstrip()[:1] not in {"{", "["}:
                text = _unpacked(text.encode()).decode("utf-8", "replace")
        except ValueError:
            self.refuse(line, "not_json", value)
        else:
            self.text_lines.append(line)
            self.texts.append(_string(text) or "")
            self.chars += len(text)

    def _columns(self) -> pa.RecordBatch:
        found = self.records
        columns = {name: pa.array([_string(r.get(name)) for r in found], pa.string()) for name in _STRINGS}
        columns["answers"] = pa.array(
            [_listed(r.get("answers")) for r in found], _RECORD.field("answers").type
        )
        lines = {"line": pa.array(self.lines, pa.int64()), "text": _shown(columns)}
        return _filled(pa.record_batch({**lines, **columns}))


def _values(text: str) -> Iterator[Any]:
    """JSON values one after another.

    Raises:
        ValueError: something else, or nested too deep.
    """
    decoder, at = _DECODER, _after_space(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        yield value
        at = _after_space(text, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _unpacked(data: bytes) -> bytes:
    """What base64 holds, and gzip in that; of gzip data that goes on, the beginning.

    Raises:
        ValueError: neither.
    """
    packed = base64.b64decode(data, validate=True)
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _filled(records: pa.RecordBatch) -> pa.RecordBatch:
    """The records with the columns that counting needs: name, client, and a class where none is stated."""
    kept = {name: records[name] for name in records.schema.names}
    kept["query_class"] = kept["query_class"].fill_null("IN")
    kept["query_type"] = kept["query_type"].fill_null("")
    return pa.record_batch({**kept, "name": kept["query_name"], "client": kept["srcaddr"].fill_null("")})


def _string(value: Any) -> str | None:
    """Text that has a UTF-8 form, numbers too; anything else is null."""
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "replace").decode()


def _listed(value: Any) -> list[dict[str, str | None]]:
    return [
        {"Rdata": _string(item.get("Rdata")), "Type": _string(item.get("Type"))}
        for item in (value if isinstance(value, list) else [])
        if isinstance(item, dict)
    ]
