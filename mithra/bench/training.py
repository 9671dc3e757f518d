"""How long and in how much memory the default model trains.

On the labelled graph of PDNS-Net beside the R-GCN reference in full batches, which is the floor, and boosted
trees with neighbour statistics; and on a simulated world of any size, from a workspace to a model. Each runs
in a process of its own on the same few cores, so that its peak memory is its own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from mithra.bench.process import in_process
from mithra.errors import UsageError

__all__ = ["bench_train", "bench_train_pdns_net", "bench_train_world"]

FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")
DAYS = 30
SPLIT_SEED = 100  # no split that quality is graded on
FLOOR, PEERS = "rgcn", ("trees-neighbours",)
BAR = {"seconds": 1800, "peak_rss_bytes": 12 << 30}  # of a million domains, on two cores
_T = TypeVar("_T")
VERSIONS_OF = ("mithra", "torch", "torch-geometric", "lightgbm", "duckdb", "numpy")


def bench_train(
    folder: str | Path | None,
    domains: int,
    *,
    threads: int = 2,
    repeats: int = 1,
    scratch: Path | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """A record for PDNS-Net, where its folder is given, and one for a simulated world.

    Args:
        folder: of the labelled graph, or None.
        domains: of the world; 0 leaves it out.
        threads: cores that every process may use.
        repeats: runs on PDNS-Net, of which the median counts.
        scratch: where to put the world, removed at the end; default the system's.

    Returns:
        Records `name, edges, seconds, peak_rss_bytes, threads, floor, ratio_to_floor, peers, versions`; that
        of the world also has `domains`, what its steps took, and `bar`.

    Raises:
        UsageError: nothing to do, or no thread or run.
    """
    if threads < 1 or repeats < 1 or domains < 0 or (folder is None and not domains):
        raise UsageError(
            "threads and repeats are 1 or more, and there is a folder or a world",
            value=(threads, repeats, domains),
        )
    from rich.console import Console

    console, records = Console(stderr=True, quiet=not progress), []
    if folder is not None:
        with console.status("training on PDNS-Net"):
            records.append(bench_train_pdns_net(folder, threads, repeats))
    if domains:
        with console.status(f"training on a world of {domains:,} domains"):
            records.append(bench_train_world(domains, threads, scratch))
    return records


def bench_train_pdns_net(folder: str | Path, threads: int = 2, repeats: int = 1) -> dict[str, Any]:
    """Seconds to fit the default, the R-GCN and the trees on one split with all of the graph in view."""
    told: dict[str, list[dict[str, Any]]] = {}
    for _ in range(repeats):
        for model in ("default", FLOOR, *PEERS):
            told.setdefault(model, []).append(in_process(_fit, threads, Path(folder), model))
    seconds = {model: statistics.median(run["seconds"] for run in runs) for model, runs in told.items()}
    peak = {model: max(run["peak_rss_bytes"] for run in runs) for model, runs in told.items()}
    ap = {model: runs[0]["ap"] for model, runs in told.items()}

    def about(model: str) -> dict[str, Any]:
        return {"seconds": seconds[model], "peak_rss_bytes": peak[model], "ap": ap[model]}

    return {
        "name": "train-pdns-net",
        "edges": told["default"][0]["edges"],
        **about("default"),
        "threads": threads,
        "floor": {"name": f"{FLOOR}, full batch", **about(FLOOR)},
        "ratio_to_floor": seconds["default"] / seconds[FLOOR],
        "peers": [{"name": peer, **about(peer), "ratio": seconds[peer] / seconds[FLOOR]} for peer in PEERS],
        "versions": _versions(),
    }


def bench_train_world(domains: int, threads: int = 2, scratch: Path | None = None) -> dict[str, Any]:
    """From a workspace to a model; the floor is the snapshot, without which nothing can be learnt."""
    with tempfile.TemporaryDirectory(prefix="mithra-bench-", dir=scratch) as folder:
        lake = Path(folder) / "lake"
        made = in_process(_world, threads, Path(folder) / "world", lake, domains)
        taken = in_process(_snapshot, threads, lake, made["as_of"])
        trained = in_process(_train, threads, lake, made["as_of"])
    seconds = taken["seconds"] + trained["seconds"]
    peak = max(taken["peak_rss_bytes"], trained["peak_rss_bytes"])
    return {
        "name": "train-world",
        "domains": domains,
        "edges": taken["edges"],
        "seconds": seconds,
        "peak_rss_bytes": peak,
        "threads": threads,
        "floor": {"name": "snapshot", "seconds": taken["seconds"], "peak_rss_bytes": taken["peak_rss_bytes"]},
        "ratio_to_floor": seconds / taken["seconds"],
        "peers": [],
        "steps": {**made, "snapshot": taken, "train": trained},
        "bar": BAR,
        "met": seconds <= BAR["seconds"] and peak <= BAR["peak_rss_bytes"],
        "versions": _versions(),
    }


def _fit(threads: int, folder: str, model: str) -> dict[str, Any]:
    import torch

    from mithra.bench.pdns_graph import load
    from mithra.bench.pdns_net import contestants
    from mithra.learn.contest import contest_case, regime_split
    from mithra.metrics import average_precision

    torch.set_num_threads(threads)
    graph = load(folder)
    split = regime_split(graph.snapshot.group, graph.y, "etld1", SPLIT_SEED)
    case = contest_case(graph.snapshot, graph.y, split, "etld1")
    fit = contestants()[model]
    predict, seconds = _timed(lambda: fit(case, SPLIT_SEED))
    return {
        "seconds": seconds,
        "edges": sum(relation.edges for relation in graph.snapshot.relations.values()),
        "ap": average_precision(graph.y[split.test], predict(split.test)),
    }


def _world(threads: int, world: str, lake: str, domains: int) -> dict[str, Any]:
    from mithra.observe.ingest import ingest
    from mithra.observe.workspace import Workspace
    from mithra.simulate.world import simulate

    made, simulating = _timed(lambda: simulate(world, domains=domains, days=DAYS, seed=SPLIT_SEED))
    _, reading = _timed(lambda: ingest(Workspace(lake), *(made.path / feed for feed in FEEDS)))
    return {
        "as_of": (made.start + timedelta(days=DAYS)).isoformat(),
        "lines": sum(made.lines[feed] for feed in FEEDS),
        "simulate_seconds": simulating,
        "ingest_seconds": reading,
    }


def _snapshot(threads: int, lake: str, as_of: str) -> dict[str, Any]:
    from mithra.graph.take import snapshot

    taken, seconds = _timed(lambda: snapshot(lake, as_of, threads=threads))
    edges = sum(relation.edges for relation in taken.relations.values())
    return {"seconds": seconds, "names": len(taken), "edges": edges}


def _train(threads: int, lake: str, as_of: str) -> dict[str, Any]:
    from mithra.learn.settings import TrainSettings
    from mithra.learn.train import train

    model, seconds = _timed(lambda: train(lake, as_of, settings=TrainSettings(threads=threads)))
    return {"seconds": seconds, "examples": model.about["examples"]}


def _timed(step: Callable[[], _T]) -> tuple[_T, float]:
    begun = time.perf_counter()
    made = step()
    return made, time.perf_counter() - begun


def _versions() -> dict[str, str]:
    return {name: version(name) for name in VERSIONS_OF} | {"python": sys.version.split()[0]}
