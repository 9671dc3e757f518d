"""What a domain name says by its spelling alone: lengths, mix of characters, words, look-alikes, suffix.

In go canonical names, out comes one row of numbers each. A name is seen as three parts: `sub` (what stands
left of its eTLD+1), `sld` (the label that was bought) and the public suffix. Nothing is fitted and nothing is
read from labels, so a name has the same features everywhere and always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features import words
from mithra.features.columns import FeatureTable
from mithra.features.lookalike import brand_lookalikes
from mithra.names import public_suffix

__all__ = ["CATEGORICAL", "SUFFIX_BUCKETS", "TLD_BUCKETS", "lexical"]

CATEGORICAL = ("tld_code", "suffix_code")  # integers without order, below TLD_BUCKETS and SUFFIX_BUCKETS
TLD_BUCKETS = 1024
SUFFIX_BUCKETS = 2048
CHUNK_NAMES = 16_384  # bounds the memory at a few MB, so that it stays in the cache

Column = NDArray[np.float32]


def lexical(names: pa.Array | pa.ChunkedArray | Sequence[str]) -> FeatureTable:
    """Lexical features of canonical names, [names, features]; all NaN where a name is null.

    >>> table = lexical(["login-paypa1.example.com"])
    >>> float(table.column("label_count")[0]), float(table.column("brand_lookalikes")[0])
    (3.0, 1.0)
    """
    array = names if isinstance(names, pa.Array | pa.ChunkedArray) else pa.array(names, pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.string())
    starts = range(0, max(len(array), 1), CHUNK_NAMES)
    tables = [_lexical_chunk(array.slice(start, CHUNK_NAMES)) for start in starts]
    return FeatureTable(tables[0].names, np.concatenate([table.values for table in tables]))


def _lexical_chunk(names: pa.Array) -> FeatureTable:
    missing = np.asarray(names.is_null())
    full = pc.fill_null(names, "")
    parts = _Parts.of(full)
    columns: dict[str, NDArray[np.generic]] = {
        **_structure(full, parts),
        **_spelling("name", parts.name),
        **_spelling("sld", parts.sld),
        **_spelling("sub", parts.sub),
        **_words(full, parts),
        **_suffix(parts),
    }
    columns["dga_likeness"] = _dga_likeness(columns)
    table = FeatureTable.from_columns(columns)
    table.values[missing] = np.nan
    return table


@dataclass(frozen=True)
class _Span:
    """A part of every name: bytes `start` to `end` of the shared buffer, both [names]."""

    text: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def length(self) -> NDArray[np.int64]:
        return self.end - self.start

    def characters(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Row and byte of every character of the part, in order."""
        length = self.length
        row = np.repeat(np.arange(len(length)), length)
        first = np.cumsum(length) - length
        position = np.arange(len(row)) + np.repeat(self.start - first, length)
        return row, self.text[position]

    def strings(self) -> pa.Array:
        """The part as an Arrow array of strings."""
        _, text = self.characters()
        offsets = np.concatenate([[0], np.cumsum(self.length)]).astype(np.int32)
        return pa.StringArray.from_buffers(
            len(self.length), pa.py_buffer(offsets), pa.py_buffer(text.tobytes())
        )


@dataclass(frozen=True)
class _Parts:
    name: _Span
    sub: _Span
    sld: _Span
    suffix: pa.Array  # with the private section: "github.io"
    icann_suffix: pa.Array  # without: "io"

    @classmethod
    def of(cls, names: pa.Array) -> _Parts:
        size = pc.binary_length(names).to_numpy(zero_copy_only=False).astype(np.int64)
        text = np.frombuffer("".join(names.to_pylist()).encode(), np.uint8)
        end = np.cumsum(size)
        name = _Span(text, end - size, end)
        suffix, icann = (pc.fill_null(public_suffix(names, private=private), "") for private in (True, False))
        suffix_size = pc.binary_length(suffix).to_numpy(zero_copy_only=False).astype(np.int64)
        sld_end = np.maximum(end - suffix_size - 1, name.start)
        sld_start = _after_last_dot(name, sld_end)
        sub = _Span(text, name.start, np.maximum(sld_start - 1, name.start))
        return cls(name, sub, _Span(text, sld_start, sld_end), suffix, icann)


