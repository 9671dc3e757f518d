"""Edges as columns: from what a frame delivers, in any order, to a relation in CSR form.

`encode` gives entities ids in byte order of their keys, `merged` makes one edge of all with the same domain
and entity, `capped` bounds a domain's edges, `to_relation` damps hubs and indexes by domain. The same edges
in another order give the same bytes at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.hubs import damping
from mithra.graph.snapshot import Relation

__all__ = [
    "Edges",
    "capped",
    "dictionary",
    "inherited",
    "merged",
    "relation_from_edges",
    "rows_by_shard",
    "sorted_dictionary",
    "to_relation",
    "with_entities",
]

SHARD_ROWS = 1 << 17


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of one relation; all arrays [edges] but `entities`."""

    domain: NDArray[np.int32]
    entity: NDArray[np.int32]
    entities: pa.Array  # [entities] distinct keys
    first_seen: NDArray[np.int64]  # epoch seconds
    last_seen: NDArray[np.int64]  # epoch seconds
    count: NDArray[np.int64] | None = None  # observations, where they are kept

    def __len__(self) -> int:
        return len(self.domain)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays of which each has one item an edge."""
        columns = {name: getattr(self, name) for name in ("domain", "entity", "first_seen", "last_seen")}
        return columns if self.count is None else {**columns, "count": self.count}

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Edges:
        """The edges at these positions."""
        return replace(self, **{name: column[rows] for name, column in self.columns().items()})


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

    Raises:
        UsageError: arrays of different length, a null key, or a domain outside `range(domains)`.
    """
    lengths = {len(domain), len(keys), len(first_seen), len(last_seen)}
    if len(lengths) > 1:
        raise UsageError(f"edges of {name!r} come in arrays of different length", value=sorted(lengths))
    if keys.null_count:
        raise UsageError(f"relation {name!r} has edges without an entity key", value=keys.null_count)
    if len(domain) and (int(domain.min()) < 0 or int(domain.max()) >= domains):
        raise UsageError(
            f"relation {name!r} names a domain that does not exist",
            value=int(domain.min()) if int(domain.min()) < 0 else int(domain.max()),
            hint=f"Domains are positions 0 to {domains - 1}",
        )
    entity, entities = sorted_dictionary(keys)
    return to_relation(name, merged(Edges(domain, entity, entities, first_seen, last_seen)), domains)


def sorted_dictionary(keys: pa.Array) -> tuple[NDArray[np.int32], pa.Array]:
    """Ids of the keys, [n], -1 for null, and the distinct keys in byte order."""
    ids, distinct = dictionary(keys)
    order = pc.array_sort_indices(distinct).to_numpy()
    rank = np.full(len(order) + 1, -1, dtype=np.int32)  # the last one serves id -1
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[ids], distinct.take(pa.array(order))


