"""Feeds in their real formats, a file a day; a file of day d holds nothing dated after d.

Passive DNS comes as COF JSON lines. The file dated the day before the window is the sensor's database at that
moment (time_first years back, counts since then); each later file holds what was seen on its day alone, so
that over all files the earliest time_first, the latest time_last and the sum of counts are true.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import ndtri

from mithra.simulate.infrastructure import Infrastructure
from mithra.simulate.records import TYPES, Records
from mithra.simulate.tables import DAY, Ints, Mechanism, Units, Window
from mithra.simulate.text import join, mix, number, pick, take, write_lines

__all__ = ["ORIGIN", "day_name", "write_networks", "write_passive_dns", "write_popularity", "write_queries"]

ORIGIN = "mithra-simulation"  # in every COF line, so that nobody takes the data for real
CHUNK = 65_536  # records at a time; small enough for the cache
MANY = 20  # sightings expected, from which on their number is drawn from a normal distribution
SENSOR_YEARS = 8  # that the sensor's database reaches back
_WEEKDAY = np.array([1.1, 1.1, 1.1, 1.1, 1.05, 0.8, 0.75])  # sightings on Monday to Sunday


def day_name(second: int) -> str:
    """Date of an epoch second, as file names carry it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d")


def write_passive_dns(folder: Path, records: Records, window: Window, day: int, seed: int) -> int:
    """The file of one day of the window, or of everything before it for day -1; returns its lines."""
    begin = window.start + day * DAY
    path = folder / f"{day_name(begin)}.cof.jsonl.gz"
    rng = np.random.default_rng([seed, 11, day + 1])
    if day < 0:
        begin = window.start - SENSOR_YEARS * 365 * DAY
        factor = 1.0
    else:
        factor = float(_WEEKDAY[datetime.fromtimestamp(begin, UTC).weekday()])
    end = window.start + (day + 1) * DAY
    live = np.flatnonzero((records.begin < end) & (records.end > begin))
    since, until = np.maximum(records.begin[live], begin), np.minimum(records.end[live], end)
    luck = [_even(records, live, int(salt)) for salt in rng.integers(1, 2**31, 3)]
    count = _sightings(luck[0], records.rate[live] * ((until - since) / DAY * factor))
    seen = count > 0
    live, since, span, count = live[seen], since[seen], (until - since)[seen], count[seen]
    first, last = _extremes(luck[1][seen], luck[2][seen], count)
    time_first, time_last = since + (first * span).astype(np.int64), since + (last * span).astype(np.int64)
    order = np.argsort(time_last, kind="stable")  # a sensor exports a record when its cache lets go of it
    return write_lines(path, _cof(records, live[order], time_first[order], time_last[order], count[order]))


def _even(records: Records, rows: Ints, salt: int) -> NDArray[np.float64]:
    """A number from 0 to 1 for each record, the same for records that one lookup of the name brings in: those
    of one name that began together (both addresses of a CDN, the address and its name servers)."""
    together = mix(records.name[rows], salt) ^ records.begin[rows]
    return np.asarray((mix(together, salt + 1) + 0.5) / 2.0**62)


def _sightings(luck: NDArray[np.float64], expected: NDArray[np.float64]) -> Ints:
    """Poisson counts by inversion: the same luck gives the more sightings the more are expected."""
    count = np.zeros(len(luck), np.int64)
    many = np.flatnonzero(expected > MANY)
    normal = expected[many] + np.sqrt(expected[many]) * ndtri(luck[many])
    count[many] = np.maximum(np.rint(normal), 1).astype(np.int64)
    rows = np.flatnonzero((expected <= MANY) & (luck > np.exp(-expected)))
    chance = np.exp(-expected[rows])
    reached = chance.copy()
    for k in range(1, 4 * MANY):
        chance = chance * expected[rows] / k
        reached = reached + chance
        count[rows] = k
        beyond = luck[rows] > reached
        rows, chance, reached = rows[beyond], chance[beyond], reached[beyond]
    return count


