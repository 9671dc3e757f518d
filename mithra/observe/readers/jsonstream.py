"""JSON objects of a document of any size, one after the other: the elements of an array, or of all arrays
that stand under the keys of one object (`{"objects": [...]}`, or abuse.ch's `{"id": [{...}], …}`).

Only a window of the text is held, so memory follows the largest element and not the file. An object without
such arrays is itself the one record. JSON lines are read as lines.
"""

from __future__ import annotations

import codecs
import gc
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from mithra.errors import FormatError
from mithra.observe.readers import jsonfile
from mithra.observe.readers.jsonfile import JsonRecords
from mithra.observe.source import CHUNK_BYTES, Source

__all__ = ["batches", "objects", "shaped"]

MAX_ELEMENT_CHARS = 1 << 25
MAX_SHAPED_BYTES = 1 << 27
RECORDS_PER_BATCH = 1 << 13  # many more objects alive, and the collector looks at them again and again
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(r'[ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
_AFTER_VALUE = set(" \t\r\n,]}:")
_DECODER = json.JSONDecoder(strict=False)  # a control character is a fault of one record


def objects(source: Source) -> Iterator[JsonRecords]:
    """Objects in batches, numbered from 1 (or by their lines).

    Raises:
        FormatError: not JSON, cut short, or with one element of over 33 million characters.
    """
    if _by_line(source.sample):
        yield from jsonfile.records(source)
        return
    batch, number = JsonRecords(), 0
    with source.open() as stream:
        window = _Window(stream)
        elements = _elements(window)
        while True:
            try:
                value = next(elements)
            except StopIteration:
                break
            except (ValueError, RecursionError) as error:
                hint = "Fetch the file again"
                raise FormatError(f"not JSON ({error})", file=source.path, hint=hint) from error
            number += 1
            batch.add(number, _with_whole_characters(value) if window.half_pairs else value)
            if len(batch.values) >= RECORDS_PER_BATCH:
                yield batch
                batch = JsonRecords()
    yield batch


def shaped(source: Source, shape: Any) -> Any:
    """A document with the keys that a TypedDict declares and no others, made many times faster by msgspec.

    None where it is large, of another shape or no clean JSON: `objects` can tell more.
    """
    import msgspec

    with source.open() as stream:
        data = stream.read(MAX_SHAPED_BYTES + 1)
    if len(data) > MAX_SHAPED_BYTES:
        return None
    collecting = gc.isenabled()
    gc.disable()  # it would look again and again through objects of which none is garbage
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=shape)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    finally:
        if collecting:
            gc.enable()


def batches(values: list[dict[str, Any]]) -> Iterator[JsonRecords]:
    """Objects that are in memory already, as `objects` gives them."""
    for start in range(0, len(values), RECORDS_PER_BATCH):
        part = values[start : start + RECORDS_PER_BATCH]
        yield JsonRecords(list(range(start + 1, start + 1 + len(part))), part)


class _Window:
    """The part of a stream's text that is being looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text, self._at = "", 0
        self.half_pairs = False  # there may be half a surrogate pair, which is no character

    def peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """The next character that is no white space, which must be one of the wanted."""
        mark = self._text[self._at : self._at + 1]
        if not mark or mark not in wanted:
            mark = self.peek()
        if not mark or mark not in wanted:
            raise ValueError(f"expected one of {wanted} and found {mark or 'the end'}")
        self._at += 1
        return mark

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > MAX_ELEMENT_CHARS or not self._more():
                    raise
                continue
            if self._text[end : end + 1] in _AFTER_VALUE or not self._more():  # a number might go on
                self._at = end
                return value

    def key(self) -> str:
        """The next key of an object, its colon and the white space around it."""
        found = _KEY.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            return found[1]
        key = str(self.value())
        self.take(":")
        return key

    def whole(self) -> list[Any] | None:
        """The array that comes next, if the window holds all of it."""
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except ValueError:
            return None
        self._at = end
        return value if isinstance(value, list) else [value]

    def _more(self) -> bool:
        held = len(self._text) - self._at  # as much again, so that a large value is not tried too often
        chunk = self._stream.read(max(CHUNK_BYTES, held))
        self.half_pairs = self.half_pairs or bool(b"\\u" in chunk and _HALF_PAIR.search(chunk))
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=not chunk)
        self._at = 0
        return bool(chunk)


def _by_line(sample: bytes) -> bool:
    """The first line is an object, and another begins after it."""
    first, _, rest = sample.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.lstrip().startswith(b"{"):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _elements(window: _Window) -> Iterator[Any]:
    if window.take("[{") == "[":
        yield from _array(window)
    else:
        yield from _under_keys(window)
    if window.peek():
        raise ValueError("more text after its end")


def _array(window: _Window) -> Iterator[Any]:
    if window.peek() == "]":
        window.take("]")
        return
    yield window.value()
    while window.take(",]") == ",":
        yield window.value()


def _under_keys(window: _Window) -> Iterator[dict[str, Any]]:
    """The objects in arrays under an object's keys; the object itself where there are none."""
    itself: dict[str, Any] = {}
    found = False
    if window.peek() == "}":
        window.take("}")
        yield itself
        return
    while True:
        key = window.key()
        if window.peek() != "[":
            itself[key] = window.value()
        else:
            held = window.whole()
            if held is None:
                window.take("[")
            for value in _array(window) if held is None else held:
                if isinstance(value, dict):
                    found = True
                    yield value
            if held is not None and not found:
                itself[key] = held
        if window.take(",}") == "}":
            break
    if not found:
        yield itself


def _with_whole_characters(value: Any) -> Any:
    """A value in which U+FFFD stands for each half of a surrogate pair, which no text can hold."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return json.loads(text.decode("utf-16-le", "replace"))
