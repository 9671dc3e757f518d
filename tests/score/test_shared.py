"""Company counted once for many names: the same as the model's, labels as of the moment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithra.graph.company import Examples, companies, company_sum
from mithra.score.meetings import telling
from mithra.score.shared import NEVER, Shared, company_of, listings, shared

NAMES = ["a.one.test", "b.one.test", "two.test", "three.test", "x.github.io", "y.github.io"]


def company(s, snapshot, ids, relation="address"):
    held = listings(snapshot, s.NOW)
    return shared(snapshot.relations[relation], snapshot, np.asarray(ids), s.NOW, held)


def test_counts_leave_out_the_own_etld1(s):
    graph = s.snapshot(
        NAMES,
        {"address": [(name, "192.0.2.1", -5) for name in NAMES]},
        [("b.one.test", "nefarious", "f", -2), ("two.test", "nefarious", "f", -4)],
    )
    found = company(s, graph, range(6))
    assert found.others.tolist() == [4, 4, 5, 5, 5, 5]
    assert found.listed.tolist() == [1, 1, 1, 2, 2, 2]
    assert found.first.tolist() == [2, 2, 1, 2, 2, 2]
    usual = 2 / 6
    assert found.lift[3] == pytest.approx(np.log((2 + 4 * usual) / (9 * usual)))


def test_first_listing_skips_the_own_group_and_later_ones(s):
    labels = [
        ("a.one.test", "nefarious", "f", -9),
        ("b.one.test", "nefarious", "f", -8),
        ("three.test", "nefarious", "g", -3),
        ("three.test", "nefarious", "f", -7),
    ]
    graph = s.snapshot(NAMES, {"address": [(name, "192.0.2.1", -5) for name in NAMES]}, labels)
    found = company(s, graph, [0, 2, 3])
    assert found.first.tolist() == [3, 0, 0]
    held = listings(graph, s.NOW)
    assert held.known_at[3] == s.NOW - 7 * s.DAY
    assert held.sources[3] == 2
    met = company_of(graph.relations["address"], graph, 0, 0, s.NOW, held)
    assert met.tolist() == [3, 2, 4, 5]


def test_a_name_held_to_be_benign_is_no_listed_company(s):
    labels = [("two.test", "nefarious", "f", -4), ("two.test", "benign", "analyst", -1)]
    graph = s.snapshot(NAMES, {"address": [(name, "192.0.2.1", -5) for name in NAMES]}, labels)
    assert company(s, graph, [3]).listed.tolist() == [0]
    held = listings(graph, s.NOW)
    assert held.benign.tolist() == [False, False, True, False, False, False]
    assert listings(graph, s.NOW - 2 * s.DAY).listed[2]


def test_no_labels_and_no_edges(s):
    graph = s.snapshot(NAMES, {"address": []})
    assert len(company(s, graph, range(6)).row) == 0
    held = listings(graph, s.NOW)
    assert held.usual == 0.01
    assert (held.known_at == NEVER).all()


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_the_same_company_as_the_models(s, data):
    """`mithra.graph.company` counts examples one relation and moment at a time; both must agree."""
    edge = st.tuples(st.sampled_from(NAMES), st.sampled_from(["k1", "k2", "k3"]), st.integers(-5, 3))
    edges = data.draw(st.lists(edge, max_size=30))
    listed = data.draw(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(-5, 3)), max_size=6))
    graph = s.snapshot(NAMES, {"address": edges}, [(name, "nefarious", "f", day) for name, day in listed])
    ids = np.arange(len(NAMES))
    met = companies(graph, Examples(ids, np.full(len(ids), s.NOW)))["address"]
    found = company(s, graph, ids)
    assert found.row.tolist() == met.example.tolist()
    assert found.entity.tolist() == met.entity.tolist()
    assert found.others.tolist() == met.others.tolist()
    held = listings(graph, s.NOW)
    assert found.listed.tolist() == company_sum(met, held.listed[:, None].astype(float))[:, 0].tolist()
    for row, entity, first in zip(found.row, found.entity, found.first, strict=True):
        there = company_of(graph.relations["address"], graph, row, entity, s.NOW, held)
        first_time = held.known_at[there[0]] if len(there) and held.listed[there[0]] else NEVER
        assert (held.known_at[first] if first >= 0 else NEVER) == first_time


@pytest.mark.parametrize(
    ("others", "listed", "usual", "speaks"),
    [
        (1, 1, 0.01, True),
        (5, 3, 0.1, True),
        (20, 2, 0.01, True),
        (30, 2, 0.01, False),  # not a tenth: at a large host a few always are
        (9, 2, 0.2, False),  # where a fifth of all names is listed, a fifth is nothing
        (9, 0, 0.01, False),
    ],
)
def test_when_company_speaks(others, listed, usual, speaks):
    one = np.array([0])
    lift = np.log((listed + 4 * usual) / ((others + 4) * usual))
    found = Shared("address", one, one, np.array([others]), np.array([listed]), one, np.array([lift]))
    assert telling(found).tolist() == [speaks]
