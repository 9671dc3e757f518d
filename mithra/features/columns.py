"""A table of named numeric features, one row per example. A missing value is NaN, never a stand-in number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mithra.errors import UsageError

__all__ = ["FeatureTable"]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Feature `names[j]` of example `i` is `values[i, j]`; NaN where it is not known."""

    names: tuple[str, ...]
    values: NDArray[np.float32]  # [examples, features]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise UsageError(
                f"{len(self.names)} feature names need values of shape [examples, {len(self.names)}]",
                value=self.values.shape,
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise UsageError("two features have the same name", value=", ".join(twice))

    @classmethod
    def from_columns(cls, columns: Mapping[str, ArrayLike]) -> FeatureTable:
        """A table of columns, each [examples]; the order of the mapping is kept."""
        values = np.column_stack([np.asarray(column, dtype=np.float32) for column in columns.values()])
        return cls(tuple(columns), values)

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> NDArray[np.float32]:
        """Values of one feature, [examples]."""
        if name not in self.names:
            raise UsageError("no such feature", value=name, hint=f"There are: {', '.join(self.names)}")
        return self.values[:, self.names.index(name)]

    def select(self, names: Sequence[str]) -> FeatureTable:
        """The table of these features alone, in this order."""
        return FeatureTable(tuple(names), np.column_stack([self.column(name) for name in names]))

    def take(self, rows: NDArray[np.int64]) -> FeatureTable:
        """The table of these rows."""
        return FeatureTable(self.names, self.values[rows])

    def concat(self, other: FeatureTable) -> FeatureTable:
        """This table with the features of another one beside it, row by row."""
        if len(self) != len(other):
            raise UsageError("tables to set side by side differ in rows", value=f"{len(self)}, {len(other)}")
        return FeatureTable(self.names + other.names, np.hstack([self.values, other.values]))
