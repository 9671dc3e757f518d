"""Pictures of a report card and of the company that a name keeps, as matplotlib figures without a window."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mithra.atomic import atomic_path
from mithra.errors import UsageError
from mithra.learn.card import ReportCard
from mithra.names import display
from mithra.score.explain import Explanation
from mithra.score.meetings import NOUNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["card_figure", "company_figure", "save_figure"]

CURVES = (
    "precision",
    "recall",
    "calibration_score",
    "calibration_rate",
    "score_nefarious",
    "score_benign",
)
NEFARIOUS, BENIGN, INK = "#c1432e", "#3b6fa0", "#555555"  # told apart by readers who see no red or green
BINS = 40
NAME_X, ENTITY_X, COMPANY_X = 0.01, 0.3, 0.68  # columns of the picture of a name's company
MAX_TEXT = 44
DOTS_PER_INCH = 130
FORMATS = (".png", ".svg", ".pdf")


def card_figure(card: ReportCard) -> Figure:
    """The picture of a report card.

    Raises:
        UsageError: a card without curves, such as one read back from JSON.
    """
    from matplotlib.figure import Figure

    missing = [name for name in CURVES if name not in card.curves]
    if missing:
        raise UsageError("the report card has no curves to draw", value=", ".join(missing))
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    precision, calibration, scores = figure.subplots(1, 3)
    _precision(precision, card)
    _calibration(calibration, card)
    _scores(scores, card)
    arrived = f"{card.arrivals:,} names that arrived {card.start[:10]} to {card.end[:10]}"
    judged = f"{card.nefarious:,} known as nefarious, {card.benign:,} taken as benign"
    mark = ", model trained on simulated data" if card.simulated else ""
    figure.suptitle(f"{arrived}: {judged}{mark}", fontsize=11)
    return figure


def company_figure(told: Explanation) -> Figure:
    """The name, what it shares with others, and some of these, each once; the listed ones are red."""
    from matplotlib.figure import Figure

    company = list(dict.fromkeys(name for place in told.shared for name in place.company))
    listed = {name for place in told.shared for name in place.company[: place.listed]}
    rows = max(len(company), 2 * len(told.shared), 2)
    figure = Figure(figsize=(13, 0.3 * rows + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(rows, 0))
    axes.set_axis_off()
    height = {name: rows * (i + 0.5) / len(company) for i, name in enumerate(company)}
    for i, place in enumerate(told.shared):
        y = rows * (i + 0.5) / len(told.shared)
        _line(axes, (NAME_X, rows / 2), (ENTITY_X, y), INK)
        for name in place.company:
            _line(axes, (ENTITY_X, y), (COMPANY_X, height[name]), NEFARIOUS if name in listed else INK)
        noun = NOUNS.get(place.relation, place.relation.replace("_", " "))
        _node(
            axes,
            ENTITY_X,
            y,
            f"{noun} {_short(place.entity)}\n{place.names:,} others, {place.listed:,} listed",
        )
    for name in company:
        _node(axes, COMPANY_X, height[name], _short(display(name)), NEFARIOUS if name in listed else INK)
    _node(axes, NAME_X, rows / 2, _short(display(told.name)), weight="bold")
    return figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, SVG or PDF, by the file's ending, whole or not at all.

    Raises:
        UsageError: another ending.
        InputError: the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in FORMATS:
        raise UsageError("unknown ending for a picture", value=path, hint=f"Use {', '.join(FORMATS)}")
    content = BytesIO()
    figure.savefig(content, format=kind[1:], dpi=DOTS_PER_INCH, metadata=_undated(kind))
    with atomic_path(target) as temporary:
        temporary.write_bytes(content.getvalue())
    return target


def _line(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axes.plot(*zip(start, end, strict=True), color=colour, linewidth=0.8, alpha=0.5, zorder=1)


def _node(axes: Axes, x: float, y: float, text: str, colour: str = INK, weight: str = "normal") -> None:
    axes.plot([x], [y], marker="o", markersize=6, color=colour, zorder=2)
    label = axes.annotate(
        text, (x, y), xytext=(7, 0), textcoords="offset points", va="center", color=colour, fontsize=8
    )
    label.set(parse_math=False, weight=weight, zorder=3)  # a dollar sign is one
    label.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5})


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _precision(axes: Axes, card: ReportCard) -> None:
    recall, precision = card.curves["recall"], card.curves["precision"]
    axes.step(recall, precision, where="post", color=NEFARIOUS, linewidth=1.8)
    share = card.nefarious / max(card.nefarious + card.benign, 1)
    axes.axhline(share, color=INK, linestyle=":", linewidth=1)
    axes.annotate("by chance", (0.99, share), ha="right", va="bottom", color=INK, fontsize=8)
    _frame(axes, "Precision against recall", "recall", "precision")
    lines = [f"{name}: AP {metrics['ap']:.3f}" for name, metrics in card.models.items() if "ap" in metrics]
    _note(axes, lines, 0.03, 0.14, va="bottom")


def _calibration(axes: Axes, card: ReportCard) -> None:
    score, rate = card.curves["calibration_score"], card.curves["calibration_rate"]
    filled = (score > 0) | (rate > 0)  # a bin that no name fell into stands at 0, 0
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1)
    axes.plot(score[filled], rate[filled], marker="o", markersize=5, color=BENIGN, linewidth=1.2)
    _frame(axes, "Calibration", "score", "share that is nefarious")
    ece = [metrics["ece"] for metrics in card.models.values() if "ece" in metrics][:1]
    _note(axes, [f"calibration error {value:.3f}" for value in ece], 0.97, 0.04, ha="right", va="bottom")


def _scores(axes: Axes, card: ReportCard) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for name, colour in (("benign", BENIGN), ("nefarious", NEFARIOUS)):
        values = card.curves[f"score_{name}"]
        axes.hist(values, edges.tolist(), histtype="stepfilled", color=colour, alpha=0.45, label=name)
    axes.axvline(card.threshold, color=INK, linewidth=1)
    axes.annotate(
        f"flagged from {card.threshold:.3f}",
        (min(card.threshold, 1), 0.5),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        rotation=90,
        color=INK,
        fontsize=8,
    )
    axes.set_yscale("symlog", linthresh=1)
    axes.legend(frameon=False, loc="upper center")
    _frame(axes, "Scores", "score", "names", unit=False)


def _frame(axes: Axes, title: str, across: str, up: str, *, unit: bool = True) -> None:
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(0, 1))
    if unit:
        axes.set_ylim(0, 1.02)
    axes.spines[["top", "right"]].set_visible(False)


def _note(axes: Axes, lines: Sequence[str], x: float, y: float, **align: Any) -> None:
    axes.text(x, y, "\n".join(lines), transform=axes.transAxes, fontsize=8, color=INK, **align)


def _undated(kind: str) -> dict[str, None]:
    """No time of writing, so that the same card gives the same bytes."""
    return {} if kind == ".png" else {"CreationDate" if kind == ".pdf" else "Date": None}
