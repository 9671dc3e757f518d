"""Neighbour statistics by hand, with and without relatives, and blindness to who is not in the store."""

import numpy as np
import pyarrow as pa
import pytest

from mithra.features.columns import FeatureTable
from mithra.graph.company import Examples
from mithra.graph.undated import snapshot_from_edges
from mithra.learn.neighbours import neighbour_table

NAMES = pa.array(["a.shop.com", "b.shop.com", "c.com", "d.com", "e.com"])
EDGES = [(0, "x"), (0, "y"), (1, "x"), (2, "x"), (3, "x"), (3, "y"), (4, "z")]
VALUES = FeatureTable.from_columns({"v": [100, 10, 1, 2, 7]})
ALL = np.ones(5, bool)


def table(store: np.ndarray = ALL, *, kin: bool, rows: tuple[int, ...] = (0, 4)) -> FeatureTable:
    domain = np.array([d for d, _ in EDGES], np.int32)
    snapshot = snapshot_from_edges(NAMES, {"address": (domain, pa.array([key for _, key in EDGES]))})
    examples = Examples(np.array(rows), np.zeros(len(rows), np.int64))
    return neighbour_table(snapshot, examples, store=store, values=VALUES, kin=kin)


def test_without_kin_relatives_are_not_met() -> None:
    result = table(kin=False)
    assert result.column("address_degree").tolist() == [2, 1]
    assert result.column("address_shared").tolist() == [2, 0]
    assert result.column("address_company").tolist() == [(2 + 1) / 2, 0]
    assert result.column("address_company_most")[0] == 2
    assert result.column("address_company_least")[0] == 1
    assert result.column("address_mean_v")[0] == pytest.approx(((1 + 2) / 2 + 2) / 2)
    assert np.isnan(result.column("address_mean_v")[1])


def test_with_kin_everyone_but_the_name_itself_is_met() -> None:
    result = table(kin=True)
    assert result.column("address_company").tolist() == [(3 + 1) / 2, 0]
    assert result.column("address_kin").tolist() == [0.5, 0]
    assert result.column("address_mean_v")[0] == pytest.approx(((10 + 1 + 2) / 3 + 2) / 2)


def test_who_is_not_in_the_store_is_not_met() -> None:
    store = np.array([False, True, True, False, False])
    alone = table(store, kin=False)
    assert alone.column("address_degree").tolist() == [2, 1]  # own edges count all the same
    assert alone.column("address_company").tolist() == [0.5, 0]
    assert alone.column("address_mean_v")[0] == 1
    with_kin = table(store, kin=True)
    assert with_kin.column("address_mean_v")[0] == pytest.approx((10 + 1) / 2)


def test_relations_are_chosen_in_order() -> None:
    examples = Examples(np.array([0]), np.array([0]))
    domain = np.array([0], np.int32)
    snapshot = snapshot_from_edges(NAMES, {"address": (domain, pa.array(["x"]))})
    result = neighbour_table(snapshot, examples, store=ALL, relations=["asn", "address"])
    assert result.names[0] == "address_degree"
