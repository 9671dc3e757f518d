"""Metrics: values worked out by hand, ties, and the rule for what cannot be measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra import metrics
from mithra.errors import UsageError

Y = [1, 0, 1, 0, 0]
S = [0.9, 0.8, 0.7, 0.2, 0.1]


def test_binary_metrics_by_hand() -> None:
    result = metrics.binary_metrics(Y, S)
    assert result["ap"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert result["auc"] == pytest.approx(5 / 6)
    assert result["balanced_accuracy"] == pytest.approx((1 + 2 / 3) / 2)
    assert result["f1"] == pytest.approx(2 * 2 / (3 + 2))
    assert result["recall_at_fpr"] == {"0.01": 0.5, "0.001": 0.5}
    assert set(result) == {"auc", "balanced_accuracy", "ap", "recall_at_fpr", "f1", "ece"}


def test_threshold_moves_the_hard_metrics() -> None:
    assert metrics.balanced_accuracy(Y, S, threshold=0.85) == pytest.approx((0.5 + 1) / 2)
    assert metrics.f1(Y, S, threshold=2) == 0


def test_recall_at_fpr_spends_the_whole_budget() -> None:
    y = [0] * 100 + [1] * 4
    score = [i / 100 for i in range(100)] + [0.985, 0.975, 0.965, 0.5]
    # one false positive of 100 is allowed: 0.99; the next benign score is 0.98
    result = metrics.recall_at_fpr(y, score, 0.01)
    assert result.recall == 0.25
    assert result.threshold == 0.985
    assert metrics.recall_at_fpr(y, score, 0.03).recall == 0.75


def test_ties_with_a_benign_name_are_not_flagged() -> None:
    result = metrics.recall_at_fpr([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], 0.01)
    assert result.recall == 0
    assert result.threshold == np.inf


@pytest.mark.parametrize(("benign", "measurable"), [(999, False), (1000, True)])
def test_rates_below_ten_false_positives_are_not_measurable(benign: int, measurable: bool) -> None:
    y = [0] * benign + [1]
    result = metrics.recall_at_fpr(y, np.linspace(0, 1, benign + 1), 0.01, bootstraps=3)
    assert result.measurable is measurable
    assert ("not measurable" in str(result)) is not measurable


def test_the_interval_holds_the_recall_and_is_fixed_by_the_seed() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 600)
    score = rng.normal(y, 1.0)
    result = metrics.recall_at_fpr(y, score, 0.05)
    assert result.low < result.recall < result.high
    assert result == metrics.recall_at_fpr(y, score, 0.05)
    assert result.to_dict()["rate"] == 0.05


def test_precision_at_k() -> None:
    assert metrics.precision_at_k(Y, S, 1) == 1
    assert metrics.precision_at_k(Y, S, 3) == pytest.approx(2 / 3)
    with pytest.raises(UsageError, match="k lies between"):
        metrics.precision_at_k(Y, S, 6)


def test_calibration_error_of_a_constant_score() -> None:
    y = np.tile([0, 0, 0, 1], 300)
    bias = metrics.calibration_error(y, np.full(1200, 0.75))
    chance = 0.25 * 0.75 / 79
    assert bias == pytest.approx(np.sqrt(0.25 - chance), abs=0.02)
    assert metrics.calibration_error(y, np.full(1200, 0.25)) < 0.02


def test_calibration_error_of_a_perfect_model_is_small() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=1800)
    y = rng.uniform(size=1800) < p
    assert metrics.calibration_error(y, p) < 0.03
    assert metrics.calibration_error(y, p**3) > 0.15


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60))
def test_recall_obeys_its_budget(rows: list[tuple[bool, int]]) -> None:
    y = np.array([bad for bad, _ in rows])
    score = np.array([s for _, s in rows], float)
    if y.all() or not y.any():
        return
    result = metrics.recall_at_fpr(y, score, 0.2, bootstraps=0)
    flagged = score >= result.threshold
    assert flagged[~y].mean() <= 0.2
    assert flagged[y].mean() == result.recall


@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([0, 1], [0.1], "equal length"),
        ([0, -1], [0.1, 0.2], "must be 0"),
        ([1, 1], [0.1, 0.2], "benign and nefarious"),
        ([0, 1], [0.1, np.nan], "finite"),
        ([0, 1], [0.1, 1.2], "probabilities"),
    ],
)
def test_wrong_input_is_refused(y: list[int], score: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metrics.binary_metrics(y, score)
