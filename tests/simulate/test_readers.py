"""Every feed is read by the real readers; only what a real list also holds besides names is set aside."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import mithra as mt
from mithra.simulate import World
from mithra.simulate.world import FEEDS

# Hosts files open with the usual lines for localhost; URL lists hold bare addresses, as real ones do.
EXPECTED = {"local_name", "ip_literal"}


@pytest.fixture(scope="module")
def lake(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[mt.Workspace, dict[str, int]]:
    """A workspace of all feeds, and the records that were read of each."""
    workspace = mt.Workspace(tmp_path_factory.mktemp("readers") / "lake")
    return workspace, {feed: mt.ingest(workspace, world.path / feed).rows for feed in FEEDS}


def test_every_line_of_a_feed_without_comments_is_a_record(
    world: World, lake: tuple[mt.Workspace, dict[str, int]]
) -> None:
    for feed in ("pdns", "rdap", "networks", "popularity"):
        assert lake[1][feed] == world.lines[feed]
    with lake[0].connect() as con:  # queries of one client for one name in one hour are one record
        (asked,) = con.execute("SELECT sum(count) FROM queries").fetchone() or (0,)
    assert asked == world.lines["queries"]


def test_only_addresses_and_localhost_are_set_aside(
    world: World, lake: tuple[mt.Workspace, dict[str, int]]
) -> None:
    with lake[0].connect() as con:
        rows = con.execute("SELECT file, reason FROM rejects").fetchall()
    assert {Path(file).parent.parent.name for file, _ in rows} == {"blocklists"}
    reasons = Counter(reason for _, reason in rows)
    assert set(reasons) == EXPECTED
    assert reasons["local_name"] == 2 * (world.days + 1), "localhost, in both families, in each hosts file"
    assert reasons["ip_literal"] < 0.1 * len(world.listings())


def test_every_listed_name_is_a_label(world: World, lake: tuple[mt.Workspace, dict[str, int]]) -> None:
    with lake[0].connect() as con:
        labelled = {name for (name,) in con.execute("SELECT DISTINCT name FROM labels").fetchall()}
    assert labelled == set(world.listings()["name"].to_pylist())
