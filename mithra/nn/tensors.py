"""From NumPy to torch: scaled features with their missing flags, and one token for each meeting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mithra.graph.company import Company, company_sum

__all__ = ["Scaler", "Tokens", "tokens"]

CLIP_DEVIATIONS = 5.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, eq=False)
class Scaler:
    """Signed logarithm, then mean 0 and deviation 1 over what was fitted; missing becomes 0 and a flag."""

    mean: NDArray[np.float32]  # [features]
    deviation: NDArray[np.float32]  # [features]
    may_miss: NDArray[np.bool_]  # [features] gets a flag column

    @classmethod
    def fit(cls, values: NDArray[np.float32]) -> Scaler:
        """Fit on training rows [examples, features]; all-missing columns scale to 0."""
        squashed = _squash(values)
        missing = np.isnan(squashed)
        known = np.maximum((~missing).sum(axis=0), 1)
        mean = np.where(missing, 0, squashed).sum(axis=0) / known
        variance = (np.where(missing, mean, squashed) - mean) ** 2
        deviation = np.sqrt(variance.sum(axis=0) / known)
        return cls(
            mean.astype(np.float32),
            np.where(deviation < 1e-6, 1, deviation).astype(np.float32),
            np.asarray(missing.any(axis=0)),
        )

    @property
    def width(self) -> int:
        """Columns that `transform` returns."""
        return len(self.mean) + int(self.may_miss.sum())

    def transform(self, values: NDArray[np.float32]) -> Tensor:
        """Scaled values and flags, [examples, width]."""
        scaled = (_squash(values) - self.mean) / self.deviation
        missing = np.isnan(scaled)
        filled = np.where(missing, 0, np.clip(scaled, -CLIP_DEVIATIONS, CLIP_DEVIATIONS))
        return torch.from_numpy(
            np.concatenate([filled, missing[:, self.may_miss]], axis=1).astype(np.float32, copy=False)
        )


@dataclass(frozen=True, eq=False)
class Tokens:
    """One relation as the network reads it: a token for each example at each of its entities.

    A token holds the mean of the scaled features of those whom the example meets there, and TRAITS more:
    log(1 + others), whether nobody is there, log(1 + days since the edge was seen).
    """

    example: Tensor  # [tokens] int64, ascending
    values: Tensor  # [tokens, features + TRAITS]
    examples: int

    TRAITS = 3

    def take(self, rows: NDArray[np.int64]) -> Tokens:
        """The tokens of these examples, which become 0, 1, 2 …"""
        start = np.searchsorted(self.example.numpy(), np.append(rows, rows + 1))
        first, last = start[: len(rows)], start[len(rows) :]
        count = last - first
        example = np.repeat(np.arange(len(rows)), count)
        within = np.arange(len(example)) - np.repeat(np.cumsum(count) - count, count)
        chosen = torch.from_numpy(np.repeat(first, count) + within)
        return Tokens(torch.from_numpy(example), self.values[chosen], len(rows))


def tokens(company: Company, store: Tensor) -> Tokens:
    """Tokens of one relation, given the scaled features of every domain that can be met, [domains, features].

    Sums run in float64: prefix sums over millions of edges need the digits.
    """
    others = company.others
    total = company_sum(company, store.numpy())
    mean = total / np.maximum(others, 1)[:, None]
    traits = np.column_stack([np.log1p(others), others == 0, np.log1p(company.age / DAY_SECONDS)])
    values = np.concatenate([mean, traits], axis=1).astype(np.float32)
    return Tokens(torch.from_numpy(company.example), torch.from_numpy(values), company.examples)


def _squash(values: NDArray[np.float32]) -> NDArray[np.float32]:
    squashed: NDArray[np.float32] = np.sign(values) * np.log1p(np.abs(values))
    return squashed
