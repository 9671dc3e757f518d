"""Evaluation as a replay: names that arrived after training, judged on arrival, against what feeds said then.

Each name first seen between start and end is scored as it stood a day after its first sight. Truth is what
feeds had said by the end of the data; a name that nobody listed counts as benign only after the waiting
window, and is left out before. Baselines learn from the same names and are judged on the same arrivals.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import InputError, LeakError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import moment
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn import replay
from mithra.learn.arrivals import ANY_FEED, Arrivals, arrivals, moments, transferred
from mithra.learn.baselines import BASELINES
from mithra.learn.calibrate import BUDGETS
from mithra.learn.card import ReportCard
from mithra.learn.contest import Case
from mithra.learn.drift import MIN_NAMES
from mithra.learn.examples import BENIGN, NEFARIOUS, UNLABELLED, domain_labels
from mithra.learn.model import DEFAULT_BUDGET, Model
from mithra.learn.owner_card import owner_kinds
from mithra.learn.parts import missing_parts
from mithra.learn.replay import Truth
from mithra.learn.split import group_split
from mithra.learn.train import train
from mithra.metrics import binary_metrics, recall_at_fpr
from mithra.observe.workspace import Workspace

__all__ = ["evaluate"]

CURVE_POINTS = 200
CALIBRATION_BINS = 10
LINES = ("0.01", DEFAULT_BUDGET)  # budgets whose false positives and catches are told

log = logging.getLogger(__name__)


def evaluate(
    model: Model,
    workspace: Workspace | str | Path,
    start: datetime | str,
    end: datetime | str,
    *,
    baselines: Sequence[str] = tuple(BASELINES),
    truth: pa.Table | None = None,
    retrain_days: int | None = None,
    progress: bool = False,
) -> ReportCard:
    """The report card of a model on names first seen from `start` to `end`.

    Args:
        baselines: names of the baselines to fit and show beside the model.
        truth: columns `name` and `verdict`, such as the hidden truth of a simulation, and `campaign` where
            unseen campaigns are to be told from known ones, and `owner` where owner kinds are to be
            judged; shown in rows of their own.
        retrain_days: beside the model left alone, train again every so many days on what was known then.

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
    if retrain_days is not None and retrain_days < 1:
        raise UsageError("retrain_days is at least 1", value=retrain_days)
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    until = max(last, _labels_until(workspace))
    found = arrivals(workspace, first, last, until, model.settings, progress=progress)
    known = found.y != UNLABELLED
    _check(found.y[known])
    told = None if truth is None else Truth.of(truth, found.names)
    before = found.graph if model.as_of is None else take_snapshot(workspace, model.as_of)

    score = model.predict(found.graph, found.examples).score
    lines = {budget: model.thresholds[budget] for budget in LINES}
    flagged = score >= lines[DEFAULT_BUDGET]
    models = {"mithra": _metrics(found.y[known], score[known])}
    if baselines:
        case = _case(model, before, found)
        for name in baselines:
            log.info("fitting %s", name)
            guess = BASELINES[name](case, model.settings.seed)(found.domain[known])
            models[name] = _metrics(found.y[known], guess)
    decay = replay.decay(found, first, last, score, flagged, "mithra")
    if retrain_days is not None:
        fresh = _retrained(model, workspace, found, (first, last, retrain_days), score, progress)
        decay += replay.decay(found, first, last, *fresh, f"again every {retrain_days} d")
    lead = replay.lead_times(found, flagged, model.settings.waiting_days)
    drift = model.drift(found.graph, found.examples) if len(found) >= MIN_NAMES else None
    return ReportCard(
        start=first.isoformat(),
        end=last.isoformat(),
        arrivals=len(found),
        nefarious=int((found.y == NEFARIOUS).sum()),
        benign=int((found.y == BENIGN).sum()),
        unlabelled=int((~known).sum()),
        labels_until=until.isoformat(),
        threshold=lines[DEFAULT_BUDGET],
        simulated=model.simulated,
        models=models,
        lead=lead,
        false_positives=_false_positives(found, found.y, score, lines, "age"),
        never_listed=next(row.never_listed for row in lead if row.source == ANY_FEED),
        truth=None if told is None else _against(told, score),
        model_digest=model.digest,
        base_rate=_base_rate(model, found, told),
        decay=decay,
        hosting=_false_positives(found, found.y if told is None else told.y, score, lines, "hosting"),
        coverage=replay.coverage(found, found.y if told is None else told.y, score, lines["0.01"]),
        campaigns=[] if told is None else replay.campaigns(found, told, before, score, lines),
        daily=replay.daily(found, first, score, told),
        parts={
            name: _metrics(found.y[known], less[known]) for name, less in missing_parts(model, found).items()
        },
        drift=None if drift is None else drift.to_dict(),
        owners=None if truth is None else owner_kinds(model, found.graph, truth, first, last),
        curves=_curves(found.y[known], score[known]),
    )


