"""Boosted trees, the same wherever this library trains some: one binary model, stopped on validation.

Codes of suffixes become one column each for those that training knows well, which beats LightGBM's own
categories on a few thousand names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.lexical import CATEGORICAL

__all__ = ["LabelledTable", "boosted", "with_indicators"]

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
MIN_CODE_NAMES = 15  # a suffix with fewer training names gets no column of its own


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
) -> Any:
    """A `lightgbm.Booster`, cut at its best round on the average precision of `val`; the same for a seed."""
    import lightgbm

    data = lightgbm.Dataset(train.table.values, train.y, weight=train.weight, free_raw_data=False)
    held_out = lightgbm.Dataset(val.table.values, val.y, weight=val.weight, reference=data)
    booster = lightgbm.train(
        {**PARAMETERS, "seed": seed, "num_threads": threads},
        data,
        num_boost_round=ROUNDS,
        valid_sets=[held_out],
        callbacks=[lightgbm.early_stopping(STOPPING_ROUNDS, verbose=False)],
    )
    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def with_indicators(table: FeatureTable, fitted_on: NDArray[np.int64]) -> FeatureTable:
    """The table with a 0/1 column for each frequent code in place of the columns `lexical.CATEGORICAL`.

    Args:
        fitted_on: rows whose codes are counted, the training names.
    """
    columns: dict[str, NDArray[np.generic]] = {
        name: table.column(name) for name in table.names if name not in CATEGORICAL
    }
    for name in CATEGORICAL:
        codes = table.column(name)
        known, count = np.unique(codes[fitted_on], return_counts=True)
        columns |= {f"{name}_{int(code)}": codes == code for code in known[count >= MIN_CODE_NAMES]}
    return FeatureTable.from_columns(columns)
