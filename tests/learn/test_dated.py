"""Baselines on dated records: what they learn from, and that they see nothing of their examples' future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mithra as mt
from mithra.graph.company import Examples
from mithra.learn.arrivals import arrivals
from mithra.learn.dated import DATED_BASELINES, dated_scores
from mithra.learn.examples import training_examples
from mithra.learn.replay import Truth
from mithra.metrics import roc_auc

TRAINED, END = "2026-05-20", "2026-06-05"


@pytest.fixture(scope="module")
def replayed(small_lake: Path, small_world: Path, quick_settings: mt.TrainSettings):
    before = mt.snapshot(small_lake, TRAINED)
    at = [mt.snapshot(small_lake, day).as_of for day in (TRAINED, END)]
    found = arrivals(mt.Workspace(small_lake), *at, at[1], quick_settings)
    truth = Truth.of(mt.World.open(small_world).truth(), found.names)
    return before, training_examples(before, quick_settings), found, truth


@pytest.mark.parametrize("baseline", DATED_BASELINES)
def test_they_learn_something(replayed, quick_settings: mt.TrainSettings, baseline: str) -> None:
    before, chosen, found, truth = replayed
    score = dated_scores(baseline, before, chosen, found.graph, found.examples, quick_settings)
    assert score.shape == (len(found),)
    assert ((score > 0) & (score < 1)).all()
    assert roc_auc(truth.y, score) > 0.6


def test_nothing_later_moves_a_row_of_the_table(small_lake: Path, replayed) -> None:
    _, _, found, _ = replayed
    early = mt.snapshot(small_lake, "2026-05-28")
    rows = np.flatnonzero(found.at < early.as_of.timestamp())
    asked = Examples(early.index(found.names.take(rows)).astype(np.int64), found.at[rows])
    assert len(rows) > 50
    for table in DATED_BASELINES["trees-neighbours"]:
        then, now = table(early, asked), table(found.graph, found.examples.take(rows))
        # A later capture takes the place of a registration that was known, which only takes away.
        columns = [name for name in then.names if not name.startswith("registration_")]
        np.testing.assert_allclose(then.select(columns).values, now.select(columns).values, atol=1e-5)
