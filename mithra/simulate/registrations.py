"""RDAP feed: one RFC 9083 domain object a line, in a file for the day on which it was fetched.

Old domains are in the file dated the day before the window; new ones are fetched hours to days after they
first resolve, some again later. Every object says when it was fetched ("last update of RDAP database"), many
are redacted (RFC 9537), and some domains and suffixes never answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.feeds import day_name
from mithra.simulate.hosts import HostNames
from mithra.simulate.infrastructure import FIRST_REGISTRAR_ID, Infrastructure, Kind
from mithra.simulate.records import Records
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import DAY, Ints, Units, Window
from mithra.simulate.text import iso_time, join, mix, number, pick, take, write_lines

__all__ = ["Captures", "plan_captures", "write_registrations"]

YEAR = 31_556_952  # seconds
CHUNK = 32_768  # records at a time
NOTICE = "Made by mithra simulate; describes no real domain."


@dataclass(frozen=True, eq=False)
class Captures:
    """Which unit was fetched when, in order of time."""

    unit: NDArray[np.int32]
    at: Ints


def plan_captures(
    rng: np.random.Generator, settings: WorldSettings, units: Units, window: Window
) -> Captures:
    """Fetches of the window and the weeks before it."""
    has_rdap = np.concatenate([words.TLD_RDAP, np.zeros(64, bool)])
    base = (
        (units.registrar >= 0)
        & has_rdap[units.suffix]
        & (rng.random(len(units)) < settings.registration_coverage)
    )
    old = np.flatnonzero(base & (units.appears < window.start))
    at_old = window.start - (rng.random(len(old)) * 20 * DAY).astype(np.int64) - 1
    at_old = np.maximum(at_old, np.minimum(units.appears[old] + 3600, window.start - 1))
    new = np.flatnonzero(base & (units.appears >= window.start))
    lag = np.where(
        rng.random(len(new)) < 0.7, rng.exponential(0.15, len(new)), rng.exponential(2.5, len(new))
    )
    at_new = units.appears[new] + (lag * DAY).astype(np.int64)
    again = np.flatnonzero(base & (rng.random(len(units)) < 0.10))
    at_again = window.start + (rng.random(len(again)) * window.days * DAY).astype(np.int64)
    fresh = at_again > units.appears[again] + 2 * DAY
    unit = np.concatenate([old, new, again[fresh]])
    at = np.concatenate([at_old, at_new, at_again[fresh]])
    order = np.argsort(at, kind="stable")
    order = order[at[order] < window.end]
    return Captures(unit[order].astype(np.int32), at[order])


def write_registrations(
    folder: Path,
    captures: Captures,
    infra: Infrastructure,
    units: Units,
    made: HostNames,
    records: Records,
    window: Window,
    day: int,
    seed: int,
) -> int:
    """The file of one day, or of everything before the window for day -1; returns its lines."""
    begin = window.start + day * DAY
    low = 0 if day < 0 else int(np.searchsorted(captures.at, begin))
    high = int(np.searchsorted(captures.at, begin + DAY))
    rng = np.random.default_rng([seed, 16, day + 1])
    rows = np.arange(low, high)
    path = folder / f"{day_name(begin)}.rdap.jsonl.gz"
    return write_lines(path, _objects(rng, captures, rows, infra, units, made, records))


def _objects(
    rng: np.random.Generator,
    captures: Captures,
    rows: Ints,
    infra: Infrastructure,
    units: Units,
    made: HostNames,
    records: Records,
) -> Iterator[pa.Array]:
    registrars = _registrar_entities(infra, records.names)
    first = int(infra.of_kind(Kind.REGISTRAR)[0])
    for start in range(0, len(rows), CHUNK):
        mine = rows[start : start + CHUNK]
        unit, at = captures.unit[mine].astype(np.int64), captures.at[mine]
        name = take(records.names, unit)
        tld = pc.utf8_upper(pc.list_element(pc.split_pattern(name, ".", max_splits=1, reverse=True), 1))
        changed, expires, held = _dates(units, unit, at)
        yield join(
            '{"objectClassName":"domain","rdapConformance":["rdap_level_0"],"handle":"',
            number(_handles(unit)),
            "_DOMAIN_",
            tld,
            '","ldhName":"',
            name,
            '","status":[',
            _status(rng, at - units.registered[unit], held),
            '],"events":[{"eventAction":"registration","eventDate":"',
            iso_time(units.registered[unit]),
            '"},{"eventAction":"expiration","eventDate":"',
            iso_time(expires),
            '"},{"eventAction":"last changed","eventDate":"',
            iso_time(changed),
            '"},{"eventAction":"last update of RDAP database","eventDate":"',
            iso_time(at),
            '"}],"entities":[',
            take(registrars, units.registrar[unit] - first),
            _registrant(rng, units, unit),
            '],"nameservers":[',
            _servers(units, made, records, unit, at),
            '],"secureDNS":{"delegationSigned":',
            take(["false", "true"], _signed(units, unit).astype(np.int64)),
            f'}},"notices":[{{"title":"Simulated","description":["{NOTICE}"]}}]}}\n',
        )


def _handles(unit: Ints) -> Ints:
    """A registry's number for each: unlike any order of ours."""
    return mix(unit, 21) % 10_000_000_000


