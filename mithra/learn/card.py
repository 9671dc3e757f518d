"""The report card: how a model did on names that arrived after it was trained, beside the baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.learn.replay import LeadTime

__all__ = ["CardTable", "LeadTime", "ReportCard"]


@dataclass(frozen=True)
class CardTable:
    """A table as it is shown; the first column is text, the others are figures."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class ReportCard:
    """What an evaluation found. `curves` holds arrays for plots and is not part of the JSON."""

    start: str
    end: str
    arrivals: int  # names first seen between the two
    nefarious: int  # of these, known as such by `labels_until`
    benign: int
    unlabelled: int
    labels_until: str
    threshold: float
    simulated: bool
    models: Mapping[str, Mapping[str, Any]]  # name -> metrics
    lead: Sequence[LeadTime]
    false_positives: Sequence[Mapping[str, Any]]  # by age of registration
    never_listed: float | None  # share of the flagged that no feed listed within the waiting window
    truth: Mapping[str, Any] | None = None  # metrics against a simulation's hidden truth
    model_digest: str = ""
    base_rate: Mapping[str, float | None] = field(default_factory=dict)  # shares of nefarious arrivals
    decay: Sequence[Mapping[str, Any]] = ()  # by day or week, and by model where it was trained again
    hosting: Sequence[Mapping[str, Any]] = ()  # false positives by hosting; against the truth if it is given
    coverage: Sequence[Mapping[str, Any]] = ()  # by parts of the evidence; against the truth if it is given
    campaigns: Sequence[Mapping[str, Any]] = ()  # caught, by what training could know of their campaign
    daily: Sequence[Mapping[str, Any]] = ()  # precision and recall of the k worst arrivals of every day
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # metrics with parts missing
    drift: Mapping[str, Any] | None = None  # of these arrivals, from what arrived before training
    owners: Mapping[str, Any] | None = None  # owner kinds told, against the truth
    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, for JSON."""
        card = {k: v for k, v in self.__dict__.items() if k != "curves"}
        return {**card, "lead": [asdict(lead) for lead in self.lead]}

    def write(self, path: str | Path) -> Path:
        """Write the JSON form."""
        path = Path(path)
        path.write_text(json.dumps(self.to_dict(), indent=1) + "\n")
        return path

    def to_text(self) -> str:
        """The card as plain text tables."""
        from mithra.learn.card_tables import text_of

        return text_of(self)

    def heading(self) -> list[str]:
        """Sentences that stand above the tables."""
        from mithra.learn.card_tables import heading

        return heading(self)

    def closing(self) -> list[str]:
        """Sentences that stand below them."""
        from mithra.learn.card_tables import closing

        return closing(self)

    def tables(self) -> list[CardTable]:
        """What was measured, as text; tables without rows are left out."""
        from mithra.learn.card_tables import card_tables

        return list(card_tables(self))
