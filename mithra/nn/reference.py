"""PyG's own models as reference: R-GCN, GraphSAGE in a HeteroConv, and HGT, over domains and their entities.

A domain starts from its features, an entity from the number of domains that tell of it. Who tells is an
argument: an edge from a domain into an entity exists only for `senders`, an edge back exists for everyone, so
that a domain which is no sender is attached alone and changes nothing that others see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn import HeteroConv, HGTConv, SAGEConv

from mithra.errors import UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import NAME_RELATIONS

__all__ = ["REFERENCE_KINDS", "ReferenceGraph", "ReferenceNet", "reference_graph"]

REFERENCE_KINDS = ("rgcn", "sage", "hgt")
HGT_HEADS = 4

EdgeType = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class ReferenceGraph:
    """Typed edges and what entities start from."""

    edges: Mapping[EdgeType, Tensor]  # [2, edges] each
    adjacency: Mapping[EdgeType, Tensor]  # the same as sparse matrices, [targets, sources] each
    tellers: Mapping[str, Tensor]  # log1p of the domains that tell of each entity, [entities, 1] by relation

    @property
    def node_types(self) -> list[str]:
        """domain, and the entities of each relation."""
        return ["domain", *self.tellers]


def reference_graph(
    snapshot: Snapshot, senders: NDArray[np.bool_], *, leave_out: tuple[str, ...] = ()
) -> ReferenceGraph:
    """The snapshot as message edges in both directions, domains that are no `senders` [domains] told only."""
    edges: dict[EdgeType, Tensor] = {}
    tellers: dict[str, Tensor] = {}
    for name, relation in snapshot.relations.items():
        if name in leave_out:
            continue
        domain, entity = relation.domain_of_edge().astype(np.int64), relation.indices.astype(np.int64)
        if name in NAME_RELATIONS:
            other = snapshot.index(relation.entities)[entity]
            real = (other >= 0) & (other != domain)
            domain, other = domain[real], other[real]
            edges["domain", name, "domain"] = _pairs(domain[senders[domain]], other[senders[domain]])
            edges["domain", f"{name}_of", "domain"] = _pairs(other[senders[other]], domain[senders[other]])
            continue
        told = senders[domain]
        count = np.bincount(entity[told], minlength=len(relation.entities))
        tellers[name] = torch.from_numpy(np.log1p(count).astype(np.float32)).unsqueeze(1)
        edges["domain", name, name] = _pairs(domain[told], entity[told])
        edges[name, f"{name}_of", "domain"] = _pairs(entity, domain)
    sizes = {"domain": len(snapshot), **{name: len(count) for name, count in tellers.items()}}
    return ReferenceGraph(
        edges, {edge: _matrix(pairs, edge, sizes) for edge, pairs in edges.items()}, tellers
    )


def _pairs(source: NDArray[np.int64], target: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.stack([source, target]))


def _matrix(pairs: Tensor, edge: EdgeType, sizes: Mapping[str, int]) -> Tensor:
    shape = (sizes[edge[2]], sizes[edge[0]])
    coo = torch.sparse_coo_tensor(pairs.flip(0), torch.ones(pairs.shape[1]), shape)
    return coo.coalesce().to_sparse_csr()


class ReferenceNet(nn.Module):
    """Encode every node, pass messages, read a logit off each domain."""

    def __init__(
        self,
        kind: str,
        graph: ReferenceGraph,
        *,
        features: int,
        hidden: int = 32,
        layers: int = 2,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if kind not in REFERENCE_KINDS:
            raise UsageError("no such reference model", value=kind, hint=", ".join(REFERENCE_KINDS))
        self.kind = kind
        self.encode_domain = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        self.encode_entity = nn.ModuleDict({name: nn.Linear(1, hidden) for name in graph.tellers})
        self.layers = nn.ModuleList(_Layer(kind, graph, hidden, dropout) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x: Tensor, graph: ReferenceGraph) -> Tensor:
        """Logits of all domains, [domains].

        Args:
            x: features, [domains, features].
        """
        own = self.dropout(self.encode_domain(x))
        nodes = {"domain": own}
        for name, encode in self.encode_entity.items():
            nodes[name] = torch.relu(encode(graph.tellers[name]))
        edges = graph.edges if self.kind == "hgt" else graph.adjacency
        for layer in self.layers:
            nodes = layer(nodes, edges)
        logits: Tensor = self.head(torch.cat([own, nodes["domain"]], dim=1)).squeeze(1)
        return logits


class _Layer(nn.Module):
    """A convolution, then normalisation, rectifier and dropout on every node."""

    def __init__(self, kind: str, graph: ReferenceGraph, hidden: int, dropout: float) -> None:
        super().__init__()
        self.convolve = _convolution(kind, graph, hidden)
        self.norm = nn.ModuleDict({name: nn.LayerNorm(hidden) for name in graph.node_types})
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: dict[str, Tensor], edges: Mapping[EdgeType, Tensor]) -> dict[str, Tensor]:
        received = self.convolve(nodes, edges)
        return {name: self.dropout(torch.relu(norm(received[name]))) for name, norm in self.norm.items()}


def _convolution(kind: str, graph: ReferenceGraph, hidden: int) -> nn.Module:
    convolution: nn.Module
    if kind == "rgcn":
        convolution = RelationalConvolution(list(graph.edges), hidden)
    elif kind == "sage":
        convolution = HeteroConv({edge: SAGEConv(hidden, hidden) for edge in graph.edges}, aggr="sum")
    else:
        convolution = HGTConv(hidden, hidden, (graph.node_types, list(graph.edges)), heads=HGT_HEADS)
    return convolution


class RelationalConvolution(nn.Module):
    """R-GCN (Schlichtkrull et al. 2018, arXiv 1703.06103): a weight a node and one a relation, on means.

    The same sum as PyG's RGCNConv, written with its SAGEConv, which multiplies by sparse matrices and is
    three times faster on a CPU.
    """

    def __init__(self, edge_types: list[EdgeType], hidden: int) -> None:
        super().__init__()
        self.relations = HeteroConv(
            {edge: SAGEConv(hidden, hidden, root_weight=False, bias=False) for edge in edge_types}, aggr="sum"
        )
        self.root = nn.Linear(hidden, hidden)

    def forward(self, nodes: dict[str, Tensor], edges: Mapping[EdgeType, Tensor]) -> dict[str, Tensor]:
        received = self.relations(nodes, edges)
        return {name: self.root(h) + received[name] for name, h in nodes.items()}