def _extremes(
    low: NDArray[np.float64], high: NDArray[np.float64], count: Ints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last of `count` moments spread evenly over 0 to 1, out of two numbers drawn evenly."""
    first = 1 - (1 - low) ** (1 / count)
    last = first + (1 - first) * high ** (1 / np.maximum(count - 1, 1))
    return first, np.where(count > 1, last, first)


def _cof(records: Records, rows: Ints, first: Ints, last: Ints, count: Ints) -> Iterator[pa.Array]:
    for at in range(0, len(rows), CHUNK):
        part = slice(at, at + CHUNK)
        mine = rows[part]
        yield join(
            '{"rrname":"',
            take(records.names, records.name[mine]),
            '","rrtype":"',
            take(TYPES, records.rrtype[mine]),
            '","rdata":"',
            take(records.rdata, records.value[mine]),
            '","time_first":',
            number(first[part]),
            ',"time_last":',
            number(last[part]),
            ',"count":',
            number(count[part]),
            f',"origin":"{ORIGIN}"}}\n',
        )


def write_networks(
    path: Path, infra: Infrastructure, unit_names: pa.Array, coverage: float, seed: int
) -> int:
    """Ranges of addresses: start, end, AS number, holder; without a header, as the public tables come."""
    rng = np.random.default_rng([seed, 12])
    blocks = infra.blocks[rng.random(len(infra.blocks)) < coverage]
    blocks = blocks[np.argsort(blocks[:, 0])]
    holder = np.array([np.flatnonzero(infra.asn == asn)[0] for asn in infra.asn])[
        blocks[:, 2]
    ]  # the AS's, not the tenant's
    stem = pc.utf8_capitalize(pc.list_element(pc.split_pattern(unit_names.take(pa.array(holder)), "."), 0))
    start, end = (_dotted(blocks[:, column]) for column in (0, 1))
    rows = join(start, ",", end, ",", number(infra.asn[blocks[:, 2]]), ',"', stem, ', Ltd."\n')
    return write_lines(path, [rows])


def _dotted(addresses: NDArray[np.int64]) -> pa.Array:
    octets = [number((addresses >> shift) & 255) for shift in (24, 16, 8, 0)]
    return join(octets[0], ".", octets[1], ".", octets[2], ".", octets[3])


def write_popularity(
    folder: Path, units: Units, unit_names: pa.Array, window: Window, day: int, seed: int
) -> int:
    """The most popular registered domains of the 30 days before the day's end: rank,name."""
    rng = np.random.default_rng([seed, 13, day])
    end = window.start + (day + 1) * DAY
    lived = np.clip(
        np.minimum(units.gone, end) - np.maximum(units.activated, end - 30 * DAY), 0, 30 * DAY
    ) / (30 * DAY)
    registered = (units.registrar >= 0) | (units.mechanism == Mechanism.INFRASTRUCTURE)
    score = units.rate * lived * rng.lognormal(0, 0.15, len(units)) * registered
    listed = max(100, len(units) * 3 // 200)
    top = np.argsort(-score, kind="stable")[:listed]
    top = top[score[top] > 0]
    rows = join(number(np.arange(1, len(top) + 1)), ",", unit_names.take(pa.array(top)), "\n")
    return write_lines(folder / f"{day_name(end - 1)}.csv", [rows])


CLIENTS = [f"198.51.100.{i}" for i in range(1, 255)] + [f"203.0.113.{i}" for i in range(1, 255)]
QUERIES_PER_UNIT = 0.2  # a day
CLIENTS_OF_CAMPAIGN = 3  # infected machines
_QUERY_TYPES = np.array([0.68, 0.22, 0.10])
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 9, 9, 10, 10, 9, 8, 7, 6, 6, 5, 4, 3], float)


def write_queries(
    folder: Path,
    records: Records,
    first_record: Ints,
    campaign: NDArray[np.int32],
    window: Window,
    day: int,
    seed: int,
) -> int:
    """One day of a resolver's query log in BIND's format; clients have documentation addresses (RFC 5737).

    Args:
        first_record: one record of each name that answers for it.
        campaign: [names] campaign of each, or NONE.
    """
    rng = np.random.default_rng([seed, 14, day])
    begin = window.start + day * DAY
    live = first_record[(records.begin[first_record] < begin + DAY) & (records.end[first_record] > begin)]
    taste = np.random.default_rng([seed, 15]).lognormal(0, 0.7, len(records.names))
    weight = records.rate[live] ** 0.8 * taste[records.name[live]]
    total = rng.poisson(QUERIES_PER_UNIT * len(live))
    row = live[np.searchsorted(np.cumsum(weight), rng.random(total) * weight.sum())]
    hour = rng.choice(24, total, p=_HOURS / _HOURS.sum())
    moment = (hour * 3600 + rng.integers(0, 3600, total)) * 1000 + rng.integers(0, 1000, total)
    lo, hi = (
        (np.maximum(records.begin[row], begin) - begin) * 1000,
        (np.minimum(records.end[row], begin + DAY) - begin) * 1000,
    )
    moment = np.where(
        (moment < lo) | (moment >= hi), lo + (rng.random(total) * (hi - lo)).astype(np.int64), moment
    )
    order = np.argsort(moment, kind="stable")
    row, moment = row[order], moment[order]
    name = records.name[row]
    group = campaign[name].astype(np.int64)
    infected = (group * 131 + rng.integers(0, CLIENTS_OF_CAMPAIGN, total) * 37) % len(CLIENTS)
    anyone = (len(CLIENTS) * rng.random(total) ** 1.5).astype(np.int64)
    client = np.where((group >= 0) & (rng.random(total) < 0.7), infected, anyone)
    return write_lines(
        folder / f"{day_name(begin)}.query.log.gz", _bind(rng, records, begin, name, moment, client)
    )


def _bind(
    rng: np.random.Generator,
    records: Records,
    begin: int,
    name: NDArray[np.int32],
    moment: Ints,
    client: Ints,
) -> Iterator[pa.Array]:
    two, three = [f"{i:02d}" for i in range(60)], [f"{i:03d}" for i in range(1000)]
    handles = [f"{i:05x}" for i in range(4096)]
    date = datetime.fromtimestamp(begin, UTC).strftime("%d-%b-%Y ")
    for at in range(0, len(name), CHUNK):
        part = slice(at, at + CHUNK)
        ms, n = moment[part], len(moment[part])
        text = take(records.names, name[part])
        text = pc.if_else(pa.array(rng.random(n) < 0.02), pc.utf8_upper(text), text)
        kind = take(["A", "AAAA", "HTTPS"], rng.choice(3, n, p=_QUERY_TYPES))
        yield join(
            date,
            take(two, ms // 3_600_000),
            ":",
            take(two, ms // 60_000 % 60),
            ":",
            take(two, ms // 1000 % 60),
            ".",
            take(three, ms % 1000),
            " queries: info: client @0x7f3a",
            pick(rng, handles, n),
            "c0 ",
            take(CLIENTS, client[part]),
            "#",
            number(rng.integers(1024, 65_536, n)),
            " (",
            text,
            "): query: ",
            text,
            " IN ",
            kind,
            " +E(0)K (192.0.2.53)\n",
        )
