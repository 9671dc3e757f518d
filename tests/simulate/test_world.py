"""The world as a whole: same bytes for a seed, every mechanism, no future and no truth in feeds."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mithra.errors import InputError, UsageError
from mithra.names import canonicalize
from mithra.simulate import World, WorldSettings, feeds, simulate
from mithra.simulate.tables import Mechanism
from mithra.simulate.world import FEEDS


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def digest(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    again = simulate(tmp_path / "again", domains=world.domains, days=world.days, seed=world.seed)
    assert digest(again.path) == digest(world.path)
    other = simulate(tmp_path / "other", domains=world.domains, days=world.days, seed=world.seed + 1)
    assert not set(digest(other.path / "pdns").values()) & set(digest(world.path / "pdns").values())


def test_every_feed_has_a_file_a_day_and_one_from_before(world: World) -> None:
    days = [f"{world.start + timedelta(days=d):%Y-%m-%d}" for d in range(-1, world.days)]
    for feed in ("pdns", "rdap"):
        assert [p.name[:10] for p in world.files(feed)] == days
    for feed in ("popularity", "queries"):
        assert [p.name[:10] for p in world.files(feed)] == days[1:]
    assert Counter(p.name[:10] for p in world.files("blocklists")) == dict.fromkeys(days, 3)
    assert world.files("pdns", until=world.start) == world.files("pdns")[:2]
    for feed in FEEDS:
        assert world.lines[feed] == sum(text_of(p).count("\n") for p in world.files(feed))


def test_names_are_canonical_and_distinct(world: World) -> None:
    names = world.truth()["name"].combine_chunks()
    assert pc.count_distinct(names).as_py() == len(names)
    assert canonicalize(names).names.equals(names.cast(pa.string()))


def test_every_mechanism_is_there(world: World) -> None:
    truth = world.truth()
    found = {(r["verdict"], r["mechanism"]) for r in truth.select(["verdict", "mechanism"]).to_pylist()}
    honest = {"infrastructure", "self_hosted", "shared", "cdn", "cloud", "saas", "parked", "dynamic_dns",
              "reregistered", "marketing", "grey"}  # fmt: skip
    nefarious = {"cheap_shared", "shared", "self_hosted", "bulletproof", "cdn", "cloud", "fast_flux", "saas",
                 "dynamic_dns", "compromised", "shadowed"}  # fmt: skip
    assert {("benign", m) for m in honest} | {("nefarious", m) for m in nefarious} == found
    assert honest | nefarious == {m.name.lower() for m in Mechanism}
    owners = Counter((r["verdict"], r["owner"]) for r in truth.select(["verdict", "owner"]).to_pylist())
    assert set(owners) == {
        ("benign", "owner"), ("benign", "tenant"), ("nefarious", "attacker"), ("nefarious", "tenant"),
        ("nefarious", "compromised"),
    }  # fmt: skip


def test_the_base_rate_is_low(world: World) -> None:
    truth = world.truth()
    units = truth.filter(pc.equal(truth["name"], truth["parent"]))
    assert len(units) == world.domains
    share = pc.mean(pc.cast(pc.equal(units["verdict"], "nefarious"), pa.float64())).as_py()
    assert 0.03 < share < 0.06


def test_campaigns_register_in_batches_within_minutes(world: World) -> None:
    truth = world.truth()
    units = truth.filter(
        pc.and_(pc.equal(truth["name"], truth["parent"]), pc.equal(truth["owner"], "attacker"))
    )
    by_campaign: dict[int, list[datetime]] = {}
    for row in units.select(["campaign", "registered_at"]).to_pylist():
        if row["campaign"] is not None:
            by_campaign.setdefault(row["campaign"], []).append(row["registered_at"])
    larger = [sorted(times) for times in by_campaign.values() if len(times) >= 3]
    gaps = [b - a for times in larger for a, b in pairwise(times)]
    assert len(gaps) > 50
    assert sorted(gaps)[len(gaps) // 2] < timedelta(minutes=5)


def test_only_compromised_names_were_seen_before_they_turned(world: World) -> None:
    truth = world.truth()
    bad = truth.filter(pc.equal(truth["verdict"], "nefarious"))
    early = bad.filter(
        pc.less(bad["appeared_at"], pc.subtract(bad["activated_at"], pa.scalar(timedelta(days=30))))
    )
    compromised = pc.equal(early["mechanism"], "compromised")
    assert pc.sum(compromised).as_py() > 5
    others = early.filter(pc.invert(compromised))
    waiting = pc.less_equal(
        others["registered_at"], others["appeared_at"]
    )  # parked by the attacker meanwhile
    assert pc.all(waiting).as_py()


TRUTHS = {"nefarious", "benign", "attacker", "compromised", "shadowed", "bulletproof", "campaign"}
_STAMPS = re.compile(r"20[0-3]\d-[01]\d-[0-3]\dT?\s?[0-2]\d:[0-5]\d:[0-5]\d")


def test_nothing_is_dated_after_its_file(world: World) -> None:
    for feed in FEEDS:
        for path in world.files(feed):
            day = date.fromisoformat(path.name.removeprefix("ip2asn-")[:10])
            end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
            text = re.sub(r'"expiration","eventDate":"[^"]+"', "", text_of(path))
            stamps = _STAMPS.findall(text)
            latest = max(
                (datetime.fromisoformat(s.replace("T", " ") + "+00:00") for s in stamps), default=None
            )
            assert latest is None or latest < end, path
            seconds = [int(s) for s in re.findall(r'"time_(?:first|last)":(\d+)', text)]
            assert max(seconds, default=0) < end.timestamp(), path


def test_names_show_from_the_day_on_which_they_appear(world: World) -> None:
    appears = dict(
        zip(world.truth()["name"].to_pylist(), world.truth()["appeared_at"].to_pylist(), strict=True)
    )
    for path in world.files("pdns"):
        end = datetime.fromisoformat(path.name[:10] + "T00:00:00+00:00") + timedelta(days=1)
        names = set(re.findall(r'"rrname":"([^"]+)"', text_of(path)))
        late = [n for n in names if appears[n] >= end]
        assert len(late) <= 0.02 * len(names), "only names with an earlier owner are seen before they appear"


def test_feeds_hold_no_truth(world: World) -> None:
    for feed in FEEDS:
        for path in world.files(feed):
            words = set(re.findall(r"[a-z_]{5,}", text_of(path)[:200_000]))
            assert not words & {
                "nefarious",
                "benign",
                "attacker",
                "compromised",
                "shadowed",
                "bulletproof",
                "campaign",
            }
    assert sorted(p.name for p in world.path.iterdir()) == sorted([*FEEDS, "truth"])


def test_opens_what_it_wrote(world: World) -> None:
    assert World.open(world.path) == world
    assert world.settings == WorldSettings()


def test_refuses_a_folder_in_use_and_worlds_too_small(world: World, tmp_path: Path) -> None:
    before = digest(world.path)
    with pytest.raises(UsageError, match="not empty"):
        simulate(world.path, domains=world.domains)
    assert digest(world.path) == before
    with pytest.raises(UsageError, match="500 domains"):
        simulate(tmp_path / "small", domains=10)
    with pytest.raises(UsageError, match="seed"):
        simulate(tmp_path / "small", seed=-1)
    with pytest.raises(UsageError, match="no such feed"):
        world.files("truth")
    with pytest.raises(InputError, match="no simulated world"):
        World.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(feeds, "write_passive_dns", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate(tmp_path / "world", domains=600, days=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_extreme_shares_make_worlds(tmp_path: Path, share: float) -> None:
    made = simulate(tmp_path / "w", domains=1000, days=2, settings=WorldSettings(nefarious_share=share))
    verdicts = Counter(made.truth()["verdict"].to_pylist())
    assert (verdicts["nefarious"] > 0) == (share > 0)


@pytest.mark.slow
def test_twenty_thousand_domains_take_seconds(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    simulate(tmp_path / "w", domains=20_000, days=40)
    assert datetime.now(UTC) - began < timedelta(seconds=60)
