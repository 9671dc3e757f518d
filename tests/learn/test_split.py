"""Splits: what they keep whole, that seeds fix them, and that a leak is refused by name."""

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import LeakError, UsageError
from mithra.learn.split import (
    Split,
    check_groups,
    check_times,
    group_folds,
    group_split,
    random_split,
    time_split,
)

GROUP = np.repeat(np.arange(10), 3)


def rows(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_groups_stay_whole_and_parts_have_their_share() -> None:
    split = group_split(GROUP, seed=1)
    assert [len(part) for part in split.parts().values()] == [15, 6, 9]
    assert sorted(np.concatenate(list(split.parts().values()))) == list(range(30))
    check_groups(split, GROUP)


def test_the_seed_fixes_the_split() -> None:
    assert group_split(GROUP, seed=1).test.tolist() == group_split(GROUP, seed=1).test.tolist()
    assert group_split(GROUP, seed=1).test.tolist() != group_split(GROUP, seed=2).test.tolist()


def test_fractions_are_honoured() -> None:
    split = group_split(GROUP, (0.8, 0.2, 0), seed=0)
    assert [len(part) for part in split.parts().values()] == [24, 6, 0]
    with pytest.raises(UsageError, match="add up to 1"):
        group_split(GROUP, (0.5, 0.2, 0.2), seed=0)


def test_a_random_split_leaks_and_is_refused() -> None:
    split = random_split(30, seed=0)
    assert [len(part) for part in split.parts().values()] == [15, 6, 9]
    with pytest.raises(LeakError, match=r"eTLD\+1 have names in both train and val"):
        check_groups(split, GROUP)


def test_the_leak_is_named() -> None:
    split = Split(rows(0, 1), rows(2), rows(3))
    with pytest.raises(LeakError, match=r"both train and test.*b.example"):
        check_groups(split, rows(0, 1, 2, 1), names=pa.array(["a.example", "b.example", "c.example"]))
    with pytest.raises(LeakError, match="1 examples are in both val and test"):
        check_groups(Split(rows(0), rows(1), rows(1)), rows(0, 1))


def test_time_split_cuts_at_the_moments() -> None:
    split = time_split(rows(5, 10, 19, 20, 1), 10, 20)
    assert split.train.tolist() == [0, 4]
    assert split.val.tolist() == [1, 2]
    assert split.test.tolist() == [3]
    check_times(split, rows(5, 10, 19, 20, 1))


def test_time_split_leaves_out_names_of_known_groups() -> None:
    at, group = rows(1, 15, 16, 25, 26), rows(0, 0, 1, 1, 2)
    split = time_split(at, 10, 20, group=group)
    assert split.val.tolist() == [2]
    assert split.test.tolist() == [4]
    check_groups(split, group)


def test_a_split_against_time_is_refused() -> None:
    with pytest.raises(LeakError, match=r"train holds examples that are not older than test.*9"):
        check_times(Split(rows(0), rows(), rows(1)), rows(9, 9))
    with pytest.raises(UsageError, match="before the test"):
        time_split(rows(1), 5, 5)


def test_folds_keep_groups_whole_and_are_of_one_size() -> None:
    fold = group_folds(GROUP, 5, seed=1)
    assert np.bincount(fold).tolist() == [6] * 5
    assert all(len(np.unique(fold[group == GROUP])) == 1 for group in range(10))
    assert fold.tolist() == group_folds(GROUP, 5, seed=1).tolist()
    assert fold.tolist() != group_folds(GROUP, 5, seed=2).tolist()
