"""What a name shares with others: at each entity how many it meets there, and how many of them are listed.

The same company as the model's (`mithra.graph.company`: never those of its own eTLD+1, only what was known
at the time), counted once for many names at the snapshot's own time. Labels are those of the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.snapshot import Relation, Snapshot
from mithra.graph.verdicts import standing

__all__ = ["Listings", "Shared", "company_of", "listings", "own_edges", "shared"]

PRIOR_NAMES = 4.0  # an entity counts as if it had that many more names, listed as usual
MIN_USUAL_SHARE = 0.01
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Listings:
    """Each domain's first listing as nefarious, as far as known at the time."""

    listed: NDArray[np.bool_]  # [domains] listed, and by nobody held to be benign
    known_at: NDArray[np.int64]  # [domains] epoch seconds of the first listing; NEVER where there is none
    label: NDArray[np.int64]  # [domains] its row in the labels, -1 where there is none
    sources: NDArray[np.int64]  # [domains] sources that list it
    benign: NDArray[np.bool_]  # [domains] held to be benign by a source
    benign_label: NDArray[np.int64]  # [domains] the row that says so first, -1 where none does
    usual: float  # share of the domains that are listed, at least MIN_USUAL_SHARE


@dataclass(frozen=True, eq=False)
class Shared:
    """One relation: a pair is one name at one of its entities."""

    relation: str
    row: NDArray[np.int64]  # [pairs] position of the name in what was asked
    entity: NDArray[np.int64]  # [pairs] entity id
    others: NDArray[np.int64]  # [pairs] domains of other eTLD+1s there
    listed: NDArray[np.int64]  # [pairs] how many of them are listed
    first: NDArray[np.int64]  # [pairs] the domain among them that was listed first, -1 where none is
    lift: NDArray[np.float64]  # [pairs] log of the listed share over the usual one, smoothed

    def take(self, pairs: NDArray[np.int64] | NDArray[np.bool_]) -> Shared:
        """The pairs at these positions."""
        return Shared(
            self.relation,
            self.row[pairs],
            self.entity[pairs],
            self.others[pairs],
            self.listed[pairs],
            self.first[pairs],
            self.lift[pairs],
        )


def listings(snapshot: Snapshot, at: int) -> Listings:
    """Who was listed at `at` (epoch seconds), by the labels that stood then."""
    size = len(snapshot)
    labels = snapshot.labels
    known_at = np.asarray(labels["known_at"], dtype=np.int64)
    domain = np.asarray(labels["domain"], dtype=np.int64)
    in_time = np.flatnonzero(known_at <= at)
    stands = np.zeros(len(labels), dtype=bool)
    stands[in_time] = standing(labels.take(pa.array(in_time)))
    verdict = labels["verdict"].combine_chunks()
    bad = np.flatnonzero(_true(pc.equal(verdict, "nefarious")) & stands)
    good = np.flatnonzero(_true(pc.equal(verdict, "benign")) & stands)
    label, benign_label = _first_by(domain, known_at, bad, size), _first_by(domain, known_at, good, size)
    since = np.full(size, NEVER)
    since[label >= 0] = known_at[label[label >= 0]]
    listed = (label >= 0) & (benign_label < 0)
    return Listings(
        listed=listed,
        known_at=since,
        label=label,
        sources=_distinct_sources(labels, domain, bad, size),
        benign=benign_label >= 0,
        benign_label=benign_label,
        usual=max(float(listed.mean()) if size else 0.0, MIN_USUAL_SHARE),
    )