def dictionary(keys: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """Ids of the keys, [n], -1 for null, and the distinct keys in order of appearance."""
    encoded = pc.dictionary_encode(keys if isinstance(keys, pa.ChunkedArray) else pa.chunked_array([keys]))
    if encoded.num_chunks == 0:
        return np.empty(0, dtype=np.int32), pa.array([], keys.type)
    indices = [chunk.indices for chunk in encoded.chunks]
    ids = np.concatenate(
        [(pc.fill_null(part, -1) if part.null_count else part).to_numpy() for part in indices]
    )
    return ids.astype(np.int32, copy=False), encoded.chunk(encoded.num_chunks - 1).dictionary


def merged(edges: Edges) -> Edges:
    """Distinct edges, sorted by domain then entity: earliest first_seen, latest last_seen, highest count.

    The highest count and not the sum: a source tells the same record again with every export.
    """
    shards = len(edges) // SHARD_ROWS + 1
    width = int(edges.domain.max(initial=0)) // shards + 1  # domains a shard
    if (edges.domain[1:] >= edges.domain[:-1]).all():
        ends = np.searchsorted(edges.domain, np.arange(shards + 1) * width)
        rows: list[Any] = [slice(start, end) for start, end in pairwise(ends)]
    else:
        rows = rows_by_shard(edges.domain // np.int32(width), shards)
    whole = replace(edges, **{name: np.empty_like(column) for name, column in edges.columns().items()})
    end = 0
    for shard in rows:
        part = _merged_shard(edges, shard)
        start, end = end, end + len(part)
        for name, column in whole.columns().items():
            column[start:end] = getattr(part, name)
    for column in whole.columns().values():
        column.resize(end, refcheck=False)  # gives back what is left over, without a copy
    return whole


def rows_by_shard(shard: NDArray[np.integer], shards: int) -> list[NDArray[np.int64]]:
    """Row numbers of each shard, ascending. Work on shards stays in the processor's cache.

    Large temporaries cost more than the arithmetic on them: every fresh page must be mapped and zeroed.
    """
    order = np.argsort(shard.astype(np.uint16), kind="stable")  # 16 bits: a radix sort
    bounds = np.cumsum(np.bincount(shard, minlength=shards))
    return np.split(order, bounds[:-1])


def _merged_shard(edges: Edges, rows: Any) -> Edges:
    """The edges at these rows (positions, or a slice), merged."""
    key = (edges.domain[rows].astype(np.int64) << 32) | edges.entity[rows]
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")  # fast on sorted runs too
        key, rows = key[order], order + rows.start if isinstance(rows, slice) else rows[order]
    new = np.ones(len(key), dtype=np.bool_)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    starts = None if new.all() else np.flatnonzero(new)

    def reduced(values: NDArray[np.int64], by: np.ufunc) -> NDArray[np.int64]:
        return values[rows] if starts is None else by.reduceat(values[rows], starts)

    key = key if starts is None else key[starts]
    return replace(
        edges,
        domain=(key >> 32).astype(np.int32),
        entity=(key & 0xFFFF_FFFF).astype(np.int32),
        first_seen=reduced(edges.first_seen, np.minimum),
        last_seen=reduced(edges.last_seen, np.maximum),
        count=None if edges.count is None else reduced(edges.count, np.maximum),
    )


def capped(edges: Edges, most: int) -> tuple[Edges, int]:
    """At most that many edges a domain, those seen first (ties: lower entity id), and how many were dropped.

    In and out distinct and sorted.
    """
    degree = np.bincount(edges.domain) if len(edges) else np.zeros(0, dtype=np.int64)
    if not np.any(degree > most):
        return edges, 0
    order = np.lexsort((edges.entity, edges.first_seen, edges.domain))
    start = np.repeat(np.cumsum(degree) - degree, degree)
    kept = np.sort(order[np.arange(len(edges)) - start < most])
    return edges.take(kept), len(edges) - len(kept)


def inherited(edges: Edges, parent: NDArray[np.int64], since: NDArray[np.int64]) -> Edges:
    """The edges, and for each domain those of its parent, known from when both were; distinct and sorted.

    Args:
        edges: distinct and sorted.
        parent: domain to inherit from, -1 for none, [domains].
        since: when each domain was first seen, [domains].
    """
    degree = np.bincount(edges.domain, minlength=len(parent))
    heirs = np.flatnonzero((parent >= 0) & (degree[np.maximum(parent, 0)] > 0))
    if not len(heirs):
        return edges
    share = degree[parent[heirs]]
    start = (np.cumsum(degree) - degree)[parent[heirs]]
    own = np.repeat(np.cumsum(share) - share, share)
    source = np.repeat(start, share) + np.arange(len(own)) - own
    heir = np.repeat(heirs, share)
    first_seen = np.maximum(edges.first_seen[source], since[heir])
    return merged(
        Edges(
            domain=np.concatenate([edges.domain, heir.astype(np.int32)]),
            entity=np.concatenate([edges.entity, edges.entity[source]]),
            entities=edges.entities,
            first_seen=np.concatenate([edges.first_seen, first_seen]),
            last_seen=np.concatenate([edges.last_seen, np.maximum(edges.last_seen[source], first_seen)]),
        )
    )


def with_entities(edges: Edges, entity_of: NDArray[np.int32], entities: pa.Array) -> Edges:
    """The edges moved from their entities to others, `entity_of` [old entities]; -1 drops an edge."""
    moved = replace(edges, entity=entity_of[edges.entity], entities=entities)
    return moved if (entity_of >= 0).all() else moved.take(moved.entity >= 0)


def to_relation(name: str, edges: Edges, domains: int) -> Relation:
    """The relation of distinct, sorted edges; entities that lost all their edges are left out."""
    degree = np.bincount(edges.entity, minlength=len(edges.entities))
    if not degree.all():
        kept = np.flatnonzero(degree)
        entity_of = np.full(len(degree), -1, dtype=np.int32)
        entity_of[kept] = np.arange(len(kept), dtype=np.int32)
        edges, degree = with_entities(edges, entity_of, edges.entities.take(pa.array(kept))), degree[kept]
    indptr = np.zeros(domains + 1, dtype=np.int64)
    np.cumsum(np.bincount(edges.domain, minlength=domains), out=indptr[1:])
    return Relation(
        name=name,
        entities=edges.entities,
        indptr=indptr,
        indices=edges.entity.astype(np.int32, copy=False),
        first_seen=edges.first_seen.astype(np.int64, copy=False),
        last_seen=edges.last_seen.astype(np.int64, copy=False),
        weight=damping(degree)[edges.entity],
    )
