"""Cases: which labels and which company each regime lets a model see."""

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import LeakError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import snapshot_from_edges
from mithra.learn.contest import UNKNOWN, contest_case, regime_split
from mithra.learn.split import Split

Y = np.array([1, 0, 1, 0, -1], np.int8)


def graph() -> Snapshot:
    names = pa.array(["a.example.com", "b.example.com", "c.com", "d.com", "e.com"])
    domain = np.array([0, 1, 2, 3, 4], np.int32)
    return snapshot_from_edges(names, {"address": (domain, pa.array(["x", "x", "x", "x", "y"]))})


def split(train: list[int], val: list[int], test: list[int]) -> Split:
    return Split(*(np.array(part, np.int64) for part in (train, val, test)))


def test_test_labels_are_gone_and_the_rest_stays() -> None:
    case = contest_case(graph(), Y, split([0, 1], [2], [3]), "etld1")
    assert case.y.tolist() == [1, 0, 1, UNKNOWN, UNKNOWN]
    assert Y[3] == 0
    assert case.store.all()
    assert not case.arrives


def test_on_arrival_the_store_is_training_and_hubs_are_damped_by_it() -> None:
    snapshot = graph()
    case = contest_case(snapshot, Y, split([0, 1], [2], [3]), "arrival")
    assert case.store.tolist() == [True, True, False, False, False]
    in_view = snapshot.relations["address"].weight
    on_arrival = case.snapshot.relations["address"].weight
    assert on_arrival[0] == pytest.approx(1 / np.log2(3))  # two training names
    assert in_view[0] == pytest.approx(1 / np.log2(5))  # four names
    assert on_arrival[4] == 1  # nobody in the store is there


def test_a_leaking_split_is_refused_except_where_asked_for() -> None:
    leaking = split([0], [2], [1])
    with pytest.raises(LeakError, match=r"train and test.*example\.com"):
        contest_case(graph(), Y, leaking, "arrival")
    assert contest_case(graph(), Y, leaking, "random").test.tolist() == [1]
    with pytest.raises(LeakError, match="both val and test"):
        contest_case(graph(), Y, split([0], [1], [1]), "random")


def test_splits_hold_labelled_names_only() -> None:
    group = graph().group
    for regime in ("arrival", "etld1", "random"):
        parts = regime_split(group, Y, regime, seed=3)
        assert sorted(np.concatenate(list(parts.parts().values()))) == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="no such regime"):
        regime_split(group, Y, "elsewhere", seed=3)


def test_on_arrival_a_name_edge_leads_to_strangers_in_the_store_only() -> None:
    names = pa.array(["www.a.com", "a.com", "b.com", "c.com", "d.com"])
    apex = (np.array([0, 1], np.int32), pa.array(["a.com", "a.com"]))
    similar = (np.array([2, 3, 2, 4], np.int32), pa.array(["c.com", "c.com", "d.com", "d.com"]))
    snapshot = snapshot_from_edges(names, {"apex": apex, "similar": similar})
    case = contest_case(snapshot, Y, split([0, 1, 3], [4], [2]), "arrival")
    assert case.snapshot.relations["apex"].edges == 0  # kin, as collected, is no record of a name
    kept = case.snapshot.relations["similar"]
    assert kept.domain_of_edge().tolist() == [2]  # b.com is like c.com, which the store has
    assert kept.entities.take(pa.array(kept.indices)).to_pylist() == ["c.com"]
    assert contest_case(snapshot, Y, split([0, 1, 3], [4], [2]), "etld1").snapshot is snapshot
