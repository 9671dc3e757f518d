"""One small world, simulated once for all tests here."""

from __future__ import annotations

import pytest

from mithra.simulate import World, simulate


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return simulate(tmp_path_factory.mktemp("simulate") / "world", domains=6000, days=12, seed=7)
