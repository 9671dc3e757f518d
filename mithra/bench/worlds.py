"""How well models judge names as they arrive in simulated worlds that are new to them, by the hidden truth.

A world a seed: its raw feeds are read as a user's would be, the default and two baselines are trained as of a
day on the same examples, and names that arrive in the weeks after are judged a day after their first sight.
What counts are names that no list had by then, neither them nor another of their eTLD+1. The lines (1 % and
0.1 % false positives) are drawn through the honest arrivals of that time, for every model in the same way.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.arrivals import ANY_FEED, NEVER, Arrivals, arrivals
from mithra.learn.dated import DATED_BASELINES, dated_scores
from mithra.learn.examples import BENIGN, NEFARIOUS, training_examples
from mithra.learn.replay import Truth, hosting
from mithra.learn.settings import TrainSettings
from mithra.learn.train import fit_model
from mithra.metrics import average_precision, measurable, recall_at_fpr
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace
from mithra.simulate.world import World, simulate

__all__ = ["MODEL", "Replay", "bench_world", "bench_worlds", "summary"]

MODEL = "default"
FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")
BUDGETS = (0.01, 0.001)
TENANT = "tenant of a shared suffix"
DAY_HOURS = 24

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replay:
    """Size of a world, and its days: train, then watch names arrive; what is left shows when lists follow."""

    domains: int = 50_000
    days: int = 60
    train_day: int = 28
    watch_days: int = 21

    def __post_init__(self) -> None:
        if self.train_day < 1 or self.watch_days < 1 or self.train_day + self.watch_days > self.days:
            raise UsageError(
                "training and watching must fit into the days of the world",
                value=asdict(self),
                hint="Give it more days",
            )

    @classmethod
    def of(cls, domains: int, days: int) -> Replay:
        """The default, stretched or shrunk to another length."""
        train, watch = (round(days * share / cls.days) for share in (cls.train_day, cls.watch_days))
        return cls(domains, days, train, watch)


def bench_worlds(
    seeds: Sequence[int],
    plan: Replay = Replay(),
    *,
    settings: TrainSettings = TrainSettings(),  # noqa: B008  # frozen
    folder: Path | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """One record a world and model; `summary` makes means of them.

    Args:
        seeds: of the worlds.
        folder: where to put worlds and workspaces, removed when measured; default the system's.
        progress: show what is done on stderr.
    """
    from rich.console import Console

    console, records = Console(stderr=True, quiet=not progress), []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="mithra-bench-", dir=folder) as scratch:
            with console.status(f"world {seed}: simulating and reading its feeds"):
                world = simulate(Path(scratch) / "world", domains=plan.domains, days=plan.days, seed=seed)
                lake = Workspace(Path(scratch) / "lake")
                ingest(lake, *(world.path / feed for feed in FEEDS))
            with console.status(f"world {seed}: training and replaying"):
                records += bench_world(world, lake, plan, settings)
    return records


def bench_world(world: World, lake: Workspace, plan: Replay, settings: TrainSettings) -> list[dict[str, Any]]:
    """The records of a world whose feeds are in a workspace."""
    start = datetime(world.start.year, world.start.month, world.start.day, tzinfo=UTC)
    trained, watched, end = (
        start + timedelta(days=day) for day in (plan.train_day, plan.train_day + plan.watch_days, world.days)
    )
    before = take_snapshot(lake, trained)
    chosen = training_examples(before, settings)
    found = arrivals(lake, trained, watched, end, settings)
    truth = Truth.of(world.truth(), found.names)
    tenant = hosting(found)[TENANT]
    records = []
    for name in (MODEL, *DATED_BASELINES):
        begun = time.perf_counter()
        if name == MODEL:
            score = fit_model(before, chosen, settings).predict(found.graph, found.examples).score
        else:
            score = dated_scores(name, before, chosen, found.graph, found.examples, settings)
        record = {
            "model": name,
            "seed": world.seed,
            **_judged(found, truth, tenant, score),
            "seconds": time.perf_counter() - begun,
            "training": {"nefarious": int(chosen.y.sum()), "benign": int((chosen.y == BENIGN).sum())},
            "plan": asdict(plan),
            "members": settings.members,
        }
        log.info("world %d, %s: AP %.3f", world.seed, name, record["ap"])
        records.append(record)
    return records


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, tuple[float, float] | None]]:
    """Mean over worlds and its standard error of every figure, by model; None where a world has none."""
    models = dict.fromkeys(record["model"] for record in records)
    own = {model: [_figures(r, records) for r in records if r["model"] == model] for model in models}
    return {
        model: {figure: _mean([row[figure] for row in rows]) for figure in rows[0]}
        for model, rows in own.items()
    }


def _judged(
    found: Arrivals, truth: Truth, tenant: NDArray[np.bool_], score: NDArray[np.float64]
) -> dict[str, Any]:
    """Metrics of one model's scores of the arrivals that no list had when they were judged."""
    unlisted = ~_listed_by_then(found)
    bad, good = (unlisted & (truth.y == verdict) for verdict in (NEFARIOUS, BENIGN))
    known = bad | good
    y = bad[known]
    recall = {f"{budget:g}": recall_at_fpr(y, score[known], budget).to_dict() for budget in BUDGETS}
    return {
        "arrivals": len(found),
        "listed": int((~unlisted).sum()),
        "nefarious": int(bad.sum()),
        "nefarious_groups": len(np.unique(found.graph.group[found.domain[bad]])),
        "benign": int(good.sum()),
        "benign_tenants": int((good & tenant).sum()),
        "ap": average_precision(y, score[known]),
        "recall": recall,
        "false_positives": {
            budget: _false_positives(score >= result["threshold"], good, tenant, float(budget))
            for budget, result in recall.items()
        },
        "lead": {
            budget: _lead(found, bad & (score >= result["threshold"])) for budget, result in recall.items()
        },
    }


