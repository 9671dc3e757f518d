"""Names that arrived in a stretch of time, as they stood a day after first sight, and what is said of them.

Truth is what sources had said by a later moment; a name that nobody listed counts as benign only after the
waiting window, and stays unlabelled before. Nothing of it reaches a score: a model sees the graph and times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InputError
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import snapshot as take_snapshot
from mithra.learn.examples import UNLABELLED, domain_labels
from mithra.learn.settings import TrainSettings
from mithra.observe.workspace import Workspace

__all__ = ["ANY_FEED", "NEVER", "Arrivals", "arrivals", "moments", "transferred"]

ANY_FEED = "any feed"
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Arrived names in order of domain id; `labels_until` is the moment of `y` and `listed`."""

    graph: Snapshot
    labels_until: datetime
    domain: NDArray[np.int64]  # [arrivals] id in the graph
    at: NDArray[np.int64]  # [arrivals] epoch seconds at which each is judged
    y: NDArray[np.int8]  # [arrivals] 1 nefarious, 0 benign, -1 unlabelled
    listed: Mapping[str, NDArray[np.int64]]  # feed -> [arrivals] when it first listed each, or NEVER

    def __len__(self) -> int:
        return len(self.domain)

    @property
    def examples(self) -> Examples:
        """What a model is asked to score."""
        return Examples(self.domain, self.at)

    @property
    def first_seen(self) -> NDArray[np.int64]:
        """Epoch seconds of each first sight, [arrivals]."""
        return self.graph.first_seen[self.domain]

    @property
    def names(self) -> pa.Array:
        """Their names, [arrivals]."""
        return self.graph.names.take(pa.array(self.domain))


def arrivals(
    workspace: Workspace,
    first: datetime,
    last: datetime,
    until: datetime,
    settings: TrainSettings,
    *,
    progress: bool = False,
) -> Arrivals:
    """Names first seen from `first` to `last`, with what sources said of them by `until`.

    Raises:
        InputError: nothing arrived.
    """
    graph = take_snapshot(workspace, last, progress=progress)
    later = take_snapshot(workspace, until, progress=progress)
    domain = np.flatnonzero((graph.first_seen >= first.timestamp()) & (graph.first_seen < last.timestamp()))
    if not len(domain):
        raise InputError(
            "no name was first seen in that time", hint="`mithra status` shows the dates there are"
        )
    y = transferred(domain_labels(later, settings)[0], later, graph)
    return Arrivals(
        graph,
        until,
        domain,
        moments(graph, settings.arrival_hours * 3600)[domain],
        y[domain],
        _listed(graph, later, domain),
    )


def moments(graph: Snapshot, wait_seconds: int) -> NDArray[np.int64]:
    """When each domain is judged, [domains]: a while after its first sight, at the latest at the end."""
    if graph.as_of is None:
        return np.zeros(len(graph), np.int64)
    return np.minimum(graph.first_seen + wait_seconds, int(graph.as_of.timestamp()))


def transferred(
    y: NDArray[np.int8], source: Snapshot, target: Snapshot, missing: int = UNLABELLED
) -> NDArray[np.int8]:
    """Values of one snapshot's domains for those of another, by name."""
    place = source.index(target.names)
    return np.where(place >= 0, y[np.maximum(place, 0)], missing).astype(np.int8)


def _listed(graph: Snapshot, later: Snapshot, domain: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """When each feed, and any of them, first listed each arrival, [arrivals] a feed."""
    bad = later.labels.filter(pc.equal(later.labels["verdict"], "nefarious"))
    place = np.full(len(graph) + 1, -1)
    place[domain] = np.arange(len(domain))
    row = place[graph.index(later.names.take(bad["domain"].combine_chunks()))]
    known_at = np.asarray(bad["known_at"]).astype(np.int64)
    source = np.asarray(bad["source"].to_pylist(), dtype=object)
    here = row >= 0
    feeds = {ANY_FEED: here} | {name: here & (source == name) for name in sorted(set(source[here]))}
    found = {}
    for name, rows in feeds.items():
        found[name] = np.full(len(domain), NEVER)
        np.minimum.at(found[name], row[rows], known_at[rows])
    return found
