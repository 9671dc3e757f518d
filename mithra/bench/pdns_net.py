"""`bench pdns-net`: models by name, in each regime and for each seed, on the same splits and metrics.

Every record holds the metrics of one model on one split. A model is a contestant of `mithra.learn.contest`;
whoever calls can enter more of them. Nothing is tuned on test names: they are predicted once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.bench.pdns_graph import PdnsGraph, load, read_columns, verdicts
from mithra.errors import FormatError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.learn.contest import REGIMES, UNKNOWN, Case, Contestant, contest_case, regime_split
from mithra.learn.split import Split, group_split, random_split
from mithra.metrics import binary_metrics
from mithra.names import public_suffix

__all__ = ["VALIDATION_FRACTION", "bench_pdns_net", "contestants", "held_out_case"]

VALIDATION_FRACTION = 0.2  # of the groups of all public labels, when the test names come from a file
TLD = "tld"  # what to leave out besides relations

Task = tuple[str, int, str]  # regime, seed, model

log = logging.getLogger(__name__)


def bench_pdns_net(
    folder: str | Path,
    *,
    regimes: Sequence[str] = REGIMES,
    models: Sequence[str] = ("all",),
    seeds: Sequence[int] = range(5),
    test_labels: str | Path | None = None,
    without: Sequence[str] = (),
    entrants: Mapping[str, Contestant] | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """One record a model, regime and seed: its metrics, seconds to fit and seconds to score.

    Args:
        folder: pdns-net-mini, see `pdns_graph.load`.
        models: names from `contestants()` or of entrants, or "all".
        test_labels: CSV `node_id,value,type` of the names to test on; training then takes every public label,
            a fifth of their groups for validation. Without it each seed draws 50/20/30.
        without: relations to leave out, such as apex and similar, which are artefacts of collection; `tld`
            leaves out what the public suffix tells.
        entrants: more models by name.

    Raises:
        UsageError: an unknown model, regime or relation.
        InputError: files that are missing or malformed.
    """
    entered = {**contestants(), **(entrants or {})}
    chosen = _chosen(models, entered)
    graph = _without(load(folder), without)
    hidden = None if test_labels is None else _test_labels(graph, Path(test_labels))
    tasks = [(regime, seed, model) for regime in regimes for seed in seeds for model in chosen]
    records = []
    for regime, seed, model in _tracked(tasks, progress):
        case, truth = _case(graph, regime, seed, hidden)
        record = _measured(entered[model], case, truth, seed)
        log.info("%s %s seed %d: AP %.4f", model, regime, seed, record["ap"])
        extra = {"without": list(without)} if without else {}
        records.append({"model": model, "regime": regime, "seed": seed, **extra, **record})
    return records


def contestants() -> dict[str, Contestant]:
    """The default model, the baselines and the PyG reference models, by name."""
    from mithra.learn.baselines import BASELINES
    from mithra.learn.default import default
    from mithra.learn.reference import REFERENCES

    return {"default": default, **BASELINES, **REFERENCES}


def held_out_case(
    graph: PdnsGraph, regime: str, seed: int, test: NDArray[np.int64], truth: NDArray[np.int8]
) -> Case:
    """A case that tests on given names and learns from all public labels of the graph.

    A fifth of the groups (in `random`, of the names) is for validation. A public name that shares its eTLD+1
    with a test name is left out, except in `random`.

    Args:
        test: positions of distinct names, [test].
        truth: 1 or 0 for each, [test]; taken out of the case's `y`.
    """
    known = np.setdiff1d(np.flatnonzero(graph.y != UNKNOWN), test)
    fractions = (1 - VALIDATION_FRACTION, VALIDATION_FRACTION, 0.0)
    group = graph.snapshot.group
    if regime == "random":
        split = random_split(len(known), fractions, seed=seed)
    else:
        siblings = np.isin(group[known], group[test])
        if siblings.any():
            log.warning("%d public names share an eTLD+1 with a test name and are left out", siblings.sum())
        known = known[~siblings]
        split = group_split(group[known], fractions, seed=seed)
    y = graph.y.copy()
    y[test] = truth
    return contest_case(graph.snapshot, y, Split(known[split.train], known[split.val], test), regime)


def _case(
    graph: PdnsGraph, regime: str, seed: int, hidden: tuple[NDArray[np.int64], NDArray[np.int8]] | None
) -> tuple[Case, NDArray[np.int8]]:
    """The case, and the truth of its test names."""
    if hidden is not None:
        return held_out_case(graph, regime, seed, *hidden), hidden[1]
    split = regime_split(graph.snapshot.group, graph.y, regime, seed)
    return contest_case(graph.snapshot, graph.y, split, regime), graph.y[split.test]


def _measured(model: Contestant, case: Case, truth: NDArray[np.int8], seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    predict = model(case, seed)
    fitted = time.perf_counter()
    probability = predict(case.test)
    scored = time.perf_counter()
    metrics = binary_metrics(truth, probability)
    return {**metrics, "fit_seconds": fitted - started, "score_seconds": scored - fitted}


def _chosen(models: Sequence[str], entered: Mapping[str, Contestant]) -> list[str]:
    names = [name for model in models for name in (entered if model == "all" else [model])]
    unknown = [name for name in names if name not in entered]
    if unknown:
        raise UsageError("no such model", value=unknown[0], hint=f"There are: all, {', '.join(entered)}")
    return list(dict.fromkeys(names))


def _without(graph: PdnsGraph, left_out: Sequence[str]) -> PdnsGraph:
    snapshot: Snapshot = graph.snapshot
    there = [TLD, *snapshot.relations]
    unknown = [name for name in left_out if name not in there]
    if unknown:
        raise UsageError("no such relation", value=unknown[0], hint=f"There are: {', '.join(there)}")
    kept = {name: relation for name, relation in snapshot.relations.items() if name not in left_out}
    names = _one_suffix(snapshot.names) if TLD in left_out else snapshot.names
    return replace(graph, snapshot=replace(snapshot, relations=kept, names=names))


def _one_suffix(names: pa.Array) -> pa.Array:
    """The names with `test` in the place of their public suffix; groups and relations are as they were."""
    cut = pc.add(pc.binary_length(pc.fill_null(public_suffix(names), "")), 1)
    kept = [
        name[: max(len(name) - size, 0)] or name
        for name, size in zip(names.to_pylist(), cut.to_pylist(), strict=True)
    ]
    return pa.array([f"{name}.test" for name in kept], pa.string())


def _test_labels(graph: PdnsGraph, file: Path) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Positions of distinct names and their truth, from a file `node_id,value,type`.

    The verdict is read from the one of `value` and `type` that holds verdicts: files of the data set differ
    in that. Rows of other nodes than domains, and of unknown verdict, are passed over.
    """
    table = read_columns(file, ("node_id", "value"))
    column = "type" if "type" in table.column_names and _holds_verdicts(table["type"]) else "value"
    truth = verdicts(table[column], file)
    position = graph.positions(table["node_id"].combine_chunks())
    used = (position >= 0) & (truth != UNKNOWN)
    if not used.any():
        raise FormatError("no row names a domain of the graph with a verdict", value=len(table), file=file)
    if not used.all():
        log.warning(
            "%s: %d rows name no domain of the graph, %d have no verdict; %d are used",
            *(file, (position < 0).sum(), (truth == UNKNOWN).sum(), used.sum()),
        )
    test, first = np.unique(position[used], return_index=True)
    return test, truth[used][first]


def _holds_verdicts(column: pa.ChunkedArray) -> bool:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
    return bool(pc.any(pc.is_in(words, pa.array(["malicious", "benign", "nefarious"]))).as_py())


def _tracked(tasks: Sequence[Task], progress: bool) -> Iterator[Task]:
    """The tasks, with a bar on stderr where asked for."""
    if not progress:
        yield from tasks
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(tasks, description="pdns-net", console=Console(stderr=True))
