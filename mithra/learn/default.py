"""The default model as a contestant, so that it runs beside baselines and references on the same cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mithra.graph.company import Examples
from mithra.learn.contest import Case, Positions, Predict
from mithra.learn.examples import LabelledExamples
from mithra.learn.settings import TrainSettings
from mithra.learn.train import fit_model

__all__ = ["default"]


def default(case: Case, seed: int) -> Predict:
    """What `mithra.train` fits. Where the whole graph is in view, a name meets everybody but itself."""
    kin = None if case.arrives else np.arange(len(case.snapshot), dtype=np.int32)
    domain = np.concatenate([case.train, case.val])
    chosen = LabelledExamples(
        examples=Examples(domain, case.at[domain]),
        y=case.y[domain],
        weight=np.ones(len(domain), np.float32),
        group=case.snapshot.group[domain],
    )
    model = fit_model(case.snapshot, chosen, TrainSettings(seed=seed), store=case.store, kin=kin)

    def predict(rows: Positions) -> NDArray[np.float64]:
        return model.predict(case.snapshot, Examples(rows, case.at[rows]), store=case.store, kin=kin).score

    return predict