def _after_last_dot(name: _Span, end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the last label before `end` begins, [names]."""
    dots = np.flatnonzero(name.text == ord("."))
    before = np.searchsorted(dots, end) - 1
    after = np.where(before >= 0, dots[np.maximum(before, 0)] + 1 if len(dots) else 0, 0)
    return np.maximum(after, name.start)


def _structure(names: pa.Array, parts: _Parts) -> dict[str, NDArray[np.generic]]:
    row, text = parts.name.characters()
    n = len(names)
    dots = np.bincount(row[text == ord(".")], minlength=n)
    is_letter = text != ord(".")
    longest = _longest_run(row, is_letter, n)
    sub_row, sub_text = parts.sub.characters()
    sub_labels = np.bincount(sub_row[sub_text == ord(".")], minlength=n) + (parts.sub.length > 0)
    suffix_size = parts.name.end - parts.sld.end - 1
    return {
        "name_length": parts.name.length,
        "label_count": dots + (parts.name.length > 0),
        "longest_label": longest,
        "mean_label": (parts.name.length - dots) / np.maximum(dots + 1, 1),
        "subdomain_count": sub_labels,
        "etld1_length": parts.sld.length + 1 + suffix_size,
        "underscores": np.bincount(row[text == ord("_")], minlength=n),
    }


def _spelling(prefix: str, span: _Span) -> dict[str, NDArray[np.generic]]:
    """Mix of the characters of one part; shares and entropies are NaN where the part is empty."""
    row, text = span.characters()
    n = len(span.length)
    size = np.where(span.length > 0, span.length, np.nan)
    digit, vowel, consonant = (_CLASS[text] == kind for kind in (_DIGIT, _VOWEL, _CONSONANT))
    letters = np.bincount(row[vowel | consonant], minlength=n)
    counts = np.bincount(row * _ALPHABET + _CODE[text], minlength=n * _ALPHABET)
    present = np.flatnonzero(counts)
    share = counts[present] / size[present // _ALPHABET]
    bits = np.bincount(present // _ALPHABET, weights=-share * np.log2(share), minlength=n)
    vowels = np.bincount(row[vowel], minlength=n)
    columns: dict[str, NDArray[np.generic]] = {
        f"{prefix}_entropy": np.where(span.length > 0, bits, np.nan),
        f"{prefix}_distinct_share": np.bincount(present // _ALPHABET, minlength=n) / size,
        f"{prefix}_digits": np.bincount(row[digit], minlength=n),
        f"{prefix}_digit_run": _longest_run(row, digit, n),
        f"{prefix}_hyphens": np.bincount(row[text == ord("-")], minlength=n),
        f"{prefix}_vowel_share": vowels / np.where(letters > 0, letters, np.nan),
        f"{prefix}_consonant_run": _longest_run(row, consonant, n),
        f"{prefix}_bigram_bits": _bigram_bits(row, text, n),
    }
    if prefix != "name":
        columns[f"{prefix}_length"] = span.length
        columns[f"{prefix}_hex_share"] = np.bincount(row[_HEX[text]], minlength=n) / size
    return columns


def _longest_run(row: NDArray[np.int64], flag: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Longest stretch of flagged characters in each row, [n]."""
    at = np.arange(len(row))
    first = np.concatenate([[True], row[1:] != row[:-1]]) if len(row) else np.zeros(0, bool)
    broken = np.where(~flag, at, np.where(first, at - 1, -1))
    run = at - np.maximum.accumulate(broken) if len(row) else at
    longest = np.zeros(n, np.int64)
    starts = np.flatnonzero(first)
    if len(starts):
        longest[row[starts]] = np.maximum.reduceat(run, starts)
    return longest


def _bigram_bits(row: NDArray[np.int64], text: NDArray[np.uint8], n: int) -> NDArray[np.float64]:
    """Mean surprise in bits of the letter pairs, edges of words included; what is no letter ends a word."""
    letter = _LETTER[text]
    before, after = letter[:-1], letter[1:]
    inside = row[1:] == row[:-1]
    begins = np.concatenate([[True], ~inside]) if len(row) else np.zeros(0, bool)
    ends = np.concatenate([~inside, [True]]) if len(row) else np.zeros(0, bool)
    pair_row = np.concatenate([row[1:][inside], row[begins], row[ends]])
    left = np.concatenate([before[inside], np.zeros(begins.sum(), np.int64), letter[ends]])
    right = np.concatenate([after[inside], letter[begins], np.zeros(ends.sum(), np.int64)])
    real = (left > 0) | (right > 0)
    bits = np.bincount(pair_row[real], weights=_BITS[left[real], right[real]], minlength=n)
    pairs = np.bincount(pair_row[real], minlength=n)
    return bits / np.where(pairs > 0, pairs, np.nan)


def _words(names: pa.Array, parts: _Parts) -> dict[str, NDArray[np.generic]]:
    sld, sub = parts.sld.strings(), parts.sub.strings()
    first_label = pc.replace_substring_regex(sub, r"\..*", "")
    is_www = np.asarray(pc.equal(first_label, "www"))
    return {
        "sld_keywords": _count_any(sld, words.KEYWORDS),
        "sub_keywords": _count_any(sub, words.KEYWORDS),
        "sld_brands": _count_any(sld, words.BRANDS),
        "sub_brands": _count_any(sub, words.BRANDS),
        "sld_is_brand": np.asarray(pc.is_in(sld, pa.array(words.BRANDS))),
        "brand_lookalikes": brand_lookalikes(sub) + brand_lookalikes(sld),
        "is_www": is_www,
        "is_service_host": np.asarray(pc.is_in(first_label, pa.array(words.SERVICE_LABELS))) & ~is_www,
        "is_idn": np.asarray(pc.match_substring(names, "xn--")),
        "tld_in_sub": _tld_in_front(parts),
    }


def _count_any(strings: pa.Array, needles: Sequence[str]) -> NDArray[np.int64]:
    """How many of the needles occur in each string, [strings]."""
    count = np.zeros(len(strings), np.int64)
    maybe = np.flatnonzero(np.asarray(pc.match_substring_regex(strings, "|".join(needles))))
    few = strings.take(pa.array(maybe))
    for needle in needles if len(maybe) else ():
        count[maybe] += np.asarray(pc.match_substring(few, needle))
    return count


def _tld_in_front(parts: _Parts) -> NDArray[np.bool_]:
    """A well-known ending used in front of the real one: `paypal.com-verify.example`, `bank-com.example`."""
    registered = pc.binary_join_element_wise(parts.sub.strings(), parts.sld.strings(), ".")
    return np.asarray(pc.match_substring_regex(registered, r"(^|[.-])(com|net|org|gov|co)($|[.-])"))


def _suffix(parts: _Parts) -> dict[str, NDArray[np.generic]]:
    """Codes and kinds of the top-level domain and of the public suffix."""
    tld = pc.replace_substring_regex(parts.icann_suffix, r".*\.", "")
    length = pc.binary_length(tld).to_numpy(zero_copy_only=False)
    idn = np.asarray(pc.starts_with(tld, "xn--"))
    listed = {
        f"tld_{kind}": np.asarray(pc.is_in(tld, pa.array(tlds)))
        for kind, tlds in (
            ("legacy", words.LEGACY_TLDS),
            ("sponsored", words.SPONSORED_TLDS),
            ("free", words.FREE_TLDS),
            ("low_cost", words.LOW_COST_TLDS),
        )
    }
    return {
        "tld_code": _bucket(tld, TLD_BUCKETS),
        "suffix_code": _bucket(parts.suffix, SUFFIX_BUCKETS),
        "tld_length": length,
        "tld_country": (length == 2) | idn,
        **listed,
        "suffix_labels": np.asarray(pc.count_substring(parts.suffix, ".")) + 1,
        "under_private_suffix": np.asarray(pc.not_equal(parts.suffix, parts.icann_suffix)),
    }


def _bucket(strings: pa.Array, buckets: int) -> NDArray[np.int64]:
    """CRC-32 of each string, modulo `buckets`, [strings]: the same on every machine."""
    coded = strings.dictionary_encode()
    codes = np.array([crc32(value.encode()) % buckets for value in coded.dictionary.to_pylist()], np.int64)
    indices = np.asarray(coded.indices)
    return codes[indices] if len(indices) else np.zeros(0, np.int64)


def _dga_likeness(columns: dict[str, NDArray[np.generic]]) -> NDArray[np.float64]:
    """0 to 1: a hand-set logistic of surprise, consonant runs, digits and length of the bought label."""
    part = {key: np.nan_to_num(columns[f"sld_{key}"].astype(np.float64)) for key in _DGA_WEIGHTS}
    logit = _DGA_BIAS + sum(weight * part[key] for key, weight in _DGA_WEIGHTS.items())
    return np.asarray(1 / (1 + np.exp(-logit)))


_DGA_BIAS = -9.5
_DGA_WEIGHTS = {"bigram_bits": 1.1, "consonant_run": 0.35, "digits": 0.25, "length": 0.1}

_OTHER, _DIGIT, _VOWEL, _CONSONANT = range(4)
_CLASS = np.zeros(256, np.int8)
_CLASS[[ord(c) for c in "0123456789"]] = _DIGIT
_CLASS[[ord(c) for c in "bcdfghjklmnpqrstvwxyz"]] = _CONSONANT
_CLASS[[ord(c) for c in "aeiou"]] = _VOWEL
_HEX = np.zeros(256, bool)
_HEX[[ord(c) for c in "0123456789abcdef"]] = True
_ALPHABET = 40  # a to z, 0 to 9, dot, hyphen, underscore, anything else
_CODE = np.full(256, 39, np.int64)
_CODE[[ord(c) for c in "abcdefghijklmnopqrstuvwxyz0123456789.-_"]] = np.arange(39)
_LETTER = np.zeros(256, np.int64)
_LETTER[[ord(c) for c in "abcdefghijklmnopqrstuvwxyz"]] = np.arange(1, 27)
_BITS = np.array([[int(c, 36) / 2 for c in line] for line in words.BIGRAM_BITS])
