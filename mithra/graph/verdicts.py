"""Which labels stand where sources disagree about a name.

An analyst's label wins, then the later, then the more confident; of two that are alike in all of this the
benign one. Labels of the other verdict then do not stand: nobody trains on them and they guard nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["ANALYST", "by_analyst", "standing"]

ANALYST = "analyst:"  # begins the source of an analyst's label; the author follows


def by_analyst(labels: pa.Table) -> NDArray[np.bool_]:
    """Whether each label (column `source`) is an analyst's, [rows]."""
    return np.asarray(pc.fill_null(pc.starts_with(labels["source"], ANALYST), False), dtype=bool)


def standing(labels: pa.Table) -> NDArray[np.bool_]:
    """Whether each label stands, [rows].

    Args:
        labels: columns domain, verdict, source, known_at and confidence, as a snapshot holds them.
    """
    domain = np.asarray(labels["domain"], dtype=np.int64)
    benign = np.asarray(pc.equal(labels["verdict"], "benign"), dtype=bool)
    known_at = np.asarray(pc.fill_null(labels["known_at"], 0), dtype=np.int64)
    confidence = np.asarray(pc.fill_null(labels["confidence"], 1.0), dtype=np.float64)
    order = np.lexsort((benign, confidence, known_at, by_analyst(labels), domain))
    last = np.append(np.flatnonzero(np.diff(domain[order])), len(order) - 1) if len(order) else order
    winner = order[last]
    return np.asarray(benign == benign[winner][np.searchsorted(domain[winner], domain)])
