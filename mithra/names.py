"""Canonical names, and what the Public Suffix List says of them, over whole Arrow columns.

In come names in any spelling (upper case, trailing dot, Unicode, leading `*.`); out comes the one spelling
that everything else in mithra keys on: lower-case A-labels, no trailing dot, at most 253 octets. What is no
domain name is refused with a reason code and never raises. Hyphens and underscores may stand anywhere in a
label, since in DNS they do; Unicode is mapped as browsers do it (UTS #46, non-transitional), which unlike
strict IDNA2008 takes the emoji names that registries have sold.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

import idna
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InvalidNameError, UsageError
from mithra.suffixes import SuffixList, string_buffers

__all__ = [
    "REASONS",
    "Canonical",
    "SuffixList",
    "canonical",
    "canonicalize",
    "display",
    "etld_plus_one",
    "is_public_suffix",
    "public_suffix",
    "registered_domain",
]

REASONS = {
    "empty": "nothing there (or null)",
    "root": "the root of the DNS, with or without a wildcard",
    "ip_literal": "an IP address or network, or a last label of digits, which browsers read as one",
    "url": "a URL: cut it to its host first",
    "too_long": "more than 253 octets",
    "label_too_long": "a label of more than 63 octets",
    "empty_label": "two dots in a row, or a leading dot",
    "whitespace": "white space in or around the name",
    "control_character": "a control character, NUL among them",
    "escape": "a backslash, as in the zone-file escape \\032",
    "bad_character": "anything else outside letters, digits, hyphen, underscore and dot",
    "bad_idna": "Unicode that UTS #46 does not allow in a domain name",
}

MAX_OCTETS = 253
MAX_LABEL_OCTETS = 63
MAX_RAW_CHARS = 1024  # Unicode that could still shrink to 253 octets of A-labels; beyond it nothing is tried
CHUNK_ROWS = 1 << 15  # temporaries of that many names stay in the processor's cache

_DOT = ord(".")
_OTHER = re.compile(r"[^a-z0-9_.-]")


@dataclass(frozen=True, eq=False)
class Canonical:
    """Names in canonical form beside what was refused, row by row as given."""

    names: pa.StringArray  # null where refused
    wildcard: pa.BooleanArray  # a leading `*.` was taken off
    reason: pa.StringArray  # a code of REASONS, null where accepted

    def __len__(self) -> int:
        return len(self.names)

    def take(self, at: pa.Array) -> Canonical:
        """Those at these places; a null place holds nothing."""
        names, wildcard = self.names.take(at), self.wildcard.take(at)
        if not at.null_count and self.reason.null_count == len(self):
            return Canonical(names, wildcard, pa.nulls(len(at), pa.string()))
        reason = pc.if_else(pc.is_null(at), "empty", self.reason.take(at))
        return Canonical(names, pc.fill_null(wildcard, False), reason)


def canonicalize(names: Any) -> Canonical:
    """Canonical form of every name.

    Args:
        names: an Arrow array (string, dictionary, binary, chunked), a list, or a pandas or polars column.

    Raises:
        UsageError: not a column of strings.

    >>> result = canonicalize(["WWW.Example.COM.", "*.münchen.de", "192.0.2.1"])
    >>> result.names.to_pylist(), result.reason.to_pylist()
    (['www.example.com', 'xn--mnchen-3ya.de', None], [None, None, 'ip_literal'])
    """
    column = _as_strings(names)
    if isinstance(column, pa.DictionaryArray):
        return canonicalize(column.dictionary).take(column.indices)
    parts = [_canonical_chunk(column.slice(start, CHUNK_ROWS)) for start in range(0, len(column), CHUNK_ROWS)]
    if len(parts) == 1:
        return parts[0]
    return Canonical(
        pa.concat_arrays([part.names for part in parts] or [pa.array([], pa.string())]),
        pa.concat_arrays([part.wildcard for part in parts] or [pa.array([], pa.bool_())]),
        pa.concat_arrays([part.reason for part in parts] or [pa.array([], pa.string())]),
    )


def canonical(name: str) -> str:
    """Canonical form of one name, a leading `*.` taken off.

    Raises:
        InvalidNameError: not a domain name; its `reason` is a code of REASONS.

    >>> canonical("Login.EXAMPLE.com.")
    'login.example.com'
    """
    found, _, reason = _examine(name)
    if found is None:
        raise InvalidNameError(name, reason or "empty")
    return found


def registered_domain(names: Any, *, suffixes: SuffixList | None = None) -> pa.StringArray:
    """ICANN public suffix plus one label, the key of RDAP; null for suffixes and refused names.

    >>> registered_domain(["a.b.example.co.uk", "foo.github.io", "co.uk"]).to_pylist()
    ['example.co.uk', 'github.io', None]
    """
    return _list(suffixes).cut(canonicalize(names).names, extra=1, private=False)


def etld_plus_one(names: Any, *, suffixes: SuffixList | None = None) -> pa.StringArray:
    """Public suffix plus one label with the private section: the unit of grouping and blocking.

    >>> etld_plus_one(["a.foo.github.io", "www.example.com", "github.io"]).to_pylist()
    ['foo.github.io', 'example.com', None]
    """
    return _list(suffixes).cut(canonicalize(names).names, extra=1, private=True)


def public_suffix(names: Any, *, private: bool = True, suffixes: SuffixList | None = None) -> pa.StringArray:
    """The public suffix of each name; an unknown TLD is its own. Null for refused names.

    >>> public_suffix(["www.example.co.uk", "x.y.unknown"]).to_pylist()
    ['co.uk', 'unknown']
    """
    return _list(suffixes).cut(canonicalize(names).names, extra=0, private=private)


def is_public_suffix(
    names: Any, *, private: bool = True, suffixes: SuffixList | None = None
) -> pa.BooleanArray:
    """Whether each name is itself a public suffix (every TLD is one). Null for refused names.

    >>> is_public_suffix(["com", "github.io", "example.com"]).to_pylist()
    [True, True, False]
    """
    return _list(suffixes).exact(canonicalize(names).names, private=private)


def display(name: str) -> str:
    """A name as it can be shown anywhere: the A-label form, or what was given with all else escaped.

    Nothing that drives a terminal, turns the reading direction or looks like another letter comes through.

    >>> display("münchen.de"), display("evil\\x1b[2J.com")
    ('xn--mnchen-3ya.de', 'evil\\\\x1b[2J.com')
    """
    found, wildcard, _ = _examine(name)
    if found is not None:
        return f"*.{found}" if wildcard else found
    shown = name if len(name) <= MAX_OCTETS else f"{name[:MAX_OCTETS]}..."
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in shown)


def _list(suffixes: SuffixList | None) -> SuffixList:
    return SuffixList.bundled() if suffixes is None else suffixes


def _as_strings(names: Any) -> pa.Array:
    """One `string` or dictionary array of whatever was given."""
    if isinstance(names, (str, bytes)):
        raise UsageError(
            "expected a column of names, got a single one", value=names, hint="Use canonical(name)"
        )
    column = names if isinstance(names, (pa.Array, pa.ChunkedArray)) else _from_python(names)
    if isinstance(column, pa.ChunkedArray):
        column = _as_strings(column.combine_chunks()) if column.num_chunks else pa.array([], pa.string())
        return _as_strings(column)
    kind = column.type
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        return column
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_string(kind):
        return column
    if _is_text(kind):
        return pa.array(
            [None if value is None else _text(value) for value in column.to_pylist()], pa.string()
        )
    raise UsageError("expected a column of strings", value=kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _from_python(names: Any) -> pa.Array | pa.ChunkedArray:
    if hasattr(names, "__arrow_c_stream__"):
        return pa.chunked_array(names)
    if hasattr(names, "__arrow_c_array__"):
        return pa.array(names)
    try:
        return pa.array(list(names), pa.string(), from_pandas=True)
    except UnicodeEncodeError:  # lone surrogates, which no UTF-8 text can hold
        return pa.array([None if name is None else _text(name) for name in names], pa.string())
    except (pa.ArrowException, TypeError) as error:
        raise UsageError(f"expected a column of names: {error}") from error


def _text(value: str | bytes) -> str:
    """What is no UTF-8 becomes U+FFFD, which no domain name may hold."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "replace")


