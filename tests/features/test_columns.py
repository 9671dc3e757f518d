"""Feature tables: named columns, checked shapes."""

import numpy as np
import pytest

from mithra.errors import UsageError
from mithra.features.columns import FeatureTable


def test_columns_keep_their_order_and_values() -> None:
    table = FeatureTable.from_columns({"b": [1, 2], "a": [np.nan, 4]})
    assert table.names == ("b", "a")
    assert table.values.dtype == np.float32
    assert table.column("b").tolist() == [1, 2]
    assert table.select(["a"]).values[1].tolist() == [4]
    assert table.take(np.array([1])).values.tolist() == [[2, 4]]


def test_concat_sets_tables_side_by_side() -> None:
    left, right = FeatureTable.from_columns({"a": [1]}), FeatureTable.from_columns({"b": [2]})
    both = left.concat(right)
    assert both.names == ("a", "b")
    assert both.values.tolist() == [[1, 2]]
    with pytest.raises(UsageError, match="same name"):
        left.concat(left)
    with pytest.raises(UsageError, match="differ in rows"):
        left.concat(FeatureTable.from_columns({"b": [2, 3]}))


def test_a_wrong_shape_or_name_is_refused() -> None:
    with pytest.raises(UsageError, match="shape"):
        FeatureTable(("a",), np.zeros((2, 2), np.float32))
    with pytest.raises(UsageError, match="no such feature"):
        FeatureTable.from_columns({"a": [1]}).column("b")
