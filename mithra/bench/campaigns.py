"""How well campaigns are told apart: simulated worlds, whose truth says which names belong together.

Three methods group the same names: mithra, the connected components of the raw graph (names and all entities
of the snapshot) and its Louvain communities. Measured is adjusted mutual information with the true campaigns,
over the nefarious names that belong to one. The truth is used for nothing else, but as the input of one half
of the records: there the names to be grouped are all those that are nefarious, in the other half the suspects
that a model and the feeds find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array

from mithra.errors import UsageError
from mithra.explain.campaigns import grouped, suspects
from mithra.explain.communities import LONE
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.settings import TrainSettings
from mithra.learn.train import train
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace
from mithra.score.batch import score

__all__ = ["DAYS", "METHODS", "START", "bench_campaigns", "measured"]

START = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = 45
TRAINED_DAYS = 31  # of them, before the model is trained
FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")
TRAINING = TrainSettings(seed=7, members=1, epochs=20, threads=1)  # a quick model


def bench_campaigns(
    seeds: Sequence[int], simulate: Callable[[Path, int], object], *, progress: bool = False
) -> list[dict[str, Any]]:
    """Simulate, train and group; one record a seed, input (`truth`, `suspects`) and method.

    Args:
        seeds: of the worlds.
        simulate: writes the world of a seed to a folder, DAYS long from START on.

    Raises:
        UsageError: no seeds.
    """
    if not seeds:
        raise UsageError("a bench of campaigns needs a seed")
    records = []
    for seed in seeds:
        with TemporaryDirectory() as folder:
            snapshot, truth, found = _world(Path(folder), seed, simulate, progress)
            bad = np.flatnonzero(truth.nefarious)
            for name, given in (("truth", bad), ("suspects", found)):
                for method, group in METHODS.items():
                    told = measured(snapshot.group, truth.campaign, bad, given, group(snapshot, given))
                    records.append({"seed": seed, "input": name, "method": method, **told})
    return records


class Truth:
    """Of each domain of a snapshot, whether it is nefarious by then, and its campaign, LONE for none."""

    def __init__(self, table: pa.Table, snapshot: Snapshot) -> None:
        rows = table.take(pc.index_in(snapshot.names, value_set=table["name"].combine_chunks()))
        active = pc.less_equal(rows["activated_at"], pa.scalar(snapshot.as_of))
        bad = pc.fill_null(pc.and_(pc.equal(rows["verdict"], "nefarious"), active), False)
        self.nefarious: NDArray[np.bool_] = np.asarray(bad, dtype=bool)
        self.campaign: NDArray[np.int64] = np.asarray(pc.fill_null(rows["campaign"], LONE), dtype=np.int64)


def _world(
    folder: Path, seed: int, simulate: Callable[[Path, int], object], progress: bool
) -> tuple[Snapshot, Truth, NDArray[np.int64]]:
    simulate(folder / "world", seed)
    workspace = Workspace(folder / "lake")
    ingest(workspace, *(folder / "world" / feed for feed in FEEDS), progress=progress)
    trained_at = START + timedelta(days=TRAINED_DAYS)
    model = train(workspace, trained_at, settings=TRAINING, progress=progress)
    snapshot = take_snapshot(workspace, START + timedelta(days=DAYS), progress=progress)
    truth = Truth(pq.read_table(folder / "world" / "truth" / "truth.parquet"), snapshot)
    scores = score(model, snapshot, progress=progress, reasons=False)
    return snapshot, truth, suspects(scores, snapshot)


def measured(
    owner: NDArray[np.integer],
    campaign: NDArray[np.int64],
    bad: NDArray[np.int64],
    given: NDArray[np.int64],
    group: NDArray[np.int64],
) -> dict[str, Any]:
    """Agreement of the groups of the given domains with the true campaigns.

    Args:
        owner: eTLD+1 of each domain of the snapshot.
        campaign: true campaign of each domain, LONE for none.
        bad: nefarious domains; those of a campaign are what is measured.
        given: domains that were grouped.
        group: the group of each of them, LONE for none.

    Returns:
        `ami` over all nefarious names of a campaign, where a name that was not given is a group of its own,
        and names without a group form one with those of their owner; `ami_found` over those of them that were
        given; `ami_owners` over their eTLD+1s, each once; `ami_with_lone` over all nefarious names, where an
        owner without a campaign is one by itself.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    size = len(owner)
    told = 3 * size + np.arange(size)  # three ranges that do not meet: groups, owners, names
    _, dense = np.unique(group, return_inverse=True)
    told[given] = np.where(group == LONE, 2 * size + owner[given], dense)
    true = np.where(campaign == LONE, size + owner, campaign)
    mine = bad[campaign[bad] != LONE]
    _, first = np.unique(owner[mine], return_index=True)
    rows: Mapping[str, NDArray[np.int64]] = {
        "ami": mine,
        "ami_found": mine[np.isin(mine, given)],
        "ami_owners": mine[first],
        "ami_with_lone": bad,
    }
    return {
        "names": len(mine),
        "campaigns": len(np.unique(campaign[mine])),
        "given": len(given),
        "found_share": float(np.isin(mine, given).mean()) if len(mine) else 0.0,
        "groups": len(np.unique(group[group != LONE])),
        **{key: float(adjusted_mutual_info_score(true[at], told[at])) for key, at in rows.items()},
    }


def _components(snapshot: Snapshot, domains: NDArray[np.int64]) -> NDArray[np.int64]:
    from scipy.sparse.csgraph import connected_components

    _, part = connected_components(_raw_graph(snapshot, domains), directed=False)
    return np.asarray(part[: len(domains)], dtype=np.int64)


def _louvain(snapshot: Snapshot, domains: NDArray[np.int64]) -> NDArray[np.int64]:
    import networkx as nx

    graph = nx.from_scipy_sparse_array(_raw_graph(snapshot, domains))
    group = np.empty(graph.number_of_nodes(), dtype=np.int64)
    for number, members in enumerate(nx.community.louvain_communities(graph, seed=0)):
        group[list(members)] = number
    return group[: len(domains)]


def _raw_graph(snapshot: Snapshot, domains: NDArray[np.int64]) -> csr_array:
    """These domains, then all entities of all relations; every edge counts the same."""
    parts = [
        csr_array(
            (np.ones(relation.edges), relation.indices, relation.indptr),
            shape=(len(snapshot), len(relation.entities)),
        )[domains]
        for relation in snapshot.relations.values()
    ]
    edges = block_array([parts])
    return csr_array(block_array([[None, edges], [edges.T, None]]))


METHODS: Mapping[str, Callable[[Snapshot, NDArray[np.int64]], NDArray[np.int64]]] = {
    "mithra": grouped,
    "components": _components,
    "louvain": _louvain,
}
