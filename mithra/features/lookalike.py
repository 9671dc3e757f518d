"""Tokens of a name that are almost, but not quite, the word of a widely phished brand.

A token counts when it reads as the brand after confusable characters are put right (`paypa1`, `rnicrosoft`),
or when one insertion, deletion, change or swap of neighbours turns it into the brand (`gooogle`, `facebok`).
"""

from __future__ import annotations

from collections.abc import Sequence

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
    for brand in brands:
        if len(brand) >= MIN_EDIT_LENGTH:
            alike = alike | _one_edit(tokens, brand)
    return np.asarray(alike & ~exact)


def _one_edit(tokens: pa.Array, word: str) -> NDArray[np.bool_]:
    """Whether one insertion, deletion, change or swap of neighbours makes the token the word, [tokens]."""
    length = np.asarray(pc.binary_length(tokens))
    target = np.frombuffer(word.encode(), np.uint8)
    size = len(target)
    result = np.zeros(len(tokens), bool)
    for extra in (-1, 0, 1):
        rows = np.flatnonzero(length == size + extra)
        if not len(rows):
            continue
        text = "".join(tokens.take(pa.array(rows)).to_pylist()).encode()
        matrix = np.frombuffer(text, np.uint8).reshape(len(rows), size + extra)
        overlap = min(size, size + extra)
        head = _run_of_true(matrix[:, :overlap] == target[:overlap])
        tail = _run_of_true(matrix[:, ::-1][:, :overlap] == target[::-1][:overlap])
        if extra == 0:
            near = head + tail == size - 1
            swapped = head + tail == size - 2
            left = np.minimum(head, size - 2)
            pick = np.arange(len(rows))
            swapped &= (matrix[pick, left] == target[left + 1]) & (matrix[pick, left + 1] == target[left])
            near |= swapped
        else:
            near = head + tail >= overlap
        result[rows] = near
    return result


def _run_of_true(equal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Length of the run of True that each row begins with."""
    length: NDArray[np.int64] = np.where(equal.all(axis=1), equal.shape[1], np.argmin(equal, axis=1))
    return length
