"""One classification task on an undated graph, as every model that is compared gets it.

A regime says what a model may see. `etld1` and `random`: the whole graph, while labels outside of training
are hidden. `arrival`: the store holds training names only, and every other name is attached to it alone, by
its own edges. `contest_case` makes the case, with the labels of the test names taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.hubs import damping
from mithra.graph.snapshot import Relation, Snapshot
from mithra.graph.undated import NAME_RELATIONS
from mithra.learn.split import Split, check_groups, group_split, random_split

__all__ = [
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
    at: NDArray[np.int64]  # [names] epoch seconds at which each is judged; 0 on an undated graph

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

    In `arrival` the damping of hubs is that of the store. A name keeps its own records, also where nobody in
    the store shares them. Edges between names (`NAME_RELATIONS`) are no records of it: one stays only if it
    leads to a name of the store outside of the own eTLD+1. That a subdomain's apex was collected at all tells
    its label on PDNS-Net, and a name that arrives alone comes without it.

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
        relations = {
            name: _met_by_name(relation, snapshot.group, store) if name in NAME_RELATIONS else relation
            for name, relation in snapshot.relations.items()
        }
        snapshot = replace(
            snapshot,
            relations={name: _as_stored(relation, store) for name, relation in relations.items()},
        )
    return Case(snapshot, seen, split.train, split.val, split.test, regime, store, snapshot.first_seen)


def _met_by_name(relation: Relation, group: NDArray[np.int32], store: NDArray[np.bool_]) -> Relation:
    """The relation without edges to an entity where the store has nobody but the domain's own group."""
    domain, entity = relation.domain_of_edge(), relation.indices
    known = store[domain]
    stored = np.bincount(entity[known], minlength=len(relation.entities))
    groups = int(group.max(initial=0)) + 1
    pair = entity.astype(np.int64) * groups + group[domain]
    pairs, of_edge = np.unique(pair, return_inverse=True)
    kin = np.bincount(of_edge[known], minlength=len(pairs))[of_edge]
    kept = stored[entity] > kin
    degree = np.bincount(domain[kept], minlength=len(relation.indptr) - 1)
    return replace(
        relation,
        indptr=np.append(0, np.cumsum(degree)).astype(relation.indptr.dtype),
        indices=entity[kept],
        **{name: getattr(relation, name)[kept] for name in ("first_seen", "last_seen", "weight")},
    )


def _as_stored(relation: Relation, store: NDArray[np.bool_]) -> Relation:
    """The relation with hubs damped by the store's degrees."""
    in_store = store[relation.domain_of_edge()]
    degree = np.bincount(relation.indices[in_store], minlength=len(relation.entities))
    return replace(relation, weight=damping(np.maximum(degree, 1))[relation.indices])


def _regime(regime: str) -> str:
    if regime not in REGIMES:
        raise UsageError("no such regime", value=regime, hint=f"There are: {', '.join(REGIMES)}")
    return regime
