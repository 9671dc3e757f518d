"""From ties to campaigns: a sparse graph between owners, its communities, and who belongs to none.

At an entity an owner is linked only to those that were first seen just before and after it, so that a hub
costs as many links as it has owners. Communities are Leiden's (Traag et al. 2019), which are connected; an
owner that its community hardly holds is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mithra.explain.ties import Owners, Sharing

__all__ = ["LONE", "communities"]

LONE = -1
NEXT_SEEN = 20  # owners at an entity, in order of first sight, that one is linked to
STRONGEST = 6  # entities of a relation that an owner is tied by
WORDING_WEIGHT = 0.5  # words are for everybody to use, places are not
FADE_SECONDS = 7 * 86_400  # first seen so far apart, half of the tie is left
RESOLUTION = 2.0  # of modularity; its optimum alone (1) makes campaigns larger as the graph grows
FULL_OWNERS = 500  # of fewer the resolution falls: one campaign may hold most of their ties
HELD = 0.05  # sum of ties into its community below which an owner is alone


def communities(owners: Owners, found: Sequence[Sharing]) -> NDArray[np.int64]:
    """The community of each owner, LONE for those without, [owners]; the same for the same ties."""
    from scipy.sparse.csgraph import connected_components

    if len(owners) < 2:
        return np.full(len(owners), LONE)
    graph = _graph(owners, found)
    if not graph.nnz:
        return np.full(len(owners), LONE)
    community = _leiden(graph)
    one, other = graph.nonzero()
    within = community[one] == community[other]
    held = np.bincount(one[within], graph.data[within], minlength=len(owners)) >= HELD
    kept = within & held[one] & held[other]
    links = csr_array((graph.data[kept], (one[kept], other[kept])), shape=graph.shape)
    _, part = connected_components(links, directed=False)
    alone = np.bincount(part)[part] < 2
    return np.where(alone, LONE, part).astype(np.int64)


def _leiden(graph: csr_array) -> NDArray[np.int64]:
    from graspologic_native import leiden_csr

    _, found = leiden_csr(
        graph.indptr.astype(np.int64),
        graph.indices.astype(np.int32),
        graph.data.astype(np.float64),
        graph.shape[0],
        resolution=RESOLUTION * min(1.0, graph.shape[0] / FULL_OWNERS),
        seed=0,
    )
    community: NDArray[np.int64] = np.arange(graph.shape[0]) + graph.shape[0]  # without a link: in none
    community[np.fromiter(found.keys(), np.int64)] = np.fromiter(found.values(), np.int64)
    return community


def _graph(owners: Owners, found: Sequence[Sharing]) -> csr_array:
    """Weights of ties between owners, symmetric: the strongest of each relation, summed, faded by time."""
    size = len(owners)
    total = csr_array((size, size), dtype=np.float64)
    for sharing in found:
        total = total + _links(owners, sharing)
    one, other = total.nonzero()
    apart = np.abs(owners.first_seen[one] - owners.first_seen[other])
    total.data = total.data / (1 + apart / FADE_SECONDS)
    return csr_array(total + total.T)


def _links(owners: Owners, sharing: Sharing) -> csr_array:
    """Of one relation, the strongest tie between any two owners, the lower one first."""
    pairs = _strongest(sharing)
    owner, entity = sharing.owner[pairs], sharing.entity[pairs]
    order = np.lexsort((owner, owners.first_seen[owner], entity))
    owner, entity = owner[order], entity[order]
    keys, weights = [np.empty(0, np.int64)], [np.empty(0)]
    for step in range(1, min(NEXT_SEEN, len(owner) - 1) + 1):
        met = entity[step:] == entity[:-step]
        one, other = owner[:-step][met], owner[step:][met]
        keys.append(np.minimum(one, other) * len(owners) + np.maximum(one, other))
        weights.append(sharing.weight[entity[step:][met]])
    key, weight = np.concatenate(keys), np.concatenate(weights)
    order = np.argsort(key, kind="stable")
    key, weight = key[order], weight[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    key, strongest = key[start], np.maximum.reduceat(weight, start) if len(start) else weight
    factor = WORDING_WEIGHT if sharing.relation == "wording" else 1.0
    size = len(owners)
    return csr_array((factor * strongest, (key // max(size, 1), key % max(size, 1))), shape=(size, size))


def _strongest(sharing: Sharing) -> NDArray[np.int64]:
    """Of each owner's pairs those with the greatest weights."""
    order = np.lexsort((sharing.entity, -sharing.weight[sharing.entity], sharing.owner))
    owner = sharing.owner[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return np.asarray(order[place < STRONGEST])
