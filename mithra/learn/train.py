"""Training: from a workspace or a snapshot to a calibrated model.

Examples arrive: each is scored with its eTLD+1 absent from the store and, where the data are dated, with
nothing later visible. A share of the eTLD+1 groups is held out to stop the learners, to calibrate their
scores and to choose thresholds.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.errors import InputError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.calibrate import Platt, budget_thresholds, chosen_share
from mithra.learn.ensemble import Ensemble, Labelled
from mithra.learn.examples import LabelledExamples, training_examples
from mithra.learn.inputs import Store, example_inputs, store_of
from mithra.learn.model import Model
from mithra.learn.settings import TrainSettings
from mithra.learn.split import group_split
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
    progress: bool = False,
) -> Model:
    """Train on what was known at `as_of`.

    Args:
        source: a workspace (or its path), or a snapshot. In an undated snapshot groups take turns at
            arriving.
        as_of: the moment; a snapshot brings its own.

    Raises:
        UsageError: a workspace without `as_of`, or a snapshot with one.
        InputError: too few labelled names.
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
    model = fit_model(graph, chosen, settings, progress=progress)
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
    held_out: NDArray[np.bool_] | None = None,
    store: NDArray[np.bool_] | None = None,
    kin: NDArray[np.int32] | None = None,
    progress: bool = False,
) -> Model:
    """Fit on chosen examples.

    Args:
        held_out: [examples] the validation part (None: a share of the groups by `settings`).
        store, kin: as in `mithra.graph.company.companies`.
    """
    if held_out is None:
        part = settings.validation_share
        split = group_split(chosen.group, (1 - part, part, 0.0), seed=settings.seed)
        held_out = np.zeros(len(chosen), bool)
        held_out[split.val] = True
    known = store_of(graph)
    parts = [
        _labelled(graph, chosen.take(np.flatnonzero(rows)), known, store, kin)
        for rows in (~held_out, held_out)
    ]
    _check(parts[1].y)
    with _bar(progress) as bar:
        ensemble = Ensemble.fit(parts[0], parts[1], known, settings, progress=bar)
    network, trees = ensemble.parts(parts[1].inputs, known)
    share = chosen_share(network, trees, parts[1].y, parts[1].weight)
    ensemble = replace(ensemble, share=share)
    raw = share * network + (1 - share) * trees
    platt = Platt.fit(raw, parts[1].y, parts[1].weight)
    score = platt.probability(raw)
    model = Model(
        ensemble=ensemble,
        platt=platt,
        thresholds=budget_thresholds(score, parts[1].y),
        settings=settings,
        as_of=graph.as_of,
        simulated=bool(graph.manifest.get("simulated", False)),
        base_rate=float(np.average(chosen.y, weights=chosen.weight)),
        about=_about(graph, chosen),
    )
    card = {"held_out_groups": {**binary_metrics(parts[1].y, score), **_counts(parts[1].y)}}
    return replace(model, card=card)


def _labelled(
    graph: Snapshot,
    chosen: LabelledExamples,
    known: Store,
    store: NDArray[np.bool_] | None,
    kin: NDArray[np.int32] | None,
) -> Labelled:
    inputs = example_inputs(graph, chosen.examples, known, store=store, kin=kin)
    return Labelled(inputs, chosen.y, chosen.weight)


def _check(y: NDArray[np.int8]) -> None:
    if y.min(initial=1) == y.max(initial=0):
        raise InputError(
            "the held-out groups hold one verdict only",
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
