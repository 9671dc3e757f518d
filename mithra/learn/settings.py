"""What can be chosen about training; everything else is fixed by design."""

from __future__ import annotations

from dataclasses import dataclass

from mithra.errors import UsageError

__all__ = ["TrainSettings"]


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `mithra.train`; all have defaults that were measured, see docs/decisions.md."""

    seed: int = 0
    window_days: int = 90  # arrivals this far back from as_of become examples
    arrival_hours: int = 24  # an arriving name is looked at this long after its first sight
    waiting_days: int = 14  # unlisted for this long after its first sight counts as weakly benign
    weak_weight: float = 0.5  # weight of a weakly benign example
    popular_days: int = 7  # days on a popularity list that make a name benign
    max_examples: int = 30_000  # drawn by chance beyond it, nefarious ones first
    folds: int = 5  # of the eTLD+1 groups; a member is fitted on all but one, and stopped and judged on that
    members: int = 5  # networks and tree ensembles whose logits are averaged
    width: int = 48  # of the network's encodings
    batch: int = 4096  # examples in a step
    dropout: float = 0.3
    learning_rate: float = 6e-3
    weight_decay: float = 1e-3
    epochs: int = 150
    patience: int = 36  # epochs without a better validation score before stopping
    threads: int = 2

    def __post_init__(self) -> None:
        shares = {
            "dropout": self.dropout,
            "weak_weight": self.weak_weight,
        }
        for name, value in shares.items():
            if not 0 <= value < 1 and not (name == "weak_weight" and value == 1):
                raise UsageError(f"{name} must lie between 0 and 1", value=value)
        counts = (
            "window_days",
            "max_examples",
            "members",
            "width",
            "batch",
            "epochs",
            "patience",
            "threads",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1", value=getattr(self, name))
        if self.folds < 2:
            raise UsageError("folds must be at least 2: one is held out", value=self.folds)
