"""Numbers, times and foreign strings as parts of sentences, over whole columns.

Whatever a record's author chose (registrar, source, category) may hold anything: `shown` makes it short,
printable ASCII, so that a reason can go to a terminal, a zone file's comment or a spreadsheet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

__all__ = ["counted", "days", "duration", "sentence", "shown", "times"]

MAX_SHOWN_CHARS = 80
_PRINTABLE = r"^[ -~]*$"
_UNITS = (("year", 31_557_600), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def sentence(*parts: Any) -> pa.Array:
    """The parts joined row by row; strings, columns of strings or of whole numbers, nulls left out."""
    columns = [part if isinstance(part, str) else _strings(part) for part in parts]
    return pc.binary_join_element_wise(*columns, "", null_handling="skip")


def counted(number: ArrayLike, noun: str, plural: str | None = None) -> pa.Array:
    """`1 name`, `5 names`; `plural` where it is not the noun with an s.

    >>> counted([1, 1200], "name").to_pylist()
    ['1 name', '1200 names']
    """
    whole = pa.array(np.asarray(number, dtype=np.int64))
    return sentence(whole, pc.if_else(pc.equal(whole, 1), f" {noun}", f" {plural or noun + 's'}"))


def duration(seconds: ArrayLike) -> pa.Array:
    """A length of time in its largest fitting unit, rounded down; years from the second on.

    >>> duration([90, 200_000, 400 * 86_400, 9 * 366 * 86_400]).to_pylist()
    ['1 minute', '2 days', '400 days', '9 years']
    """
    length = np.maximum(np.asarray(seconds, dtype=np.int64), 0)
    texts = [counted(length // size, unit) for unit, size in _UNITS]
    fits = [length >= (2 * size if unit == "year" else size) for unit, size in _UNITS[:-1]]
    conditions = pa.StructArray.from_arrays(
        [pa.array(fit) for fit in fits], names=[unit for unit, _ in _UNITS[:-1]]
    )
    return pc.case_when(conditions, *texts)


def days(seconds: ArrayLike) -> pa.Array:
    """Epoch seconds as `2026-05-03`."""
    return pc.strftime(
        pa.array(np.asarray(seconds, dtype=np.int64)).cast(pa.timestamp("s")), format="%Y-%m-%d"
    )


def times(log_odds: NDArray[np.float64]) -> pa.Array:
    """By what the odds are multiplied, from the size of a log-odds.

    >>> times(np.array([0.5, -3.0])).to_pylist()
    ['1.6', '20.1']
    """
    factor = np.exp(np.minimum(np.abs(log_odds), 20.0))
    return pa.array(np.char.mod("%.1f", factor) if len(factor) else [], pa.string())


def shown(strings: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Foreign strings made safe to show: escaped where not printable ASCII, cut to `MAX_SHOWN_CHARS`.

    >>> shown(pa.array(["Registrar, Inc.", "a\\x1b[2Jb\\nc", None])).to_pylist()
    ['Registrar, Inc.', 'a\\\\x1b[2Jb\\\\nc', None]
    """
    flat = strings.combine_chunks() if isinstance(strings, pa.ChunkedArray) else strings
    coded = flat.cast(pa.string()).dictionary_encode()
    words = coded.dictionary
    odd = pc.or_(
        pc.invert(pc.match_substring_regex(words, _PRINTABLE)),
        pc.greater(pc.binary_length(words), MAX_SHOWN_CHARS),
    )
    safe = [_safe(word) for word in words.filter(odd).to_pylist()]
    return pc.replace_with_mask(words, odd, pa.array(safe, pa.string())).take(coded.indices)


def _safe(word: str) -> str:
    cut = word if len(word) <= MAX_SHOWN_CHARS else f"{word[: MAX_SHOWN_CHARS - 3]}..."
    return "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape", "replace").decode("ascii") for c in cut
    )


def _strings(part: Any) -> pa.Array:
    column = part if isinstance(part, pa.Array) else pa.array(part)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())
