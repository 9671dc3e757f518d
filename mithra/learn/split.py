"""Splits of examples into training, validation and test, and the check that refuses one that leaks.

Names of one eTLD+1 are near copies of each other, so the honest splits keep groups whole (`group_split`) or
cut in time (`time_split`). A random split puts siblings on both sides; it exists to compare with papers and
has to be asked for by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import LeakError, UsageError

__all__ = [
    "FRACTIONS",
    "Split",
    "check_groups",
    "check_times",
    "group_folds",
    "group_split",
    "random_split",
    "time_split",
]

FRACTIONS = (0.5, 0.2, 0.3)  # training, validation, test

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the examples of each part, ascending."""

    train: Positions
    val: Positions
    test: Positions

    def parts(self) -> dict[str, Positions]:
        """The parts by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def group_split(group: NDArray[np.integer], fractions: Sequence[float] = FRACTIONS, *, seed: int) -> Split:
    """Whole groups to each part, drawn by chance.

    Args:
        group: eTLD+1 of each example, [examples].
        fractions: shares of the groups for training, validation and test; they add up to 1.
    """
    groups, member = np.unique(group, return_inverse=True)
    part = _drawn(len(groups), fractions, seed)[member]
    return _split(part)


def group_folds(group: NDArray[np.integer], folds: int, *, seed: int) -> NDArray[np.int64]:
    """Fold of each example, 0 to `folds` - 1, [examples]: whole groups, drawn by chance, as many in each."""
    groups, member = np.unique(group, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(groups)) % folds
    return fold[member]


def random_split(examples: int, fractions: Sequence[float] = FRACTIONS, *, seed: int) -> Split:
    """Examples drawn one by one. LEAKS siblings from training into test: only to compare with papers."""
    return _split(_drawn(examples, fractions, seed))


def time_split(
    at: NDArray[np.int64], val_start: int, test_start: int, *, group: NDArray[np.integer] | None = None
) -> Split:
    """Training before `val_start`, validation from it on, test from `test_start` on (epoch seconds).

    With `group`, a name whose eTLD+1 was already seen in an earlier part is left out of the later one, so
    that what is measured is recognition of the new.
    """
    if not val_start < test_start:
        raise UsageError("validation must start before the test", value=f"{val_start}, {test_start}")
    part = np.digitize(at, [val_start, test_start])
    if group is not None:
        earliest = np.full(int(group.max(initial=-1)) + 1, 2)
        np.minimum.at(earliest, group, part)
        part = np.where(part > earliest[group], -1, part)
    return _split(part)


def check_groups(split: Split, group: NDArray[np.integer], *, names: pa.Array | None = None) -> None:
    """Refuse a split in which two parts share an example or an eTLD+1.

    Args:
        group: eTLD+1 of each example, [examples].
        names: what the groups are called, [groups], for the message.

    Raises:
        LeakError: naming the parts and the first thing that they share.
    """
    parts = list(split.parts().items())
    for i, (one, left) in enumerate(parts):
        for other, right in parts[i + 1 :]:
            both = np.intersect1d(left, right)
            if len(both):
                raise LeakError(f"{len(both)} examples are in both {one} and {other}", value=int(both[0]))
            shared = np.intersect1d(group[left], group[right])
            if len(shared):
                first = int(shared[0]) if names is None else names[int(shared[0])].as_py()
                raise LeakError(
                    f"{len(shared)} eTLD+1 have names in both {one} and {other}",
                    value=first,
                    hint="Use group_split, or ask for random_split and say so",
                )


def check_times(split: Split, at: NDArray[np.int64]) -> None:
    """Refuse a split in which a later part holds an example from before the end of an earlier one.

    Raises:
        LeakError: naming the parts and the moment (epoch seconds).
    """
    parts = [(name, at[rows]) for name, rows in split.parts().items() if len(rows)]
    for (one, before), (other, after) in pairwise(parts):
        if before.max() >= after.min():
            raise LeakError(
                f"{one} holds examples that are not older than {other}",
                value=int(before.max()),
                hint=f"{other} begins at {int(after.min())}",
            )


def _drawn(units: int, fractions: Sequence[float], seed: int) -> NDArray[np.int64]:
    """Part of each unit: 0, 1 or 2."""
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise UsageError("fractions must be three shares that add up to 1", value=tuple(fractions))
    order = np.random.default_rng(seed).permutation(units)
    cuts = np.round(np.cumsum(fractions)[:2] * units).astype(np.int64)
    part = np.empty(units, np.int64)
    part[order] = np.searchsorted(cuts, np.arange(units), side="right")
    return part


def _split(part: NDArray[np.integer]) -> Split:
    train, val, test = (np.flatnonzero(part == k) for k in range(3))
    return Split(train, val, test)
