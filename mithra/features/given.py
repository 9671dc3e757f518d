"""Features that a user or a data set brings with its names: numeric facts columns called `given_*`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.features.columns import FeatureTable
from mithra.graph.snapshot import Snapshot

__all__ = ["GIVEN_PREFIX", "given"]

GIVEN_PREFIX = "given_"
NUMERIC = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)


def given(snapshot: Snapshot, domains: NDArray[np.int64] | None = None) -> FeatureTable:
    """The given features of these domains (None: of all), [domains, features]; NaN where null.

    Raises:
        UsageError: a column of that prefix that holds no numbers.
    """
    domains = np.arange(len(snapshot)) if domains is None else domains
    names = [name for name in snapshot.facts.column_names if name.startswith(GIVEN_PREFIX)]
    if not names:
        return FeatureTable((), np.empty((len(domains), 0), dtype=np.float32))
    rows = pa.array(domains)
    columns = {}
    for name in names:
        column = snapshot.facts[name]
        if not any(is_kind(column.type) for is_kind in NUMERIC):
            raise UsageError("a given feature must be a number", value=name)
        columns[name] = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).take(rows))
    return FeatureTable.from_columns(columns)
