"""How good a ranking of names is: metrics of binary scores, with the honesty rules of the report card.

In come the truth (1 nefarious, 0 benign) and scores of the same length; higher scores are worse names. Recall
is read at false-positive rates so small that few benign names decide it: it carries a bootstrap interval, and
where fewer than ten false positives are allowed at all it says that it is not measurable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mithra.errors import UsageError

__all__ = [
    "RateResult",
    "average_precision",
    "balanced_accuracy",
    "binary_metrics",
    "calibration_error",
    "f1",
    "measurable",
    "precision_at_k",
    "rate_interval",
    "recall_at_fpr",
    "roc_auc",
]

MIN_FALSE_POSITIVES = 10  # a rate that allows fewer on this many benign names is not measurable
ECE_BINS = 15


@dataclass(frozen=True)
class RateResult:
    """Recall at a false-positive rate, with a 95 % bootstrap interval."""

    rate: float  # the allowed share of benign names that score at or above the threshold
    recall: float
    low: float
    high: float
    threshold: float  # lowest score that is flagged; inf where nothing may be
    measurable: bool  # rate × benign names >= MIN_FALSE_POSITIVES

    def to_dict(self) -> dict[str, float | bool]:
        """The fields, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        interval = f"{self.recall:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return interval if self.measurable else f"not measurable ({interval})"


def binary_metrics(y: ArrayLike, score: ArrayLike, *, threshold: float = 0.5) -> dict[str, Any]:
    """Every metric of a benchmark record: auc, balanced_accuracy, ap, recall_at_fpr, f1, ece.

    `recall_at_fpr` maps "0.01" and "0.001" to recalls; see `recall_at_fpr()` for intervals. Balanced accuracy
    and F1 call names nefarious from `threshold` on; ece needs scores that are probabilities.

    >>> result = binary_metrics([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> result["auc"], result["balanced_accuracy"], result["recall_at_fpr"]["0.01"]
    (0.75, 0.5, 0.5)
    """
    truth, scores = _checked(y, score)
    return {
        "auc": roc_auc(truth, scores),
        "balanced_accuracy": balanced_accuracy(truth, scores, threshold=threshold),
        "ap": average_precision(truth, scores),
        "recall_at_fpr": {str(rate): _recall(truth, scores, rate)[0] for rate in (0.01, 0.001)},
        "f1": f1(truth, scores, threshold=threshold),
        "ece": calibration_error(truth, scores),
    }


def average_precision(y: ArrayLike, score: ArrayLike) -> float:
    """Area under the precision-recall curve as a step function, without interpolation."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*_checked(y, score)))


def roc_auc(y: ArrayLike, score: ArrayLike) -> float:
    """Chance that a nefarious name scores above a benign one, ties counting half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*_checked(y, score)))


def balanced_accuracy(y: ArrayLike, score: ArrayLike, *, threshold: float = 0.5) -> float:
    """Mean of recall and specificity when names are flagged from `threshold` on."""
    truth, scores = _checked(y, score)
    flagged = scores >= threshold
    return float((flagged[truth].mean() + (~flagged[~truth]).mean()) / 2)


