"""Block lists: formats, delays within what was measured, little overlap, mistakes only where stated."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from mithra.simulate import World, WorldSettings
from mithra.simulate.blocklists import LISTS, plan_listings
from mithra.simulate.tables import DAY, Owner, Window
from mithra.simulate.world import DrawnWorld, draw_world

WINDOW = Window(1_777_593_600, 30)


@pytest.fixture(scope="module")
def drawn() -> DrawnWorld:
    return draw_world(40_000, 5, WorldSettings(), WINDOW)


def of_list(world: World, name: str) -> list[Path]:
    return [p for p in world.files("blocklists") if p.parent.name == name]


def test_the_hosts_file_is_dated_and_forgets_what_is_delisted(world: World) -> None:
    listed = world.listings().filter(pc.equal(world.listings()["list"], LISTS[0])).to_pylist()
    for path in of_list(world, LISTS[0]):
        text = path.read_text()
        assert f"# Last modified: {path.name[:10]} 23:59:59 UTC" in text
        names = [line.split()[1] for line in text.splitlines() if line.startswith("0.0.0.0 ")]
        end = np.datetime64(path.name[:10]) + np.timedelta64(1, "D")
        due = {r["name"] for r in listed if _at(r["listed_at"]) < end <= _at(r["delisted_at"])}
        assert set(names) == due
        assert names != sorted(names) or len(names) < 3
    gone = [
        r for r in listed if _at(r["delisted_at"]) < np.datetime64(of_list(world, LISTS[0])[-1].name[:10])
    ]
    assert gone


def _at(stamp: object) -> np.datetime64:
    return np.datetime64(stamp.replace(tzinfo=None))  # type: ignore[attr-defined]  # a datetime in UTC


def test_dated_and_url_lists_add_each_entry_once(world: World) -> None:
    entries = defaultdict(list)
    for path in of_list(world, LISTS[1]):
        for row in csv.DictReader(io.StringIO(path.read_text())):
            assert set(row) == {"domain", "first_seen", "family"}
            assert row["first_seen"][:10] == path.name[:10] or path == of_list(world, LISTS[1])[0]
            entries[row["domain"]].append(row["first_seen"])
    due = world.listings().filter(pc.equal(world.listings()["list"], LISTS[1]))["name"].to_pylist()
    assert sorted(d for d, times in entries.items() for _ in times) == sorted(due)
    hosts = set()
    for path in of_list(world, LISTS[2]):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        rows = list(csv.reader(lines))
        assert all(len(row) == 9 for row in rows)
        assert [r[1] for r in rows] == sorted((r[1] for r in rows), reverse=True)
        hosts |= {r[2].split("/")[2] for r in rows}
    due = world.listings().filter(pc.equal(world.listings()["list"], LISTS[2]))["name"].to_pylist()
    assert set(due) <= hosts
    assert all(":" in h for h in hosts - set(due)), "what is no listed name is a bare address with its port"


def test_no_entry_precedes_activation_but_mistakes(world: World) -> None:
    truth = {r["name"]: r for r in world.truth().select(["name", "verdict", "activated_at"]).to_pylist()}
    mistakes = 0
    for row in world.listings().to_pylist():
        known = truth[row["name"]]
        if row["mistake"]:
            assert known["verdict"] == "benign"
            mistakes += 1
        else:
            assert known["verdict"] == "nefarious"
            assert row["listed_at"] > known["activated_at"]
        assert row["delisted_at"] > row["listed_at"]
    assert 3 <= mistakes <= 0.1 * len(world.listings())


def test_delays_and_overlap_are_as_measured(drawn: DrawnWorld) -> None:
    """Real feeds: registration to first report p10/25/50/75 = 8/10/43/216 days, few hosts in two lists,
    gaps between lists of 0 to 2 days."""
    rows, units = drawn.listings, drawn.units
    true = ~rows.mistake & (rows.name < len(units))
    name, when = rows.name[true], rows.listed[true]
    own = units.owner[name] == Owner.ATTACKER
    first = np.unique(name[own], return_index=True)[1]
    days = (when[own][first] - units.registered[name[own][first]]) / DAY
    p10, p25, p50, p75 = np.quantile(days, [0.1, 0.25, 0.5, 0.75])
    assert 4 < p10 < 11
    assert 8 < p25 < 20
    assert 20 < p50 < 80
    assert 100 < p75 < 400
    order = np.argsort(rows.listed, kind="stable")
    times = defaultdict(list)
    for n, t, mistake in zip(rows.name[order], rows.listed[order], rows.mistake[order], strict=True):
        if not mistake:
            times[n].append(t)
    twice = [t[1] - t[0] for t in times.values() if len(t) > 1]
    assert 0.02 < len(twice) / len(times) < 0.08
    assert np.median(twice) < 2 * DAY


def test_coverage_is_partial(drawn: DrawnWorld) -> None:
    units, rows = drawn.units, drawn.listings
    active = np.flatnonzero(units.nefarious & (units.reported < WINDOW.end))
    parents = np.concatenate([np.arange(len(units)), drawn.made.hosts.unit])
    share = np.isin(active, parents[rows.name[~rows.mistake]]).mean()
    assert 0.35 < share < 0.7


def test_lists_without_coverage_or_mistakes_are_empty(drawn: DrawnWorld) -> None:
    none = WorldSettings(list_coverage=(0.0, 0.0, 0.0), list_mistakes=(0.0, 0.0, 0.0))
    found = plan_listings(np.random.default_rng(0), none, drawn.units, drawn.made, WINDOW)
    assert len(found.name) == 0
