"""Whom an example meets: known at its time, never its kin, sums as if counted by hand."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mithra.graph.company import COLUMN_BLOCK, Examples, companies, company_sum
from mithra.graph.snapshot import Relation, Snapshot


def graph(edges: list[tuple[int, int, int]], group: list[int], entities: int = 3) -> Snapshot:
    """A snapshot of one relation from (domain, entity, first_seen)."""
    edges = sorted(edges)
    domain = np.array([edge[0] for edge in edges], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(domain, minlength=len(group)))]).astype(np.int64)
    seen = np.array([edge[2] for edge in edges], dtype=np.int64)
    relation = Relation(
        "address",
        pa.array([str(i) for i in range(entities)]),
        indptr,
        np.array([edge[1] for edge in edges], dtype=np.int32),
        seen,
        seen,
        np.ones(len(edges), np.float32),
    )
    names = pa.array([f"d{i}.test" for i in range(len(group))])
    return Snapshot(
        None, names, np.array(group, np.int32), names, np.zeros(len(group), np.int64),
        {"address": relation}, pa.table({}), pa.table({}),
    )  # fmt: skip


def at(domain: int, moment: int) -> Examples:
    return Examples(np.array([domain]), np.array([moment]))


def test_kin_and_the_future_are_not_met() -> None:
    # domains 0 and 1 are kin; 2 came at 10, 3 comes at 30
    world = graph([(0, 0, 20), (1, 0, 5), (2, 0, 10), (3, 0, 30)], group=[0, 0, 1, 2])
    values = np.array([[1.0], [10.0], [100.0], [1000.0]])
    met = companies(world, at(0, 20))["address"]
    assert met.others.tolist() == [1]
    assert company_sum(met, values).tolist() == [[100.0]]
    assert company_sum(companies(world, at(0, 30))["address"], values).tolist() == [[1100.0]]


def test_many_columns_sum_as_each_does_alone() -> None:
    world = graph([(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0)], group=[0, 1, 2])
    met = companies(world, at(0, 5))["address"]
    values = np.random.default_rng(1).random((3, 2 * COLUMN_BLOCK + 1)).astype(np.float32)
    assert company_sum(met, values).tolist() == [
        (values[1].astype(np.float64) + values[2].astype(np.float64)).tolist()
    ]


def test_an_edge_of_ones_own_counts_from_when_it_is_seen() -> None:
    world = graph([(0, 0, 20), (1, 0, 5)], group=[0, 1])
    assert len(companies(world, at(0, 19))["address"].example) == 0
    assert companies(world, at(0, 20))["address"].age.tolist() == [0]


def test_other_kin_and_a_smaller_store() -> None:
    world = graph([(0, 0, 0), (1, 0, 0), (2, 0, 0)], group=[0, 0, 1])
    alone = np.arange(3, dtype=np.int32)
    assert companies(world, at(0, 0), kin=alone)["address"].others.tolist() == [2]
    store = np.array([True, True, False])
    assert companies(world, at(0, 0), store=store)["address"].others.tolist() == [0]
    assert companies(world, at(2, 0), store=store)["address"].others.tolist() == [2]


def test_nobody_is_met_before_they_have_settled() -> None:
    world = graph([(0, 0, 0), (1, 0, 0)], group=[0, 1])
    settled = np.array([0, 50])
    assert companies(world, at(0, 49), not_before=settled)["address"].others.tolist() == [0]
    assert companies(world, at(0, 50), not_before=settled)["address"].others.tolist() == [1]


EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 9)), max_size=25)


@settings(max_examples=150, deadline=None)
@given(EDGES, st.lists(st.integers(0, 3), min_size=6, max_size=6), st.integers(0, 9))
def test_sums_equal_counting_by_hand_and_ignore_later_edges(
    drawn: list[tuple[int, int, int]], group: list[int], moment: int
) -> None:
    edges = list({(d, e): (d, e, seen) for d, e, seen in drawn}.values())
    values = np.arange(1.0, 7.0)[:, None] ** 2
    examples = Examples(np.arange(6), np.full(6, moment))
    now = companies(graph(edges, group), examples)["address"]
    found = {
        (int(d), int(e)): total
        for d, e, total in zip(now.example, now.entity, company_sum(now, values)[:, 0], strict=True)
    }
    expected = {
        (d, e): sum(
            values[other, 0]
            for other, there, known in edges
            if there == e and known <= moment and group[other] != group[d]
        )
        for d, e, seen in edges
        if seen <= moment
    }
    assert found == expected
    later = companies(graph([*edges], group), examples)["address"]
    past = companies(graph([edge for edge in edges if edge[2] <= moment], group), examples)["address"]
    assert company_sum(later, values).tolist() == company_sum(past, values).tolist()
