"""How far what arrives now is from what arrived before training: the population stability index (PSI).

A model keeps histograms of its inputs and of its log-odds over the names that arrived in the weeks before it
was trained, labelled or not, each as it arrived. Those of later arrivals are compared with them. Examples
of training would not do: they are drawn, and only what is labelled is among them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot

__all__ = ["ALARM", "WATCH", "Drift", "Reference", "last_arrivals", "psi"]

WATCH, ALARM = 0.1, 0.25  # customary: below .1 nothing has changed, from .25 on much has
ALARM_SHARE = 0.1  # of the inputs at or over ALARM
BROKEN = 2.5  # of any one input: hardly anything is where it was, as when a source has failed
REFERENCE_DAYS, RECENT_DAYS = 28, 14
MIN_NAMES = 500  # of fewer, chance alone moves ten bins by .04 and more
MAX_NAMES = 5_000  # drawn by chance beyond it
BINS = 10
WORST = 5  # inputs that a drift names
GROWING = ("_others_", "_listed")  # counts of company grow with what has been collected

Edges = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reference:
    """Histograms of what arrived before training: edges of bins, and counts, the last of unknown values."""

    inputs: Mapping[str, tuple[Edges, Counts]]
    score: tuple[Edges, Counts]  # of log-odds before calibration, which a calibration does not move

    @classmethod
    def of(cls, table: FeatureTable, logit: NDArray[np.float64]) -> Self:
        """Bins of equal mass over these names, fewer where many values are the same."""
        kept = [name for name in table.names if not any(part in name for part in GROWING)]
        columns = {name: _histogram(table.column(name)) for name in kept}
        return cls(columns, _histogram(logit))

    def drift(self, table: FeatureTable, logit: NDArray[np.float64], at: NDArray[np.int64]) -> Drift:
        """How far these names, judged at these times, are from it; a column that is missing has no values."""
        nothing = np.full(len(table), np.nan)
        have = set(table.names)
        found = {
            name: psi(counts, _counted(table.column(name) if name in have else nothing, edges))
            for name, (edges, counts) in self.inputs.items()
        }
        worst = sorted(found, key=lambda name: -found[name])[:WORST]
        edges, counts = self.score
        return Drift(
            start=datetime.fromtimestamp(int(at.min()), UTC).isoformat(),
            end=datetime.fromtimestamp(int(at.max()), UTC).isoformat(),
            names=len(at),
            score=psi(counts, _counted(logit, edges)),
            shifted=float(np.mean([value >= ALARM for value in found.values()])) if found else 0.0,
            worst={name: found[name] for name in worst},
        )

    def to_bytes(self) -> bytes:
        """As JSON."""
        held = {name: [edges.tolist(), counts.tolist()] for name, (edges, counts) in self.inputs.items()}
        score = [self.score[0].tolist(), self.score[1].tolist()]
        return json.dumps({"inputs": held, "score": score}, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From `to_bytes`."""
        held = json.loads(content)
        return cls({name: _read(one) for name, one in held["inputs"].items()}, _read(held["score"]))


@dataclass(frozen=True)
class Drift:
    """PSI of names judged from `start` to `end` against the reference of a model."""

    start: str
    end: str
    names: int
    score: float
    shifted: float  # share of the inputs at ALARM or over
    worst: Mapping[str, float]  # the inputs that moved most

    @property
    def level(self) -> str:
        """`alarm`, `watch` or `calm`, by the scores, by how many inputs moved, and by the worst."""
        most = max(self.worst.values(), default=0.0)
        if self.score >= ALARM or self.shifted >= ALARM_SHARE or most >= BROKEN:
            return "alarm"
        return "watch" if self.score >= WATCH or self.shifted >= ALARM_SHARE / 2 else "calm"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; PSI to three digits."""
        worst = {name: round(value, 3) for name, value in self.worst.items()}
        numbers = {"score": round(self.score, 3), "shifted": round(self.shifted, 3), "worst": worst}
        return {"level": self.level, "start": self.start, "end": self.end, "names": self.names, **numbers}


def psi(expected: Counts, found: Counts) -> float:
    """Population stability index of two histograms; an empty bin counts as half a name.

    >>> psi(np.array([50, 50]), np.array([500, 500]))
    0.0
    """
    a, b = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (expected, found))
    return float(((b - a) * np.log(b / a)).sum())


def last_arrivals(snapshot: Snapshot, days: int, arrival_hours: int, seed: int) -> Examples | None:
    """Names first seen in the last days before the snapshot's moment that have been looked at since.

    None where they are too few to compare, or where there are no dates.
    """
    if snapshot.as_of is None:
        return None
    end, wait = int(snapshot.as_of.timestamp()), arrival_hours * 3600
    seen = snapshot.first_seen
    domain = np.flatnonzero((seen >= end - days * 86_400) & (seen <= end - wait))
    if len(domain) < MIN_NAMES:
        return None
    domain = np.sort(np.random.default_rng(seed).permutation(domain)[:MAX_NAMES])
    return Examples(domain, seen[domain] + wait)


def _histogram(values: NDArray[Any]) -> tuple[Edges, Counts]:
    known = values[np.isfinite(values)]
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    return edges.astype(np.float64), _counted(values, edges)


def _counted(values: NDArray[Any], edges: Edges) -> Counts:
    """Values in each bin, and behind them those that are unknown, [bins + 1]."""
    known = np.isfinite(values)
    place = np.searchsorted(edges, values[known], side="left")
    counts = np.bincount(place, minlength=len(edges) + 1)
    return np.append(counts, (~known).sum()).astype(np.int64)


def _read(pair: list[list[float]]) -> tuple[Edges, Counts]:
    return np.array(pair[0], np.float64), np.array(pair[1], np.int64)
