"""IP addresses as numbers: order, prefixes and the network that announces each, over whole columns.

An address is two unsigned 64-bit halves of its 16 bytes, IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2), so that
one order and one search serve both families. Address to ASN is a search in sorted starts, not a range join.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.suffixes import string_buffers

__all__ = ["Addresses", "Ranges", "network_of", "parse", "prefixes", "ranges_of"]

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
_MAPPED = np.uint64(0xFFFF << 32)  # low half of ::ffff:0:0/96
_SHIFT32 = np.uint64(32)


@dataclass(frozen=True, eq=False)
class Addresses:
    """Parsed addresses, all [n]; both halves 0 where the text is none."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    valid: NDArray[np.bool_]

    @property
    def is_ipv4(self) -> NDArray[np.bool_]:
        """IPv4, also written as mapped IPv6; [n]."""
        ipv4: NDArray[np.bool_] = self.valid & (self.high == 0) & (self.low >> _SHIFT32 == 0xFFFF)
        return ipv4

    def order(self) -> NDArray[np.int64]:
        """Positions in numeric order, [n]."""
        return np.lexsort((self.low, self.high)) if self.high.any() else np.argsort(self.low, kind="stable")

    def take(self, rows: NDArray[np.integer]) -> Addresses:
        """The addresses at these positions."""
        return Addresses(self.high[rows], self.low[rows], self.valid[rows])


@dataclass(frozen=True, eq=False)
class Ranges:
    """Networks sorted by their first address, all [ranges]; they may nest."""

    start: Addresses
    end: Addresses  # inclusive
    asn: NDArray[np.int64]


def parse(text: pa.Array) -> Addresses:
    """The addresses written in a column of text."""
    high, low = np.zeros(len(text), dtype=np.uint64), np.zeros(len(text), dtype=np.uint64)
    valid, ipv4 = _parse_ipv4(text)
    low[valid] = _MAPPED | ipv4[valid].astype(np.uint64)
    rest = np.flatnonzero(~valid)
    if len(rest):
        packed, good = _parse_slowly(text.take(pa.array(rest)))
        halves = np.frombuffer(packed, dtype=">u8").reshape(-1, 2)
        high[rest], low[rest], valid[rest] = halves[:, 0], halves[:, 1], good
    return Addresses(high, low, valid)


def from_bytes(packed: pa.Array) -> Addresses:
    """The addresses of a column of 16-byte values, which may not be null."""
    halves = np.frombuffer(b"".join(packed.to_pylist()), dtype=">u8").reshape(-1, 2)
    return Addresses(
        halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64), np.ones(len(halves), dtype=np.bool_)
    )


def ranges_of(start: pa.Array, end: pa.Array, asn: pa.Array) -> Ranges:
    """Ranges from columns of 16-byte values, [ranges], in any order; of equal starts the widest first."""
    first, last = from_bytes(start), from_bytes(end)
    order = np.lexsort((~last.low, ~last.high, first.low, first.high))
    return Ranges(first.take(order), last.take(order), asn.to_numpy(zero_copy_only=False)[order])


def prefixes(addresses: Addresses) -> tuple[NDArray[np.int32], pa.Array]:
    """Prefix id of each address, [n], -1 where it is none, and the prefixes in numeric order: /24 and /48."""
    bits = np.uint64(32 - IPV4_PREFIX_BITS)
    ipv4 = addresses.is_ipv4
    low = np.where(ipv4, addresses.low >> bits << bits, np.uint64(0))
    bits = np.uint64(64 - IPV6_PREFIX_BITS)
    high = np.where(ipv4, np.uint64(0), addresses.high >> bits << bits)
    of = np.full(len(high), -1, dtype=np.int32)
    rows = np.flatnonzero(addresses.valid)
    networks = Addresses(high[rows], low[rows], addresses.valid[rows])
    order = networks.order()
    networks = networks.take(order)
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = (networks.high[1:] != networks.high[:-1]) | (networks.low[1:] != networks.low[:-1])
    of[rows[order]] = np.cumsum(new, dtype=np.int32) - 1
    return of, _prefix_text(networks.take(np.flatnonzero(new)))


def network_of(addresses: Addresses, ranges: Ranges) -> NDArray[np.int64]:
    """Index of the innermost range that holds each address, [n], -1 where none does."""
    found = _last_start(addresses, ranges)
    if not len(ranges.asn):
        return found
    highest_end = _running_maximum(ranges.end)
    searching = np.flatnonzero((found >= 0) & addresses.valid)
    found[~addresses.valid] = -1
    while len(searching):
        at = found[searching]
        outside = ~_at_most(addresses.take(searching), ranges.end.take(at))
        searching, at = searching[outside], at[outside]
        hopeless = ~_at_most(addresses.take(searching), highest_end.take(at))
        found[searching] = np.where(hopeless, -1, at - 1)
        searching = searching[~hopeless & (at > 0)]
    return found


