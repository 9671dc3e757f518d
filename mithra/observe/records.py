"""Column checks that readers share: dates, resolutions. Arrow columns in; kept rows and reasons out."""

from __future__ import annotations

import functools
import hmac
import re
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.names import Canonical, canonicalize

__all__ = [
    "HASH",
    "canonical_addresses",
    "client_hash",
    "date_reason",
    "first_reason",
    "masked",
    "resolutions",
    "seconds_to_time",
    "where",
]

# Names of one label that are digests of files: MD5 to SHA-512 in hex.
HASH = (
    "^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})$"
)
HASH_CHARS = 32  # of a client's keyed hash in hex: 128 bits
MAX_RDATA_CHARS = 4096
CLIENTS_REMEMBERED = 1 << 16
MICROSECONDS = 1_000_000

_NAME_TYPES = {"NS", "CNAME", "DNAME", "PTR"}
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_GROUP = r"(?:0|[1-9a-f][0-9a-f]{0,3})"
_IPV6 = rf"^{_GROUP}(?::{_GROUP})*::(?:{_GROUP}(?::{_GROUP})*)?$"
_IPV6_ZEROS = r"(?:^|:)0:0(?::|$)|(?:^|:)0::|::0(?::|$)"
_NULL = pa.scalar(None, pa.string())
_TOKEN = re.compile(r"[0-9A-Fa-f.:]{3,}(?:%\w+)?")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?")
_RRTYPE = re.compile(r"[A-Z][A-Z0-9-]{0,15}")


def resolutions(
    name: pa.Array | Canonical,
    rrtype: pa.Array,
    rdata: pa.Array,
    first: pa.Array,
    last: pa.Array,
    *,
    now: int,
) -> tuple[pa.Table, pa.Array]:
    """Canonical name, rrtype, rdata, first_seen and last_seen of some RRs, and why rows are refused.

    Args:
        name: strings as the source spells them, or what has been made of them.
        rrtype, rdata: strings as the source spells them, one rdata a row.
        first, last: int64 epoch seconds.
        now: epoch seconds; later dates are refused.

    Returns:
        Columns of table resolutions for all rows, and the reason of each, null where it is kept.
    """
    names = name if isinstance(name, Canonical) else canonicalize(name)
    types = rrtype.dictionary_encode() if not pa.types.is_dictionary(rrtype.type) else rrtype
    kinds, kind_reason = _rrtypes(types.dictionary)
    codes = types.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    values, value_reason = _rdata(rdata, codes, kinds)
    missing = pc.is_null(rrtype)
    reasons = [
        names.reason,
        where(missing, "no_rrtype"),
        kind_reason.take(types.indices),
        value_reason,
        date_reason(first, now),
        date_reason(last, now),
        where(pc.less(last, first), "last_seen_before_first_seen"),
    ]
    table = pa.table(
        {
            "name": names.names,
            "rrtype": pa.DictionaryArray.from_arrays(types.indices, pa.array([kind or "" for kind in kinds])),
            "rdata": values,
            "first_seen": seconds_to_time(first, now),
            "last_seen": seconds_to_time(last, now),
        }
    )
    return table, first_reason(reasons)


def first_reason(reasons: list[pa.Array]) -> pa.Array:
    """The first reason of each row, null where there is none."""
    present = [reason for reason in reasons if reason.null_count < len(reason)]
    return pc.coalesce(*present) if present else pa.nulls(len(reasons[0]), pa.string())


def date_reason(seconds: pa.Array, now: int) -> pa.Array:
    """Why a date is refused: missing, not after 1970, or later than now."""
    fine = pc.and_(pc.greater(seconds, 0), pc.less_equal(seconds, now))
    if pc.all(fine, skip_nulls=False).as_py():
        return pa.nulls(len(seconds), pa.string())
    late = pc.if_else(pc.greater(seconds, now), "date_in_future", "date_not_after_1970")
    return pc.if_else(pc.is_null(seconds), "no_date", pc.if_else(fine, _NULL, late))


def seconds_to_time(seconds: pa.Array, now: int) -> pa.Array:
    """Epoch seconds as UTC timestamps; no later than `now`, since int64 microseconds could overflow."""
    bounds = pc.min_max(seconds).as_py()
    if bounds["max"] is not None and bounds["max"] > now:
        seconds = pc.min_element_wise(seconds, pa.scalar(now, pa.int64()), skip_nulls=False)
    if bounds["min"] is not None and bounds["min"] < -now:
        seconds = pc.max_element_wise(seconds, pa.scalar(-now, pa.int64()), skip_nulls=False)
    return pc.multiply(seconds, MICROSECONDS).cast(pa.timestamp("us", tz="UTC"))


def canonical_addresses(values: pa.Array, family: socket.AddressFamily) -> pa.Array:
    """IPv4 or IPv6 addresses in their one text form, null for what is none."""
    words = values.dictionary_encode()
    done = pa.array([_address(word, family) for word in words.dictionary.to_pylist()], pa.string())
    return done.take(words.indices)


@functools.lru_cache(CLIENTS_REMEMBERED)
def client_hash(client: str, key: bytes) -> str:
    """The client's keyed hash, 32 hex digits."""
    return hmac.digest(key, client.lower().encode(), "sha256").hex()[:HASH_CHARS]


