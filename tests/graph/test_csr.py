import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra.errors import UsageError
from mithra.graph import csr, tenancy
from mithra.graph.csr import (
    Edges,
    capped,
    inherited,
    merged,
    relation_from_edges,
    sorted_dictionary,
    to_relation,
)

EDGE = st.tuples(
    st.integers(0, 5), st.integers(0, 4), st.integers(0, 9), st.integers(0, 9), st.integers(1, 3)
)


def edges(*rows):
    """rows: (domain, entity, first, last, count)"""
    domain, entity, first, last, count = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    keys = pa.array([f"e{i}" for i in range(5)])
    return Edges(domain.astype(np.int32), entity.astype(np.int32), keys, first, last, count)


def rows_of(found):
    columns = [found.domain, found.entity, found.first_seen, found.last_seen]
    columns += [] if found.count is None else [found.count]
    return [tuple(int(v) for v in row) for row in zip(*columns, strict=True)]


def test_merged_takes_the_widest_times_and_the_highest_count():
    found = merged(edges((1, 2, 5, 6, 3), (0, 1, 9, 9, 1), (1, 2, 4, 5, 7), (1, 0, 8, 8, 1)))
    assert rows_of(found) == [(0, 1, 9, 9, 1), (1, 0, 8, 8, 1), (1, 2, 4, 6, 7)]


@given(st.lists(EDGE))
def test_merged_agrees_with_a_dictionary_whatever_the_shards(rows):
    expected = {}
    for d, e, first, last, count in rows:
        f, n, c = expected.get((d, e), (first, last, count))
        expected[d, e] = (min(f, first), max(n, last), max(c, count))
    expected = [(*key, *value) for key, value in sorted(expected.items())]
    assert rows_of(merged(edges(*rows))) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csr, "SHARD_ROWS", 3)
        assert rows_of(merged(edges(*rows))) == expected


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 300), st.integers(0, 60)), min_size=1))
def test_tenancies_are_the_same_whatever_the_shards(stays):
    address, first, length = np.array(stays, dtype=np.int64).T
    day = 86_400
    whole = tenancy.split_tenancies(address, first * day, (first + length) * day)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenancy, "SHARD_ROWS", 4)
        sharded = tenancy.split_tenancies(address, first * day, (first + length) * day)
    assert whole.of.tolist() == sharded.of.tolist()
    assert whole.address.tolist() == sharded.address.tolist()
    assert whole.number.tolist() == sharded.number.tolist()


def test_capped_keeps_the_edges_seen_first():
    found, dropped = capped(edges((0, 0, 5, 5, 1), (0, 1, 3, 3, 1), (0, 2, 3, 3, 1), (1, 0, 9, 9, 1)), 2)
    assert rows_of(found) == [(0, 1, 3, 3, 1), (0, 2, 3, 3, 1), (1, 0, 9, 9, 1)]
    assert dropped == 1


def test_inherited_edges_begin_when_both_were_known():
    own = edges((0, 1, 5, 8, 1), (1, 0, 2, 2, 1), (1, 1, 9, 9, 1))
    found = inherited(own, np.array([-1, 0, 0, -1]), np.array([1, 1, 7, 1]))
    assert rows_of(found) == [(0, 1, 5, 8), (1, 0, 2, 2), (1, 1, 5, 9), (2, 1, 7, 8)]


def test_a_parent_without_edges_gives_none():
    own = edges((1, 0, 2, 2, 1))
    assert inherited(own, np.array([-1, 0]), np.array([0, 0])) is own


def test_entities_without_edges_are_left_out():
    relation = to_relation("r", merged(edges((0, 4, 1, 1, 1), (2, 1, 1, 1, 1))), 3)
    assert relation.entities.to_pylist() == ["e1", "e4"]
    assert relation.indices.tolist() == [1, 0]
    assert relation.indptr.tolist() == [0, 1, 1, 2]


def test_sorted_dictionary_is_in_byte_order_and_knows_null():
    ids, keys = sorted_dictionary(pa.array(["b", None, "a", "b", "é", "Z"]))
    assert keys.to_pylist() == ["Z", "a", "b", "é"]
    assert ids.tolist() == [2, -1, 1, 2, 3, 0]


def test_arrays_of_different_length_are_refused():
    times = np.zeros(2, dtype=np.int64)
    with pytest.raises(UsageError, match="different length"):
        relation_from_edges("r", np.zeros(1, dtype=np.int32), pa.array(["a", "b"]), times, times, domains=1)