def _parse_ipv4(text: pa.Array) -> tuple[NDArray[np.bool_], NDArray[np.uint32]]:
    """Which texts are dotted quads, [n], and their value, [n]."""
    offsets, data = string_buffers(text)
    starts, ends = offsets[:-1], offsets[1:]
    is_dot = data == ord(".")
    dots, dots_before = np.flatnonzero(is_dot), np.zeros(len(data) + 1, dtype=np.int32)
    np.cumsum(is_dot, dtype=np.int32, out=dots_before[1:])
    first_dot = dots_before[starts]
    quad = dots_before[ends] - first_dot == 3
    value = np.zeros(len(starts), dtype=np.uint32)
    rows, first_dot = np.flatnonzero(quad), first_dot[quad]
    bounds = [starts[rows] - 1, *(dots[first_dot + k] for k in range(3)), ends[rows]]
    good = np.ones(len(rows), dtype=np.bool_)
    total = np.zeros(len(rows), dtype=np.uint32)
    for left, right in pairwise(bounds):
        octet, fits = _octet(data, left, right)
        total = (total << np.uint32(8)) | octet
        good &= fits
    quad[rows] = good
    value[rows] = total
    return quad, value


def _octet(
    data: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """The decimal number between two positions (both exclusive), and whether it is one of 0 to 255."""
    length = right - left - 1
    value = np.zeros(len(left), dtype=np.uint32)
    good = (length >= 1) & (length <= 3)
    for place, power in enumerate((1, 10, 100)):
        has = length > place
        digit = data[np.maximum(right - 1 - place, 0)] - np.uint8(ord("0"))
        value += np.where(has, digit, 0).astype(np.uint32) * np.uint32(power)
        good &= ~has | (digit <= 9)
    leading_zero = (length > 1) & (data[np.minimum(left + 1, len(data) - 1)] == ord("0"))
    return value, good & ~leading_zero & (value <= 255)


def _parse_slowly(text: pa.Array) -> tuple[bytes, NDArray[np.bool_]]:
    """16 bytes for each text and whether it is an IPv6 address; for the few that are no dotted quad."""
    packed = [_packed(value) for value in text.to_pylist()]
    return b"".join(p or bytes(16) for p in packed), np.array([p is not None for p in packed], dtype=np.bool_)


def _packed(text: str | None) -> bytes | None:
    try:
        return None if text is None else socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None


def _prefix_text(networks: Addresses) -> pa.Array:
    ipv4 = networks.is_ipv4
    quads = _quad_text(networks.low[ipv4].astype(np.uint32), f".0/{IPV4_PREFIX_BITS}")
    packed = networks.high[~ipv4].astype(">u8").tobytes()
    others = [
        f"{socket.inet_ntop(socket.AF_INET6, packed[i : i + 8] + bytes(8))}/{IPV6_PREFIX_BITS}"
        for i in range(0, len(packed), 8)
    ]
    place = np.empty(len(ipv4), dtype=np.int64)
    place[np.flatnonzero(ipv4)] = np.arange(len(quads))
    place[np.flatnonzero(~ipv4)] = len(quads) + np.arange(len(others))
    return pa.concat_arrays([quads, pa.array(others, pa.string())]).take(pa.array(place))


def _quad_text(values: NDArray[np.uint32], tail: str) -> pa.Array:
    """The first three octets in decimal, with the tail behind them."""
    octets = [
        pa.array(values >> np.uint32(shift) & np.uint32(255)).cast(pa.string()) for shift in (24, 16, 8)
    ]
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*octets, "."), pa.scalar(tail), "")


def _last_start(addresses: Addresses, ranges: Ranges) -> NDArray[np.int64]:
    """Index of the last range that starts at or before each address, [n], -1 where none does."""
    starts = ranges.start
    split = int(np.searchsorted(starts.high, np.uint64(0), side="right"))
    low_half = addresses.high == 0  # IPv4 and little else: one search in 64 bits
    found = np.empty(len(low_half), dtype=np.int64)
    found[low_half] = np.searchsorted(starts.low[:split], addresses.low[low_half], side="right") - 1
    high = np.concatenate([starts.high, addresses.high[~low_half]])
    low = np.concatenate([starts.low, addresses.low[~low_half]])
    is_start = np.arange(len(high)) < len(starts.high)
    order = np.lexsort((~is_start, low, high)) if not low_half.all() else np.arange(0)
    before = np.empty(len(high), dtype=np.int64)
    before[order] = np.cumsum(is_start[order]) - 1
    found[~low_half] = before[len(starts.high) :]
    return found


def _at_most(a: Addresses, b: Addresses) -> NDArray[np.bool_]:
    less: NDArray[np.bool_] = (a.high < b.high) | ((a.high == b.high) & (a.low <= b.low))
    return less


def _running_maximum(a: Addresses) -> Addresses:
    """The greatest address up to each position, [n]."""
    order = a.order()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return a.take(order[np.maximum.accumulate(rank)])
