"""Evaluation in time: names that arrived after training, judged on arrival, against what feeds said later.

Each name first seen between start and end is scored as it stood a day after its first sight. Truth is what
feeds had said by the end of the data; a name that nobody listed counts as benign only after the waiting
window, and is left out before. Baselines learn from the same names and are judged on the same arrivals.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InputError, LeakError
from mithra.features.registration import registration
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import moment
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.baselines import BASELINES
from mithra.learn.calibrate import BUDGETS
from mithra.learn.card import LeadTime, ReportCard
from mithra.learn.contest import Case
from mithra.learn.examples import BENIGN, NEFARIOUS, UNLABELLED, domain_labels
from mithra.learn.model import DEFAULT_BUDGET, Model
from mithra.learn.split import group_split
from mithra.metrics import binary_metrics, recall_at_fpr
from mithra.observe.workspace import Workspace

__all__ = ["evaluate"]

DAY_SECONDS = 86_400
AGES_DAYS = ((0, 30), (30, 365), (365, 1_000_000))
CURVE_POINTS = 200
CALIBRATION_BINS = 10

log = logging.getLogger(__name__)


def evaluate(
    model: Model,
    workspace: Workspace | str | Path,
    start: datetime | str,
    end: datetime | str,
    *,
    baselines: Sequence[str] = tuple(BASELINES),
    truth: pa.Table | None = None,
    progress: bool = False,
) -> ReportCard:
    """The report card of a model on names first seen from `start` to `end`.

    Args:
        baselines: names of the baselines to fit and show beside the model.
        truth: columns `name` and `verdict`, such as the hidden truth of a simulation, shown as one more row.

    Raises:
        LeakError: `start` lies before the model's `as_of`.
        InputError: nothing arrived, or the arrivals that are labelled have one verdict only.
    """
    first, last = moment(start), moment(end)
    if model.as_of is not None and first < model.as_of:
        raise LeakError(
            "the model was trained on names of the time to evaluate",
            value=first.isoformat(),
            hint=f"Start at {model.as_of.isoformat()} or later",
        )
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    until = max(last, _labels_until(workspace))
    graph = take_snapshot(workspace, last, progress=progress)
    later = take_snapshot(workspace, until, progress=progress)
    at = _moments(graph, model.settings.arrival_hours * 3600)
    arrived = np.flatnonzero((graph.first_seen >= first.timestamp()) & (graph.first_seen < last.timestamp()))
    y = _transferred(domain_labels(later, model.settings)[0], later, graph)
    known = arrived[y[arrived] != UNLABELLED]
    _check(arrived, y[known])

    judged = Examples(arrived, at[arrived])
    score = np.zeros(len(graph))
    score[arrived] = model.predict(graph, judged).score
    threshold = model.thresholds[DEFAULT_BUDGET]
    models = {"mithra": _metrics(y[known], score[known])}
    if baselines:
        case = _case(model, workspace, graph, y, at, known)
        for name in baselines:
            log.info("fitting %s", name)
            models[name] = _metrics(y[known], BASELINES[name](case, model.settings.seed)(known))
    flagged = arrived[score[arrived] >= threshold]
    return ReportCard(
        start=first.isoformat(),
        end=last.isoformat(),
        arrivals=len(arrived),
        nefarious=int((y[known] == NEFARIOUS).sum()),
        benign=int((y[known] == BENIGN).sum()),
        unlabelled=len(arrived) - len(known),
        labels_until=until.isoformat(),
        threshold=threshold,
        simulated=model.simulated,
        models=models,
        lead=_lead_times(graph, later, arrived, score, at, threshold),
        false_positives=_false_positives(graph, known[y[known] == BENIGN], score, at, threshold),
        never_listed=float((y[flagged] != NEFARIOUS).mean()) if len(flagged) else None,
        truth=None if truth is None else _against(truth, graph, arrived, score),
        curves=_curves(y[known], score[known]),
    )


def _moments(graph: Snapshot, wait_seconds: int) -> NDArray[np.int64]:
    """When each domain is judged, [domains]: a while after its first sight, at the latest at the end."""
    if graph.as_of is None:
        return np.zeros(len(graph), np.int64)
    return np.minimum(graph.first_seen + wait_seconds, int(graph.as_of.timestamp()))


def _labels_until(workspace: Workspace) -> datetime:
    labels = workspace.status().tables.get("labels")
    last = None if labels is None else labels.last
    if last is None:
        raise InputError("the workspace holds no labels to evaluate against", file=workspace.path)
    return datetime.fromtimestamp(int(last.timestamp()) + 1, UTC)


def _transferred(
    y: NDArray[np.int8], source: Snapshot, target: Snapshot, missing: int = UNLABELLED
) -> NDArray[np.int8]:
    """Values of one snapshot's domains for those of another, by name."""
    place = source.index(target.names)
    return np.where(place >= 0, y[np.maximum(place, 0)], missing).astype(np.int8)


def _check(arrived: NDArray[np.int64], y: NDArray[np.int8]) -> None:
    if not len(arrived):
        raise InputError(
            "no name was first seen in that time", hint="`mithra status` shows the dates there are"
        )
    if not len(y) or y.min() == y.max():
        raise InputError(
            "the arrivals that are labelled have one verdict only",
            value={"labelled": len(y)},
            hint="A longer time is needed, or labels that reach further",
        )


