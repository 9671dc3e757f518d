"""What the registration of a domain says at a moment: age, term, registrar and state.

Age comes from the date of creation, which cannot change and may be told by a later capture. Everything else
counts only from the capture on that first told it. What is not known is NaN, and three flags say which part
of the record is there.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.snapshot import Snapshot

__all__ = ["registration"]

DAY_SECONDS = 86_400.0


def registration(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> FeatureTable:
    """Registration features of examples (domain, time), [examples, features]; ages and terms in days.

    Args:
        domains: ids of domains, [examples].
        at: epoch seconds at which each is looked at, [examples].
    """
    facts = _Facts(snapshot.facts, domains)
    created = facts.seconds("created")
    created = np.where(created <= at, created, np.nan)
    captured = facts.seconds("registration_captured")
    told = captured <= at  # False where there is no capture
    expires, updated = (np.where(told, facts.seconds(name), np.nan) for name in ("expires", "updated"))
    registrar = np.asarray(pc.is_valid(facts.column("registrar"))) & told
    first_seen = snapshot.first_seen[domains].astype(np.float64)
    first_seen = np.full(len(domains), np.nan) if snapshot.as_of is None else first_seen
    return FeatureTable.from_columns(
        {
            "registration_age": (at - created) / DAY_SECONDS,
            "registration_age_at_sight": (first_seen - created) / DAY_SECONDS,
            "registration_term": (expires - created) / DAY_SECONDS,
            "registration_remaining": (expires - at) / DAY_SECONDS,
            "registration_updated": (at - np.where(updated <= at, updated, np.nan)) / DAY_SECONDS,
            "registration_dnssec": np.where(told, facts.seconds("dnssec"), np.nan),
            "registration_statuses": np.where(told, facts.seconds("status_count"), np.nan),
            "registration_name_servers": np.where(told, facts.seconds("name_server_count"), np.nan),
            "registration_known": told,
            "registration_created_known": ~np.isnan(created),
            "registration_registrar_known": registrar,
        }
    )


class _Facts:
    """Rows of the facts table for the examples; a column that the snapshot lacks is all null."""

    def __init__(self, facts: pa.Table, domains: NDArray[np.int64]) -> None:
        self._facts, self._rows = facts, pa.array(domains)

    def column(self, name: str) -> pa.Array:
        if name not in self._facts.column_names:
            return pa.nulls(len(self._rows))
        column = self._facts[name]
        flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return flat.take(self._rows)

    def seconds(self, name: str) -> NDArray[np.float64]:
        """A numeric column with NaN for null."""
        numbers: NDArray[np.float64] = np.asarray(
            pc.fill_null(self.column(name).cast(pa.float64()), np.nan), dtype=np.float64
        )
        return numbers
