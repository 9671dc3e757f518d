"""Delimited text, line by line: where the header is, which column means what, rows with line numbers.

Fields that span lines are not read (one unclosed quote would swallow the rest of the file); such a line
is set aside like any other bad one. A header may stand in the last comment line, as abuse.ch writes it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mithra.observe.source import MAX_LINE_BYTES, Rejects, Source

__all__ = ["CsvLook", "CsvRows", "column", "look", "rows"]

DELIMITERS = (",", "\t", ";", "|")
LOOKED_AT_LINES = 200
MAX_FIELD_CHARS = 1 << 16
MIN_COLUMNS = 2

_WORD = re.compile(r"[^a-z0-9]+")
_HEADER_CELL = re.compile(r"[A-Za-z_][\w .()/#-]{0,63}")


@dataclass(frozen=True)
class CsvLook:
    """What the first lines show."""

    delimiter: str
    header: tuple[str, ...]  # normalised: lower case, words joined by `_`; empty where there is none
    written: tuple[str, ...]  # the header as it stands there
    first: tuple[str, ...]  # cells of the first line that is no comment (the header, if it stands there)
    header_line: int  # number of the line that holds the header, 0 where there is none


@dataclass
class CsvRows:
    """Rows of a batch of lines: parallel lists, and the lines that are no rows."""

    numbers: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)


def look(sample: bytes) -> CsvLook | None:
    """How a file is delimited and named, or None where it does not look like a table."""
    comment, comment_line = b"", 0
    for number, line in enumerate(_lines(sample), 1):
        if not line.strip():
            continue
        if line.startswith((b"#", b";")):
            comment, comment_line = line, number
            continue
        return _look(line, number, comment, comment_line)
    return _look(comment.lstrip(b"#; "), comment_line, b"", 0) if comment else None


def column(names: Sequence[str], *wanted: str) -> int | None:
    """Position of the first of the wanted names that is there, in the order in which they are wanted."""
    return next((names.index(name) for name in wanted if name in names), None)


def rows(source: Source, found: CsvLook, *, width: int | None = None) -> Iterator[CsvRows]:
    """Rows in batches, without header and comments. Rows of fewer than `width` cells are set aside."""
    for first, lines in source.lines():
        batch = CsvRows()
        kept = [
            (number, line)
            for number, line in enumerate(lines, first)
            if line.strip() and not line.startswith(b"#") and number != found.header_line
        ]
        for number, line in kept:
            if len(line) > MAX_LINE_BYTES:
                batch.rejects.add(number, "line_too_long", line)
        kept = [(number, line) for number, line in kept if len(line) <= MAX_LINE_BYTES]
        for (number, line), cells in zip(
            kept, _cells([line for _, line in kept], found.delimiter), strict=True
        ):
            if cells is None:
                batch.rejects.add(number, "bad_csv", line)
            elif width is not None and len(cells) < width:
                batch.rejects.add(number, "wrong_column_count", line)
            else:
                batch.numbers.append(number)
                batch.cells.append(cells)
                batch.raw.append(line)
        yield batch


def _lines(sample: bytes) -> list[bytes]:
    return sample.removeprefix(b"\xef\xbb\xbf").splitlines()[:LOOKED_AT_LINES]


def _look(line: bytes, number: int, comment: bytes, comment_line: int) -> CsvLook | None:
    delimiter = max(DELIMITERS, key=lambda mark: len(_split(line, mark) or ()))
    first = _split(line, delimiter)
    if first is None or len(first) < MIN_COLUMNS:
        return None
    said = _split(comment.lstrip(b"#; "), delimiter) or []
    if len(said) == len(first) and all(map(_HEADER_CELL.fullmatch, said)):
        return CsvLook(delimiter, _normal(said), tuple(said), tuple(first), comment_line)
    if all(map(_HEADER_CELL.fullmatch, first)):
        return CsvLook(delimiter, _normal(first), tuple(first), tuple(first), number)
    return CsvLook(delimiter, (), (), tuple(first), 0)


def _normal(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(_WORD.sub("_", cell.lower()).strip("_") for cell in cells)


def _split(line: bytes, delimiter: str) -> list[str] | None:
    return _cells([line], delimiter)[0] if line else None


def _cells(lines: list[bytes], delimiter: str) -> list[list[str] | None]:
    """Cells of each line; None for a line that is no row by itself."""
    text = [line.decode("utf-8", "replace").removeprefix("\ufeff") for line in lines]
    try:
        done: list[list[str] | None] = list(_reader(text, delimiter))
    except csv.Error:
        done = []
    if len(done) == len(lines) and not any("\n" in cell for row in done for cell in row or ()):
        return done
    return [_one(line, delimiter) for line in text]


def _one(line: str, delimiter: str) -> list[str] | None:
    if delimiter == "\t" and len(line) <= MAX_FIELD_CHARS:  # such tables seldom quote: a quote is text
        return line.split("\t")
    try:
        found = list(_reader([line], delimiter, strict=True)) if len(line) <= MAX_FIELD_CHARS else []
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None


def _reader(text: list[str], delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=strict)
