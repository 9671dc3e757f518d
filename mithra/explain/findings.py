"""Findings: who asked for a name that needs a look, and what became of every alert.

One row is one client and one name (of a log), or one alert. Open ones come first, ranked; closed ones carry
the reason, and no client where they come from a log: nobody has to look at who asked. The same client and
name have the same `uid` in every run, so that a collector can tell an update from news.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.explain.querylog import Counts
from mithra.observe.frames import to_pandas, to_polars
from mithra.schema import TIMESTAMP

__all__ = ["SCHEMA", "Findings"]

_STRINGS = pa.list_(pa.string())

SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),  # 1 is to be looked at first; null where closed
        ("status", pa.string()),  # open or closed
        ("because", pa.string()),  # why it is closed
        ("name", pa.string()),  # canonical: scored or decided on; null where an alert names none
        ("score", pa.float64()),
        ("verdict", pa.string()),
        ("client", pa.string()),  # keyed hash as in the workspace, or the address where it was asked for
        ("clients", pa.int64()),  # that asked for the name in these logs
        ("first", TIMESTAMP),
        ("last", TIMESTAMP),
        ("count", pa.int64()),  # queries, or what the alert counts
        ("rrtypes", _STRINGS),  # asked for, where the log tells
        ("hosts", _STRINGS),  # names asked for, of those below a blocked one too; ten at most
        ("then", _STRINGS),  # what was in force when it was asked for, in order: "none 5", "block 3"
        ("blocked", pa.int64()),  # queries made while a block was in force
        ("now", pa.string()),  # what is in force now: block, watch, allow or none
        ("guard", pa.string()),  # the rule that keeps it from being blocked
        ("kinds", _STRINGS),  # kinds of evidence that speak for nefarious
        ("reasons", _STRINGS),  # evidence in words
        ("group", pa.string()),  # campaign, else eTLD+1
        ("tool", pa.string()),  # that raised the alert; null for queries
        ("title", pa.string()),  # what the tool says
        ("severity", pa.string()),  # the tool's own
        ("alert", pa.string()),  # the tool's id of it
        ("sources", _STRINGS),  # logs
        ("simulated", pa.bool_()),  # the scores or decisions behind it rest on simulated data
        ("uid", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class Findings:
    """The findings of one run, the worst first; columns as in SCHEMA. `counts` says what was read."""

    table: pa.Table
    counts: Counts

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"Findings({len(self.open):,} open, {len(self) - len(self.open):,} closed)"

    @property
    def open(self) -> pa.Table:
        """Those that need a look."""
        return self.table.filter(pc.equal(self.table["status"], "open"))

    @property
    def closed(self) -> dict[str, int]:
        """How many are closed, by reason, the most frequent first."""
        return dict(Counter(reason for reason in self.table["because"].to_pylist() if reason).most_common())

    @property
    def simulated(self) -> bool:
        """Whether a finding rests on simulated data."""
        return bool(pc.any(self.table["simulated"]).as_py())

    def to_arrow(self) -> pa.Table:
        """The table."""
        return self.table

    def to_pandas(self) -> Any:
        """A pandas frame."""
        return to_pandas(self.table)

    def to_polars(self) -> Any:
        """A polars frame."""
        return to_polars(self.table)