def _signed(units: Units, unit: Ints) -> NDArray[np.bool_]:
    """DNSSEC: a property of the domain, more usual among honest owners."""
    return _handles(unit) % 1000 < np.where(units.owner[unit] == 2, 25, 60)


def _dates(units: Units, unit: Ints, at: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Last changed, expiration, and whether the registrar has put the domain on hold."""
    registered, term = units.registered[unit], units.years[unit].astype(np.int64) * YEAR
    renewals = np.maximum(at - registered, 0) // term
    held = (at > units.gone[unit]) & (units.owner[unit] == 2)
    changed = registered + np.where(renewals > 0, renewals * term - 20 * DAY, 0)
    put_to_use = units.parked_until[unit]
    changed = np.where((put_to_use > changed) & (put_to_use <= at), put_to_use, changed)
    changed = np.where(held, np.maximum(changed, units.gone[unit]), changed)
    return np.minimum(changed, at), registered + (renewals + 1) * term, held


_STATUS = [
    '"active"',
    '"client transfer prohibited"',
    '"client delete prohibited","client transfer prohibited"',
    '"client delete prohibited","client transfer prohibited","client update prohibited"',
]


def _status(rng: np.random.Generator, age: Ints, held: NDArray[np.bool_]) -> pa.Array:
    n = len(age)
    which = rng.choice(4, n, p=[0.3, 0.45, 0.1, 0.15])
    added = take(["", ',"add period"'], ((age < 5 * DAY) & (rng.random(n) < 0.6)).astype(np.int64))
    hold = take(["", ',"client hold"'], (held & (rng.random(n) < 0.7)).astype(np.int64))
    return join(take(_STATUS, which), added, hold)


def _registrar_entities(infra: Infrastructure, names: pa.Array) -> list[str]:
    entities = []
    for i, provider in enumerate(infra.of_kind(Kind.REGISTRAR)):
        identity, full = FIRST_REGISTRAR_ID + i, names[int(provider)].as_py().split(".")[0].capitalize()
        entities.append(
            f'{{"objectClassName":"entity","handle":"{identity}","roles":["registrar"],'
            f'"publicIds":[{{"type":"IANA Registrar ID","identifier":"{identity}"}}],'
            '"vcardArray":["vcard",[["version",{},"text","4.0"],'
            f'["fn",{{}},"text","{full} Registrar, Inc."]]]}}'
        )
    return entities


_HIDDEN = (
    ',{"objectClassName":"entity","handle":"REDACTED FOR PRIVACY","roles":["registrant"],"remarks":[{"title":'
    '"REDACTED FOR PRIVACY","description":["Some of the data in this object has been removed."]}]}'
)
_VEILED = (
    ',{"objectClassName":"entity","roles":["registrant"],"vcardArray":["vcard",[["version",{},"text","4.0"],'
    '["fn",{},"text",""],["org",{},"text","Domain Privacy Service"],'
    '["adr",{},"text",["","","","","","","XX"]]]]}'
)
_NAMED = (
    ',{"objectClassName":"entity","roles":["registrant"],"vcardArray":["vcard",[["version",{},"text","4.0"],'
    '["fn",{},"text",""],["org",{},"text","'
)


def _registrant(rng: np.random.Generator, units: Units, unit: Ints) -> pa.Array:
    """Nothing, a redacted entity, a privacy service or, rarely, an organisation."""
    n = len(unit)
    company = join(
        pc.utf8_capitalize(pick(rng, words.SURNAMES, n)),
        " ",
        pc.utf8_capitalize(pick(rng, words.TRADES, n)),
        " Ltd",
    )
    open_share = np.where(units.owner[unit] == 2, 0.02, 0.12)
    share = rng.random(n)
    which = np.select([share < open_share, share < 0.65, share < 0.8], [3, 1, 2], 0)
    named = join(_NAMED, company, '"]]]}')
    return pc.choose(pa.array(which), "", _HIDDEN, _VEILED, named)


def _servers(units: Units, made: HostNames, records: Records, unit: Ints, at: Ints) -> pa.Array:
    """Name servers at the time: the parking page's, then its own."""
    own = np.where(made.vanity[unit] >= 0, made.vanity[unit], units.name_servers[unit])
    parked = (units.parked_name_servers[unit] >= 0) & (at < units.parked_until[unit])
    sets = np.where(parked, units.parked_name_servers[unit], own)
    pair = made.servers[np.maximum(sets, 0)]
    text = join(
        '{"objectClassName":"nameserver","ldhName":"', take(records.names, pair[:, 0]),
        '"},{"objectClassName":"nameserver","ldhName":"', take(records.names, pair[:, 1]), '"}',
    )  # fmt: skip
    return pc.if_else(pa.array(sets >= 0), text, "")
