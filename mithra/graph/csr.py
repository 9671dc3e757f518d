"""From loose edges to a relation: duplicates merged, sorted by domain then entity, hubs damped.

In go parallel arrays, one item an edge, in any order; out comes a `Relation`. The same edges in another
order give the same bytes.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.hubs import damping
from mithra.graph.snapshot import Relation

__all__ = ["relation_from_edges", "sorted_dictionary"]


def relation_from_edges(
    name: str,
    domain: NDArray[np.int32],
    keys: pa.Array,
    first_seen: NDArray[np.int64],
    last_seen: NDArray[np.int64],
    *,
    domains: int,
) -> Relation:
    """The relation of these edges, all arguments [edges]; entities are the distinct keys, sorted.

    Edges of the same domain and key become one: the earliest first_seen and the latest last_seen.

    Raises:
        UsageError: arrays of different length, a null key, or a domain outside `range(domains)`.
    """
    lengths = {len(domain), len(keys), len(first_seen), len(last_seen)}
    if len(lengths) > 1:
        raise UsageError(
            f"edges of relation {name!r} come in arrays of different length", value=sorted(lengths)
        )
    if keys.null_count:
        raise UsageError(f"relation {name!r} has edges without an entity key", value=keys.null_count)
    if len(domain) and (int(domain.min()) < 0 or int(domain.max()) >= domains):
        raise UsageError(
            f"relation {name!r} names a domain that does not exist",
            value=int(domain.min()) if int(domain.min()) < 0 else int(domain.max()),
            hint=f"Domains are positions 0 to {domains - 1}",
        )
    entity, entities = sorted_dictionary(keys)
    order = np.lexsort((entity, domain))
    domain, entity = domain[order], entity[order]
    starts = np.flatnonzero(_changes(domain) | _changes(entity))
    first = np.minimum.reduceat(first_seen[order], starts) if len(starts) else first_seen[:0]
    last = np.maximum.reduceat(last_seen[order], starts) if len(starts) else last_seen[:0]
    return csr(name, domain[starts], entity[starts], entities, first, last, domains=domains)


def csr(
    name: str,
    domain: NDArray[np.int32],
    entity: NDArray[np.int32],
    entities: pa.Array,
    first_seen: NDArray[np.int64],
    last_seen: NDArray[np.int64],
    *,
    domains: int,
) -> Relation:
    """The relation of edges that are already distinct and sorted by (domain, entity)."""
    indptr = np.zeros(domains + 1, dtype=np.int64)
    np.cumsum(np.bincount(domain, minlength=domains), out=indptr[1:])
    degree = np.bincount(entity, minlength=len(entities))
    return Relation(
        name=name,
        entities=entities,
        indptr=indptr,
        indices=entity.astype(np.int32, copy=False),
        first_seen=first_seen.astype(np.int64, copy=False),
        last_seen=last_seen.astype(np.int64, copy=False),
        weight=damping(degree)[entity],
    )


def sorted_dictionary(keys: pa.Array) -> tuple[NDArray[np.int32], pa.Array]:
    """Ids of the keys, [n], and the distinct keys in byte order."""
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    encoded = pc.dictionary_encode(keys.cast(pa.string()))
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[encoded.indices.to_numpy(zero_copy_only=False)], encoded.dictionary.take(order)


def _changes(sorted_ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    """True where a new run of equal ids begins, [n]."""
    change = np.ones(len(sorted_ids), dtype=np.bool_)
    change[1:] = sorted_ids[1:] != sorted_ids[:-1]
    return change
