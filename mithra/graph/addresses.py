"""IP addresses as numbers, over whole columns.

An address is two unsigned 64-bit halves of its 16 bytes, IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2), so that
one order and one search serve both families. Dotted quads are read by array arithmetic, a block of rows at a
time (its temporaries stay in the processor's cache); the fewer IPv6 texts go through the C library.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import dictionary
from mithra.suffixes import string_buffers

__all__ = ["AddressColumn", "Addresses", "from_bytes", "parse", "quad_text"]

_BLOCK_ROWS = 1 << 14
_MAPPED = np.uint64(0xFFFF << 32)  # low half of ::ffff:0:0/96
_SHIFT32 = np.uint64(32)
_FIRST_IPV6_ID = 1 << 32


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
        lower = (self.high[1:] < self.high[:-1]) | (
            (self.high[1:] == self.high[:-1]) & (self.low[1:] < self.low[:-1])
        )
        if not lower.any():
            return np.arange(len(self.high))
        return np.lexsort((self.low, self.high)) if self.high.any() else np.argsort(self.low, kind="stable")

    def take(self, rows: NDArray[np.integer]) -> Addresses:
        """The addresses at these positions."""
        return Addresses(self.high[rows], self.low[rows], self.valid[rows])

    def runs(self) -> NDArray[np.bool_]:
        """True where an address differs from the one before it, [n]."""
        new = np.ones(len(self.high), dtype=np.bool_)
        new[1:] = (self.high[1:] != self.high[:-1]) | (self.low[1:] != self.low[:-1])
        return new


@dataclass(frozen=True, eq=False)
class AddressColumn:
    """A column of text read as addresses, each with a small sortable id."""

    id: NDArray[np.int64]  # [rows] of IPv4 its value, of IPv6 a rank above; -1 where the text is neither
    ipv6: Addresses  # [distinct IPv6 addresses] in order; id 2**32 is the first
    ipv6_text: pa.Array  # [distinct IPv6 addresses]

    @classmethod
    def of(cls, text: pa.Array | pa.ChunkedArray) -> AddressColumn:
        """The addresses of a column."""
        ids = np.empty(len(text), dtype=np.int64)
        for start in range(0, len(text), _BLOCK_ROWS):
            block = text.slice(start, _BLOCK_ROWS)
            block = block.combine_chunks() if isinstance(block, pa.ChunkedArray) else block
            quad, value = _parse_ipv4(block)
            ids[start : start + len(block)] = np.where(quad, value.astype(np.int64), -1)
        rest = np.flatnonzero(ids < 0)
        row, distinct = dictionary(text.take(pa.array(rest)))
        parsed = _parse_slowly(distinct)
        order = parsed.order()
        order = order[parsed.valid[order] & ~parsed.is_ipv4[order]]
        in_order = parsed.take(order)
        new = in_order.runs()
        distinct_id = np.where(parsed.is_ipv4, (parsed.low & np.uint64(0xFFFF_FFFF)).astype(np.int64), -1)
        distinct_id[order] = _FIRST_IPV6_ID - 1 + np.cumsum(new)
        ids[rest] = np.append(distinct_id, -1)[row]
        ipv6 = in_order.take(np.flatnonzero(new))
        return cls(ids, ipv6, distinct.take(pa.array(order)) if new.all() else _ipv6_text(ipv6))

    def addresses(self, ids: NDArray[np.int64]) -> Addresses:
        """The addresses of these ids, [n]."""
        low = _MAPPED | np.maximum(ids, 0).astype(np.uint64)
        high = np.zeros(len(ids), dtype=np.uint64)
        six = np.flatnonzero(ids >= _FIRST_IPV6_ID)
        rank = ids[six] - _FIRST_IPV6_ID
        high[six], low[six] = self.ipv6.high[rank], self.ipv6.low[rank]
        low[ids < 0] = 0
        return Addresses(high, low, ids >= 0)

    def text(self, ids: NDArray[np.int64]) -> pa.Array:
        """The addresses of these ids, [n], as text; in order, so that IPv4 comes first."""
        split = int(np.searchsorted(ids, _FIRST_IPV6_ID))
        others = self.ipv6_text.take(pa.array(ids[split:] - _FIRST_IPV6_ID))
        return pa.concat_arrays([quad_text(ids[:split].astype(np.uint32)), others])


def parse(text: pa.Array) -> Addresses:
    """The addresses written in a column of text, [n]."""
    column = AddressColumn.of(text)
    return column.addresses(column.id)


def from_bytes(packed: pa.Array) -> Addresses:
    """The addresses of a column of 16-byte values, which may not be null."""
    halves = np.frombuffer(b"".join(packed.to_pylist()), dtype=">u8").reshape(-1, 2)
    return Addresses(
        halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64), np.ones(len(halves), dtype=np.bool_)
    )


def quad_text(values: NDArray[np.uint32], tail: str = "") -> pa.Array:
    """IPv4 addresses as dotted quads, with the tail behind them, [n]."""
    blocks = [
        _quad_block(values[start : start + _BLOCK_ROWS], tail) for start in range(0, len(values), _BLOCK_ROWS)
    ]
    return pa.chunked_array(blocks, pa.string()).combine_chunks() if blocks else pa.array([], pa.string())


def _quad_block(values: NDArray[np.uint32], tail: str) -> pa.Array:
    octets = [_OCTETS.take(pa.array(values >> np.uint32(shift) & np.uint32(255))) for shift in (24, 16, 8, 0)]
    dotted = pc.binary_join_element_wise(*octets, ".")
    return pc.binary_join_element_wise(dotted, pa.scalar(tail), "") if tail else dotted


_OCTETS = pa.array([str(octet) for octet in range(256)])


def _ipv6_text(addresses: Addresses) -> pa.Array:
    """Canonical text (RFC 5952), where some address was written in two ways."""
    packed = np.stack([addresses.high, addresses.low], axis=1).astype(">u8").tobytes()
    return pa.array(
        [socket.inet_ntop(socket.AF_INET6, packed[i : i + 16]) for i in range(0, len(packed), 16)],
        pa.string(),
    )


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


def _parse_slowly(text: pa.Array) -> Addresses:
    """The IPv6 addresses of a column, [n]; for the distinct texts that are no dotted quad."""
    packed = [_packed(value) for value in text.to_pylist()]
    halves = np.frombuffer(b"".join(p or bytes(16) for p in packed), dtype=">u8").reshape(-1, 2)
    valid = np.array([p is not None for p in packed], dtype=np.bool_)
    return Addresses(halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64), valid)


def _packed(text: str | None) -> bytes | None:
    try:
        return None if text is None else socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
