"""The demo's picture: the ranking against the hidden truth, and names as they arrived against the feeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.explain.picture import save_figure

if TYPE_CHECKING:
    from mithra.learn.card import ReportCard
    from mithra.score.scores import Scores

__all__ = ["Ranked", "draw", "ranked_names"]

INK, RED, BLUE, GREY = "#333333", "#c1432e", "#3b6fa0", "#8d99a6"
BINS = 40
BLOCK_RATE = "0.001"  # the false-positive rate that a policy blocks at by default


@dataclass(frozen=True, eq=False)
class Ranked:
    """Scored names, the worst first."""

    name: pa.Array  # [names]
    score: NDArray[np.float64]  # [names]
    nefarious: NDArray[np.bool_]  # [names] in truth
    listed: NDArray[np.bool_]  # [names] by a feed, when they were scored


def ranked_names(scores: Scores, truth: pa.Table, listed: pa.Array) -> Ranked:
    """Scores beside what is true of their names.

    Args:
        truth: columns `name` and `verdict`.
        listed: names on a list.
    """
    table = scores.to_arrow().sort_by("rank")
    name = table["name"].combine_chunks()
    place = pc.index_in(name, value_set=truth["name"].combine_chunks())
    verdict = truth["verdict"].combine_chunks().take(place)
    return Ranked(
        name,
        table["score"].to_numpy(),
        np.asarray(pc.fill_null(pc.equal(verdict, "nefarious"), False)),
        np.asarray(pc.is_in(name, value_set=listed)),
    )


def draw(card: ReportCard, ranked: Ranked, thresholds: Mapping[str, float | None], path: Path) -> None:
    """Write the picture, three panels, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _worst(left, ranked)
    _histogram(middle, ranked, thresholds.get(BLOCK_RATE))
    _arrivals(right, card)
    figure.suptitle("mithra on a simulated world", x=0.01, ha="left", color=INK, fontsize=13)
    save_figure(figure, path)


def _worst(axes: Any, ranked: Ranked) -> None:
    """What share of the k worst names is nefarious, and what share some feed knows."""
    k = np.arange(1, len(ranked.score) + 1)
    bad, known = np.cumsum(ranked.nefarious) / k, np.cumsum(ranked.nefarious & ranked.listed) / k
    axes.fill_between(k, known, bad, color=RED, alpha=0.15, lw=0, label="on no list yet")
    axes.plot(k, bad, color=RED, lw=2, label="nefarious")
    axes.plot(k, known, color=GREY, lw=1.5, label="nefarious and listed by a feed")
    axes.set(xscale="log", xlim=(10, len(k)), ylim=(0, 1.03))
    axes.legend(frameon=False, fontsize=8)
    _dress(axes, "The k worst names, by hidden truth", "k", "share of them")


def _histogram(axes: Any, ranked: Ranked, threshold: float | None) -> None:
    """Scores of all names by what they are in truth; counts on a log scale."""
    edges = np.linspace(0, 1, BINS + 1)
    for chosen, colour, name in ((~ranked.nefarious, BLUE, "benign"), (ranked.nefarious, RED, "nefarious")):
        label = f"{name} ({int(chosen.sum()):,})"
        axes.hist(ranked.score[chosen], bins=edges, color=colour, alpha=0.5, label=label)
    if threshold is not None:
        axes.axvline(threshold, color=INK, lw=1, ls="--", label=f"blocks from {threshold:.3f}")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xlim(0, 1)
    axes.legend(frameon=False, fontsize=8)
    _dress(axes, "All names, by hidden truth", "score", "names")


def _arrivals(axes: Any, card: ReportCard) -> None:
    """Precision over recall of names as they arrived, against the feeds, with the baselines' averages."""
    axes.plot(card.curves["recall"], card.curves["precision"], color=RED, lw=2, drawstyle="steps-post")
    axes.axhline(card.nefarious / (card.nefarious + card.benign), color=GREY, lw=1, ls=":", label="by chance")
    lines = [f"{metrics['ap']:.3f}  {name}" for name, metrics in card.models.items()]
    if card.truth is not None:
        lines.append(f"{card.truth['ap']:.3f}  mithra, by hidden truth")
    box = {"facecolor": "white", "edgecolor": GREY, "alpha": 0.9, "boxstyle": "round,pad=0.4"}
    text = "average precision\n" + "\n".join(lines)
    axes.text(
        0.97, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=8, color=INK, bbox=box
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    axes.legend(frameon=False, fontsize=8, loc="center right")
    _dress(axes, f"{card.arrivals:,} names as they arrived, by the feeds", "recall", "precision")


def _dress(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