def _case(
    model: Model,
    workspace: Workspace,
    graph: Snapshot,
    y: NDArray[np.int8],
    at: NDArray[np.int64],
    test: NDArray[np.int64],
) -> Case:
    """What the baselines learn from: the same labels as the model, each name as it arrived."""
    before = graph if model.as_of is None else take_snapshot(workspace, model.as_of)
    learnt = _transferred(domain_labels(before, model.settings)[0], before, graph)
    learnt[test] = UNLABELLED
    rows = np.flatnonzero(learnt != UNLABELLED)
    rows = rows[~np.isin(graph.group[rows], graph.group[test])]
    rng = np.random.default_rng(model.settings.seed)
    rows = np.sort(rng.permutation(rows)[: model.settings.max_examples])
    share = 1 / model.settings.folds
    split = group_split(graph.group[rows], (1 - share, share, 0.0), seed=model.settings.seed)
    return Case(
        snapshot=graph,
        y=learnt,
        train=rows[split.train],
        val=rows[split.val],
        test=test,
        regime="arrival",
        store=np.ones(len(graph), bool),
        at=at,
    )


def _metrics(y: NDArray[np.int8], score: NDArray[np.float64]) -> dict[str, Any]:
    rates = {f"{budget:g}": recall_at_fpr(y, score, budget).to_dict() for budget in BUDGETS}
    return {**binary_metrics(y, score), "recall": rates}


def _against(
    truth: pa.Table, graph: Snapshot, arrived: NDArray[np.int64], score: NDArray[np.float64]
) -> dict[str, Any]:
    """Metrics of all arrivals against a table of the truth."""
    names = graph.names.take(pa.array(arrived))
    row = np.asarray(pc.fill_null(pc.index_in(names, value_set=truth["name"].combine_chunks()), -1))
    bad = np.asarray(pc.equal(truth["verdict"], "nefarious").combine_chunks())
    known = row >= 0
    y = bad[row[known]].astype(np.int8)
    return {**_metrics(y, score[arrived[known]]), "names": int(known.sum()), "nefarious": int(y.sum())}


def _lead_times(
    graph: Snapshot,
    later: Snapshot,
    arrived: NDArray[np.int64],
    score: NDArray[np.float64],
    at: NDArray[np.int64],
    threshold: float,
) -> list[LeadTime]:
    """By feed: of the arrivals that it listed, those flagged on arrival, and how long before."""
    bad = later.labels.filter(pc.equal(later.labels["verdict"], "nefarious"))
    ids = graph.index(later.names.take(bad["domain"].combine_chunks()))
    known_at = np.asarray(bad["known_at"]).astype(np.int64)
    source = bad["source"].to_pylist()
    is_arrival = np.zeros(len(graph) + 1, bool)
    is_arrival[arrived] = True
    first: dict[str, dict[int, int]] = {}
    for domain, moment_listed, name in zip(ids, known_at, source, strict=True):
        if is_arrival[domain]:
            listed = first.setdefault(name, {})
            listed[int(domain)] = min(int(moment_listed), listed.get(int(domain), int(moment_listed)))
    return [_lead(name, listed, score, at, threshold) for name, listed in sorted(first.items())]


def _lead(
    source: str,
    listed: Mapping[int, int],
    score: NDArray[np.float64],
    at: NDArray[np.int64],
    threshold: float,
) -> LeadTime:
    domain = np.fromiter(listed, np.int64, len(listed))
    hours = (np.fromiter(listed.values(), np.int64, len(listed)) - at[domain]) / 3600
    caught = hours[score[domain] >= threshold]
    return LeadTime(
        source=source,
        listed=len(domain),
        caught=len(caught),
        median_hours=float(np.median(caught)) if len(caught) else None,
        share_day_ahead=float((caught >= 24).mean()) if len(caught) else None,
    )


def _false_positives(
    graph: Snapshot,
    benign: NDArray[np.int64],
    score: NDArray[np.float64],
    at: NDArray[np.int64],
    threshold: float,
) -> list[dict[str, Any]]:
    age = registration(graph, benign, at[benign]).column("registration_age")
    flagged = score[benign] >= threshold
    rows = {
        f"{low} to {high} days" if high < 10_000 else f"over {low} days": (age >= low) & (age < high)
        for low, high in AGES_DAYS
    }
    rows["unknown"] = np.isnan(age)
    return [
        {
            "age": name,
            "benign": int(chosen.sum()),
            "flagged": int(flagged[chosen].sum()),
            "rate": float(flagged[chosen].mean()) if chosen.any() else None,
        }
        for name, chosen in rows.items()
    ]


def _curves(y: NDArray[np.int8], score: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Points for plots: precision and recall, calibration by bin, scores of both verdicts."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(y, score)
    chosen = np.linspace(0, len(precision) - 1, min(CURVE_POINTS, len(precision))).astype(int)
    edges = np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1))
    place = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, CALIBRATION_BINS - 1)
    count = np.maximum(np.bincount(place, minlength=CALIBRATION_BINS), 1)
    return {
        "precision": precision[chosen],
        "recall": recall[chosen],
        "calibration_score": np.bincount(place, score, CALIBRATION_BINS) / count,
        "calibration_rate": np.bincount(place, y, CALIBRATION_BINS) / count,
        "score_nefarious": score[y == NEFARIOUS],
        "score_benign": score[y == BENIGN],
    }
