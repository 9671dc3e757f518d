"""From logits to probabilities (Platt), and from a false-positive budget to a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUDGETS", "SHARES", "Platt", "budget_thresholds", "chosen_share"]

BUDGETS = (0.01, 0.001, 0.0001)  # false-positive rates for which a model keeps a threshold
SHARES = (0.1, 0.25, 0.5, 0.75)  # of the networks in a logit: both always have a say


@dataclass(frozen=True)
class Platt:
    """Platt scaling (Platt 1999): probability = sigmoid(slope * logit + offset)."""

    slope: float
    offset: float

    @classmethod
    def fit(
        cls, logit: NDArray[np.float64], y: NDArray[np.int8], weight: NDArray[np.float32] | None = None
    ) -> Platt:
        """Fit on held-out examples; the slope stays positive, so that the ranking never changes."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1e3).fit(logit.reshape(-1, 1), y, sample_weight=weight)
        slope = float(model.coef_[0, 0])
        return cls(max(slope, 1e-3), float(model.intercept_[0]))

    def logit(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated log-odds."""
        return self.slope * raw + self.offset

    def probability(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.logit(raw), -700, 700))), dtype=np.float64)


def budget_thresholds(score: NDArray[np.float64], y: NDArray[np.int8]) -> dict[str, float]:
    """Lowest score whose false-positive rate on these examples stays within each budget.

    Where a budget allows less than one benign example, the threshold lies halfway between the highest
    benign score and 1: above all that was seen, and no claim about the rate itself.
    """
    benign = np.sort(score[y == 0])[::-1]
    thresholds = {}
    for budget in BUDGETS:
        allowed = int(budget * len(benign))
        if allowed == 0:
            bound = (1 + float(benign[0])) / 2 if len(benign) else 1.0
        else:
            bound = float(np.nextafter(benign[allowed], 2.0)) if allowed < len(benign) else 0.0
        thresholds[f"{budget:g}"] = bound
    return thresholds


def chosen_share(
    network: NDArray[np.float64], trees: NDArray[np.float64], y: NDArray[np.int8], weight: NDArray[np.float32]
) -> float:
    """The share of the networks whose calibrated mix has the least log loss on held-out examples."""
    from sklearn.metrics import log_loss

    def loss(share: float) -> float:
        mix = share * network + (1 - share) * trees
        return float(log_loss(y, Platt.fit(mix, y, weight).probability(mix), sample_weight=weight))

    return min(SHARES, key=loss)