def _listed_by_then(found: Arrivals) -> NDArray[np.bool_]:
    """Whether a name of its eTLD+1 was on a list when each was judged, [arrivals]."""
    graph = found.graph
    since = np.full(len(graph.groups), NEVER)
    bad = graph.labels.filter(pc.equal(graph.labels["verdict"], "nefarious"))
    group = graph.group[np.asarray(bad["domain"]).astype(np.int64)]
    np.minimum.at(since, group, np.asarray(bad["known_at"]).astype(np.int64))
    return np.asarray(since[graph.group[found.domain]] <= found.at)


def _false_positives(
    flagged: NDArray[np.bool_], good: NDArray[np.bool_], tenant: NDArray[np.bool_], budget: float
) -> dict[str, Any]:
    """Rates over all honest arrivals and over tenants of shared suffixes, at the same line."""
    rate, of_tenants = (float(flagged[rows].mean()) if rows.any() else None for rows in (good, good & tenant))
    return {
        "rate": rate,
        "tenants": of_tenants,
        "flagged_tenants": int((flagged & good & tenant).sum()),
        "measurable": measurable(budget, int((good & tenant).sum())),
    }


def _lead(found: Arrivals, caught: NDArray[np.bool_]) -> dict[str, Any]:
    """How long before the fastest feed those caught were flagged, over those that it lists by the end."""
    at = found.listed[ANY_FEED][caught]
    hours = (at[at != NEVER] - found.at[caught][at != NEVER]) / 3600
    return {
        "caught": int(caught.sum()),
        "listed_later": len(hours),
        "median_hours": float(np.median(hours)) if len(hours) else None,
        "share_day_ahead": float((hours >= DAY_HOURS).mean()) if len(hours) else None,
    }


def _figures(record: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The figures of a record, also beside the other models of its world."""
    figures: dict[str, float | None] = {"ap": record["ap"], "seconds": record["seconds"]}
    for budget in (f"{budget:g}" for budget in BUDGETS):
        recall = record["recall"][budget]
        told = recall["recall"] if recall["measurable"] else None
        false = record["false_positives"][budget]
        figures |= {
            f"recall_{budget}": told,
            f"tenants_{budget}": false["tenants"],
            f"tenants_ratio_{budget}": _ratio(false["tenants"], false["rate"]),
            f"median_hours_{budget}": record["lead"][budget]["median_hours"],
            f"share_day_ahead_{budget}": record["lead"][budget]["share_day_ahead"],
        }
        for other in records:
            if other["seed"] == record["seed"] and other["model"] != record["model"]:
                figures[f"times_{other['model']}_{budget}"] = _ratio(told, other["recall"][budget]["recall"])
    return figures


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _mean(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Mean and standard error; None unless every world has a value."""
    told = np.array([value for value in values if value is not None])
    if not len(told) or len(told) < len(values):
        return None
    error = float(told.std(ddof=1) / np.sqrt(len(told))) if len(told) > 1 else float("nan")
    return float(told.mean()), error
