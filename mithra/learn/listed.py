"""How many of those that an example meets at its entities were on a list by then.

A listing counts from the moment that it was known, and never one of the example's own eTLD+1: the company of
`mithra.graph.company` with the listed domains alone in the store, each there from its listing on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.company import Company, Examples, companies
from mithra.graph.snapshot import Snapshot

__all__ = ["listed_since", "listed_table"]

NEVER = np.iinfo(np.int64).max
PRIOR_NAMES = 4.0  # an entity counts as if it had that many more names, listed as usual
MIN_USUAL_SHARE = 0.01


def listed_since(snapshot: Snapshot) -> NDArray[np.int64]:
    """When each domain was first known to be listed as nefarious, [domains] epoch seconds, or NEVER."""
    since = np.full(len(snapshot), NEVER)
    labels = snapshot.labels
    bad = labels.filter(pc.equal(labels["verdict"], "nefarious"))
    np.minimum.at(since, np.asarray(bad["domain"], np.int64), np.asarray(bad["known_at"], np.int64))
    return since


def listed_table(
    snapshot: Snapshot,
    examples: Examples,
    met: Mapping[str, Company],
    *,
    store: NDArray[np.bool_] | None = None,
    kin: NDArray[np.int32] | None = None,
) -> FeatureTable:
    """Three columns a relation, [examples, 3 relations]; NaN where the example has no entity in it.

    `<relation>_listed` is the sum of listed ones over the entities; `_listed_lift_most` and `_mean` are the
    logarithm of their share over a usual one, smoothed.

    Args:
        met: the company of the same examples.
        store, kin: as in `mithra.graph.company.companies`.
    """
    since = listed_since(snapshot)
    listed = since < NEVER
    there = listed if store is None else listed & store
    known = companies(snapshot, examples, store=there, kin=kin, not_before=since)
    columns: dict[str, NDArray[np.float64]] = {}
    for name, company in met.items():
        count = known[name].others.astype(np.float64)
        others = np.maximum(company.others, count)  # a domain may be listed before it has settled
        lift = np.log((count + PRIOR_NAMES * MIN_USUAL_SHARE) / ((others + PRIOR_NAMES) * MIN_USUAL_SHARE))
        entities = np.bincount(company.example, minlength=len(examples)).astype(np.float64)
        most = np.full(len(examples), -np.inf)
        np.maximum.at(most, company.example, lift)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(company.example, lift, minlength=len(examples)) / entities
        columns |= {
            f"{name}_listed": np.bincount(company.example, count, len(examples)).astype(np.float64),
            f"{name}_listed_lift_most": np.where(entities > 0, most, np.nan),
            f"{name}_listed_lift_mean": mean,
        }
    return FeatureTable.from_columns(columns)
