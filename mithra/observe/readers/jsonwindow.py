"""JSON of any size, value by value: a window over a stream's text, which holds no more than the next value.

A value that is longer or takes more memory than a record may is refused, so a bomb stays small. Control
characters and bytes that are no UTF-8 pass: they are a fault of one record, not of the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from mithra.errors import FormatError
from mithra.observe.packing import CHUNK_BYTES
from mithra.observe.source import Source

__all__ = ["HALF_PAIR", "Window", "elements", "memory_of", "told"]

MAX_VALUE_CHARS = 1 << 25
MAX_VALUE_MEMORY_BYTES = 1 << 27
HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")  # escaped, or as json takes it from bytes
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(r'[ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
_AFTER_VALUE = set(" \t\r\n,]}:")
_DECODER = json.JSONDecoder(strict=False)


def memory_of(text: str | bytes) -> int:
    """About how many bytes the values of a JSON text take in CPython at most, with the text itself."""
    if isinstance(text, str):
        objects, others = text.count("{"), text.count("[") + text.count(",")
    else:
        objects, others = text.count(b"{"), text.count(b"[") + text.count(b",")
    return 2 * len(text) + 240 * objects + 64 * others


def told(values: Iterator[Any], source: Source) -> Iterator[Any]:
    """The values; where their text is no JSON, an error that names the file."""
    try:
        yield from values
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON ({error})", file=source.path, hint="Fetch the file again") from error


class Window:
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
                if self._is_full():
                    raise ValueError("one value takes more memory than a record may") from None
                if not self._more():
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

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            ValueError: something does.
        """
        if self.peek():
            raise ValueError("more text after its end")

    def _is_full(self) -> bool:
        held = self._text[self._at :]
        return len(held) > MAX_VALUE_CHARS or memory_of(held) > MAX_VALUE_MEMORY_BYTES

    def _more(self) -> bool:
        held = len(self._text) - self._at  # as much again, so that a large value is not tried too often
        chunk = self._stream.read(max(CHUNK_BYTES, held))
        self.half_pairs = self.half_pairs or bool(b"\\u" in chunk and HALF_PAIR.search(chunk))
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=not chunk)
        self._at = 0
        return bool(chunk)


def elements(window: Window) -> Iterator[Any]:
    """Values of the array whose opening bracket has been taken."""
    if window.peek() == "]":
        window.take("]")
        return
    yield window.value()
    while window.take(",]") == ",":
        yield window.value()