def f1(y: ArrayLike, score: ArrayLike, *, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and recall when names are flagged from `threshold` on."""
    truth, scores = _checked(y, score)
    flagged = scores >= threshold
    return float(2 * (flagged & truth).sum() / (flagged.sum() + truth.sum()))


def recall_at_fpr(
    y: ArrayLike, score: ArrayLike, rate: float, *, bootstraps: int = 500, seed: int = 0
) -> RateResult:
    """Share of nefarious names flagged when at most `rate` of the benign ones are, ties flagged together.

    The interval is the percentile bootstrap over names, benign and nefarious drawn apart.
    """
    truth, scores = _checked(y, score)
    if not 0 < rate < 1:
        raise UsageError("a false-positive rate lies between 0 and 1", value=rate)
    recall, threshold = _recall(truth, scores, rate)
    rng = np.random.default_rng(seed)
    bad, good = scores[truth], scores[~truth]
    drawn = [
        _recall_of(rng.choice(bad, len(bad)), rng.choice(good, len(good)), rate)[0] for _ in range(bootstraps)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    return RateResult(rate, recall, float(low), float(high), threshold, measurable(rate, len(good)))


def measurable(rate: float, benign: int) -> bool:
    """Whether a false-positive rate can be told on so many benign names: ten or more would be flagged."""
    return rate * benign >= MIN_FALSE_POSITIVES


def rate_interval(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); all from 0 to 1 where there is nothing to count.

    >>> low, high = rate_interval(0, 100)
    >>> low, round(high, 3)
    (0.0, 0.037)
    """
    if not whole:
        return 0.0, 1.0
    z2, share = 1.96**2, part / whole
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = float(np.sqrt(share * (1 - share) * z2 / whole + z2**2 / (4 * whole**2))) / (1 + z2 / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def _recall(truth: NDArray[np.bool_], scores: NDArray[np.float64], rate: float) -> tuple[float, float]:
    return _recall_of(scores[truth], scores[~truth], rate)


def _recall_of(bad: NDArray[np.float64], good: NDArray[np.float64], rate: float) -> tuple[float, float]:
    """Recall and threshold: just above the highest benign score that would break the budget."""
    allowed = int(np.floor(rate * len(good) + 1e-9))
    barrier = np.partition(good, len(good) - 1 - allowed)[len(good) - 1 - allowed]
    flagged = bad[bad > barrier]
    threshold = min(flagged.min(), good[good > barrier].min(initial=np.inf)) if len(flagged) else np.inf
    return len(flagged) / len(bad), float(threshold)


def precision_at_k(y: ArrayLike, score: ArrayLike, k: int) -> float:
    """Share of nefarious names among the `k` highest scores; the order of ties is as given."""
    truth, scores = _checked(y, score)
    if not 0 < k <= len(truth):
        raise UsageError(f"k lies between 1 and the number of names, {len(truth)}", value=k)
    top = np.argsort(-scores, kind="stable")[:k]
    return float(truth[top].mean())


def calibration_error(y: ArrayLike, score: ArrayLike, *, bins: int = ECE_BINS) -> float:
    """Expected calibration error over bins of equal mass, less the part that chance alone explains.

    In each bin the squared gap between mean score and nefarious share has the variance of that share taken
    off (Kumar, Liang, Ma 2019, arXiv 1909.10155); what is left is averaged over names and never negative.
    Even a perfect model shows about .02 on 1,800 names, for the error is a mean of absolute gaps.

    Raises:
        UsageError: scores that are no probabilities.
    """
    truth, scores = _checked(y, score)
    if scores.min() < 0 or scores.max() > 1:
        raise UsageError("calibration error needs probabilities", value=(scores.min(), scores.max()))
    order = np.argsort(scores, kind="stable")
    total = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        share = truth[part].mean()
        gap = (scores[part].mean() - share) ** 2
        chance = share * (1 - share) / (len(part) - 1) if len(part) > 1 else gap
        total += len(part) * np.sqrt(max(gap - chance, 0.0))
    return float(total / len(order))


def _checked(y: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, scores = np.asarray(y), np.asarray(score, dtype=np.float64)
    if truth.shape != scores.shape or truth.ndim != 1:
        raise UsageError(
            "truth and scores must be flat and of equal length", value=(truth.shape, scores.shape)
        )
    if not np.isin(truth, (0, 1)).all():
        raise UsageError("truth must be 0 (benign) or 1 (nefarious)", hint="Leave unknown names out")
    truth = truth.astype(bool)
    if truth.all() or not truth.any():
        raise UsageError("metrics need benign and nefarious names", value=f"{truth.sum()} of {len(truth)}")
    if not np.isfinite(scores).all():
        raise UsageError("scores must be finite", value=scores[~np.isfinite(scores)][0])
    return truth, scores
