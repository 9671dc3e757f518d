"""`simulate`: a small internet with hidden truth, written as the raw feeds that a user would collect.

Units (registered domains and tenants) are drawn by mechanism, honest and nefarious; names, hosts and records
follow; feeds see parts of it. What is true stands in `truth/` alone, which nothing but an evaluation may
read. Same settings and seed, same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import Progress

from mithra.errors import InputError, UsageError
from mithra.simulate import blocklists, feeds, registrations
from mithra.simulate.benign import benign_units
from mithra.simulate.campaigns import attacker_units
from mithra.simulate.hosts import build_hosts
from mithra.simulate.infrastructure import (
    SUFFIXES,
    Infrastructure,
    Kind,
    build_infrastructure,
    provider_units,
)
from mithra.simulate.naming import name_all
from mithra.simulate.records import build_records
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import NONE, Units, Window
from mithra.simulate.takeovers import attacker_tenants, compromise
from mithra.simulate.text import take
from mithra.simulate.truth import DrawnWorld, write_truth

__all__ = ["FEEDS", "World", "simulate"]

FEEDS = ["pdns", "rdap", "networks", "popularity", "blocklists", "queries"]
THREADS = 2
FEWEST_DOMAINS = 500  # below this there is no room for every mechanism


@dataclass(frozen=True)
class World:
    """A simulated world on disk.

    `path` holds one folder a feed, each with files named by day, and `truth/`.
    """

    path: Path
    start: date
    days: int
    seed: int
    domains: int  # registered domains and tenants; hosts under them come on top
    settings: WorldSettings
    lines: dict[str, int]  # written, by feed

    @classmethod
    def open(cls, path: str | Path) -> World:
        """A world that `simulate` wrote.

        Raises:
            InputError: no world in that folder.
        """
        manifest = Path(path) / "truth" / "world.json"
        try:
            known = json.loads(manifest.read_text())
            known["start"] = date.fromisoformat(known["start"])
            tuples: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in known["settings"].items()
            }
            known["settings"] = WorldSettings(**tuples)
            return cls(path=Path(path), **known)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "no simulated world here", value=str(path), hint="Run: mithra simulate DIR"
            ) from error

    def files(self, feed: str, *, until: date | None = None) -> list[Path]:
        """Files of one feed in order of days, up to and including a day.

        Raises:
            UsageError: no such feed.
        """
        if feed not in FEEDS:
            raise UsageError("no such feed", value=feed, hint=f"Feeds: {', '.join(FEEDS)}")
        found = [p for p in (self.path / feed).rglob("*") if p.is_file()]
        found.sort(key=lambda p: (_day_of(p), p))
        return [p for p in found if until is None or _day_of(p) <= until]

    def truth(self) -> pa.Table:
        """What is true of every name; columns are described in `truth_table`."""
        return pq.read_table(self.path / "truth" / "truth.parquet")

    def listings(self) -> pa.Table:
        """Every entry of every block list: list, name, listed_at, delisted_at, mistake."""
        return pq.read_table(self.path / "truth" / "listings.parquet")


def simulate(
    out: str | Path,
    *,
    domains: int = 20_000,
    days: int = 30,
    seed: int = 0,
    start: date = date(2026, 5, 1),
    settings: WorldSettings = WorldSettings(),  # noqa: B008  # frozen
    progress: bool = False,
) -> World:
    """Write the feeds and the truth of a simulated world into a new or empty folder.

    Args:
        out: the folder.
        domains: registered domains and tenants; names under them (www …) come on top, about one for each.
        days: length of the window; one further file a feed holds what was known before it.
        seed: same seed, settings and library versions: same bytes.
        start: first day.
        settings: shares, difficulty and coverage.
        progress: show a bar on stderr.

    Raises:
        UsageError: too few domains or days, a negative seed, or a folder that is not empty.
    """
    folder = Path(out)
    if domains < FEWEST_DOMAINS or days < 1:
        raise UsageError(
            f"a world needs {FEWEST_DOMAINS} domains and a day", value=f"{domains} domains, {days} days"
        )
    if seed < 0:
        raise UsageError("the seed must not be negative", value=seed)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the folder is not empty", value=str(folder), hint="Give a new one, or remove it first"
        )
    window = Window(int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()), days)
    full = folder.resolve()
    partial = full.with_name(f".{full.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        with Progress(console=Console(stderr=True), disable=not progress) as bar:
            task = bar.add_task("simulating", total=days + 2)
            drawn = draw_world(domains, seed, settings, window)
            bar.advance(task)
            lines = _write_feeds(partial, drawn, settings, window, seed, lambda: bar.advance(task))
        known = {"start": start.isoformat(), "days": days, "seed": seed, "domains": domains, "lines": lines}
        write_truth(partial / "truth", drawn, {**known, "settings": asdict(settings)})
        if folder.exists():
            folder.rmdir()
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return World(folder, start, days, seed, domains, settings, lines)


def draw_world(domains: int, seed: int, settings: WorldSettings, window: Window) -> DrawnWorld:
    """Draw owners, names, hosts, records and what the feeds will report of them."""
    rng = [np.random.default_rng([seed, stage]) for stage in range(8)]
    infra = build_infrastructure(rng[0], domains)
    providers = provider_units(rng[0], infra, window)
    nefarious = round(domains * settings.nefarious_share)
    shares = (
        settings.compromised_share,
        settings.shadowed_share,
        settings.free_hosting_share,
        settings.dynamic_share,
    )
    taken, shadowed, free, dynamic = (round(nefarious * share) for share in shares)
    attackers = nefarious - taken - shadowed - free - dynamic
    honest = domains - len(providers) - attackers - free - dynamic
    benign = benign_units(rng[1], settings, infra, honest, window)
    compromise(rng[2], settings, benign, taken, window)
    owned, own_servers = attacker_units(rng[3], settings, infra, attackers, window)
    campaigns = int(owned.campaign.max(initial=0)) + 1
    free_units = attacker_tenants(rng[3], settings, infra, free, False, campaigns, window)
    campaigns = int(free_units.campaign.max(initial=campaigns)) + 1
    dynamic_units = attacker_tenants(rng[3], settings, infra, dynamic, True, campaigns, window)
    campaigns = int(dynamic_units.campaign.max(initial=campaigns)) + 1
    units = Units.concat([providers, benign, owned, free_units, dynamic_units])
    units.rate[:] = np.maximum(units.rate, 0.003)
    units.address_2[units.address_2 == units.address] = NONE
    servers = np.full(len(units), NONE, np.int64)
    first = len(providers) + len(benign)
    servers[first : first + len(owned)] = np.where(own_servers >= 0, first + own_servers, NONE)
    names = _name_units(rng[4], infra, units)
    made = build_hosts(rng[5], settings, infra, units, servers, shadowed, campaigns, window)
    records = build_records(rng[6], infra, units, made, names, window)
    captures = registrations.plan_captures(rng[7], settings, units, window)
    listings = blocklists.plan_listings(rng[7], settings, units, made, window)
    return DrawnWorld(infra, units, made, records, captures, listings)


def _name_units(rng: np.random.Generator, infra: Infrastructure, units: Units) -> pa.Array:
    """Names of all units; providers of free hosting are named as their suffix."""
    names = name_all(
        rng, units.style, units.brand, units.family, take(SUFFIXES, units.suffix), pa.array(SUFFIXES)
    )
    saas = infra.of_kind(Kind.SAAS)
    mask = np.zeros(len(units), bool)
    mask[saas] = True
    return pa.compute.replace_with_mask(names, pa.array(mask), take(SUFFIXES, units.suffix[saas]))


def _write_feeds(
    folder: Path,
    drawn: DrawnWorld,
    settings: WorldSettings,
    window: Window,
    seed: int,
    advance: Callable[[], object],
) -> dict[str, int]:
    d, names = drawn, drawn.records.names
    unit_names = names.slice(0, len(d.units))
    campaign = np.concatenate([d.units.campaign, d.made.hosts.campaign])
    first_record = np.unique(d.records.name, return_index=True)[1]
    before = feeds.day_name(window.start - 1)

    def write_day(day: int) -> tuple[int, int, int, int, int, int]:
        done = (
            feeds.write_passive_dns(folder / "pdns", d.records, window, day, seed),
            registrations.write_registrations(
                folder / "rdap", d.captures, d.infra, d.units, d.made, d.records, window, day, seed
            ),
            feeds.write_networks(
                folder / "networks" / f"ip2asn-{before}.csv",
                d.infra,
                unit_names,
                settings.network_coverage,
                seed,
            )
            if day < 0
            else 0,
            feeds.write_popularity(folder / "popularity", d.units, unit_names, window, day, seed)
            if day >= 0
            else 0,
            blocklists.write_block_lists(
                folder / "blocklists", d.listings, d.infra, names, campaign, window, day, seed
            ),
            feeds.write_queries(folder / "queries", d.records, first_record, campaign, window, day, seed)
            if day >= 0
            else 0,
        )
        advance()
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        totals = np.array(list(pool.map(write_day, range(-1, window.days)))).sum(axis=0)
    return dict(zip(FEEDS, totals.tolist(), strict=True))


def _day_of(path: Path) -> date:
    return date.fromisoformat(path.name.removeprefix("ip2asn-")[:10])
