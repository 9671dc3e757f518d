"""Whom an example meets at each entity that it shares: the index behind every aggregate over the graph.

An example is (domain, time). It meets the domains whose edge to one of its entities was known at that time,
never its kin, as a rule those of its own eTLD+1. Both conditions are differences of prefix sums over edges
sorted by (entity, time) and by (entity, eTLD+1, time), so that any sum over the company of all examples
costs one cumulative sum, in training, in batch and for one name alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mithra.graph.snapshot import Relation, Snapshot

__all__ = ["Company", "Examples", "Runs", "companies", "company_sum", "visible_edges"]


COLUMN_BLOCK = 16  # columns that are summed together


@dataclass(frozen=True, eq=False)
class Examples:
    """Domains as they stood at a moment each: (domain, at)."""

    domain: NDArray[np.int64]  # [examples] domain id
    at: NDArray[np.int64]  # [examples] epoch seconds

    def __len__(self) -> int:
        return len(self.domain)

    def take(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at these positions."""
        return Examples(self.domain[rows], self.at[rows])


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of sorted edges: pair p covers `domain[start[p]:stop[p]]`."""

    domain: NDArray[np.int64]  # [store edges] the domain of each edge, in sorted order
    start: NDArray[np.int64]  # [pairs]
    stop: NDArray[np.int64]  # [pairs]

    @property
    def length(self) -> NDArray[np.int64]:
        """Edges in each run, [pairs]."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Company:
    """One relation's meetings: a pair is one example at one of its entities."""

    example: NDArray[np.int64]  # [pairs] position in the examples
    entity: NDArray[np.int64]  # [pairs] entity id
    age: NDArray[np.int64]  # [pairs] seconds from the edge's first_seen to the example's time
    everyone: Runs  # all edges of the entity known at the time
    kin: Runs  # those among them of the example's own eTLD+1
    examples: int  # number of examples, also those without a pair

    @property
    def others(self) -> NDArray[np.int64]:
        """Domains met at each pair, own eTLD+1 left out, [pairs]."""
        return self.everyone.length - self.kin.length


def companies(
    snapshot: Snapshot,
    examples: Examples,
    *,
    store: NDArray[np.bool_] | None = None,
    kin: NDArray[np.int32] | None = None,
    not_before: NDArray[np.int64] | None = None,
) -> Mapping[str, Company]:
    """The company of every example, by relation.

    Args:
        store: [domains] whom one can meet (None: every domain of the snapshot); an example's own edges
            count whether or not it is in the store.
        kin: [domains] group of each domain, whose members never meet (None: the eTLD+1).
        not_before: [domains] epoch seconds before which nobody meets that domain.
    """
    groups = snapshot.group if kin is None else kin
    return {
        name: _company(groups, relation, examples, store, not_before)
        for name, relation in snapshot.relations.items()
    }


def visible_edges(
    relation: Relation, domains: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Position of the example and of the edge, [pairs], for every edge known by the example's time."""
    first = relation.indptr[domains]
    count = relation.indptr[domains + 1] - first
    example = np.repeat(np.arange(len(domains), dtype=np.int64), count)
    within = np.arange(len(example), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    edge = np.repeat(first, count) + within
    known = relation.first_seen[edge] <= at[example]
    return example[known], edge[known]


def company_sum(company: Company, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum of `values` [domains, columns] over the domains met at each pair, [pairs, columns], in float64."""
    return _run_sum(company.everyone, values) - _run_sum(company.kin, values)


def _run_sum(runs: Runs, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """A block of columns at a time: prefix sums of all columns of millions of edges would take gigabytes."""
    result = np.empty((len(runs.start), values.shape[1]))
    total = np.zeros((len(runs.domain) + 1, min(COLUMN_BLOCK, values.shape[1])))
    for first in range(0, values.shape[1], COLUMN_BLOCK):
        block = slice(first, min(first + COLUMN_BLOCK, values.shape[1]))
        wide = block.stop - first
        np.cumsum(values[:, block][runs.domain], axis=0, dtype=np.float64, out=total[1:, :wide])
        result[:, block] = total[runs.stop, :wide] - total[runs.start, :wide]
    return result


def _company(
    group: NDArray[np.int32],
    relation: Relation,
    examples: Examples,
    store: NDArray[np.bool_] | None,
    not_before: NDArray[np.int64] | None,
) -> Company:
    example, edge = visible_edges(relation, examples.domain, examples.at)
    at = examples.at[example]
    entity = relation.indices[edge].astype(np.int64)

    owner = relation.domain_of_edge().astype(np.int64)
    seen, target = relation.first_seen, relation.indices.astype(np.int64)
    if store is not None:
        kept = store[owner]
        owner, seen, target = owner[kept], seen[kept], target[kept]
    if not_before is not None:
        seen = np.maximum(seen, not_before[owner])
    moments, moment = np.unique(seen, return_inverse=True)
    until = np.searchsorted(moments, at, side="right")  # moments known at the example's time
    groups = int(group.max(initial=0)) + 1
    everyone = _runs(owner, target, moment, entity, until, len(moments))
    kin = _runs(
        owner,
        target * groups + group[owner],
        moment,
        entity * groups + group[examples.domain[example]],
        until,
        len(moments),
    )
    return Company(
        example=example,
        entity=entity,
        age=at - relation.first_seen[edge],
        everyone=everyone,
        kin=kin,
        examples=len(examples),
    )


def _runs(
    owner: NDArray[np.int64],
    key: NDArray[np.int64],
    moment: NDArray[np.int64],
    asked: NDArray[np.int64],
    until: NDArray[np.int64],
    moments: int,
) -> Runs:
    """Edges sorted by (key, moment); for each question its key's run up to, not including, `until`.

    Keys are made dense first: a product of entities, groups and moments can exceed 64 bits.
    """
    keys, dense = np.unique(key, return_inverse=True)
    span = moments + 1
    sort_key = dense * span + moment
    order = np.argsort(sort_key, kind="stable")
    sorted_key = sort_key[order]
    place = np.searchsorted(keys, asked)
    found = (
        (place < len(keys)) & (keys[np.minimum(place, max(len(keys) - 1, 0))] == asked)
        if len(keys)
        else np.zeros(len(asked), bool)
    )
    start = np.searchsorted(sorted_key, place * span)
    stop = np.where(found, np.searchsorted(sorted_key, place * span + until), start)
    return Runs(owner[order], start, stop)
