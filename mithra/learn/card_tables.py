"""A report card as tables of text cells, for a terminal, and as a place from which other forms take them.

Names of feeds and of baselines are strings of strangers here: cells are text, never markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from mithra.learn.card import CardTable, ReportCard
from mithra.learn.drift import ALARM
from mithra.learn.owner_told import KINDS

__all__ = ["card_tables", "closing", "heading", "text_of"]

TABLE_WIDTH = 132
NOTHING = "–"
METRICS = ("model", "AP", "ROC-AUC", "R@1 %", "R@0.1 %", "R@0.01 %", "ECE")


def heading(card: ReportCard) -> list[str]:
    """Sentences that stand above the tables."""
    mark = " · trained on simulation" if card.simulated else ""
    told = [
        f"Names first seen {card.start} to {card.end}, judged as they arrived{mark}",
        f"{card.arrivals:,} arrivals: {card.nefarious:,} known as nefarious by {card.labels_until}, "
        f"{card.benign:,} taken as benign, {card.unlabelled:,} unlabelled and left out",
    ]
    if card.base_rate:
        rate = card.base_rate
        true = "" if rate["true"] is None else f" ({_share(rate['true'])} are, in truth)"
        told.append(
            f"Of all arrivals {_share(rate['listed'])} were listed{true}; scores are calibrated for "
            f"{_share(rate['calibrated_for'])}"
        )
    return told


def closing(card: ReportCard) -> list[str]:
    """Sentences that stand below them."""
    told = []
    if card.never_listed is not None:
        told.append(f"Of the flagged, {card.never_listed:.1%} were on no list a waiting window later.")
    if card.drift is not None:
        moved = ", ".join(f"{name} {value:.2f}" for name, value in card.drift["worst"].items())
        told.append(
            f"Drift since training: {card.drift['level']}. PSI of scores {card.drift['score']:.3f}, "
            f"{card.drift['shifted']:.1%} of the inputs at {ALARM} or over; moved most: {moved}"
        )
    return told


def card_tables(card: ReportCard) -> Iterator[CardTable]:
    """The tables that have rows, in the order in which they are read."""
    yield CardTable("Against the feeds", METRICS, _metrics(card.models))
    if card.truth is not None:
        rows = _metrics({"mithra": card.truth})
        title = "Against the hidden truth of the simulation" if card.simulated else "Against the truth given"
        yield CardTable(title, METRICS, rows)
    if card.parts:
        whole = {"all there is": card.models["mithra"], **card.parts}
        yield CardTable("The same model with parts missing", METRICS, _metrics(whole))
    if card.coverage:
        yield _coverage(card)
    if card.decay:
        yield _decay(card)
    yield _lead(card)
    if card.daily:
        yield _daily(card)
    if card.campaigns:
        heads = ("campaign", "nefarious", "over the 1 % line", "over the 0.1 % line")
        rows = [
            [row["campaign"], f"{row['nefarious']:,}", *map(_interval, row["at"].values())]
            for row in card.campaigns
        ]
        yield CardTable("Nefarious arrivals caught, by what was known of their campaign", heads, rows)
    if card.owners is not None:
        yield _owners(card.owners)
    for title, column, found in (
        ("False positives by age of registration", "age", card.false_positives),
        ("False positives by hosting", "hosting", card.hosting),
    ):
        if found:
            heads = (column, "benign", "at the 1 % line", "at the 0.1 % line")
            rows = [[row[column], f"{row['benign']:,}", *map(_rate, row["at"].values())] for row in found]
            yield CardTable(title, heads, rows)


def _owners(owners: Mapping[str, Any]) -> CardTable:
    heads = ("owner kind in truth", "names", *(f"told {kind}" for kind in KINDS), "precision", "recall")
    rows = [
        [
            row["kind"],
            f"{row['names']:,}",
            *(f"{row['told'][kind]:,}" for kind in KINDS),
            _share(row["precision"]),
            _share(row["recall"]),
        ]
        for row in owners["kinds"]
    ]
    means = "; ".join(f"{name} {value:.3f}" for name, value in owners["macro_f1"].items())
    return CardTable(f"Owner kinds of names that turned nefarious then; macro F1: {means}", heads, rows)


def text_of(card: ReportCard) -> str:
    """The card as plain text."""
    from rich.console import Console

    console = Console(
        file=StringIO(), force_jupyter=False, width=TABLE_WIDTH, color_system=None, markup=False, emoji=False
    )
    for line in heading(card):
        console.print(line, highlight=False)
    console.print()
    for table in card_tables(card):
        console.print(_rich(table))
    for line in closing(card):
        console.print(line, highlight=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _rich(table: CardTable) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD)
    for i, head in enumerate(table.heads):
        made.add_column(Text(head), justify="left" if i == 0 else "right")
    for row in table.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _metrics(models: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            name,
            f"{metrics['ap']:.3f}",
            f"{metrics['auc']:.3f}",
            *(_recall(metrics["recall"][budget]) for budget in ("0.01", "0.001", "0.0001")),
            f"{metrics['ece']:.3f}",
        ]
        for name, metrics in models.items()
    ]


def _decay(card: ReportCard) -> CardTable:
    each = "week" if any(row["days"] > 1 for row in card.decay) else "day"
    several = len({row["model"] for row in card.decay}) > 1
    heads = (f"{each} from", *(["model"] if several else []), "arrivals", "nefarious", "AP", "R@1 %")
    rows = [
        [
            row["start"][:10],
            *([row["model"]] if several else []),
            f"{row['arrivals']:,}",
            f"{row['nefarious']:,}",
            NOTHING if row["ap"] is None else f"{row['ap']:.3f}",
            NOTHING if row["recall_1pct"] is None else _recall(row["recall_1pct"]),
            f"{row['flagged']:,}",
            f"{row['caught']:,}",
        ]
        for row in sorted(card.decay, key=lambda row: row["start"])
    ]
    title = f"By {each} of arrival, flagged at {card.threshold:.3f} or more, caught: on a list by the end"
    return CardTable(title, (*heads, "flagged", "caught"), rows)


def _coverage(card: ReportCard) -> CardTable:
    heads = ("parts known", "names", "nefarious", "mean score", "AP", "over the 1 % line", "verdict")
    rows = [
        [
            str(row["parts"]),
            f"{row['names']:,}",
            _share(row["nefarious"]),
            _share(row["mean_score"]),
            NOTHING if row["ap"] is None else f"{row['ap']:.3f}",
            f"{row['flagged']:,}",
            "given" if row["judged"] else "unknown",
        ]
        for row in card.coverage
    ]
    return CardTable("By parts of the evidence (resolution, name servers, registration)", heads, rows)


def _lead(card: ReportCard) -> CardTable:
    rows = [
        [
            lead.source,
            f"{lead.listed:,}",
            f"{lead.caught:,}",
            _hours(lead.median_hours),
            _share(lead.share_day_ahead),
            _share(lead.never_listed),
        ]
        for lead in card.lead
    ]
    title = f"Lead over each feed, flagged at a score of {card.threshold:.3f} or more"
    return CardTable(title, ("feed", "listed", "caught", "median lead", "24 h ahead", "never listed"), rows)


def _daily(card: ReportCard) -> CardTable:
    true = any("true_precision" in row for row in card.daily)
    keys = ("precision", "recall", *(("true_precision", "true_recall") if true else ()))
    heads = ("worst of a day", "names", *(key.replace("_", " ") for key in keys))
    rows = [
        [f"{row['k']:,}", f"{row['names']:,}", *(_share(row.get(key)) for key in keys)] for row in card.daily
    ]
    return CardTable(
        "Looking at the worst k arrivals of every day (unlisted is counted as a miss)", heads, rows
    )


def _recall(result: Mapping[str, Any]) -> str:
    text = f"{result['recall']:.3f} [{result['low']:.2f}, {result['high']:.2f}]"
    return text if result["measurable"] else f"not measurable [{result['low']:.2f}, {result['high']:.2f}]"


def _rate(share: Mapping[str, Any]) -> str:
    return _interval(share) if share["measurable"] else f"not measurable [{_span(share)}]"


def _interval(share: Mapping[str, Any]) -> str:
    return NOTHING if share["rate"] is None else f"{share['rate']:.2%} [{_span(share)}]"


def _span(share: Mapping[str, Any]) -> str:
    return f"{share['low']:.1%}, {share['high']:.1%}"


def _hours(hours: float | None) -> str:
    if hours is None:
        return NOTHING
    return f"{hours / 24:.1f} days" if abs(hours) >= 48 else f"{hours:.0f} h"


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.2%}"
