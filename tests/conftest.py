"""One small simulated world for all tests that need a whole one: its feeds, a workspace, a model, scores."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import mithra as mt

FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")
TRAINED_UNTIL = "2026-05-20"  # of the 40 days from 2026-05-01

settings.register_profile("mithra", deadline=None)  # a loaded machine is no failure
settings.load_profile("mithra")


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    """The command line gives the library's logger a handler of its own; the next test must not find it."""
    log = logging.getLogger("mithra")
    before = list(log.handlers), log.propagate, log.level
    yield
    log.handlers, log.propagate = before[0], before[1]
    log.setLevel(before[2])


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Feeds of 1,000 domains over 40 days. More of them are nefarious and listed than in a world of its own,
    so that so few suffice."""
    folder = tmp_path_factory.mktemp("small") / "world"
    settings = mt.WorldSettings(nefarious_share=0.2, list_coverage=(0.6, 0.4, 0.3))
    mt.simulate(folder, domains=1_000, days=40, seed=7, settings=settings)
    return folder


@pytest.fixture(scope="session")
def small_lake(small_world: Path) -> Path:
    """A workspace of that world; not to be written to."""
    folder = small_world.with_name("lake")
    mt.ingest(mt.Workspace(folder), *(small_world / feed for feed in FEEDS))
    return folder


@pytest.fixture(scope="session")
def quick_settings() -> mt.TrainSettings:
    """Settings with which training takes seconds and learns little."""
    return mt.TrainSettings(seed=7, members=1, epochs=3, width=8, threads=1)


@pytest.fixture(scope="session")
def small_model(small_lake: Path, quick_settings: mt.TrainSettings) -> Path:
    """The folder of a model of that workspace, trained just long enough to be one."""
    folder = small_lake.with_name("model")
    mt.train(small_lake, TRAINED_UNTIL, settings=quick_settings).save(folder)
    return folder


@pytest.fixture(scope="session")
def small_scores(small_lake: Path, small_model: Path) -> mt.Scores:
    """The scores of all names of the workspace as of 2026-06-05."""
    return mt.score(mt.load(small_model), mt.snapshot(small_lake, "2026-06-05"))
