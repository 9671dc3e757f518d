"""PyG reference models: R-GCN equals PyG's own, and a name that is no sender is attached alone."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch_geometric.nn import RGCNConv

from mithra.errors import UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import snapshot_from_edges
from mithra.nn.reference import (
    REFERENCE_KINDS,
    ReferenceNet,
    RelationalConvolution,
    reference_graph,
)

NAMES = pa.array(["a.com", "b.com", "c.com", "d.com", "e.com"])
ALL = np.ones(5, bool)


def graph(extra: tuple[tuple[int, str], ...] = ()) -> Snapshot:
    address = [(0, "x"), (1, "x"), (2, "y"), (3, "x"), (4, "y"), *extra]
    similar = [(0, "a.com"), (1, "a.com"), (0, "b.com"), (1, "b.com")]
    return snapshot_from_edges(
        NAMES,
        {
            kind: (np.array([d for d, _ in edges], np.int32), pa.array([key for _, key in edges]))
            for kind, edges in (("address", address), ("similar", similar))
        },
    )


def test_edges_run_both_ways_but_only_senders_tell() -> None:
    told = reference_graph(graph(), np.array([True, False, False, False, False]))
    assert told.edges["domain", "address", "address"].tolist() == [[0], [0]]
    assert told.edges["address", "address_of", "domain"].tolist() == [[0, 0, 1, 0, 1], [0, 1, 2, 3, 4]]
    assert told.tellers["address"].flatten().tolist() == pytest.approx([np.log(2), 0])
    assert told.node_types == ["domain", "address"]


def test_edges_between_names_join_domains() -> None:
    told = reference_graph(graph(), np.array([True, False, False, False, False]))
    assert told.edges["domain", "similar", "domain"].tolist() == [[0], [1]]
    assert told.edges["domain", "similar_of", "domain"].tolist() == [[0], [1]]
    assert "similar" not in told.tellers


def test_relations_can_be_left_out() -> None:
    assert reference_graph(graph(), ALL, leave_out=("similar",)).edges.keys() == {
        ("domain", "address", "address"),
        ("address", "address_of", "domain"),
    }


def test_the_relational_convolution_is_that_of_pyg() -> None:
    torch.manual_seed(0)
    seen = reference_graph(graph(), ALL)
    types = list(seen.edges)
    ours, theirs = RelationalConvolution(types, 4), RGCNConv(4, 4, num_relations=len(types))
    with torch.no_grad():
        theirs.root.copy_(ours.root.weight.T)
        theirs.bias.copy_(ours.root.bias)
        for i, edge in enumerate(types):
            theirs.weight[i].copy_(ours.relations.convs[edge].lin_l.weight.T)
    nodes = {"domain": torch.randn(5, 4), "address": torch.randn(2, 4)}
    first = {"domain": 0, "address": 5}
    pairs = [seen.edges[e] + torch.tensor([[first[e[0]]], [first[e[2]]]]) for e in types]
    kind = torch.cat([torch.full((p.shape[1],), i) for i, p in enumerate(pairs)])
    expected = theirs(torch.cat(list(nodes.values())), torch.cat(pairs, dim=1), kind)
    mine = ours(nodes, seen.adjacency)
    torch.testing.assert_close(torch.cat([mine["domain"], mine["address"]]), expected)


@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_who_does_not_send_is_attached_alone(kind: str) -> None:
    torch.manual_seed(1)
    senders = np.array([True, True, True, False, False])
    plain, fuller = reference_graph(graph(), senders), reference_graph(graph(((4, "x"),)), senders)
    net = ReferenceNet(kind, plain, features=3, hidden=8).eval()
    x = torch.randn(5, 3)
    with torch.no_grad():
        before, more_edges = net(x, plain), net(x, fuller)
        changed = x.clone()
        changed[4] += 5
        other_features = net(changed, plain)
        changed = x.clone()
        changed[0] += 5
        sender_changed = net(changed, plain)
    torch.testing.assert_close(more_edges[:4], before[:4])
    assert more_edges[4] != before[4]
    torch.testing.assert_close(other_features[:4], before[:4])
    assert sender_changed[3] != before[3]  # they share an address


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="no such reference"):
        ReferenceNet("gat", reference_graph(graph(), ALL), features=3)
