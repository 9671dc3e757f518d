"""Calibration on an operator's own arrivals: what moves, what stays, and when it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mithra as mt
from mithra.errors import InputError, LeakError, UsageError
from mithra.graph.take import moment
from mithra.learn import recalibrate
from mithra.learn.arrivals import arrivals


def test_a_base_rate_moves_scores_and_thresholds_alike(
    small_model: Path, small_lake: Path, tmp_path: Path
) -> None:
    model = mt.load(small_model)
    made = mt.load(mt.calibrate(model, base_rate=0.001).save(tmp_path / "model"))
    found = arrivals(
        mt.Workspace(small_lake),
        moment("2026-05-20"),
        moment("2026-05-26"),
        moment("2026-05-26"),
        model.settings,
    )
    before, after = (one.predict(found.graph, found.examples) for one in (model, made))
    odds = np.log(0.001 / 0.999) - np.log(model.base_rate / (1 - model.base_rate))
    np.testing.assert_allclose(after.logit - before.logit, odds)
    for budget, at in model.thresholds.items():
        assert ((before.score >= at) == (after.score >= made.thresholds[budget])).all()
    assert made.digest != model.digest
    assert (made.base_rate, made.card["calibrated"]["from"]) == (0.001, model.digest)


def mean_score(scored: mt.Model, lake: Path, model: mt.Model) -> float:
    """Mean score of the arrivals that the calibration of `model` knew a label of."""
    end = moment("2026-06-09")
    found = recalibrate.arrivals(mt.Workspace(lake), model.as_of, end, end, model.settings)
    waited = found.first_seen <= end.timestamp() - model.settings.waiting_days * 86_400
    known = np.flatnonzero(waited & (found.y >= 0))
    return float(scored.predict(found.graph, found.examples.take(known)).score.mean())


def test_own_labels_move_the_mean_score_to_their_rate(
    small_model: Path, small_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mt.load(small_model)
    with pytest.raises(InputError, match="too few labelled arrivals"):
        mt.calibrate(model, small_lake, "2026-06-09")
    monkeypatch.setattr(recalibrate, "MIN_NEFARIOUS", 10)
    monkeypatch.setattr(recalibrate, "MIN_BENIGN", 50)
    made = mt.calibrate(model, small_lake, "2026-06-09")
    told = made.card["calibrated"]
    assert made.as_of == moment("2026-06-09")  # what it knows now; evaluating earlier is a leak
    assert made.base_rate == pytest.approx(told["nefarious"] / (told["nefarious"] + told["benign"]))
    assert mean_score(made, small_lake, model) == pytest.approx(made.base_rate, rel=0.02)
    with pytest.raises(LeakError):
        mt.evaluate(made, small_lake, "2026-05-25", "2026-06-05")
    rare = mt.calibrate(model, small_lake, "2026-06-09", base_rate=0.01)
    assert rare.base_rate == pytest.approx(0.01, rel=1e-3)


def test_wrong_use_is_refused(small_model: Path, small_lake: Path) -> None:
    model = mt.load(small_model)
    for arguments in ({}, {"base_rate": 0.0}, {"workspace": small_lake}):
        with pytest.raises(UsageError):
            mt.calibrate(model, **arguments)
    with pytest.raises(LeakError, match="has seen the labels"):
        mt.calibrate(model, small_lake, "2026-05-20")
