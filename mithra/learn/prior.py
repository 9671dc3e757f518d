"""What a domain's static features say by themselves, as one number that profiles can sum.

A few boosted-tree models, each trained without a fifth of the eTLD+1 groups. A domain is always judged by the
model that has not seen its group, in training and in serving alike, so that no label reaches a profile
through the prior of a neighbour that was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.lexical import CATEGORICAL
from mithra.learn.boosting import BOOSTING

__all__ = ["FOLDS", "Prior", "fold_of"]

FOLDS = 5
ROUNDS = 150
TREES = {**BOOSTING, "learning_rate": 0.04}


def fold_of(groups: pa.Array) -> NDArray[np.int8]:
    """Fold of each eTLD+1, by its name alone, so that it is the same in every snapshot."""
    return np.fromiter(
        (crc32(group.encode()) % FOLDS if group else 0 for group in groups.to_pylist()), np.int8, len(groups)
    )


@dataclass(frozen=True, eq=False)
class Prior:
    """`boosters[k]` was trained without the groups of fold k."""

    boosters: tuple[Any, ...]  # lightgbm.Booster

    @classmethod
    def fit(
        cls,
        static: FeatureTable,
        y: NDArray[np.int8],
        weight: NDArray[np.float32],
        fold: NDArray[np.int8],
        *,
        seed: int,
        threads: int,
    ) -> Prior:
        """Fit on training examples; `fold`, [examples], of their eTLD+1."""
        import lightgbm

        categorical = [static.names.index(name) for name in CATEGORICAL if name in static.names]
        boosters = []
        for left_out in range(FOLDS):
            kept = fold != left_out
            data = lightgbm.Dataset(
                static.values[kept], y[kept], weight=weight[kept], categorical_feature=categorical
            )
            parameters = {**TREES, "seed": seed, "num_threads": threads}
            boosters.append(lightgbm.train(parameters, data, num_boost_round=ROUNDS))
        return cls(tuple(boosters))

    def logits(self, static: FeatureTable, fold: NDArray[np.int8]) -> NDArray[np.float32]:
        """Log-odds by static features, each from the model that has not seen the group, [domains]."""
        result = np.zeros(len(static), dtype=np.float32)
        for left_out, booster in enumerate(self.boosters):
            rows = np.flatnonzero(fold == left_out)
            if len(rows):
                result[rows] = booster.predict(static.values[rows], raw_score=True)
        return result
