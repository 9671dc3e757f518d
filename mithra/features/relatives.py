"""What is known of the names of the same eTLD+1: since when the first has been seen, and how many there are.

How long names have been seen defines weak benign labels, so verdicts must not rest on these columns; whose a
name is may.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.snapshot import Snapshot

__all__ = ["relatives"]

DAY_SECONDS = 86_400.0


def relatives(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> FeatureTable:
    """Features of examples (domain, time), [examples, features]; times in days.

    Columns: since when the first name of the eTLD+1 has been seen, and how many of its names by then, without
    the example itself. NaN for undated records.

    Args:
        domains: ids of domains, [examples].
        at: epoch seconds at which each is looked at, [examples].
    """
    if snapshot.as_of is None:
        nothing = np.full(len(domains), np.nan)
        return FeatureTable.from_columns({"relatives_days_seen": nothing, "relatives_others": nothing})
    order = np.lexsort((snapshot.first_seen, snapshot.group))
    moments, moment = np.unique(snapshot.first_seen, return_inverse=True)
    span = len(moments) + 1
    key = snapshot.group[order].astype(np.int64) * span + moment[order]  # ascending
    own = snapshot.group[domains].astype(np.int64) * span
    first = np.searchsorted(key, own)
    count = np.searchsorted(key, own + np.searchsorted(moments, at, side="right")) - first
    earliest = snapshot.first_seen[order[first]]
    return FeatureTable.from_columns(
        {
            "relatives_days_seen": np.maximum(at - earliest, 0) / DAY_SECONDS,
            "relatives_others": np.maximum(count - (snapshot.first_seen[domains] <= at), 0),
        }
    )
