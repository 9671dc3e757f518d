"""The report card: how a model did on names that arrived after it was trained, beside the baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CardTable", "LeadTime", "ReportCard"]

TABLE_WIDTH = 110


@dataclass(frozen=True)
class LeadTime:
    """How long before a feed a model could have blocked what the feed listed later."""

    source: str
    listed: int  # arrivals that the feed listed
    caught: int  # of these, scored at or above the threshold when they arrived
    median_hours: float | None  # from score to listing, over those caught
    share_day_ahead: float | None  # of those caught, listed at least 24 hours after the score


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
    never_listed: float | None  # share of the flagged that no feed has listed by then
    truth: Mapping[str, Any] | None = None  # metrics against a simulation's hidden truth
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
        from rich.console import Console

        console = Console(file=StringIO(), force_jupyter=False, width=TABLE_WIDTH, color_system=None)
        for sentence in self.heading():
            console.print(sentence)
        console.print()
        for table in self.tables():
            console.print(_rendered(table))
        for sentence in self.closing():
            console.print(sentence)
        text: str = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
        return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"

    def heading(self) -> list[str]:
        """Sentences that stand above the tables."""
        mark = " · trained on simulation" if self.simulated else ""
        return [
            f"Names first seen {self.start} to {self.end}, judged as they arrived{mark}",
            f"{self.arrivals:,} arrivals: {self.nefarious:,} known as nefarious by {self.labels_until}, "
            f"{self.benign:,} taken as benign, {self.unlabelled:,} unlabelled and left out",
        ]

    def closing(self) -> list[str]:
        """Sentences that stand below them."""
        if self.never_listed is None:
            return []
        return [f"Of the flagged, {self.never_listed:.1%} were on no list by {self.labels_until}."]

    def tables(self) -> list[CardTable]:
        """What was measured, as text."""
        tables = [_metrics_table("Against the feeds", self.models)]
        if self.truth is not None:
            tables.append(
                _metrics_table("Against the hidden truth of the simulation", {"mithra": self.truth})
            )
        tables.append(
            CardTable(
                f"Lead over each feed, flagged at a score of {self.threshold:.3f} or more",
                ("feed", "listed", "caught", "median lead", "24 h ahead"),
                [
                    (
                        lead.source,
                        f"{lead.listed:,}",
                        f"{lead.caught:,}",
                        _hours(lead.median_hours),
                        _share(lead.share_day_ahead),
                    )
                    for lead in self.lead
                ],
            )
        )
        tables.append(
            CardTable(
                "False positives by age of registration",
                ("age", "benign", "flagged", "rate"),
                [
                    (row["age"], f"{row['benign']:,}", f"{row['flagged']:,}", _share(row["rate"]))
                    for row in self.false_positives
                ],
            )
        )
        return tables


def _metrics_table(title: str, models: Mapping[str, Mapping[str, Any]]) -> CardTable:
    rows = [
        (
            name,
            f"{metrics['ap']:.3f}",
            f"{metrics['auc']:.3f}",
            _recall(metrics["recall"]["0.01"]),
            _recall(metrics["recall"]["0.001"]),
            _recall(metrics["recall"]["0.0001"]),
            f"{metrics['ece']:.3f}",
        )
        for name, metrics in models.items()
    ]
    heads = ("model", "AP", "ROC-AUC", "R@1 %", "R@0.1 %", "R@0.01 %", "ECE")
    return CardTable(title, heads, rows)


def _rendered(table: CardTable) -> Any:
    """As rich draws it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, head in enumerate(table.heads):
        drawn.add_column(head, justify="left" if i == 0 else "right")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _recall(result: Mapping[str, Any]) -> str:
    text = f"{result['recall']:.3f} [{result['low']:.2f}, {result['high']:.2f}]"
    return text if result["measurable"] else "not measurable"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "–"
    return f"{hours / 24:.1f} days" if abs(hours) >= 48 else f"{hours:.0f} h"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
