"""What all boosted trees of a model have in common (LightGBM's parameters)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BOOSTING"]

BOOSTING: Mapping[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
