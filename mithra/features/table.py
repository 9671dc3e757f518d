"""All features of a domain by itself at a moment: its name, its registration, what it resolves to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.features.columns import FeatureTable
from mithra.features.lexical import lexical
from mithra.features.registration import registration
from mithra.features.resolution import resolution
from mithra.graph.snapshot import Snapshot

__all__ = ["FeatureTable", "feature_table"]


def feature_table(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> FeatureTable:
    """Features of examples (domain, time), [examples, features], NaN where missing.

    Nothing first seen after an example's time changes its row. The columns of `resolution.TENURE` are there
    for reports and have to be left out of a model's input.

    Args:
        domains: ids of domains, [examples].
        at: epoch seconds at which each is looked at, [examples].
    """
    domains, at = np.asarray(domains, np.int64), np.asarray(at, np.int64)
    if domains.shape != at.shape or domains.ndim != 1:
        raise UsageError("an example is one domain and one time", value=(domains.shape, at.shape))
    if len(domains) and (domains.min() < 0 or domains.max() >= len(snapshot)):
        raise UsageError(
            "no such domain in the snapshot", value=int(domains.max()), hint=f"It holds {len(snapshot)}"
        )
    distinct, row = np.unique(domains, return_inverse=True)
    spelled = lexical(snapshot.names.take(pa.array(distinct))).take(row)
    return spelled.concat(registration(snapshot, domains, at)).concat(resolution(snapshot, domains, at))
