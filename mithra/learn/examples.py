"""Which (domain, time) pairs a model is trained on, with what label and weight.

A name counts from its arrival: one example a little after it was first seen, one at a random later moment of
the window, so that the model knows both. A name from before the window is looked at once, at a random moment.
Labels are those known at the snapshot's time; unlisted is unlabelled until the waiting window has passed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InputError
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.graph.verdicts import by_analyst, standing
from mithra.learn.settings import TrainSettings

__all__ = ["BENIGN", "NEFARIOUS", "UNLABELLED", "LabelledExamples", "domain_labels", "training_examples"]

NEFARIOUS, BENIGN, UNLABELLED = 1, 0, -1
DAY_SECONDS = 86_400
MIN_OF_EACH = 10


@dataclass(frozen=True, eq=False)
class LabelledExamples:
    """Examples with their labels."""

    examples: Examples
    y: NDArray[np.int8]  # [examples] 1 nefarious, 0 benign
    weight: NDArray[np.float32]  # [examples]
    group: NDArray[np.int32]  # [examples] eTLD+1

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> LabelledExamples:
        """The examples at these positions."""
        return LabelledExamples(self.examples.take(rows), self.y[rows], self.weight[rows], self.group[rows])


def domain_labels(
    snapshot: Snapshot, settings: TrainSettings
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Label and weight of every domain of the snapshot, by what was known at its time.

    Where sources disagree the labels count that stand (`mithra.graph.verdicts`). Nefarious: listed, unless
    popular for weeks and no analyst says so. Benign: explicitly so, popular for weeks, or weakly when seen
    for longer than the waiting window with nobody of its eTLD+1 listed.
    """
    size = len(snapshot)
    listed, allowed, answered = (np.zeros(size, bool) for _ in range(3))
    labels = snapshot.labels.filter(pa.array(standing(snapshot.labels)))
    if labels.num_rows:
        domain = np.asarray(labels["domain"]).astype(np.int64)
        is_bad = np.asarray(pc.equal(labels["verdict"], "nefarious"))
        listed[domain[is_bad]] = True
        allowed[domain[~is_bad]] = True
        answered[domain[is_bad & by_analyst(labels)]] = True
    popular = _popular(snapshot, settings.popular_days)
    y = np.full(size, UNLABELLED, dtype=np.int8)
    weight = np.ones(size, dtype=np.float32)
    if snapshot.as_of is not None:
        waited = snapshot.first_seen <= snapshot.as_of.timestamp() - settings.waiting_days * DAY_SECONDS
        clean = np.bincount(snapshot.group[listed], minlength=len(snapshot.groups)) == 0
        weak = waited & clean[snapshot.group]
        y[weak], weight[weak] = BENIGN, settings.weak_weight
    y[listed], weight[listed] = NEFARIOUS, 1
    good = (popular & ~answered) | allowed
    y[good], weight[good] = BENIGN, 1
    return y, weight


def training_examples(snapshot: Snapshot, settings: TrainSettings) -> LabelledExamples:
    """Examples of the window that ends at the snapshot's time.

    Raises:
        InputError: too few of one verdict to learn from.
    """
    y, weight = domain_labels(snapshot, settings)
    rng = np.random.default_rng(settings.seed)
    domain = np.flatnonzero(y != UNLABELLED)
    _check(y[domain])
    if snapshot.as_of is None:
        domain, weight = _drawn(domain, y, weight, settings.max_examples, rng)
        return LabelledExamples(
            Examples(domain, np.zeros(len(domain), np.int64)),
            y[domain],
            weight[domain],
            snapshot.group[domain],
        )

    domain, weight = _drawn(domain, y, weight, settings.max_examples // 2, rng)
    end = int(snapshot.as_of.timestamp())
    start = end - settings.window_days * DAY_SECONDS
    seen = snapshot.first_seen[domain]
    arrival = np.minimum(seen + settings.arrival_hours * 3600, end)
    later = rng.integers(np.maximum(arrival, start), end + 1)
    arrived = seen >= start
    domain = np.concatenate([domain[arrived], domain])
    at = np.concatenate([arrival[arrived], later])
    return LabelledExamples(Examples(domain, at), y[domain], weight[domain], snapshot.group[domain])


def _popular(snapshot: Snapshot, days: int) -> NDArray[np.bool_]:
    if "popular_days" not in snapshot.facts.column_names:
        return np.zeros(len(snapshot), bool)
    on_list = np.asarray(pc.fill_null(snapshot.facts["popular_days"], 0))
    popular: NDArray[np.bool_] = on_list >= days
    return popular


def _drawn(
    domain: NDArray[np.int64],
    y: NDArray[np.int8],
    weight: NDArray[np.float32],
    most: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """At most that many domains, ascending, and the weights [all domains] of those kept raised accordingly.

    All nefarious ones stay if they are at most half; the weight of each verdict stays what it was, so that
    the base rate does.
    """
    if len(domain) <= most:
        return domain, weight
    bad, good = domain[y[domain] == NEFARIOUS], domain[y[domain] == BENIGN]
    kept_bad = rng.permutation(bad)[: max(most // 2, most - len(good))]
    kept_good = rng.permutation(good)[: most - len(kept_bad)]
    weight = weight.copy()
    weight[kept_bad] *= len(bad) / len(kept_bad)
    weight[kept_good] *= len(good) / len(kept_good)
    return np.sort(np.concatenate([kept_bad, kept_good])), weight


def _check(y: NDArray[np.int8]) -> None:
    counts = {"nefarious": int((y == NEFARIOUS).sum()), "benign": int((y == BENIGN).sum())}
    for verdict, count in counts.items():
        if count < MIN_OF_EACH:
            raise InputError(
                f"too few {verdict} examples to learn from",
                value=count,
                hint="Ingest block lists whose names the observations hold, and popularity lists or explicit "
                "benign labels known before as_of; `mithra status` shows what the workspace has",
            )