def _canonical_chunk(chunk: pa.StringArray) -> Canonical:
    """Rows of plain ASCII go through byte operations together; the others are looked at one by one."""
    offsets, data = string_buffers(chunk)
    begins, ends = offsets[:-1], offsets[1:].copy()
    dotted = _byte_at(data, ends - 1, ends > begins) == _DOT
    slow = _needs_look(data, begins, ends - dotted)
    slow |= _long_label(chunk, ends - dotted - begins)
    names, wildcard = chunk, np.zeros(len(chunk), bool)
    if (dotted & ~slow).any():
        names = pc.ascii_rtrim(names, characters=".")
    if (data - np.uint8(ord("A")) < 26).any():
        names = pc.ascii_lower(names)
    if not slow.any():
        return Canonical(names, pa.array(wildcard), pa.nulls(len(chunk), pa.string()))
    looked = chunk.filter(pa.array(slow)).dictionary_encode()
    answers = [_examine(text) for text in _to_pylist(looked.dictionary)]
    at = looked.indices
    mask = pa.array(slow)
    names = pc.replace_with_mask(names, mask, _pick(answers, 0, at, pa.string()))
    reason = pc.replace_with_mask(pa.nulls(len(chunk), pa.string()), mask, _pick(answers, 2, at, pa.string()))
    reason = pc.if_else(pc.is_null(names), pc.fill_null(reason, "empty"), reason)
    flags = pc.replace_with_mask(
        pa.array(wildcard), mask, pc.fill_null(_pick(answers, 1, at, pa.bool_()), False)
    )
    return Canonical(names, flags, reason)


