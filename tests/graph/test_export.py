import pyarrow as pa
import pytest

from mithra.errors import SnapshotError, UsageError


@pytest.fixture
def snap(t):
    rows = [
        t.rr("a.com", "A", "192.0.2.1", 1, 5),
        t.rr("a.com", "A", "192.0.2.2", 1, 5),
        t.rr("b.com", "A", "192.0.2.1", 2, 6),
        t.rr("c.com", "A", "192.0.2.1", 3, 7),
        t.rr("c.com", "A", "198.51.100.1", 3, 7),
        t.rr("d.com", "A", "198.51.100.1", 4, 8),
        t.rr("a.com", "NS", "ns.x.net", 1),
    ]
    return t.snapshot({"resolutions": rows}, relations=["address", "name_server", "etld_plus_one"])


def test_hetero_data_has_the_edges_both_ways_and_is_valid(snap, t):
    data = snap.to_pyg()
    assert data.validate()
    assert data["domain"].num_nodes == 4
    assert data["address"].num_nodes == 3
    assert data["domain"].first_seen.tolist() == [t.second(n) for n in (1, 2, 3, 4)]
    forth, back = data["domain", "address", "address"], data["address", "rev_address", "domain"]
    assert forth.edge_index.tolist() == [[0, 0, 1, 2, 2, 3], [0, 1, 0, 0, 2, 2]]
    assert back.edge_index.tolist() == forth.edge_index.flip(0).tolist()
    assert forth.edge_attr[2].tolist() == [t.second(2), t.second(6)]
    assert forth.edge_weight.tolist() == pytest.approx(snap.relations["address"].weight.tolist())
    assert set(data.node_types) == {"domain", "address", "name_server", "etld_plus_one"}


def test_one_hop_is_the_entities_of_the_name(snap, t):
    around = snap.neighbourhood("a.com")
    assert around.nodes.to_pylist() == [
        {"kind": "domain", "key": "a.com", "hop": 0},
        {"kind": "address", "key": "192.0.2.2", "hop": 1},  # entities of one domain before those of three
        {"kind": "name_server", "key": "ns.x.net", "hop": 1},
        {"kind": "etld_plus_one", "key": "a.com", "hop": 1},
        {"kind": "address", "key": "192.0.2.1", "hop": 1},
    ]
    assert around.edges.num_rows == 4
    assert around.left_out == 0


def test_two_hops_reach_the_domains_that_share_them(snap):
    graph = snap.neighbourhood("a.com", hops=2).to_networkx()
    assert sorted(n for n, kind in graph.nodes(data="kind") if kind == "domain") == [
        "a.com",
        "b.com",
        "c.com",
    ]
    assert graph.has_edge("b.com", "address:192.0.2.1")
    assert not graph.has_node("address:198.51.100.1")
    assert graph.has_node("etld_plus_one:a.com")
    assert graph.graph["centre"] == "a.com"


def test_four_hops_reach_all(snap, t):
    graph = snap.neighbourhood("d.com", hops=4).to_networkx()
    assert graph.nodes["a.com"] == {"kind": "domain", "key": "a.com", "hop": 4}
    edge = graph.get_edge_data("c.com", "address:198.51.100.1")[0]
    assert edge["relation"] == "address"
    assert (edge["first_seen"], edge["last_seen"]) == (t.second(3), t.second(7))


def test_the_limit_keeps_rare_entities_and_counts_the_rest(snap):
    around = snap.neighbourhood("a.com", hops=2, limit=4)
    assert around.nodes["key"].to_pylist() == ["a.com", "192.0.2.2", "ns.x.net", "a.com"]
    assert around.left_out == 1


def test_a_hub_does_not_flood_the_picture(t):
    rows = [t.rr(f"n{i:03}.com", "A", "192.0.2.1") for i in range(200)]
    snap = t.snapshot({"resolutions": rows}, relations=["address"])
    around = snap.neighbourhood("n100.com", hops=2, limit=10)
    assert around.nodes.num_rows == 10
    assert around.nodes["key"].to_pylist()[:4] == ["n100.com", "192.0.2.1", "n000.com", "n001.com"]
    assert around.left_out > 0
    assert around.edges.num_rows == 9


def test_hostile_names_stay_plain_text(t):
    from mithra.graph.undated import snapshot_from_edges

    hostile = "<script>alert(1)</script>\x1b[31m"
    edges = {"address": ([0], pa.array(["<b>"]))}
    graph = snapshot_from_edges(pa.array([hostile]), edges).neighbourhood(hostile).to_networkx()
    assert set(graph.nodes) == {hostile, "address:<b>"}


def test_unknown_names_and_wrong_bounds_are_refused(snap):
    with pytest.raises(SnapshotError, match=r"does not hold this name.*nowhere\.com.*lower case"):
        snap.neighbourhood("nowhere.com")
    for hops, limit in ((0, 10), (1, 0)):
        with pytest.raises(UsageError, match="1 or more"):
            snap.neighbourhood("a.com", hops=hops, limit=limit)
