"""Three block lists of different kinds, each late, partial and sometimes wrong in its own way.

A hosts file is written anew each day (what is delisted disappears); a dated CSV and a URLhaus-like CSV hold
each day what was added that day, and the file before the window what they held by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.simulate.feeds import day_name
from mithra.simulate.hosts import HostNames
from mithra.simulate.infrastructure import Infrastructure
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import DAY, NEVER, NONE, Category, Ints, Mechanism, Owner, Units, Window
from mithra.simulate.text import iso_time, join, letters, number, pick, take, write_lines

__all__ = ["LISTS", "Listings", "plan_listings", "write_block_lists"]

LISTS = ["hosts-basic", "domains-dated", "urls-recent"]
# how much each list cares for: nothing, phishing, malware, c2, scam, spam
_CARE = np.array([[0, 1.5, 0.4, 0.3, 1.1, 0.9], [0, 0.7, 1.3, 2.6, 0.9, 0.7], [0, 0.7, 2.6, 0.6, 0.4, 0.3]])


@dataclass(frozen=True, eq=False)
class Listings:
    """One row an entry of a list, in order of time."""

    name: NDArray[np.int32]  # name id
    which: NDArray[np.int8]  # index into LISTS
    listed: Ints
    delisted: Ints
    category: NDArray[np.int8]
    mistake: NDArray[np.bool_]


def plan_listings(
    rng: np.random.Generator, settings: WorldSettings, units: Units, made: HostNames, window: Window
) -> Listings:
    """Which names each list reports, when, and until when."""
    name, activated, gone, reported, category, compromised = _reportable(rng, units, made)
    coverage = np.array(settings.list_coverage)
    chance = np.minimum(coverage[:, None] * _CARE[:, category] / 1.05, 0.9)  # [lists, names]
    chance *= np.where(compromised, [[0.5], [0.5], [2.0]], 1.0)
    bounds = np.cumsum(chance / np.maximum(chance.sum(axis=0), 1), axis=0)
    which = (rng.random(len(name))[None, :] > bounds).sum(axis=0)
    main = np.flatnonzero(which < len(LISTS))
    second = main[rng.random(len(main)) < settings.list_overlap]
    near = rng.random(len(second)) < 0.45
    gap = np.where(near, rng.exponential(0.3, len(second)), rng.exponential(3, len(second))) * rng.choice(
        [-1, 1, 1], len(second)
    )
    rows = np.concatenate([main, second])
    lists = np.concatenate([which[main], (which[second] + rng.integers(1, 3, len(second))) % 3])
    listed = np.concatenate(
        [reported[main], np.maximum(reported[second] + (gap * DAY).astype(np.int64), activated[second] + 60)]
    )
    kept = (rng.lognormal(np.log(20), 0.8, len(rows)) * DAY).astype(np.int64)
    ended = np.where(gone[rows] >= NEVER, listed, gone[rows])  # a site taken over is cleaned, not gone
    delisted = np.maximum(listed, ended) + kept
    true = (name[rows], lists, listed, delisted, category[rows], np.zeros(len(rows), bool))
    parts = [true, *_mistakes(rng, settings, units, made, lists, listed, window)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    keep = (columns[2] < window.end) & (columns[2] >= window.start - 365 * DAY)
    order = np.lexsort((rng.random(len(keep)), columns[2]))
    order = order[keep[order]]
    name, lists, listed, delisted, category, mistake = (column[order] for column in columns)
    return Listings(
        name.astype(np.int32), lists.astype(np.int8), listed, delisted, category.astype(np.int8), mistake
    )


def _reportable(rng: np.random.Generator, units: Units, made: HostNames) -> tuple[NDArray[np.generic], ...]:
    """Names that may be reported: of a nefarious unit its apex or a host, and every shadowed host."""
    hosts, n = made.hosts, len(units)
    rows = np.flatnonzero(units.nefarious)
    name = rows.copy()
    ours = np.flatnonzero(
        hosts.nefarious & (hosts.mechanism != Mechanism.SHADOWED) & (rng.random(len(hosts)) < 0.3)
    )
    stand_in = np.full(n, NONE, np.int64)
    stand_in[hosts.unit[ours]] = n + ours
    begun = np.full(n, 0, np.int64)
    begun[hosts.unit[ours]] = hosts.activated[ours]
    fits = (stand_in[rows] >= 0) & (begun[rows] <= units.reported[rows])
    name = np.where(fits, stand_in[rows], name)
    shadows = np.flatnonzero(hosts.mechanism == Mechanism.SHADOWED)
    return (
        np.concatenate([name, n + shadows]),
        np.concatenate([np.where(fits, begun[rows], units.activated[rows]), hosts.activated[shadows]]),
        np.concatenate([units.gone[rows], hosts.gone[shadows]]),
        np.concatenate([units.reported[rows], hosts.reported[shadows]]),
        np.concatenate([units.category[rows], hosts.category[shadows]]).astype(np.int64),
        np.concatenate([units.owner[rows] == Owner.COMPROMISED, np.ones(len(shadows), bool)]),
    )


def _mistakes(
    rng: np.random.Generator,
    settings: WorldSettings,
    units: Units,
    made: HostNames,
    lists: NDArray[np.generic],
    listed: Ints,
    window: Window,
) -> list[tuple[NDArray[np.generic], ...]]:
    """Honest names that a list holds for some days: look-alikes, popular ones, hosts of providers."""
    honest = ~units.nefarious & (units.appears < window.end - 2 * DAY)
    weight = 0.2 + 3.0 * units.look_alike + 0.1 * np.minimum(units.rate, 20)
    weight += 4.0 * (units.mechanism == Mechanism.INFRASTRUCTURE) + 1.0 * (units.mechanism == Mechanism.SAAS)
    weight *= honest
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for which, share in enumerate(settings.list_mistakes):
        mine = listed[(lists == which) & (listed < window.end) & (listed >= window.start - 365 * DAY)]
        n = round(len(mine) * share / max(1 - share, 0.01))
        n = max(n, 1) if share > 0 else 0
        name = (
            rng.choice(len(units), n, replace=False, p=weight / weight.sum()) if n else np.zeros(0, np.int64)
        )
        low = np.maximum(units.appears[name], window.start - 20 * DAY)
        at = low + (rng.random(n) * (window.end - low)).astype(np.int64)
        until = at + (rng.lognormal(np.log(4), 0.8, n) * DAY).astype(np.int64)
        category = np.full(n, Category.MALWARE if which == 2 else Category.PHISHING)
        parts.append((name, np.full(n, which), at, until, category, np.ones(n, bool)))
    return parts


def write_block_lists(
    folder: Path,
    listings: Listings,
    infra: Infrastructure,
    names: pa.Array,
    campaign: NDArray[np.int32],
    window: Window,
    day: int,
    seed: int,
) -> int:
    """The three files of one day (day -1: as they were before the window); returns their lines."""
    rng = np.random.default_rng([seed, 17, day + 1])
    begin = window.start + day * DAY
    end = begin + DAY
    known = listings.listed < end
    kept = np.flatnonzero(known & (listings.which == 0) & (listings.delisted >= end))
    lines = _hosts(folder / LISTS[0], listings, kept, names, rng, begin)
    added = known & (listings.listed >= (begin if day >= 0 else 0))
    lines += _dated(
        folder / LISTS[1], listings, np.flatnonzero(added & (listings.which == 1)), names, campaign, begin
    )
    lines += _urls(
        folder / LISTS[2], listings, np.flatnonzero(added & (listings.which == 2)), infra, names, rng, begin
    )
    return lines


def _hosts(
    folder: Path, listings: Listings, rows: Ints, names: pa.Array, rng: np.random.Generator, begin: int
) -> int:
    stamp = datetime.fromtimestamp(begin + DAY - 1, UTC)
    head = [
        "# Title: hosts-basic (simulated)",
        f"# Last modified: {stamp:%Y-%m-%d %H:%M:%S} UTC",
        f"# Number of entries: {len(rows)}",
        "127.0.0.1 localhost",
        "::1 localhost",
    ]
    text = take(names, rng.permutation(listings.name[rows]))
    return write_lines(
        folder / f"{day_name(begin)}.hosts",
        [pa.array([f"{h}\n" for h in head]), join("0.0.0.0 ", text, "\n")],
    )


_FAMILIES = [
    "amberloader",
    "brasswire",
    "cobaltrat",
    "dunebot",
    "emberclip",
    "fogstealer",
    "graynet",
    "hollowrat",
    "kestrelbot",
]


def _dated(
    folder: Path, listings: Listings, rows: Ints, names: pa.Array, campaign: NDArray[np.int32], begin: int
) -> int:
    group = campaign[listings.name[rows]].astype(np.int64)
    family = take(_FAMILIES, np.where(group >= 0, group, listings.name[rows]) % len(_FAMILIES))
    body = join(take(names, listings.name[rows]), ",", iso_time(listings.listed[rows]), ",", family, "\n")
    return write_lines(folder / f"{day_name(begin)}.csv", [pa.array(["domain,first_seen,family\n"]), body])


_THREAT = ["malware_download", "phishing", "malware_download", "malware_download", "phishing", "phishing"]


def _urls(
    folder: Path,
    listings: Listings,
    rows: Ints,
    infra: Infrastructure,
    names: pa.Array,
    rng: np.random.Generator,
    begin: int,
) -> int:
    """Newest first, one to three URLs a host, some of them on bare addresses."""
    stamp = datetime.fromtimestamp(begin + DAY - 1, UTC)
    head = ["# mithra simulation: URLhaus Database Dump format (CSV - recent URLs only)",
            f"# Last updated: {stamp:%Y-%m-%d %H:%M:%S} (UTC)", "#",
            "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter"]  # fmt: skip
    repeated = np.repeat(rows, rng.integers(1, 4, len(rows)))[::-1]
    n = len(repeated)
    host = take(names, listings.name[repeated])
    if n:
        address = infra.v4[rng.integers(0, len(infra.v4), n)]
        octets = [number((address >> np.uint32(shift)) & np.uint32(255)) for shift in (24, 16, 8, 0)]
        bare = join(
            octets[0],
            ".",
            octets[1],
            ".",
            octets[2],
            ".",
            octets[3],
            ":",
            number(rng.integers(1025, 65_000, n)),
        )
        second_copy = np.append(repeated[1:] == repeated[:-1], False)
        host = pc.if_else(pa.array(second_copy & (rng.random(n) < 0.3)), bare, host)
    path = letters(
        rng, ("abcdefghijklmnopqrstuvwxyz0123456789",), np.zeros(n, np.int64), rng.integers(1, 12, n)
    )
    added = pc.strftime(
        pa.array(listings.listed[repeated].astype("datetime64[s]")), format="%Y-%m-%d %H:%M:%S"
    )
    online = listings.delisted[repeated] >= begin + DAY
    key = number(3_000_000 + (listings.listed[repeated] - 1_700_000_000) // 20)
    body = join(
        '"',
        key,
        '","',
        added,
        '","',
        pick(rng, ["http://", "https://"], n),
        host,
        "/",
        path,
        '","',
        take(["offline", "online"], online.astype(np.int64)),
        '","None","',
        take(_THREAT, listings.category[repeated]),
        '","None","https://urls-recent.example/url/',
        key,
        '/","reporter',
        number(rng.integers(1, 40, n)),
        '"\n',
    )
    return write_lines(folder / f"{day_name(begin)}.csv", [pa.array([f"{h}\n" for h in head]), body])