def _pick(
    answers: list[tuple[str | None, bool, str | None]], field: int, at: pa.Array, kind: pa.DataType
) -> pa.Array:
    return pa.array([answer[field] for answer in answers], kind).take(at)


def _to_pylist(words: pa.Array) -> list[str]:
    """Python strings, also of buffers that say UTF-8 and are not."""
    return [_text(word) for word in words.cast(pa.binary()).to_pylist()]


def _byte_at(data: NDArray[np.uint8], at: NDArray[np.int64], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    found = np.zeros(len(at), np.uint8)
    found[where] = data[at[where]]
    return found


def _needs_look(
    data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows, one dot at the end not counted, that byte operations alone do not settle: [rows]."""
    lengths = ends - begins
    slow = (lengths <= 0) | (lengths > MAX_OCTETS)
    last = _byte_at(data, ends - 1, lengths > 0)
    slow |= (last >= ord("0")) & (last <= ord("9"))
    slow |= _byte_at(data, begins, lengths > 0) == _DOT
    dots = data == _DOT
    odd = np.concatenate([np.flatnonzero(~_in_a_name(data)), np.flatnonzero(dots[1:] & dots[:-1])])
    slow[np.searchsorted(begins, odd, side="right") - 1] = True
    return slow


def _in_a_name(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Letters of either case, digits, hyphen, dot and underscore, [bytes]; uint8 wraps around below 0."""
    found: NDArray[np.bool_] = (data | np.uint8(32)) - np.uint8(ord("a")) < 26
    found |= data - np.uint8(ord("-")) < 13  # - . / 0 to 9
    found &= data != ord("/")
    found |= data == ord("_")
    return found


def _long_label(chunk: pa.StringArray, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    found = (lengths > MAX_LABEL_OCTETS) & (lengths <= MAX_OCTETS)
    if found.any():
        some = pc.match_substring_regex(chunk.filter(pa.array(found)), rf"[^.]{{{MAX_LABEL_OCTETS + 1}}}")
        found[found] = some.to_numpy(zero_copy_only=False)
    return found


def _examine(name: str) -> tuple[str | None, bool, str | None]:
    """The rules for one name: canonical form, wildcard, reason."""
    if not name:
        return None, False, "empty"
    if len(name) > MAX_RAW_CHARS:
        return None, False, "too_long"
    try:
        text = name.lower() if name.isascii() else _to_ascii(name)
    except (idna.IDNAError, ValueError):
        return None, False, "bad_idna"
    text = text.removesuffix(".")
    wildcard = text.startswith("*.") or text == "*"
    text = text[2:] if wildcard else text
    reason = _refusal(text)
    return (None, wildcard, reason) if reason else (text, wildcard, None)


def _refusal(text: str) -> str | None:
    """Why lower-case text without its trailing dot is no name, or None."""
    if not text:
        return "root"
    odd = _OTHER.search(text)
    if odd:
        return _odd_character(text, odd.group())
    labels = text.split(".")
    if "" in labels:
        return "empty_label"
    if labels[-1].isdigit():
        return "ip_literal"
    if len(text) > MAX_OCTETS:
        return "too_long"
    return "label_too_long" if max(map(len, labels)) > MAX_LABEL_OCTETS else None


def _odd_character(text: str, first: str) -> str:
    if "://" in text:
        return "url"
    if _is_address(text):
        return "ip_literal"
    if first.isspace():
        return "whitespace"
    if first < " " or first == "\x7f":
        return "control_character"
    return "escape" if first == "\\" else "bad_character"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_interface(text.strip("[]"))
    except ValueError:
        return False
    return True


def _to_ascii(name: str) -> str:
    """UTS #46 ToASCII as browsers do it: hyphens and ASCII unchecked, bidi rule and joiners checked.

    Raises:
        idna.IDNAError, ValueError: not allowed in a name.
    """
    mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    return ".".join(label if label.isascii() else _alabel(label) for label in mapped.split("."))


def _alabel(label: str) -> str:
    if label.startswith("xn--"):
        raise idna.IDNAError("an A-label holds ASCII only")
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    for position, character in enumerate(label):
        if character in "\u200c\u200d" and not idna.core.valid_contextj(label, position):
            raise idna.IDNAError("a joiner where none may stand")
    return "xn--" + label.encode("punycode").decode("ascii")
