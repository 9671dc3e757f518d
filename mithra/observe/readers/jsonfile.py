"""JSON objects of a file, however they are laid out: one a line, in one array, or a single one.

Lines are streamed, and so are the elements of an array. A single object has to be held in memory as a whole,
so what it may hold is limited: a few bytes of JSON can become hundreds in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mithra.errors import FormatError
from mithra.observe.readers.jsonwindow import HALF_PAIR, Window, elements, memory_of, told
from mithra.observe.source import MAX_LINE_BYTES, Rejects, Source

__all__ = [
    "BOM",
    "MAX_DOCUMENT_BYTES",
    "MAX_MEMORY_BYTES",
    "JsonRecords",
    "by_line",
    "first_lines",
    "first_record",
    "first_records",
    "load",
    "loads",
    "only",
    "records",
]

MAX_DOCUMENT_BYTES = 1 << 27
MAX_MEMORY_BYTES = 300 << 20  # that the values of a document may take
RECORDS_PER_BATCH = 1 << 15
SNIFFED_LINES = 20
BOM = b"\xef\xbb\xbf"

Parse = Callable[[bytes], Any]


@dataclass
class JsonRecords:
    """Objects of a batch with their line (or place in the array, from 1), and what was none."""

    numbers: list[int] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)

    def add(self, number: int, value: Any) -> None:
        """Take an object; set aside anything else."""
        if isinstance(value, dict):
            self.numbers.append(number)
            self.values.append(value)
        else:
            self.rejects.add(number, "not_an_object", value)


def first_record(sample: bytes) -> dict[str, Any] | None:
    """The first object of a file, from its first bytes; None where it is no JSON, or has none there."""
    text = sample.removeprefix(BOM).decode("utf-8", "replace").lstrip()
    if text[:1] not in {"{", "["}:
        return None
    if text.startswith("["):
        text = text[1:].lstrip()
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def first_records(sample: bytes) -> Iterator[dict[str, Any]]:
    """The objects that stand whole in lines of a file's first bytes; else the first of a document."""
    found = False
    for record in first_lines(sample):
        found = True
        yield record
    first = None if found else first_record(sample)
    if first is not None:
        yield first


def first_lines(sample: bytes) -> Iterator[dict[str, Any]]:
    """The objects that stand whole in lines of a file's first bytes."""
    for line in sample.removeprefix(BOM).splitlines():
        if not line.lstrip().startswith(b"{"):
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        yield value


def records(source: Source, parse: Parse | None = None) -> Iterator[JsonRecords]:
    """Objects in batches.

    Args:
        parse: makes an object of a line; default `loads`.

    Raises:
        FormatError: a document that is not JSON, or too large.
    """
    if source.sample.removeprefix(BOM).lstrip().startswith(b"["):
        yield from _elements(source)
        return
    document = None if by_line(source.sample) else _document(source)
    if document is None:
        yield from _lines(source, parse or loads)
        return
    batch = JsonRecords()
    batch.add(1, document)
    yield batch


def loads(data: bytes) -> Any:
    """A JSON value.

    Raises:
        ValueError: not JSON, or with half a surrogate pair, which is no character.
        RecursionError: nested too deep.
    """
    value = json.loads(data.removeprefix(BOM))
    if (b"\\u" in data or b"\xed" in data) and HALF_PAIR.search(data):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def only(shape: type) -> Parse:
    """A parser that makes of an object only the keys of a TypedDict; much faster than all of it.

    It raises what `loads` raises. An object of another shape is made whole, what lies under other keys is
    checked for its syntax alone.
    """
    decode: Parse = msgspec.json.Decoder(shape).decode

    def parse(data: bytes) -> Any:
        try:
            return decode(data.removeprefix(BOM))
        except msgspec.ValidationError:
            return loads(data)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error

    return parse


def load(source: Source) -> Any:
    """A whole JSON document.

    Raises:
        FormatError: it is not JSON, larger than 128 MiB, or of more values than fit in 300 MiB.
    """
    with source.open() as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise FormatError(
            f"one JSON document of over {MAX_DOCUMENT_BYTES >> 20} MiB",
            file=source.path,
            hint="Write it as JSON lines, one object a line",
        )
    if memory_of(data) > MAX_MEMORY_BYTES:
        raise FormatError(
            f"one JSON document of more values than fit in {MAX_MEMORY_BYTES >> 20} MiB",
            file=source.path,
            hint="Write it as JSON lines, one object a line",
        )
    try:
        return loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON ({error})", file=source.path, hint="Fetch the file again") from error


def _elements(source: Source) -> Iterator[JsonRecords]:
    """Elements of an array, numbered from 1, in batches."""
    batch = JsonRecords()
    with source.open() as stream:
        window = Window(stream)
        for number, value in enumerate(told(_array(window), source), 1):
            if window.half_pairs and not _is_text(value):
                batch.rejects.add(number, "not_json", value)
            else:
                batch.add(number, value)
            if len(batch.numbers) + len(batch.rejects.lines) >= RECORDS_PER_BATCH:
                yield batch
                batch = JsonRecords()
    yield batch


def _array(window: Window) -> Iterator[Any]:
    window.take("[")
    yield from elements(window)
    window.end()


def _is_text(value: Any) -> bool:
    """Whether all of its characters are characters, not halves."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _document(source: Source) -> Any:
    """A whole document; None where more objects follow the first, so that it is lines after all."""
    try:
        return load(source)
    except FormatError as error:
        if isinstance(error.__cause__, json.JSONDecodeError) and error.__cause__.msg == "Extra data":
            return None
        raise


def by_line(sample: bytes) -> bool:
    """The first line is a whole object, or most of the first are, and there are two at least."""
    lines = [line for line in sample.removeprefix(BOM).splitlines()[:SNIFFED_LINES] if line.strip()]
    if len(lines) < 2 or lines[0].lstrip().startswith(b"["):
        return False
    return _is_object(lines[0]) or sum(map(_is_object, lines)) > len(lines) / 2


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines(source: Source, parse: Parse) -> Iterator[JsonRecords]:
    for first, lines in source.lines():
        batch = JsonRecords()
        for number, line in enumerate(lines, first):
            if len(line) > MAX_LINE_BYTES:
                batch.rejects.add(number, "line_too_long", line)
            elif line.strip():
                try:
                    batch.add(number, parse(line))
                except (ValueError, RecursionError):
                    batch.rejects.add(number, "not_json", line)
        yield batch
