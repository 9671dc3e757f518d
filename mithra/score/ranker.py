"""What scoring needs of a model: `mithra.learn.model.Model` has it, and so may a model of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.learn.drift import Drift
from mithra.learn.owner import Owners

__all__ = ["Predicted", "Ranker"]


class Predicted(Protocol):
    """Scores of a batch."""

    @property
    def score(self) -> NDArray[np.float64]:
        """Calibrated probability of being nefarious, [n]."""
        ...

    @property
    def logit(self) -> NDArray[np.float64]:
        """The same as log-odds, [n]."""
        ...


class Ranker(Protocol):
    """A trained model."""

    @property
    def digest(self) -> str:
        """Which model it is."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether it was trained on simulated data."""
        ...

    @property
    def thresholds(self) -> Mapping[str, float | None]:
        """Lowest score to flag by false-positive rate ("0.001"); None where it was not measurable."""
        ...

    @property
    def base_rate(self) -> float:
        """Share of nefarious names for which the scores are calibrated."""
        ...

    def predict(self, snapshot: Snapshot, examples: Examples) -> Predicted:
        """Scores of domains of the snapshot."""
        ...

    def contributions(self, snapshot: Snapshot, examples: Examples) -> Mapping[str, NDArray[np.float64]]:
        """Log-odds by kind of evidence, [n] each, positive towards nefarious."""
        ...

    def predict_names(self, names: pa.Array) -> Predicted:
        """Scores of names of which nothing but the spelling is known."""
        ...

    def owners(self, snapshot: Snapshot, examples: Examples) -> Owners | None:
        """Owner kinds of domains, supposing that they are nefarious; None where the model knows none."""
        ...

    def drift(self, snapshot: Snapshot) -> Drift | None:
        """How far the snapshot's last arrivals are from those before training; None where nobody can tell."""
        ...
