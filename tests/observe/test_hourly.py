"""Facts that agree become one row: how rows are put into groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mithra.observe.hourly import _greatest, _groups, _least


def test_groups_are_numbered_as_they_appear():
    names = pa.array(["b", "a", "b", None, "a", None])
    group, first = _groups([names, pa.array([1, 1, 1, 1, 2, 1])])
    assert group.tolist() == [0, 1, 0, 2, 3, 2]
    assert first.to_pylist() == [0, 1, 3, 4]


def test_columns_whose_kinds_multiply_beyond_64_bits():
    rows = 1 << 13
    order = np.random.default_rng(7).permutation(rows)
    columns = [pa.array(np.concatenate([order * n, order * n])) for n in (1, 3, 5, 7, 11, 13)]
    group, first = _groups(columns)  # 2 ** 78 combinations
    assert group.tolist() == [*range(rows), *range(rows)]
    assert first.to_pylist() == [*range(rows)]


def test_dictionaries_and_plain_text_group_alike():
    plain = pa.array(["x", None, "y", "x", None])
    mixed = pa.array([1, 2, 1, 1, 2])
    assert _groups([plain, mixed])[0].tolist() == _groups([plain.dictionary_encode(), mixed])[0].tolist()


def test_the_least_and_greatest_of_a_group_pass_over_nulls():
    values, group = pa.array([5, None, 3, None]), np.array([0, 0, 0, 1])
    assert _least(values, group).to_pylist() == [3, None]
    assert _greatest(values, group).to_pylist() == [5, None]
