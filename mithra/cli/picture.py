"""The demo's picture: how well arrivals are ranked, how scores part, and how long before the feeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.atomic import atomic_path

if TYPE_CHECKING:
    from mithra.learn.card import ReportCard
    from mithra.score.scores import Scores

__all__ = ["draw"]

INK, RED, BLUE, GREY = "#333333", "#c0392b", "#2e6f9e", "#9aa5b1"
BINS = 40


def draw(card: ReportCard, scores: Scores, truth: pa.Table, path: Path) -> None:
    """Write a PNG of three panels.

    Args:
        truth: columns `name` and `verdict`, of the scored names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    _precision(left, card)
    _histogram(middle, scores, truth)
    _lead(right, card)
    figure.suptitle("mithra on a simulated world", x=0.01, ha="left", color=INK, fontsize=13)
    with atomic_path(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=110, metadata={"Software": None})


def _precision(axes: Any, card: ReportCard) -> None:
    """Precision over recall of arrivals, and the average precision of each baseline."""
    axes.plot(card.curves["recall"], card.curves["precision"], color=RED, lw=2, drawstyle="steps-post")
    share = card.nefarious / max(card.nefarious + card.benign, 1)
    axes.axhline(share, color=GREY, lw=1, ls=":")
    axes.text(1, share + 0.015, f"by chance {share:.3f}", ha="right", color=GREY, fontsize=8)
    lines = [f"{name}  {metrics['ap']:.3f}" for name, metrics in card.models.items()]
    axes.text(
        0.97, 0.95, "average precision\n" + "\n".join(lines), transform=axes.transAxes, ha="right", va="top",
        fontsize=8, color=INK, family="monospace",
        bbox={"facecolor": "white", "edgecolor": GREY, "alpha": 0.85, "boxstyle": "round,pad=0.4"},
    )  # fmt: skip
    _dress(axes, f"{card.arrivals:,} names as they arrived", "recall", "precision")
    axes.set(xlim=(0, 1), ylim=(0, 1.03))


def _histogram(axes: Any, scores: Scores, truth: pa.Table) -> None:
    """Scores of all names by what they are in truth; counts on a log scale."""
    table = scores.to_arrow()
    place = pc.index_in(table["name"], value_set=truth["name"].combine_chunks())
    verdict = truth["verdict"].combine_chunks().take(place.combine_chunks())
    bad = np.asarray(pc.fill_null(pc.equal(verdict, "nefarious"), False))
    score = table["score"].to_numpy()
    edges = np.linspace(0, 1, BINS + 1)
    for chosen, colour, name in ((~bad, BLUE, "honest"), (bad, RED, "nefarious")):
        label = f"{name} ({int(chosen.sum()):,})"
        axes.hist(score[chosen], bins=edges, color=colour, alpha=0.55, label=label, log=True)
    axes.axvline(scores.thresholds.get("0.001") or 1, color=INK, lw=1, ls="--")
    axes.legend(frameon=False, fontsize=8)
    _dress(axes, "all names at the end, by hidden truth", "score (dashed: blocks from here)", "names")


def _lead(axes: Any, card: ReportCard) -> None:
    """What each feed listed of the arrivals, what had been flagged before, and by how much."""
    feeds = list(card.lead)
    at = np.arange(len(feeds))
    axes.barh(at + 0.2, [feed.listed for feed in feeds], height=0.38, color=GREY, label="listed later")
    axes.barh(at - 0.2, [feed.caught for feed in feeds], height=0.38, color=RED, label="flagged on arrival")
    for place, feed in zip(at, feeds, strict=True):
        if feed.median_hours is not None:
            text = f" median {feed.median_hours / 24:.1f} days earlier"
            axes.text(feed.caught, place - 0.2, text, va="center", fontsize=8, color=INK)
    axes.set_yticks(at, [feed.source for feed in feeds])
    axes.legend(frameon=False, fontsize=8)
    _dress(axes, "arrivals that a feed listed", "names", "")


def _dress(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