def masked(text: str) -> str:
    """Text without addresses; times stay."""
    return _TOKEN.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    token = found[0]
    hides = token.count(":") > 1 and not _TIME.fullmatch(token)
    return "<address>" if hides or _DOTTED.search(token) else token


def _address(word: str | None, family: socket.AddressFamily) -> str | None:
    try:
        return None if word is None else socket.inet_ntop(family, socket.inet_pton(family, word.strip()))
    except (OSError, ValueError):
        return None


def _rrtypes(words: pa.Array) -> tuple[list[str | None], pa.Array]:
    kinds = [_rrtype(word) for word in words.to_pylist()]
    return kinds, pa.array([None if kind else "bad_rrtype" for kind in kinds], pa.string())


def _rrtype(word: str | None) -> str | None:
    import dns.rdatatype

    text = (word or "").strip().upper()
    if text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16:
        return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(int(text)))
    return text if _RRTYPE.fullmatch(text) else None


def _rdata(values: pa.Array, codes: NDArray[Any], kinds: list[str | None]) -> tuple[pa.Array, pa.Array]:
    """Canonical rdata by rrtype. Most values are canonical as they come, and are left where they are."""
    changed, reasons = _Changes(), _Changes()
    for code, kind in enumerate(kinds):
        here = codes == code
        if kind == "A" and here.any():
            here &= ~_as_numpy(pc.match_substring_regex(values, _IPV4))
        at = np.flatnonzero(here)
        if not len(at):
            continue
        part = values if len(at) == len(values) else values.take(pa.array(at))
        kept, reason = _of_type(kind)(part)
        changed.add(at, kept, ~_as_numpy(pc.equal(kept, part)))
        if reason.null_count < len(reason):
            reasons.add(at, reason, _as_numpy(pc.is_valid(reason)))
    reason = reasons.over(pa.nulls(len(values), pa.string()))
    if values.null_count:
        reason = pc.if_else(pc.is_null(values), "no_rdata", reason)
    return changed.over(values), reason


class _Changes:
    """Values that go to some rows of a column, gathered to be put there at once."""

    def __init__(self) -> None:
        self._at: list[NDArray[np.int64]] = []
        self._values: list[pa.Array] = []

    def add(self, at: NDArray[np.int64], values: pa.Array, chosen: NDArray[np.bool_]) -> None:
        """Of the values for rows `at`, those that are chosen."""
        if chosen.any():
            self._at.append(at[chosen])
            self._values.append(values if chosen.all() else values.filter(pa.array(chosen)))

    def over(self, column: pa.Array) -> pa.Array:
        """The column with the values in their rows."""
        if not self._at:
            return column
        source = np.arange(len(column))
        source[np.concatenate(self._at)] = len(column) + np.arange(sum(map(len, self._values)))
        return pa.concat_arrays([column, *self._values]).take(pa.array(source))


def _as_numpy(flags: pa.Array) -> NDArray[np.bool_]:
    """Booleans, null being False."""
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _of_type(kind: str | None) -> Callable[[pa.Array], tuple[pa.Array, pa.Array]]:
    if kind == "A":
        return _ipv4
    if kind == "AAAA":
        return _ipv6
    if kind in _NAME_TYPES:
        return _host
    return {"MX": _exchange, "SOA": _soa}.get(kind or "", _text)


def _ipv4(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    kept = canonical_addresses(values, socket.AF_INET)
    return kept, _where_null(kept, "bad_ipv4")


def _ipv6(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The test for the form of RFC 5952 is sufficient, not necessary: what fails it is parsed and written."""
    shaped = pc.and_(
        pc.match_substring_regex(values, _IPV6), pc.less_equal(pc.count_substring(values, ":"), 6)
    )
    plain = pc.and_not(shaped, pc.match_substring_regex(values, _IPV6_ZEROS))
    if pc.all(plain, skip_nulls=False).as_py():
        return values, pa.nulls(len(values), pa.string())
    kept = pc.if_else(plain, values, canonical_addresses(where(pc.invert(plain), values), socket.AF_INET6))
    return kept, _where_null(kept, "bad_ipv6")


def where(condition: pa.Array, value: Any) -> pa.Array:
    """The value (or values) where the condition holds, null elsewhere."""
    if not isinstance(value, pa.Array) and not pc.any(condition).as_py():
        return pa.nulls(len(condition), pa.string())
    return pc.if_else(condition, value, _NULL)


def _host(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    found = canonicalize(values)
    return found.names, pc.binary_join_element_wise("rdata", found.reason, "_")


def _exchange(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The mail server; its preference is dropped. `0 .` says that there is none (RFC 7505)."""
    host = pc.replace_substring_regex(values, r"^\s*[0-9]+\s+", "")
    found, reason = _host(host)
    return found, pc.if_else(pc.equal(host, "."), "null_mx", reason)


def _soa(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Lower case, and the two names without their final dots."""
    kept, reason = _text(values)
    return pc.replace_substring_regex(pc.utf8_lower(kept), r"\.(\s)", r"\1"), reason


def _text(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    long = pc.greater(pc.utf8_length(values), MAX_RDATA_CHARS)
    return values, pc.if_else(long, "rdata_too_long", _NULL)


def _where_null(values: pa.Array, reason: str) -> pa.Array:
    return where(pc.is_null(values), reason)
