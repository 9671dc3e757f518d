"""Probabilities from logits, thresholds from budgets."""

import numpy as np

from mithra.learn.calibrate import Platt, budget_thresholds, chosen_share


def test_platt_finds_the_rate_and_keeps_the_order() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(size=20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(2 * logit - 1)))).astype(np.int8)
    platt = Platt.fit(logit, y)
    assert abs(platt.slope - 2) < 0.1
    assert abs(platt.offset + 1) < 0.1
    assert (np.argsort(platt.probability(logit)) == np.argsort(logit)).all()


def test_a_useless_ranking_is_not_turned_round() -> None:
    assert Platt.fit(np.array([1.0, 2.0, -1.0, -2.0]), np.array([0, 0, 1, 1], np.int8)).slope > 0


def test_thresholds_keep_their_budget() -> None:
    y = np.zeros(1000, np.int8)
    score = np.arange(1000) / 1000
    thresholds = budget_thresholds(score, y)
    assert (score >= thresholds["0.01"]).sum() == 10
    assert (score >= thresholds["0.001"]).sum() == 1
    assert thresholds["0.0001"] == (1 + 0.999) / 2  # less than one false positive: above all that was seen


def test_ties_never_exceed_a_budget() -> None:
    thresholds = budget_thresholds(np.full(1000, 0.4), np.zeros(1000, np.int8))
    assert all(threshold > 0.4 for threshold in thresholds.values())


def test_the_better_learner_gets_the_larger_share() -> None:
    rng = np.random.default_rng(1)
    y = (np.arange(400) % 2).astype(np.int8)
    good, noise = (y - 0.5) * 4 + rng.normal(size=400), rng.normal(size=400) * 3
    weight = np.ones(400, np.float32)
    assert chosen_share(good, noise, y, weight) == 0.75
    assert chosen_share(noise, good, y, weight) == 0.1
