"""The bench of replayed worlds: who counts, what is a false positive, and what its means are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import mithra as mt
from mithra.bench import worlds
from mithra.bench.worlds import Replay, bench_world, bench_worlds, summary
from mithra.errors import UsageError
from mithra.learn.dated import DATED_BASELINES

PLAN = Replay(domains=1_000, days=40, train_day=20, watch_days=14)


@pytest.fixture(scope="module")
def records(small_lake: Path, small_world: Path, quick_settings: mt.TrainSettings):
    return bench_world(mt.World.open(small_world), mt.Workspace(small_lake), PLAN, quick_settings)


def test_every_model_judges_the_same_names(records) -> None:
    assert [record["model"] for record in records] == ["default", *DATED_BASELINES]
    counts = ("arrivals", "listed", "nefarious", "benign", "benign_tenants", "training")
    assert len({json.dumps([record[count] for count in counts]) for record in records}) == 1
    first = records[0]
    assert first["nefarious"] + first["benign"] + first["listed"] == first["arrivals"]
    assert 0 < first["benign_tenants"] < first["benign"]
    assert first["listed"] > 0


def test_the_line_lets_through_what_it_says(records) -> None:
    for record in records:
        assert record["false_positives"]["0.01"]["rate"] <= 0.01
        assert not record["recall"]["0.001"]["measurable"]  # of a few hundred honest names


def test_names_listed_when_they_are_judged_do_not_count() -> None:
    class Graph:
        groups, group = ["a", "b", "c"], np.array([0, 0, 1, 2])
        labels = _labels([(0, "nefarious", 100), (2, "nefarious", 300), (3, "benign", 1)])

    class Found:
        graph, domain, at = Graph, np.array([1, 2, 3]), np.array([200, 200, 200])

    # The first by its relative; the second is listed later; nobody lists the third.
    assert worlds._listed_by_then(Found).tolist() == [True, False, False]


def test_lead_is_counted_from_the_score_to_the_first_list() -> None:
    class Found:
        any_feed = np.array([36_000 + 3600, worlds.NEVER, 36_000 + 30 * 3600, 0])
        listed = MappingProxyType({"any feed": any_feed})
        at = np.full(4, 36_000)

    lead = worlds._lead(Found, np.array([True, True, True, False]))
    assert lead == {"caught": 3, "listed_later": 2, "median_hours": 15.5, "share_day_ahead": 0.5}


def test_means_are_over_worlds_and_ratios_within_one(records) -> None:
    def with_recall(record, seed, recall):
        told = {**record["recall"]["0.01"], "recall": recall, "measurable": True}
        return {**record, "seed": seed, "recall": {**record["recall"], "0.01": told}}

    default, neighbours, _ = records
    told = summary(
        [
            with_recall(default, 1, 0.5),
            with_recall(neighbours, 1, 0.25),
            with_recall(default, 2, 0.6),
            with_recall(neighbours, 2, 0.2),
        ]
    )
    mean, error = told["default"]["times_trees-neighbours_0.01"]
    assert (mean, error) == (pytest.approx(2.5), pytest.approx(0.5))
    assert told["default"]["recall_0.001"] is None  # not measurable


def test_a_plan_must_fit_into_its_world() -> None:
    assert Replay.of(1_000, 30) == Replay(1_000, 30, 14, 10)
    with pytest.raises(UsageError, match="must fit"):
        replace(PLAN, watch_days=21)


@pytest.mark.slow
def test_worlds_are_made_read_and_removed(tmp_path: Path, quick_settings: mt.TrainSettings) -> None:
    plan = Replay(domains=1_500, days=40, train_day=24, watch_days=14)
    records = bench_worlds([5, 6], plan, settings=quick_settings, folder=tmp_path)
    assert [record["seed"] for record in records] == [5, 5, 5, 6, 6, 6]
    assert records[0]["ap"] != records[3]["ap"]
    assert not list(tmp_path.iterdir())


def _labels(rows):
    import pyarrow as pa

    domain, verdict, known_at = zip(*rows, strict=True)
    return pa.table({"domain": domain, "verdict": verdict, "known_at": known_at})
