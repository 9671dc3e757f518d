"""Stays at an address, and the tenancies that they form.

In a cloud an address changes hands within minutes, and two names that held it a year apart share nothing.
So the entity is not the address but a tenancy of it: a time in which somebody was always seen there, with
no gap longer than `TENANCY_GAP_SECONDS`. The first tenancy of 192.0.2.1 has the key `192.0.2.1`, the second
`192.0.2.1#2`, and so on; rows that come to be known later only add tenancies behind.
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
    order = np.argsort(_by_entity_then(stays.entity, stays.first_seen), kind="stable")
    stays = stays.take(order)
    new_address = np.ones(len(stays), dtype=np.bool_)
    np.not_equal(stays.entity[1:], stays.entity[:-1], out=new_address[1:])
    held_until = _running_maximum(stays.entity, stays.last_seen)
    empty_before = np.zeros(len(stays), dtype=np.bool_)
    np.greater(stays.first_seen[1:] - held_until[:-1], gap_seconds, out=empty_before[1:])
    starts = new_address | empty_before
    tenancy = np.cumsum(starts, dtype=np.int32) - np.int32(1)
    address_of = stays.entity[starts]
    keys = _keys(stays.entities.take(pa.array(address_of)), new_address[starts])
    return replace(stays, entity=tenancy, entities=keys), address_of


def _by_entity_then(entity: NDArray[np.int32], time: NDArray[np.int64]) -> NDArray[np.int64]:
    """One sortable number of an entity id and a time, within 136 years of the earliest."""
    key: NDArray[np.int64] = (entity.astype(np.int64) << 32) | np.minimum(time - time.min(), 0xFFFF_FFFF)
    return key


def _running_maximum(entity: NDArray[np.int32], time: NDArray[np.int64]) -> NDArray[np.int64]:
    """The latest time so far within each run of equal entities, [n]."""
    latest: NDArray[np.int64] = np.maximum.accumulate(_by_entity_then(entity, time)) & 0xFFFF_FFFF
    latest += time.min()
    return latest


def _keys(addresses: pa.Array, first_of_address: NDArray[np.bool_]) -> pa.Array:
    """The key of each tenancy: its address, from the second on with its number behind."""
    if first_of_address.all():
        return addresses
    position = np.arange(len(first_of_address))
    number = position - np.maximum.accumulate(np.where(first_of_address, position, 0)) + 1
    numbered = pc.binary_join_element_wise(addresses, pa.array(number).cast(pa.string()), _MARK)
    return pc.if_else(pa.array(first_of_address), addresses, numbered)
