"""Networks that hold addresses: their /24 or /48 prefix, and the autonomous system that announces them.

Address to network is a search in sorted starts, not a range join: on many engines that would compare each
address with each range.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.addresses import Addresses, from_bytes, quad_text

__all__ = ["Ranges", "network_of", "prefixes", "ranges_of"]

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48


@dataclass(frozen=True, eq=False)
class Ranges:
    """Networks sorted by their first address, all [ranges]; they may nest."""

    start: Addresses
    end: Addresses  # inclusive
    asn: NDArray[np.int64]


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
    new = networks.runs()
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


def _prefix_text(networks: Addresses) -> pa.Array:
    ipv4 = networks.is_ipv4
    quads = quad_text(networks.low[ipv4].astype(np.uint32), f"/{IPV4_PREFIX_BITS}")
    packed = networks.high[~ipv4].astype(">u8").tobytes()
    others = [
        f"{socket.inet_ntop(socket.AF_INET6, packed[i : i + 8] + bytes(8))}/{IPV6_PREFIX_BITS}"
        for i in range(0, len(packed), 8)
    ]
    place = np.empty(len(ipv4), dtype=np.int64)
    place[np.flatnonzero(ipv4)] = np.arange(len(quads))
    place[np.flatnonzero(~ipv4)] = len(quads) + np.arange(len(others))
    return pa.concat_arrays([quads, pa.array(others, pa.string())]).take(pa.array(place))


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