def _labels_until(workspace: Workspace) -> datetime:
    labels = workspace.status().tables.get("labels")
    last = None if labels is None else labels.last
    if last is None:
        raise InputError("the workspace holds no labels to evaluate against", file=workspace.path)
    return datetime.fromtimestamp(int(last.timestamp()) + 1, UTC)


def _check(y: NDArray[np.int8]) -> None:
    if not len(y) or y.min() == y.max():
        raise InputError(
            "the arrivals that are labelled have one verdict only",
            value={"labelled": len(y)},
            hint="A longer time is needed, or labels that reach further",
        )


def _case(model: Model, before: Snapshot, found: Arrivals) -> Case:
    """What the baselines learn from: the same labels as the model, each name as it arrived."""
    graph, test = found.graph, found.domain[found.y != UNLABELLED]
    learnt = transferred(domain_labels(before, model.settings)[0], before, graph)
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
        at=moments(graph, model.settings.arrival_hours * 3600),
    )


def _retrained(
    model: Model,
    workspace: Workspace,
    found: Arrivals,
    span: tuple[datetime, datetime, int],
    score: NDArray[np.float64],
    progress: bool,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score and flag of every arrival by the last model that was trained by then; the first is as it was."""
    first, last, days = span
    fresh, flagged = score.copy(), score >= model.thresholds[DEFAULT_BUDGET]
    at = first + timedelta(days=days)
    while at < last:
        log.info("training again as of %s", at.isoformat())
        newer = train(workspace, at, settings=model.settings, progress=progress)
        rows = np.flatnonzero(found.first_seen >= at.timestamp())
        fresh[rows] = newer.predict(found.graph, found.examples.take(rows)).score
        flagged[rows] = fresh[rows] >= newer.thresholds[DEFAULT_BUDGET]
        at += timedelta(days=days)
    return fresh, flagged


def _metrics(y: NDArray[np.int8], score: NDArray[np.float64]) -> dict[str, Any]:
    rates = {f"{budget:g}": recall_at_fpr(y, score, budget).to_dict() for budget in BUDGETS}
    return {**binary_metrics(y, score), "recall": rates}


def _against(truth: Truth, score: NDArray[np.float64]) -> dict[str, Any]:
    """Metrics of all arrivals against a table of the truth."""
    known = truth.y != UNLABELLED
    y = truth.y[known]
    return {**_metrics(y, score[known]), "names": int(known.sum()), "nefarious": int((y == NEFARIOUS).sum())}


def _base_rate(model: Model, found: Arrivals, truth: Truth | None) -> dict[str, float | None]:
    """Shares of nefarious arrivals: among all, as far as listed; among the labelled; what scores assume."""
    bad = int((found.y == NEFARIOUS).sum())
    known = None if truth is None else truth.y[truth.y != UNLABELLED]
    return {
        "listed": bad / len(found),
        "labelled": bad / int((found.y != UNLABELLED).sum()),
        "true": None if known is None or not len(known) else float((known == NEFARIOUS).mean()),
        "calibrated_for": model.base_rate,
    }


def _false_positives(
    found: Arrivals,
    y: NDArray[np.int8],
    score: NDArray[np.float64],
    lines: dict[str, float],
    column: str,
) -> list[dict[str, Any]]:
    classes = replay.ages(found) if column == "age" else replay.hosting(found)
    return replay.false_positives(classes, y == BENIGN, score, lines, column)


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
