"""Loose Arrow columns to the few types that the tables use. What does not convert becomes null."""

from __future__ import annotations

import re
import socket
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.observe.dates import parse_date

__all__ = [
    "repeated",
    "to_addresses",
    "to_flags",
    "to_moments",
    "to_numbers",
    "to_reals",
    "to_seconds",
    "to_strings",
    "to_texts",
]

MICROSECONDS = 1_000_000
MAX_EPOCH_SECONDS = 100_000_000_000  # the year 5138; larger numbers are milliseconds
_WHOLE = r"^\s*[+-]?[0-9]{1,18}(?:\.0*)?\s*$"
_REAL = r"^\s*-?[0-9]{1,300}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?\s*$"
_SEPARATOR = re.compile(r"[\s,;|]+")
_MAPPED = bytes(10) + b"\xff\xff"
_TRUE, _FALSE = {"true", "t", "yes", "1"}, {"false", "f", "no", "0"}


def repeated(value: str, rows: int) -> pa.DictionaryArray:
    """The same text in every row."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array([value]))


def to_strings(column: pa.Array) -> pa.Array:
    """Text; empty text is null."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = pa.array([None if v is None else v.decode("utf-8", "replace") for v in column.to_pylist()])
    words = column.cast(pa.string())
    return pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)


def to_numbers(column: pa.Array) -> pa.Array:
    """Whole numbers, also out of text and floats."""
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        kept = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**62))
        return pc.if_else(kept, column, pa.scalar(None, column.type)).cast(pa.int64())
    words = to_strings(column)
    words = pc.if_else(pc.match_substring_regex(words, _WHOLE), words, pa.scalar(None, pa.string()))
    trimmed = pc.replace_substring_regex(pc.utf8_trim_whitespace(words), r"^\+|\.0*$", "")
    return trimmed.cast(pa.int64())


def to_reals(column: pa.Array) -> pa.Array:
    """Numbers with a fraction, also out of text."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return column.cast(pa.float64(), safe=False)
    words = to_strings(column)
    words = pc.if_else(pc.match_substring_regex(words, _REAL), words, pa.scalar(None, pa.string()))
    return pc.utf8_trim_whitespace(words).cast(pa.float64())


def to_seconds(column: pa.Array) -> pa.Array:
    """Epoch seconds out of timestamps (UTC where they name no zone), days, numbers of seconds, or text."""
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).cast(pa.int64())
        return pa.array(np.floor_divide(*_masked(micros)), mask=_nulls(micros), type=pa.int64())
    if pa.types.is_date(column.type):
        return to_seconds(column.cast(pa.timestamp("us")))
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return to_numbers(pc.floor(column) if pa.types.is_floating(column.type) else column)
    words = to_strings(column).dictionary_encode()
    moments = [parse_date(word) for word in words.dictionary.to_pylist()]
    return pa.array(moments, pa.int64()).take(words.indices)


def to_moments(column: pa.Array) -> pa.Array:
    """Epoch seconds out of sensors' text: seconds or milliseconds with a fraction, or ISO 8601 (else UTC)."""
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid:
        for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
            try:
                return to_seconds(column.cast(kind))
            except pa.ArrowInvalid:
                continue
        words = column.dictionary_encode()
        return pa.array(map(_moment, words.dictionary.to_pylist()), pa.int64()).take(words.indices)
    numbers = pc.if_else(pc.greater(numbers, MAX_EPOCH_SECONDS), pc.divide(numbers, 1000), numbers)
    return to_numbers(pc.floor(numbers))


def to_flags(column: pa.Array) -> pa.Array:
    """Booleans, also out of yes and no."""
    if pa.types.is_boolean(column.type):
        return column
    return pa.array([_flag(value) for value in column.to_pylist()], pa.bool_())


def to_texts(column: pa.Array) -> pa.Array:
    """Lists of strings, also out of one string with spaces, commas, semicolons or bars between."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return column.cast(pa.list_(pa.string()))
    texts = [
        None if v is None else [w for w in _SEPARATOR.split(v) if w] for v in to_strings(column).to_pylist()
    ]
    return pa.array(texts, pa.list_(pa.string()))


def to_addresses(column: pa.Array) -> pa.Array:
    """16 bytes out of address text (IPv4 mapped into IPv6), or as they are."""
    if pa.types.is_fixed_size_binary(column.type) and column.type.byte_width == 16:
        return column
    return pa.array([_packed(value) for value in column.to_pylist()], pa.binary(16))


def _moment(word: str) -> int | None:
    try:
        return int(to_moments(pa.array([str(float(word))]))[0].as_py())
    except (ValueError, TypeError):
        return parse_date(word)


def _packed(value: Any) -> bytes | None:
    if isinstance(value, bytes):
        return value if len(value) == 16 else _MAPPED + value if len(value) == 4 else None
    try:
        text = str(value).strip()
        packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None
    return packed if len(packed) == 16 else _MAPPED + packed


def _flag(value: Any) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _masked(numbers: pa.Array) -> tuple[Any, int]:
    return numbers.fill_null(0).to_numpy(zero_copy_only=False), MICROSECONDS


def _nulls(numbers: pa.Array) -> Any:
    return numbers.is_null().to_numpy(zero_copy_only=False)
