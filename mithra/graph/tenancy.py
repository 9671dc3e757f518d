"""Stays at an address, and the tenancies that they form.

In a cloud an address changes hands within minutes, and two names that held it a year apart share nothing.
So the entity is not the address but a tenancy of it: a time in which somebody was always seen there, with
no gap longer than `TENANCY_GAP_SECONDS`. The first tenancy of 192.0.2.1 has the key `192.0.2.1`, the second
`192.0.2.1#2`, and so on; what is seen later adds tenancies behind and renames none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import SHARD_ROWS, rows_by_shard

__all__ = ["TENANCY_GAP_SECONDS", "Tenancies", "plain_address", "split_tenancies"]

TENANCY_GAP_SECONDS = 30 * 86_400
ADDRESS_BITS = 33  # an address id is below 2**33, which leaves room for every IPv4 address and as many others
_TIME_BITS = 63 - ADDRESS_BITS  # seconds from the earliest sight, 34 years
_TIME_MASK = (1 << _TIME_BITS) - 1
_MARK = "#"


@dataclass(frozen=True, eq=False)
class Tenancies:
    """The tenancies of some stays, sorted by address id, then time."""

    of: NDArray[np.int32]  # [stays] tenancy of each
    address: NDArray[np.int64]  # [tenancies] address id
    number: NDArray[np.int64]  # [tenancies] 1 for an address's first, 2 for its second

    def keys(self, addresses: pa.Array) -> pa.Array:
        """The key of each tenancy, given the text of its address; both [tenancies]."""
        if not len(self.number) or self.number.max() == 1:
            return addresses
        later = pa.array(self.number > 1)
        number = pa.array(self.number[self.number > 1]).cast(pa.string())
        numbered = pc.binary_join_element_wise(addresses.filter(later), number, _MARK)
        return pc.replace_with_mask(addresses, later, numbered)


def plain_address(keys: pa.Array) -> pa.Array:
    """The address of each tenancy key, [n]."""
    return pc.replace_substring_regex(keys, f"{_MARK}[0-9]+$", "")


def split_tenancies(
    address: NDArray[np.int64],
    first_seen: NDArray[np.int64],
    last_seen: NDArray[np.int64],
    gap_seconds: int = TENANCY_GAP_SECONDS,
) -> Tenancies:
    """The tenancies of stays in any order; ids and times of each stay, [stays]."""
    shards = len(address) // SHARD_ROWS + 1
    if shards == 1:
        return _split_shard(address, first_seen, last_seen, gap_seconds)
    sample = np.sort(address[:: max(1, len(address) // (64 * shards))])
    bounds = sample[np.arange(1, shards) * len(sample) // shards]
    of, parts = np.empty(len(address), dtype=np.int32), []
    before = 0
    for rows in rows_by_shard(np.searchsorted(bounds, address, side="right"), shards):
        part = _split_shard(address[rows], first_seen[rows], last_seen[rows], gap_seconds)
        of[rows] = part.of + np.int32(before)
        before += len(part.address)
        parts.append(part)
    return Tenancies(
        of, np.concatenate([part.address for part in parts]), np.concatenate([part.number for part in parts])
    )


def _split_shard(
    address: NDArray[np.int64], first_seen: NDArray[np.int64], last_seen: NDArray[np.int64], gap_seconds: int
) -> Tenancies:
    if not len(address):
        return Tenancies(address.astype(np.int32), address, address)
    origin = int(first_seen.min())
    key = _address_and_time(address, first_seen, origin)
    order = np.argsort(key)
    key = key[order]
    # The id leads in the number, so one running maximum over all starts anew with each address.
    held_until = _address_and_time(address, last_seen, origin)[order]
    np.maximum.accumulate(held_until, out=held_until)
    new_address = np.ones(len(key), dtype=np.bool_)
    np.not_equal(key[1:] >> _TIME_BITS, key[:-1] >> _TIME_BITS, out=new_address[1:])
    starts = new_address.copy()
    starts[1:] |= key[1:] - held_until[:-1] > gap_seconds
    of = np.empty(len(key), dtype=np.int32)
    of[order] = np.cumsum(starts, dtype=np.int32) - np.int32(1)
    return Tenancies(of, key[starts] >> _TIME_BITS, _count_within(new_address[starts]))


def _address_and_time(address: NDArray[np.int64], time: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
    """One sortable number of an address id and a time."""
    number: NDArray[np.int64] = time - origin
    np.minimum(number, _TIME_MASK, out=number)
    number |= address << _TIME_BITS
    return number


def _count_within(starts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1, 2, 3 … from each start on, [n]."""
    position = np.arange(len(starts))
    return position - np.maximum.accumulate(np.where(starts, position, 0)) + 1
