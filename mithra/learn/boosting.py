"""Boosted trees, the same wherever this library trains some: one binary model, stopped on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable

__all__ = ["LabelledTable", "boosted"]

PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "metric": "average_precision",
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 10,
    "extra_trees": True,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
ROUNDS = 2000
STOPPING_ROUNDS = 100


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """Features with labels, and weights where not all rows count the same."""

    table: FeatureTable
    y: NDArray[np.int8]  # [rows]
    weight: NDArray[np.float32] | None = None  # [rows]


def boosted(
    train: LabelledTable,
    val: LabelledTable,
    *,
    seed: int,
    threads: int = 1,
    categorical: Sequence[str] = (),
) -> Any:
    """A `lightgbm.Booster`, cut at its best round on the average precision of `val`; the same for a seed.

    Args:
        categorical: columns whose numbers have no order; those that the table lacks are passed over.
    """
    import lightgbm

    names = train.table.names
    data = lightgbm.Dataset(
        train.table.values,
        train.y,
        weight=train.weight,
        categorical_feature=[names.index(name) for name in categorical if name in names],
        free_raw_data=False,
    )
    held_out = lightgbm.Dataset(val.table.values, val.y, weight=val.weight, reference=data)
    booster = lightgbm.train(
        {**PARAMETERS, "seed": seed, "num_threads": threads},
        data,
        num_boost_round=ROUNDS,
        valid_sets=[held_out],
        callbacks=[lightgbm.early_stopping(STOPPING_ROUNDS, verbose=False)],
    )
    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))
