"""An analyst's answer: a dated label that wins from then on, and is unknown before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mithra as mt
from mithra.errors import InvalidNameError, UsageError, WorkspaceError
from mithra.explain.answers import Answer, answers, label
from mithra.learn.examples import domain_labels
from mithra.learn.settings import TrainSettings
from mithra.score.shared import listings

DAY = timedelta(days=1)
START = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> mt.Workspace:
    workspace = mt.Workspace(tmp_path / "lake")
    names = ["shop.example", "evil.example", "quiet.example"]
    seen = pa.table(
        {"name": names, "rrtype": ["A"] * 3, "rdata": ["192.0.2.1"] * 3, "first_seen": [START] * 3}
    )
    listed = pa.table({"name": names[:2], "verdict": ["nefarious"] * 2, "known_at": [START + DAY] * 2})
    mt.ingest(workspace, seen, table="resolutions", source="sensor")
    mt.ingest(workspace, listed, table="labels", source="feed")
    return workspace


def verdicts(workspace: mt.Workspace, as_of: datetime) -> dict[str, int]:
    snapshot = mt.snapshot(workspace, as_of)
    y, _ = domain_labels(snapshot, TrainSettings())
    return dict(zip(snapshot.names.to_pylist(), y.tolist(), strict=True))


def test_an_answer_wins_from_its_moment_on_and_not_before(lake: mt.Workspace, tmp_path: Path) -> None:
    before = mt.snapshot(lake, START + 2 * DAY).digest
    made = label(lake, "Shop.example.", "benign", "our own", author="ana", now=START + 3 * DAY)
    assert made == Answer("shop.example", "benign", "our own", "ana", "2026-06-04T00:00:00+00:00")
    assert answers(lake) == [made]
    assert mt.snapshot(lake, START + 2 * DAY, path=tmp_path / "again").digest == before
    assert verdicts(lake, START + 2 * DAY)["shop.example"] == 1
    assert verdicts(lake, START + 4 * DAY) == {"shop.example": 0, "evil.example": 1, "quiet.example": -1}
    late = mt.snapshot(lake, START + 4 * DAY)
    held = listings(late, int((START + 4 * DAY).timestamp()))
    shop = late.names.to_pylist().index("shop.example")
    assert (held.listed[shop], held.benign[shop]) == (np.False_, np.True_)


def test_a_later_answer_takes_an_earlier_one_back(lake: mt.Workspace) -> None:
    label(lake, "quiet.example", "nefarious", "phished us", author="ana", now=START + 3 * DAY)
    label(lake, "quiet.example", "benign", "was a drill", author="bo", now=START + 5 * DAY)
    assert verdicts(lake, START + 4 * DAY)["quiet.example"] == 1
    assert verdicts(lake, START + 6 * DAY)["quiet.example"] == 0
    assert [answer.author for answer in answers(lake)] == ["ana", "bo"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": "no name"}, InvalidNameError),
        ({"verdict": "bad"}, UsageError),
        ({"because": " "}, UsageError),
        ({"author": "a\x1b[31m"}, UsageError),
        ({"now": datetime(2026, 6, 1)}, UsageError),
    ],
)
def test_what_is_no_answer_changes_nothing(lake: mt.Workspace, change: dict, error: type) -> None:
    given = {"name": "shop.example", "verdict": "benign", "because": "ours", "author": "ana", **change}
    with pytest.raises(error):
        label(lake, **given)
    assert answers(lake) == []
    assert verdicts(lake, START + 40 * DAY)["shop.example"] == 1


def test_there_is_nothing_to_label_in_without_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        label(tmp_path / "none", "a.example", "benign", "ours")
    assert not (tmp_path / "none").exists()
