"""From NumPy to torch: scaled features with their missing flags, and the company index of each relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mithra.graph.company import Company, Runs

__all__ = ["Meetings", "RunTensors", "Scaler", "meetings"]

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
class RunTensors:
    """`Runs` as tensors."""

    domain: Tensor  # [store edges] int64
    start: Tensor  # [pairs]
    stop: Tensor  # [pairs]

    @classmethod
    def of(cls, runs: Runs) -> RunTensors:
        return cls(*(torch.from_numpy(part) for part in (runs.domain, runs.start, runs.stop)))

    def sums(self, values: Tensor) -> Tensor:
        """Sums of float64 `values` [domains, dim] over every run, [pairs, dim]."""
        total = torch.cumsum(values[self.domain], dim=0)
        total = torch.cat([total.new_zeros(1, total.shape[1]), total])
        return total[self.stop] - total[self.start]


@dataclass(frozen=True, eq=False)
class Meetings:
    """One relation's company as tensors."""

    example: Tensor  # [pairs]
    examples: int
    others: Tensor  # [pairs] domains met
    traits: Tensor  # [pairs, TRAITS] what the network knows of a pair besides the company's encodings
    everyone: RunTensors
    kin: RunTensors

    TRAITS = 3  # log(1 + others), nobody, log(1 + days since the edge was seen)

    def company_mean(self, encoded: Tensor) -> Tensor:
        """Mean encoding of the domains met at each pair, 0 where there is nobody, [pairs, dim]."""
        wide = encoded.double()  # prefix sums over millions of edges need the digits
        total = self.everyone.sums(wide) - self.kin.sums(wide)
        return (total / self.others.clamp(min=1).unsqueeze(1)).float()


def meetings(company: Mapping[str, Company]) -> dict[str, Meetings]:
    """The company of every relation as tensors."""
    return {name: _meetings(one) for name, one in company.items()}


def _meetings(company: Company) -> Meetings:
    others = company.others
    traits = np.column_stack([np.log1p(others), others == 0, np.log1p(company.age / DAY_SECONDS)]).astype(
        np.float32
    )
    return Meetings(
        example=torch.from_numpy(company.example),
        examples=company.examples,
        others=torch.from_numpy(others),
        traits=torch.from_numpy(traits),
        everyone=RunTensors.of(company.everyone),
        kin=RunTensors.of(company.kin),
    )


def _squash(values: NDArray[np.float32]) -> NDArray[np.float32]:
    squashed: NDArray[np.float32] = np.sign(values) * np.log1p(np.abs(values))
    return squashed
