"""The settled world: a seed gives what it gave when its numbers were written down in docs/decisions.md."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from mithra.simulate import World, simulate
from mithra.simulate.world import FEEDS

NUMPY = "2.4"  # random streams may change with NumPy's minor releases (NEP 19)
SETTLED = "9cf0bd3bca27419adc8d514c441e10c27a62f90a03c5d0b12f92f368f66896b5"


def content_digest(world: World) -> str:
    """SHA-256 over the text of all feeds and of the truth; how zlib and Parquet pack them does not count."""
    digest = hashlib.sha256()
    for feed in FEEDS:
        for path in world.files(feed):
            data = path.read_bytes()
            digest.update(path.relative_to(world.path).as_posix().encode() + b"\n")
            digest.update(gzip.decompress(data) if path.suffix == ".gz" else data)
    for table in (world.truth(), world.listings()):
        for row in table.to_pylist():
            digest.update(repr([str(value) for value in row.values()]).encode() + b"\n")
    return digest.hexdigest()


def test_the_world_is_the_settled_one(tmp_path: Path) -> None:
    if np.__version__.rsplit(".", 1)[0] != NUMPY:
        pytest.skip(f"the digest was recorded with NumPy {NUMPY}, here is {np.__version__}")
    found = content_digest(simulate(tmp_path / "world", domains=500, days=3, seed=7))
    assert found == SETTLED, (
        "The simulated world has changed, and with it every number measured on it. If that is meant, say in "
        f'docs/decisions.md, "Simulation", what changed and what it scores now, then set SETTLED = "{found}".'
    )
