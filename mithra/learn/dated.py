"""Boosted trees as baselines on dated records: the same examples, folds and moments as the default has.

A contest on an undated graph looks at each name once; here a name is several examples, each as of its own
moment. Training and test examples may come from two snapshots of one workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.features.lexical import lexical
from mithra.features.position import position
from mithra.features.table import feature_table
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.learn.boosting import LabelledTable, boosted, with_indicators
from mithra.learn.examples import LabelledExamples
from mithra.learn.inputs import LEFT_OUT
from mithra.learn.neighbours import neighbour_table
from mithra.learn.settings import TrainSettings
from mithra.learn.split import group_folds
from mithra.learn.trees import POOLED

__all__ = ["DATED_BASELINES", "dated_scores"]

Table = Callable[[Snapshot, Examples], FeatureTable]


def dated_scores(
    baseline: str,
    before: Snapshot,
    chosen: LabelledExamples,
    later: Snapshot,
    asked: Examples,
    settings: TrainSettings,
) -> NDArray[np.float64]:
    """Scores of the asked examples of a later snapshot, [asked], by trees that learnt from chosen ones.

    As many members as the default has, each leaving out another fold of the groups, on which it is stopped.

    Args:
        baseline: a name of `DATED_BASELINES`.
    """
    fold = group_folds(chosen.group, settings.folds, seed=settings.seed)
    logits = [
        member.predict(test.values, raw_score=True)
        for table in DATED_BASELINES[baseline]
        for known, test in [_tables(table, before, chosen.examples, later, asked)]
        for member in _members(known, chosen, fold, settings)
    ]
    return np.asarray(1 / (1 + np.exp(-np.mean(logits, axis=0))))


def _tables(
    table: Table, before: Snapshot, learnt: Examples, later: Snapshot, asked: Examples
) -> tuple[FeatureTable, FeatureTable]:
    """The table of both kinds of examples, with the same columns; suffixes are those that training knows."""
    known, test = table(before, learnt), table(later, asked)
    names = tuple(name for name in known.names if name in set(test.names))
    both = FeatureTable(names, np.concatenate([known.select(names).values, test.select(names).values]))
    rows = np.arange(len(learnt))
    both = with_indicators(both, rows)
    return both.take(rows), both.take(np.arange(len(learnt), len(both)))


def _members(
    known: FeatureTable, chosen: LabelledExamples, fold: NDArray[np.int64], settings: TrainSettings
) -> list[Any]:
    members = []
    for k in range(settings.members):
        out = fold == k % settings.folds
        parts = [
            LabelledTable(known.take(rows), chosen.y[rows], chosen.weight[rows])
            for rows in (np.flatnonzero(~out), np.flatnonzero(out))
        ]
        members.append(boosted(*parts, seed=settings.seed * 1000 + k, threads=settings.threads))
    return members


def _names_alone(snapshot: Snapshot, examples: Examples) -> FeatureTable:
    return lexical(snapshot.names.take(pa.array(examples.domain)))


def _neighbours(snapshot: Snapshot, examples: Examples) -> FeatureTable:
    """Own features and statistics of the company; nobody arrives with relatives, so none of the eTLD+1."""
    return _own_and_company(snapshot, examples, None)


def _neighbours_and_names(snapshot: Snapshot, examples: Examples) -> FeatureTable:
    """The same, and the mean spelling of the company."""
    return _own_and_company(snapshot, examples, lexical(snapshot.names).select(POOLED))


def _own_and_company(snapshot: Snapshot, examples: Examples, pooled: FeatureTable | None) -> FeatureTable:
    own = feature_table(snapshot, examples.domain, examples.at)
    own = own.select([name for name in own.names if name not in LEFT_OUT])
    company = neighbour_table(
        snapshot,
        examples,
        store=np.ones(len(snapshot), bool),
        relations=[name for name in snapshot.relations if name != "etld_plus_one"],
        values=pooled,
    )
    placed = position(snapshot, examples.domain, examples.at)
    return own.concat(placed).concat(given(snapshot, examples.domain)).concat(company)


DATED_BASELINES: Mapping[str, tuple[Table, ...]] = {
    "trees-neighbours": (_neighbours, _neighbours_and_names),
    "trees-lexical": (_names_alone,),
}
