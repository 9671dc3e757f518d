"""A small undated world in which nefarious names share addresses, as a case of each regime."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import snapshot_from_edges
from mithra.learn.contest import Case, contest_case, regime_split

NAMES = 240


def shared_hosting(names: int = NAMES, seed: int = 0) -> tuple[Snapshot, np.ndarray]:
    """Every third name is nefarious and lives, nine times out of ten, at one of few bad addresses."""
    rng = np.random.default_rng(seed)
    y = (np.arange(names) % 3 == 0).astype(np.int8)
    stray = rng.random(names) < 0.1
    bad = (y == 1) ^ stray
    address = np.where(bad, rng.integers(0, 6, names), rng.integers(6, 60, names))
    spelled = pa.array([f"name{rng.integers(0, 10**9)}.com" for _ in range(names)])
    domain = np.arange(names, dtype=np.int32)
    keys = pa.array([f"192.0.2.{a}" for a in address])
    return snapshot_from_edges(spelled, {"address": (domain, keys)}), y


@pytest.fixture
def make_case() -> Callable[..., Case]:
    def make(regime: str = "arrival", seed: int = 0) -> Case:
        snapshot, y = shared_hosting()
        return contest_case(snapshot, y, regime_split(snapshot.group, y, regime, seed), regime)

    return make
