"""Tokens of a name that are almost, but not quite, the word of a widely phished brand.

A token counts when it reads as the brand after confusable characters are put right (`paypa1`, `rnicrosoft`),
or when one insertion, deletion, change or swap of neighbours turns it into the brand (`gooogle`, `facebok`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features import words

__all__ = ["brand_lookalikes"]

MIN_EDIT_LENGTH = 6  # one edit of a shorter brand is an everyday word: apple and ample, chase and phase
CONFUSABLE = (
    ("0", "o"),
    ("1", "l"),
    ("3", "e"),
    ("4", "a"),
    ("5", "s"),
    ("7", "t"),
    ("vv", "w"),
    ("rn", "m"),
)


def brand_lookalikes(strings: pa.Array, brands: Sequence[str] = words.BRANDS) -> NDArray[np.int64]:
    """Number of look-alike tokens (split at dots and hyphens) of each string, [strings].

    >>> brand_lookalikes(pa.array(["login-paypa1", "paypal", "mirosoft.office"])).tolist()
    [1, 0, 1]
    """
    tokens = pc.split_pattern_regex(strings, r"[.\-_]+")
    flat = tokens.flatten().dictionary_encode()
    is_alike = _is_lookalike(flat.dictionary, brands)
    hit = is_alike[np.asarray(flat.indices)] if len(flat) else np.zeros(0, bool)
    row = np.asarray(pc.list_parent_indices(tokens))
    return np.bincount(row[hit], minlength=len(strings))


def _is_lookalike(tokens: pa.Array, brands: Sequence[str]) -> NDArray[np.bool_]:
    exact = np.asarray(pc.is_in(tokens, pa.array(brands)))
    read = tokens
    for seen, meant in CONFUSABLE:
        read = pc.replace_substring(read, seen, meant)
    alike: NDArray[np.bool_] = np.asarray(pc.is_in(read, pa.array(brands)))
    long_brands = [np.frombuffer(b.encode(), np.uint8) for b in brands if len(b) >= MIN_EDIT_LENGTH]
    for rows, matrix in _by_length(tokens, {len(w) + extra for w in long_brands for extra in (-1, 0, 1)}):
        for word in long_brands:
            if abs(len(word) - matrix.shape[1]) <= 1:
                alike[rows] |= _one_edit(matrix, word)
    return np.asarray(alike & ~exact)


def _by_length(tokens: pa.Array, lengths: set[int]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Rows and characters, [rows, length], of the tokens of each length."""
    size = np.asarray(pc.binary_length(tokens))
    for length in sorted(lengths):
        rows = np.flatnonzero(size == length)
        text = "".join(tokens.take(pa.array(rows)).to_pylist()).encode()
        yield rows, np.frombuffer(text, np.uint8).reshape(len(rows), length)


def _one_edit(matrix: NDArray[np.uint8], word: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether one insertion, deletion, change or swap of neighbours makes each row the word, [rows]."""
    size, length = len(word), matrix.shape[1]
    overlap = min(size, length)
    head = _run_of_true(matrix[:, :overlap] == word[:overlap])
    tail = _run_of_true(matrix[:, ::-1][:, :overlap] == word[::-1][:overlap])
    if size != length:
        return np.asarray(head + tail >= overlap)
    left = np.minimum(head, size - 2)
    row = np.arange(len(matrix))
    swapped = (matrix[row, left] == word[left + 1]) & (matrix[row, left + 1] == word[left])
    return np.asarray((head + tail == size - 1) | ((head + tail == size - 2) & swapped))


def _run_of_true(equal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Length of the run of True that each row begins with."""
    length: NDArray[np.int64] = np.where(equal.all(axis=1), equal.shape[1], np.argmin(equal, axis=1))
    return length
