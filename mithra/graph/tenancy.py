"""Stays at an address, and the tenancies that they form.

In a cloud an address changes hands within minutes, and two names that held it a year apart share nothing.
So the entity is not the address but a tenancy of it: a time in which somebody was always seen there, with
no gap longer than `TENANCY_GAP_SECONDS`. The first tenancy of 192.0.2.1 has the key `192.0.2.1`, the second
`192.0.2.1#2`, and so on; what is seen later adds tenancies behind and renames none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import Edges

__all__ = ["TENANCY_GAP_SECONDS", "plain_address", "split_tenancies"]

TENANCY_GAP_SECONDS = 30 * 86_400
_MARK = "#"
_TIME_MASK = 0xFFFF_FFFF


def plain_address(keys: pa.Array) -> pa.Array:
    """The address of each tenancy key, [n]."""
    return pc.replace_substring_regex(keys, f"{_MARK}[0-9]+$", "")


def split_tenancies(stays: Edges, gap_seconds: int = TENANCY_GAP_SECONDS) -> tuple[Edges, NDArray[np.int32]]:
    """Stays (one an edge, in any order, several for one name and address allowed) with tenancies as entities.

    Entities keep their order, tenancies of one address follow each other. The second item says to which of
    the old entities each of the new ones belongs, [tenancies].
    """
    if not len(stays):
        return replace(stays, entities=stays.entities.slice(0, 0)), stays.entity
    origin = int(stays.first_seen.min())
    key = _entity_and_time(stays.entity, stays.first_seen, origin)
    order = np.argsort(key, kind="stable")
    key = key[order]
    entity = (key >> 32).astype(np.int32)
    new_address = np.ones(len(stays), dtype=np.bool_)
    np.not_equal(entity[1:], entity[:-1], out=new_address[1:])
    # The id leads in the number, so one running maximum over all starts anew with each address.
    held_until = np.maximum.accumulate(_entity_and_time(entity, stays.last_seen[order], origin))
    starts = new_address.copy()
    starts[1:] |= (key[1:] & _TIME_MASK) - (held_until[:-1] & _TIME_MASK) > gap_seconds
    tenancy = np.empty(len(stays), dtype=np.int32)
    tenancy[order] = np.cumsum(starts, dtype=np.int32) - np.int32(1)
    address_of = entity[starts]
    keys = _keys(stays.entities.take(pa.array(address_of)), new_address[starts])
    return replace(stays, entity=tenancy, entities=keys), address_of


def _entity_and_time(entity: NDArray[np.int32], time: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
    """One sortable number of an entity id and a time, which is within 136 years of the origin."""
    number: NDArray[np.int64] = (entity.astype(np.int64) << 32) | np.minimum(time - origin, _TIME_MASK)
    return number


def _keys(addresses: pa.Array, first_of_address: NDArray[np.bool_]) -> pa.Array:
    """The key of each tenancy: its address, from the second on with its number behind."""
    if first_of_address.all():
        return addresses
    position = np.arange(len(first_of_address))
    number = position - np.maximum.accumulate(np.where(first_of_address, position, 0)) + 1
    numbered = pc.binary_join_element_wise(addresses, pa.array(number).cast(pa.string()), _MARK)
    return pc.if_else(pa.array(first_of_address), addresses, numbered)
