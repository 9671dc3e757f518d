"""A snapshot for other libraries: torch-geometric for learning, networkx for small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import SnapshotError, UsageError
from mithra.graph.snapshot import Relation, Snapshot

if TYPE_CHECKING:
    from networkx import MultiGraph
    from torch_geometric.data import HeteroData

__all__ = ["DOMAIN", "Subgraph", "neighbourhood", "to_pyg"]

DOMAIN = "domain"  # kind of a node that is a domain; entities have their relation's name
_NODES = pa.schema([("kind", pa.string()), ("key", pa.string()), ("hop", pa.int32())])
_EDGES = pa.schema(
    [
        ("domain", pa.string()),
        ("relation", pa.string()),
        ("entity", pa.string()),
        ("first_seen", pa.int64()),  # epoch seconds
        ("last_seen", pa.int64()),  # epoch seconds
        ("weight", pa.float32()),
    ]
)


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A small part of a snapshot around one name."""

    centre: str
    nodes: pa.Table  # kind ("domain" or a relation), key, hop (edges from the centre)
    edges: pa.Table  # domain, relation, entity, first_seen, last_seen, weight
    left_out: int  # edges to nodes that the limit had no room for; 0 means that nothing is missing

    def to_networkx(self) -> MultiGraph:
        """The same as an undirected graph.

        A domain's node is its name, an entity's `relation:key`; both carry `kind`, `key` and `hop`, edges
        `relation`, `first_seen`, `last_seen`, `weight`. Names are what the records held: escape them before
        they go into HTML or a terminal (`mithra.names.display`).
        """
        import networkx as nx

        graph = nx.MultiGraph(centre=self.centre)
        for node in self.nodes.to_pylist():
            graph.add_node(_node_id(node["kind"], node["key"]), **node)
        for edge in self.edges.to_pylist():
            domain, relation, entity = edge.pop("domain"), edge["relation"], edge.pop("entity")
            graph.add_edge(domain, _node_id(relation, entity), **edge)
        return graph


def to_pyg(snapshot: Snapshot) -> HeteroData:
    """The snapshot as `HeteroData`; see `Snapshot.to_pyg`."""
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data[DOMAIN].num_nodes = len(snapshot)
    data[DOMAIN].first_seen = torch.from_numpy(snapshot.first_seen.copy())
    data[DOMAIN].group = torch.from_numpy(snapshot.group.astype(np.int64))
    for name, relation in snapshot.relations.items():
        data[name].num_nodes = len(relation.entities)
        forth = np.stack([relation.domain_of_edge(), relation.indices]).astype(np.int64)
        times = np.stack([relation.first_seen, relation.last_seen], axis=1)
        for key, edge_index in (((DOMAIN, name, name), forth), ((name, f"rev_{name}", DOMAIN), forth[::-1])):
            data[key].edge_index = torch.from_numpy(edge_index.copy())
            data[key].edge_attr = torch.from_numpy(times)
            data[key].edge_weight = torch.from_numpy(relation.weight.copy())
    data.validate()
    return data


def neighbourhood(snapshot: Snapshot, name: str, hops: int, limit: int) -> Subgraph:
    """What lies around a name; see `Snapshot.neighbourhood`."""
    if hops < 1 or limit < 1:
        raise UsageError("hops and limit are 1 or more", value=(hops, limit))
    centre = int(snapshot.index(pa.array([name], pa.string()))[0])
    if centre < 0:
        raise SnapshotError(
            "the snapshot does not hold this name",
            value=name,
            hint="Names are canonical: lower case, no final dot; it may not have been seen by then",
        )
    found = _Reach(snapshot, centre, limit)
    for hop in range(1, hops + 1):
        found.step(hop)
    return found.subgraph(name)


