"""What lies in data/ and models/: the sample is what the simulator writes, the model is whole and of use."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

import mithra as mt

ROOT = Path(__file__).parents[1]
SAMPLE, MODEL = ROOT / "data" / "sample", ROOT / "models" / "simulated"
FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_the_sample_is_what_the_simulator_writes(tmp_path: Path) -> None:
    if not np.__version__.startswith("2.4."):
        pytest.skip("the sample was made with NumPy 2.4; random streams may differ in another (NEP 19)")
    made, sample = mt.simulate(tmp_path / "world", domains=2000, days=45, seed=8), mt.World.open(SAMPLE)
    for feed in FEEDS:
        files = [path.relative_to(made.path) for path in made.files(feed)]
        assert [path.relative_to(SAMPLE) for path in sample.files(feed)] == files
        for file in files:
            assert content(SAMPLE / file) == content(made.path / file), file
    assert sample.truth().equals(made.truth())


@pytest.mark.slow
def test_the_released_model_finds_what_is_bad_in_a_world_that_it_has_not_seen(tmp_path: Path) -> None:
    model = mt.load(MODEL)
    assert model.simulated
    workspace = mt.Workspace(tmp_path / "lake")
    mt.ingest(workspace, *(SAMPLE / feed for feed in FEEDS))
    scores = mt.score(model, mt.snapshot(workspace, as_of="2026-06-15"))
    truth = mt.World.open(SAMPLE).truth()
    bad = truth.filter(pc.equal(truth["verdict"], "nefarious"))["name"].combine_chunks()
    worst = scores.top(50).to_arrow()["name"].combine_chunks()
    found = pc.sum(pc.is_in(worst, value_set=bad)).as_py()
    assert found > 25  # of all names of the sample one in nineteen is nefarious


def test_the_released_model_says_what_it_is() -> None:
    model = mt.load(MODEL)
    assert model.digest in (MODEL / "README.md").read_text()
    assert model.simulated
