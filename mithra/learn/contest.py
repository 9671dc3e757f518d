"""One classification task on an undated graph, as every model that is compared gets it.

A regime says what a model may see. `etld1` and `random`: the whole graph, while labels outside of training
are hidden. `arrival`: the store holds training names only, and every other name is attached to it alone, by
its own edges. `contest_case` makes the case and removes from it what the regime forbids, so that no
contestant has to be trusted with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.hubs import damping
from mithra.graph.snapshot import Relation, Snapshot
from mithra.learn.split import Split, check_groups, group_split, random_split

__all__ = [
    "NAME_RELATIONS",
    "REGIMES",
    "UNKNOWN",
    "Case",
    "Contestant",
    "Predict",
    "contest_case",
    "regime_split",
]

REGIMES = ("arrival", "etld1", "random")
UNKNOWN = -1
NAME_RELATIONS = ("apex", "similar")  # here the entity is another name of the collection

Positions = NDArray[np.int64]
Predict = Callable[[Positions], NDArray[np.float64]]  # positions of names -> probability of nefarious
Contestant = Callable[["Case", int], Predict]  # fits on the case with this seed


@dataclass(frozen=True, eq=False)
class Case:
    """A task: learn from `train`, stop early on `val`, predict `test`."""

    snapshot: Snapshot  # undated; holds every name, see `store`
    y: NDArray[np.int8]  # [names] 1 nefarious, 0 benign, -1 unknown or not to be seen (all of test)
    train: Positions
    val: Positions
    test: Positions
    regime: str  # one of REGIMES
    store: NDArray[np.bool_]  # [names] the names that others can meet

    @property
    def arrives(self) -> bool:
        """Whether names are scored alone, each against the store."""
        return self.regime == "arrival"


def regime_split(group: NDArray[np.int32], y: NDArray[np.int8], regime: str, seed: int) -> Split:
    """50/20/30 of the labelled names (or their groups), as positions among all names."""
    known = np.flatnonzero(y != UNKNOWN)
    if _regime(regime) == "random":
        split = random_split(len(known), seed=seed)
    else:
        split = group_split(group[known], seed=seed)
    return Split(known[split.train], known[split.val], known[split.test])


def contest_case(snapshot: Snapshot, y: NDArray[np.int8], split: Split, regime: str) -> Case:
    """The case of one regime, with test labels taken out of `y`.

    In `arrival` the damping of hubs is that of the store, and an edge to another name is gone unless that
    name is in the store and under another eTLD+1: whoever arrives cannot know what else will be collected.

    Raises:
        LeakError: parts that share a name or, except in `random`, an eTLD+1.
    """
    check_groups(
        split,
        np.arange(len(snapshot)) if _regime(regime) == "random" else snapshot.group,
        names=snapshot.names if regime == "random" else snapshot.groups,
    )
    seen = y.copy()
    seen[split.test] = UNKNOWN
    store = np.ones(len(snapshot), dtype=bool)
    if regime == "arrival":
        store[:] = False
        store[split.train] = True
        snapshot = replace(
            snapshot,
            relations={
                name: _as_stored(
                    _without_strangers(snapshot, relation, store) if name in NAME_RELATIONS else relation,
                    store,
                )
                for name, relation in snapshot.relations.items()
            },
        )
    return Case(snapshot, seen, split.train, split.val, split.test, regime, store)


def _without_strangers(snapshot: Snapshot, relation: Relation, store: NDArray[np.bool_]) -> Relation:
    """Edges to names of the store under another eTLD+1; an edge to itself stays where a name has such."""
    domain = relation.domain_of_edge().astype(np.int64)
    other = snapshot.index(relation.entities)[relation.indices]
    itself = other == domain
    met = ~itself & store[other] & (snapshot.group[other] != snapshot.group[domain])
    meets = np.zeros(len(snapshot), dtype=bool)
    meets[domain[met]] = True
    meets[other[met & store[domain]]] = True
    return _keep(relation, met | (itself & meets[domain]))


def _as_stored(relation: Relation, store: NDArray[np.bool_]) -> Relation:
    """The relation with hubs damped by the store's degrees."""
    in_store = store[relation.domain_of_edge()]
    degree = np.bincount(relation.indices[in_store], minlength=len(relation.entities))
    return replace(relation, weight=damping(np.maximum(degree, 1))[relation.indices])


def _keep(relation: Relation, kept: NDArray[np.bool_]) -> Relation:
    """The relation with these edges only; entities stay."""
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(
        relation,
        indptr=before[relation.indptr].astype(np.int64),
        indices=relation.indices[kept],
        first_seen=relation.first_seen[kept],
        last_seen=relation.last_seen[kept],
        weight=relation.weight[kept],
    )


def _regime(regime: str) -> str:
    if regime not in REGIMES:
        raise UsageError("no such regime", value=regime, hint=f"There are: {', '.join(REGIMES)}")
    return regime
