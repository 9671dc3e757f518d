"""A report card made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mithra.learn.card import ReportCard


@pytest.fixture
def card():
    curves = {
        "precision": np.array([0.5, 0.8, 1.0]),
        "recall": np.array([1.0, 0.5, 0.0]),
        "calibration_score": np.array([0.0, 0.2, 0.9]),
        "calibration_rate": np.array([0.0, 0.1, 0.8]),
        "score_nefarious": np.array([0.95, 0.97, 0.4]),
        "score_benign": np.array([0.02, 0.1, 0.3, 0.6]),
    }
    metrics = {"ap": 0.871, "ece": 0.021}
    return ReportCard(
        start="2026-06-01T00:00:00+00:00",
        end="2026-07-01T00:00:00+00:00",
        arrivals=1200,
        nefarious=3,
        benign=4,
        unlabelled=1193,
        labels_until="2026-07-01T00:00:00+00:00",
        threshold=0.9,
        simulated=True,
        models={"mithra": metrics, "trees-lexical": {"ap": 0.7, "ece": 0.05}},
        lead=(),
        false_positives=(),
        never_listed=None,
        curves=curves,
    )
