"""Arrow strings in bulk: joining columns, random labels, numbers and times as text, and files of lines.

Every feed is written by joining columns into one Arrow array of lines, whose data buffer is the file's text;
nothing here loops over rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["concat", "iso_time", "join", "letters", "mix", "number", "pick", "take", "write_lines"]

GZIP = 31  # zlib window bits for a gzip frame, whose header here carries no time: same lines, same bytes
GZIP_LEVEL = 1


def concat(parts: list[pa.Array]) -> pa.Array:
    """One string array out of several."""
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def join(*parts: pa.Array | str) -> pa.Array:
    """Columns and constants joined row by row; at least one is an array."""
    return pc.binary_join_element_wise(*parts, "")


def take(values: list[str] | pa.Array, index: NDArray[np.integer]) -> pa.Array:
    """Values at the given positions."""
    array = pa.array(values, pa.string()) if isinstance(values, list) else values
    return array.take(pa.array(index))


def pick(rng: np.random.Generator, values: list[str] | pa.Array, n: int) -> pa.Array:
    """Draw `n` of the values with replacement."""
    return take(values, rng.integers(0, len(values), n))


def number(values: NDArray[np.integer]) -> pa.Array:
    """Integers as decimal text."""
    return pc.cast(pa.array(values), pa.string())


def letters(
    rng: np.random.Generator,
    alphabets: tuple[str, ...],
    which: NDArray[np.integer],
    lengths: NDArray[np.integer],
) -> pa.Array:
    """Random text, row by row of its own length and alphabet."""
    widest = max(len(a) for a in alphabets)
    table = np.zeros((len(alphabets), widest), np.uint8)
    for row, alphabet in enumerate(alphabets):
        table[row, : len(alphabet)] = np.frombuffer(alphabet.encode(), np.uint8)
    sizes = np.array([len(a) for a in alphabets])
    rows = np.repeat(which, lengths)
    data = table[rows, (rng.random(len(rows)) * sizes[rows]).astype(np.int64)]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(data))


def mix(numbers: NDArray[np.integer], salt: int) -> NDArray[np.int64]:
    """A number that follows from each number and the salt, spread evenly (SplitMix64's finaliser)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(salt * 0x9E3779B9)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)


def iso_time(seconds: NDArray[np.int64]) -> pa.Array:
    """Epoch seconds as 2026-05-01T12:34:56Z."""
    stamps = pa.array(seconds.astype("datetime64[s]"))
    return pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ")


def write_lines(path: Path, chunks: Iterable[pa.Array]) -> int:
    """Write arrays of lines (each ends in a newline) to a file, gzipped where its name says so.

    Returns:
        Number of lines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pack = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP) if path.suffix == ".gz" else None
    lines = 0
    with path.open("wb") as file:
        for chunk in chunks:
            lines += len(chunk)
            text = _text(chunk)
            file.write(text if pack is None else pack.compress(text))
        if pack is not None:
            file.write(pack.flush())
    return lines


def _text(lines: pa.Array) -> memoryview:
    if len(lines) == 0:
        return memoryview(b"")
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]]