def shared(relation: Relation, snapshot: Snapshot, ids: NDArray[np.int64], at: int, held: Listings) -> Shared:
    """Company of these domains in one relation, entities without others left in.

    Args:
        relation: of the snapshot.
        snapshot: for groups and labels.
        ids: domains asked for, [rows].
        at: epoch seconds; edges known later do not count.
        held: who is listed.
    """
    row, entity = own_edges(relation, ids, at)
    met, place = np.unique(entity, return_inverse=True)
    domain, at_entity = _edges_at(relation, met, at)
    groups = int(snapshot.group.max(initial=0)) + 1
    kin_key = place * groups + snapshot.group[ids[row]]
    key = at_entity * groups + snapshot.group[domain]
    on_list = held.listed[domain]
    everyone = np.bincount(at_entity, minlength=len(met))[place]
    everyone_listed = np.bincount(at_entity[on_list], minlength=len(met))[place]
    others = everyone - _count_of(key, kin_key)
    listed = everyone_listed - _count_of(key[on_list], kin_key)
    first = _first_listed(domain[on_list], at_entity[on_list], snapshot.group, held, len(met))
    own_first = snapshot.group[first[0][place]] == snapshot.group[ids[row]]
    return Shared(
        relation=relation.name,
        row=row,
        entity=entity,
        others=others,
        listed=listed,
        first=np.where(listed > 0, np.where(own_first, first[1][place], first[0][place]), -1),
        lift=np.log((listed + PRIOR_NAMES * held.usual) / ((others + PRIOR_NAMES) * held.usual)),
    )


def own_edges(
    relation: Relation, ids: NDArray[np.int64], at: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(position in `ids`, entity) of every edge of these domains that was known at `at`."""
    count = relation.indptr[ids + 1] - relation.indptr[ids]
    row = np.repeat(np.arange(len(ids), dtype=np.int64), count)
    before = np.cumsum(count) - count
    edge = np.arange(len(row), dtype=np.int64) + np.repeat(relation.indptr[ids] - before, count)
    known = relation.first_seen[edge] <= at
    return row[known], relation.indices[edge[known]].astype(np.int64)


def company_of(
    relation: Relation, snapshot: Snapshot, domain: int, entity: int, at: int, held: Listings
) -> NDArray[np.int64]:
    """The domains that this one meets at an entity, listed ones first (the earliest listed leading)."""
    found, _ = _edges_at(relation, np.array([entity]), at)
    found = found[snapshot.group[found] != snapshot.group[domain]]
    since = np.where(held.listed[found], held.known_at[found], NEVER)
    return np.asarray(found[np.lexsort((found, since))])


def _edges_at(
    relation: Relation, entities: NDArray[np.int64], at: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(domain, position in `entities`) of every edge to one of these entities known at `at`."""
    position = np.full(len(relation.entities), -1, dtype=np.int64)
    position[entities] = np.arange(len(entities))
    at_entity = position[relation.indices]
    edge = np.flatnonzero((at_entity >= 0) & (relation.first_seen <= at))
    return relation.domain_of_edge()[edge].astype(np.int64), at_entity[edge]


def _count_of(keys: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each asked key occurs, [asked]."""
    distinct, count = np.unique(keys, return_counts=True)
    if not len(distinct):
        return np.zeros(len(asked), dtype=np.int64)
    place = np.minimum(np.searchsorted(distinct, asked), len(distinct) - 1)
    return np.asarray(np.where(distinct[place] == asked, count[place], 0))


def _first_listed(
    domain: NDArray[np.int64],
    at_entity: NDArray[np.int64],
    group: NDArray[np.int32],
    held: Listings,
    entities: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first listed domain at each entity and the first of another group than that one's, -1 for none."""
    order = np.lexsort((domain, held.known_at[domain], at_entity))
    domain, at_entity = domain[order], at_entity[order]
    first, second = np.full(entities, -1, dtype=np.int64), np.full(entities, -1, dtype=np.int64)
    met, place = np.unique(at_entity, return_index=True)
    first[met] = domain[place]
    other = group[domain] != group[first[at_entity]]
    met, place = np.unique(at_entity[other], return_index=True)
    second[met] = domain[other][place]
    return first, second


def _first_by(
    domain: NDArray[np.int64], known_at: NDArray[np.int64], rows: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    """The earliest of these label rows for each domain, [domains], -1 where there is none."""
    found = np.full(size, -1, dtype=np.int64)
    latest_first = rows[np.lexsort((-rows, -known_at[rows]))]
    found[domain[latest_first]] = latest_first
    return found


def _distinct_sources(
    labels: pa.Table, domain: NDArray[np.int64], rows: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    coded = pc.fill_null(labels["source"].combine_chunks(), "").dictionary_encode()
    source = np.asarray(coded.indices, dtype=np.int64)[rows]
    pairs = np.unique(domain[rows] * max(len(coded.dictionary), 1) + source)
    return np.bincount(pairs // max(len(coded.dictionary), 1), minlength=size)


def _true(flags: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=bool)
