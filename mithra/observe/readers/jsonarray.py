"""Elements of one JSON array, streamed: a file of any size is read in bounded memory.

One element has to fit into 16 MiB. An array that is broken or ends early is no JSON file at all, since where
the next element begins cannot be told.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mithra.errors import FormatError
from mithra.observe.source import Source

__all__ = ["Element", "elements", "is_array"]

CHUNK_BYTES = 1 << 20
MAX_ELEMENT_CHARS = 1 << 24
_FILLED = re.compile(r"[^ \t\r\n]")
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_scan = json.JSONDecoder().raw_decode


class Element(NamedTuple):
    """A value of the array."""

    value: Any
    chars: int  # of its text
    fine: bool  # False where half a surrogate pair stands in it, which is no character


def is_array(sample: bytes) -> bool:
    """Whether a file begins with an array that is not just its first line."""
    text = sample.removeprefix(codecs.BOM_UTF8).lstrip()
    first, _, rest = text.partition(b"\n")
    if not text.startswith(b"["):
        return False
    if not rest.strip():
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return False


def elements(source: Source) -> Iterator[Element]:
    """The elements in their order.

    Raises:
        FormatError: not one whole array.
    """
    try:
        yield from _elements(_Text(source))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON ({error})", file=source.path, hint="Fetch the file again") from error


def _elements(text: _Text) -> Iterator[Element]:
    text.expect("[")
    if text.peek() != "]":
        while True:
            yield text.value()
            if text.peek() != ",":
                break
            text.expect(",")
    text.expect("]")
    if text.peek():
        raise ValueError("more after the end of the array")


class _Text:
    """The file's text, of which no more is held than the element at hand."""

    def __init__(self, source: Source) -> None:
        self._chunks = _decoded(source)
        self._text, self._at = "", 0

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            found = _FILLED.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Step over this character."""
        found = self.peek()
        if found != character:
            raise ValueError(f"expected {character} but found {found or 'the end'}")
        self._at += 1

    def value(self) -> Element:
        """The value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _scan(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            after = _FILLED.search(self._text, end)
            if (after is None or after[0] not in ",]") and self._more():  # a number may go on
                continue
            start, self._at = self._at, end
            doubtful = _HALF_PAIR.search(self._text, start, end) is not None
            return Element(value, end - start, not doubtful or _is_text(value))

    def _more(self) -> bool:
        """Read on: as much again as is held, so that an element is not tried too often."""
        held = self._text[self._at :]
        if len(held) > MAX_ELEMENT_CHARS:
            raise ValueError(f"an element of over {MAX_ELEMENT_CHARS >> 20} MiB")
        parts, size = [held], 0
        for chunk in self._chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > len(held):
                break
        if size:
            self._text, self._at = "".join(parts), 0
        return size > 0


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _decoded(source: Source) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with source.open() as stream:
        while data := stream.read(CHUNK_BYTES):
            yield decoder.decode(data)
    yield decoder.decode(b"", final=True)
