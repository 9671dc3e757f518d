"""Training: from a workspace or a snapshot to a calibrated model.

Examples arrive: each is scored with its eTLD+1 absent from the store and, where the data are dated, with
nothing later visible. Each member of the model leaves out another fold of the eTLD+1 groups, on which it is
stopped; scores are calibrated and thresholds chosen on what members say of the folds that they left out.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import InputError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.calibrate import Platt, budget_thresholds, chosen_share
from mithra.learn.ensemble import Ensemble, Labelled
from mithra.learn.examples import LabelledExamples, training_examples
from mithra.learn.inputs import example_inputs, store_of
from mithra.learn.model import Model
from mithra.learn.owner import OwnerModel
from mithra.learn.owner_told import told_by_labels, told_by_table
from mithra.learn.settings import TrainSettings
from mithra.learn.split import group_folds
from mithra.metrics import binary_metrics
from mithra.names import SuffixList
from mithra.observe.workspace import Workspace

__all__ = ["fit_model", "train"]

log = logging.getLogger(__name__)

SIMULATION = "mithra-simulation"  # the source that the simulator writes into its passive DNS


def train(
    source: Workspace | Snapshot | str | Path,
    as_of: datetime | str | None = None,
    *,
    settings: TrainSettings | None = None,
    owners: pa.Table | None = None,
    progress: bool = False,
) -> Model:
    """Train on what was known at `as_of`.

    Args:
        source: a workspace (or its path), or a snapshot. In an undated snapshot groups take turns at
            arriving.
        as_of: the moment; a snapshot brings its own.
        owners: owner kinds to learn from, as `mithra.learn.owner_told.told_by_table` takes them; by default
            what categories of labels tell. Of too few, none are learnt, and the model tells none.

    Raises:
        UsageError: a workspace without `as_of`, or a snapshot with one.
        InputError: too few labelled names, or `owners` that cannot be read.
    """
    settings = settings or TrainSettings()
    if isinstance(source, Snapshot):
        if as_of is not None:
            raise UsageError("a snapshot brings its own time", value=as_of, hint="Leave out as_of")
        graph = source
    else:
        if as_of is None:
            raise UsageError("training on a workspace needs as_of", hint="For example as_of='2026-06-01'")
        graph = take_snapshot(source, as_of, progress=progress)
    chosen = training_examples(graph, settings)
    told = told_by_labels(graph) if owners is None else told_by_table(graph, owners)
    model = fit_model(graph, chosen, settings, progress=progress).with_reference(graph)
    model = replace(model, owner=OwnerModel.fit(graph, told, settings))
    if isinstance(source, Snapshot):
        return model
    return replace(model, simulated=_is_simulated(source))


def _is_simulated(source: Workspace | str | Path) -> bool:
    """Whether any record of a workspace came out of the simulator."""
    workspace = source if isinstance(source, Workspace) else Workspace(source)
    return any(SIMULATION in table.sources for table in workspace.status().tables.values())


def fit_model(
    graph: Snapshot,
    chosen: LabelledExamples,
    settings: TrainSettings,
    *,
    store: NDArray[np.bool_] | None = None,
    kin: NDArray[np.int32] | None = None,
    progress: bool = False,
) -> Model:
    """Fit on chosen examples.

    Args:
        store, kin: as in `mithra.graph.company.companies`.
    """
    known = store_of(graph)
    inputs = example_inputs(graph, chosen.examples, known, store=store, kin=kin)
    fold = group_folds(chosen.group, settings.folds, seed=settings.seed)
    _check(chosen.y, fold)
    with _bar(progress) as bar:
        ensemble, held_out = Ensemble.fit(
            Labelled(inputs, chosen.y, chosen.weight), fold, known, settings, progress=bar
        )
    rows = np.flatnonzero(held_out.members)
    y, weight = chosen.y[rows], chosen.weight[rows]
    network, trees = held_out.of(rows)
    share = chosen_share(network, trees, y, weight)
    ensemble = replace(ensemble, share=share)
    raw = share * network + (1 - share) * trees
    platt = Platt.fit(raw, y, weight)
    score = platt.probability(raw)
    model = Model(
        ensemble=ensemble,
        platt=platt,
        thresholds=budget_thresholds(score, y),
        settings=settings,
        as_of=graph.as_of,
        simulated=bool(graph.manifest.get("simulated", False)),
        base_rate=float(np.average(chosen.y, weights=chosen.weight)),
        about=_about(graph, chosen),
    )
    card = {"held_out_groups": {**binary_metrics(y, score), **_counts(y)}}
    return replace(model, card=card)


def _check(y: NDArray[np.int8], fold: NDArray[np.int64]) -> None:
    for k in np.unique(fold):
        if y[fold == k].min() == y[fold == k].max():
            raise InputError(
                "a fold of the groups holds one verdict only",
                value=_counts(y),
                hint="More labelled names are needed, or another seed",
            )


def _about(graph: Snapshot, chosen: LabelledExamples) -> dict[str, Any]:
    at = chosen.examples.at
    return {
        "examples": _counts(chosen.y),
        "window": None if graph.as_of is None else [int(at.min()), int(at.max())],
        "snapshot": graph.digest,
        "domains": len(graph),
        "edges": {name: relation.edges for name, relation in graph.relations.items()},
        "suffix_list": SuffixList.bundled().version,
        "arrival": "real time" if graph.as_of is not None else "groups take turns (undated data)",
    }


def _counts(y: NDArray[np.int8]) -> dict[str, int]:
    return {"nefarious": int((y == 1).sum()), "benign": int((y == 0).sum())}


def _bar(progress: bool) -> Any:
    """A progress bar on stderr, or a stand-in that yields None."""
    from contextlib import nullcontext

    if not progress:
        return nullcontext(None)
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True))
