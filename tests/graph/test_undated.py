import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import UsageError
from mithra.graph.undated import snapshot_from_edges

NAMES = pa.array(["www.b.example", "a.example", "x.a.example"])


def test_edges_are_merged_sorted_and_damped():
    domain = np.array([1, 0, 1, 1], dtype=np.int32)
    keys = pa.array(["192.0.2.9", "192.0.2.9", "192.0.2.1", "192.0.2.9"])
    snap = snapshot_from_edges(NAMES, {"address": (domain, keys)})
    address = snap.relations["address"]
    assert address.entities.to_pylist() == ["192.0.2.1", "192.0.2.9"]
    assert address.indptr.tolist() == [0, 1, 3, 3]
    assert address.indices.tolist() == [1, 0, 1]
    assert address.weight.tolist() == pytest.approx([1 / np.log2(3), 1, 1 / np.log2(3)])
    assert address.first_seen.tolist() == address.last_seen.tolist() == [0, 0, 0]
    assert address.domain_of_edge().tolist() == [0, 1, 1]
    assert address.degree().tolist() == [1, 2]


def test_names_keep_their_order_and_are_grouped():
    snap = snapshot_from_edges(NAMES, {})
    assert snap.as_of is None
    assert snap.names.to_pylist() == NAMES.to_pylist()
    assert snap.groups.to_pylist() == ["a.example", "b.example"]
    assert snap.group.tolist() == [1, 0, 0]
    assert snap.index(pa.array(["a.example", "no.example"])).tolist() == [1, -1]


def test_facts_and_labels_are_filled_up():
    facts = pa.table({"created": [10, None, 30], "extra": [1.0, 2.0, 3.0]})
    labels = pa.table({"domain": [2], "verdict": ["nefarious"]})
    snap = snapshot_from_edges(NAMES, {}, facts=facts, labels=labels)
    assert snap.facts["created"].to_pylist() == [10, None, 30]
    assert snap.facts["expires"].to_pylist() == [None, None, None]
    assert snap.facts["extra"].to_pylist() == [1.0, 2.0, 3.0]
    assert snap.labels.to_pylist() == [
        {
            "domain": 2,
            "verdict": "nefarious",
            "category": None,
            "source": None,
            "known_at": 0,
            "confidence": None,
        }
    ]


@pytest.mark.parametrize(
    ("names", "domain", "keys", "message"),
    [
        (["a.example", "a.example"], [0], ["x"], "distinct"),
        (["a.example", None], [0], ["x"], "distinct"),
        (["a.example"], [1], ["x"], "does not exist"),
        (["a.example"], [-1], ["x"], "does not exist"),
        (["a.example"], [0], ["x", "y"], "different length"),
        (["a.example"], [0], [None], "without an entity key"),
    ],
)
def test_wrong_input_is_refused(names, domain, keys, message):
    edges = {"address": (np.array(domain, dtype=np.int32), pa.array(keys, pa.string()))}
    with pytest.raises(UsageError, match=message):
        snapshot_from_edges(pa.array(names), edges)


def test_empty_graph():
    snap = snapshot_from_edges(
        pa.array([], pa.string()), {"address": (np.array([], np.int32), pa.array([], pa.string()))}
    )
    assert len(snap) == 0
    assert snap.relations["address"].indptr.tolist() == [0]


def test_wrong_facts_and_labels_are_refused():
    with pytest.raises(UsageError, match="one row for each"):
        snapshot_from_edges(NAMES, {}, facts=pa.table({"created": [1]}))
    with pytest.raises(UsageError, match="does not exist"):
        snapshot_from_edges(NAMES, {}, labels=pa.table({"domain": [3], "verdict": ["benign"]}))