class _Reach:
    """Breadth-first search from a domain, bounded in nodes."""

    def __init__(self, snapshot: Snapshot, centre: int, limit: int) -> None:
        self._snapshot, self._limit, self._left_out = snapshot, limit, 0
        self._hop: dict[tuple[str, int], int] = {(DOMAIN, centre): 0}  # hop of each node that was reached

    def step(self, hop: int) -> None:
        """Take in the nodes one edge further, rarest entities first, then by relation and id."""
        last = {kind: self._reached(kind, hop - 1) for kind in (DOMAIN, *self._snapshot.relations)}
        candidates: dict[tuple[str, int], tuple[int, int, int]] = {}
        for place, (name, relation) in enumerate(self._snapshot.relations.items()):
            degree = relation.degree()
            for node, entity in self._across(name, relation, last):
                if node not in self._hop:
                    rank = (int(degree[entity]), place, node[1])
                    candidates[node] = min(rank, candidates.get(node, rank))
        room = self._limit - len(self._hop)
        for node in sorted(candidates, key=lambda n: candidates[n])[:room]:
            self._hop[node] = hop
        self._left_out += max(len(candidates) - room, 0)

    def subgraph(self, centre: str) -> Subgraph:
        """All edges between the nodes that were reached, with keys for ids."""
        snapshot, edges = self._snapshot, []
        domains = self._reached(DOMAIN)
        for name, relation in snapshot.relations.items():
            rows = _edges_of_domains(relation, domains)
            rows = rows[np.isin(relation.indices[rows], self._reached(name))]
            domain = np.searchsorted(relation.indptr, rows, side="right") - 1
            edges.append(
                pa.table(
                    [
                        snapshot.names.take(pa.array(domain)),
                        pa.array([name] * len(rows), pa.string()),
                        relation.entities.take(pa.array(relation.indices[rows])),
                        pa.array(relation.first_seen[rows]),
                        pa.array(relation.last_seen[rows]),
                        pa.array(relation.weight[rows]),
                    ],
                    schema=_EDGES,
                )
            )
        nodes = [
            {"kind": kind, "key": self._keys(kind)[node].as_py(), "hop": hop}
            for (kind, node), hop in self._hop.items()
        ]
        return Subgraph(
            centre=centre,
            nodes=pa.Table.from_pylist(nodes, schema=_NODES),
            edges=pa.concat_tables([_EDGES.empty_table(), *edges]).combine_chunks(),
            left_out=self._left_out,
        )

    def _across(
        self, name: str, relation: Relation, last: dict[str, NDArray[np.int64]]
    ) -> Iterator[tuple[tuple[str, int], int]]:
        """Each node at the other end of an edge from the last step's nodes, with the edge's entity."""
        rows = _edges_of_domains(relation, last[DOMAIN])
        for entity in np.unique(relation.indices[rows]).tolist():
            yield (name, entity), entity
        if len(last[name]):
            rows = self._first_of_each(relation, last[name])
            domains = np.searchsorted(relation.indptr, rows, side="right") - 1
            for domain, entity in zip(domains.tolist(), relation.indices[rows].tolist(), strict=True):
                yield (DOMAIN, domain), entity

    def _first_of_each(self, relation: Relation, entities: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of the entities' edges, of each no more than the limit leaves room for, [n]."""
        rows = np.flatnonzero(np.isin(relation.indices, entities))
        order = np.argsort(relation.indices[rows], kind="stable")
        entity = relation.indices[rows][order]
        place = np.arange(len(rows)) - np.searchsorted(entity, entity)
        self._left_out += int(np.sum(place >= self._limit))
        return np.sort(rows[order[place < self._limit]])

    def _reached(self, kind: str, hop: int | None = None) -> NDArray[np.int64]:
        ids = [node for (k, node), at in self._hop.items() if k == kind and (hop is None or at == hop)]
        return np.array(sorted(ids), dtype=np.int64)

    def _keys(self, kind: str) -> pa.Array:
        return self._snapshot.names if kind == DOMAIN else self._snapshot.relations[kind].entities


def _edges_of_domains(relation: Relation, domains: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the domains' edges, [n]."""
    spans = [np.arange(relation.indptr[d], relation.indptr[d + 1]) for d in domains]
    return np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64)


def _node_id(kind: str, key: str) -> str:
    return key if kind == DOMAIN else f"{kind}:{key}"
