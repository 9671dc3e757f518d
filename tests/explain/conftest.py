"""A report card made by hand, and a workspace that logs and alerts are held against."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

import mithra as mt
from mithra.learn.card import ReportCard
from tests.explain.detecting import NOW


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


@pytest.fixture
def known_lake(tmp_path):
    """A workspace with a list of popular names and a name that an analyst called benign."""
    space = mt.Workspace(tmp_path / "lake")
    (tmp_path / "tranco-2026-07-01.csv").write_text("1,popular.example\n2,other.example\n")
    mt.ingest(space, tmp_path / "tranco-2026-07-01.csv")
    mt.label(space, "ours.example", "benign", "our own", now=datetime(2026, 7, 1, tzinfo=UTC))
    return space


@pytest.fixture
def run(known_lake, tmp_path):
    """Findings about a log of these lines, as rows."""

    def detect(log, name="query.log", **options):
        file = tmp_path / name
        file.write_bytes(log if isinstance(log, bytes) else log.encode())
        return mt.detect(known_lake, file, now=NOW, **options)

    return detect
