"""Resource records of the world: each is held by a name from one moment to another and seen at some rate.

Rdata is numbered in one list: addresses (IPv4, then IPv6), names, mail exchangers, text. Addresses that roam
(clouds, dynamic DNS, fast flux) change hands: the next holder comes minutes after the last one left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.simulate.hosts import HostNames
from mithra.simulate.infrastructure import Infrastructure, Kind
from mithra.simulate.tables import DAY, NEVER, NONE, OWN_MAIL, Ints, Mechanism, Units, Window
from mithra.simulate.text import concat, join

__all__ = ["TYPES", "Records", "build_records"]

TYPES = ["A", "AAAA", "NS", "MX", "CNAME", "SOA", "TXT"]
_A, _AAAA, _NS, _MX, _CNAME, _SOA, _TXT = range(7)
_SEEN = np.array([1.0, 0.4, 1.0, 0.12, 1.0, 0.08, 0.08])  # sightings by type, relative to the name's rate
MOST_REFERRALS = 2.0  # sightings a day of name servers: resolvers keep them for long
SINKHOLED_SHARE = 0.04  # of nefarious domains, after they are taken down


@dataclass(frozen=True, eq=False)
class Records:
    """One row a record; `rdata` and `names` hold the text that its ids stand for."""

    name: NDArray[np.int32]  # name id
    rrtype: NDArray[np.int8]  # index into TYPES
    value: NDArray[np.int32]  # rdata id
    begin: Ints
    end: Ints
    rate: NDArray[np.float32]  # sightings a day
    names: pa.Array
    rdata: pa.Array


class _Pile:
    """Records as they are made."""

    def __init__(self) -> None:
        self.parts: list[tuple[NDArray[np.generic], ...]] = []

    def add(
        self, rrtype: int, name: Ints, value: Ints, begin: Ints, end: Ints, rate: NDArray[np.floating]
    ) -> None:
        live = (end > begin) & (value >= 0)
        kinds = np.full(int(live.sum()), rrtype, np.int8)
        columns = (
            name.astype(np.int32),
            value.astype(np.int32),
            begin,
            end,
            (rate * _SEEN[rrtype]).astype(np.float32),
        )
        self.parts.append((kinds, *(c[live] for c in columns)))

    def records(self, names: pa.Array, rdata: pa.Array) -> Records:
        """All of them."""
        columns: list[Any] = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        rrtype, name, value, begin, end, rate = columns
        return Records(name, rrtype, value, begin, end, rate, names, rdata)


def build_records(
    rng: np.random.Generator,
    infra: Infrastructure,
    units: Units,
    made: HostNames,
    unit_names: pa.Array,
    window: Window,
) -> Records:
    """All records, before and inside the window."""
    hosts = made.hosts
    host_names = join(made.labels.take(pa.array(hosts.label)), ".", unit_names.take(pa.array(hosts.unit)))
    names = concat([unit_names, host_names])
    addresses, pile = len(infra.v4), _Pile()
    name_base, mail_base = 2 * addresses, 2 * addresses + len(names)
    stays = _stays(rng, infra, units, made, window)
    for name, address, begin, end, rate in stays:
        pile.add(_A, name, address, begin, end, rate)
        unit = np.where(name < len(units), name, hosts.unit[np.maximum(name - len(units), 0)])
        dual = (
            units.ipv6[unit]
            & (address >= 0)
            & (begin >= np.maximum(units.parked_until, units.prior_until)[unit])
        )
        pile.add(_AAAA, name[dual], addresses + address[dual], begin[dual], end[dual], rate[dual])
    aliased = np.flatnonzero(hosts.alias >= 0)
    target = name_base + hosts.alias[aliased].astype(np.int64)
    pile.add(
        _CNAME, len(units) + aliased, target, hosts.appears[aliased], hosts.gone[aliased], hosts.rate[aliased]
    )
    for which in (0, 1):
        for rows, sets, begin, end in _delegations(rng, units, made):
            pile.add(_NS, rows, name_base + made.servers[sets, which].astype(np.int64), begin, end,
                     np.clip(units.rate[rows], 0.02, MOST_REFERRALS))  # fmt: skip
    mail = _mail_text(infra, units, unit_names)
    in_use = np.maximum(units.appears, units.parked_until)
    for which in (0, 1):
        rows = np.flatnonzero((units.mail != NONE) & ((units.mail >= 0) | (which == 0)))
        own = len(infra.kind) * 2 + rows
        value = mail_base + np.where(units.mail[rows] == OWN_MAIL, own, units.mail[rows] * 2 + which)
        pile.add(_MX, rows, value, in_use[rows], units.gone[rows], units.rate[rows])
    _texts(rng, pile, units, made, mail_base + len(mail), in_use)
    primary = made.servers[np.where(made.vanity >= 0, made.vanity, np.maximum(units.name_servers, 0)), 0]
    soa = join(names.take(pa.array(primary)), " hostmaster.", unit_names, " 2026010101 7200 3600 1209600 300")
    rdata = concat([infra.v4_text(), infra.v6_text(), names, mail, soa, _spf()])
    return pile.records(names, rdata)


Stay = tuple[Ints, Ints, Ints, Ints, NDArray[np.floating]]  # name, address, begin, end, rate


def _stays(
    rng: np.random.Generator, infra: Infrastructure, units: Units, made: HostNames, window: Window
) -> list[Stay]:
    """Who is at which address when: units and their hosts, through every part of their lives."""
    hosts, n = made.hosts, len(units)
    every = np.arange(n)
    live = np.maximum(units.appears, units.parked_until)
    follow = np.flatnonzero((hosts.address == NONE) & (hosts.alias == NONE))
    placed = np.flatnonzero(hosts.address >= 0)
    unit = hosts.unit[follow].astype(np.int64)
    name = np.concatenate([every, n + follow])
    owner = np.concatenate([every, unit])
    begin = np.concatenate([live, np.maximum(hosts.appears[follow], live[unit])])
    end = np.concatenate([units.gone, hosts.gone[follow]])
    rate = np.concatenate([units.rate, hosts.rate[follow]]).astype(np.float64)
    steady = np.flatnonzero(~units.roams[owner])
    s_owner, s_end = owner[steady], end[steady]
    moved = units.moved[s_owner]
    stays = [
        (
            name[steady],
            units.address[s_owner].astype(np.int64),
            begin[steady],
            np.minimum(moved, s_end),
            rate[steady],
        ),
        (
            name[steady],
            units.moved_address[s_owner].astype(np.int64),
            np.maximum(begin[steady], moved),
            s_end,
            rate[steady],
        ),
        (
            name[steady],
            units.address_2[s_owner].astype(np.int64),
            begin[steady],
            np.minimum(moved, s_end),
            rate[steady],
        ),
        (
            every,
            units.parked_address.astype(np.int64),
            units.appears,
            np.minimum(units.parked_until, units.gone),
            units.rate * 0.3,
        ),
        (
            every,
            units.prior_address.astype(np.int64),
            units.prior_from,
            units.prior_until,
            np.maximum(units.rate, 0.1),
        ),
        (
            n + placed,
            hosts.address[placed].astype(np.int64),
            hosts.appears[placed],
            hosts.gone[placed],
            hosts.rate[placed],
        ),
    ]
    hole = np.flatnonzero(units.nefarious & (units.gone < window.end) & (rng.random(n) < SINKHOLED_SHARE))
    sink = infra.draw_address(rng, infra.choose(rng, Kind.SINKHOLE, len(hole)))
    taken = units.gone[hole] + rng.integers(600, 3 * DAY, len(hole))
    stays.append((hole, sink, taken, np.full(len(hole), NEVER), units.rate[hole].astype(np.float64)))
    roaming = np.flatnonzero(units.roams[owner])
    flux = units.mechanism[owner[roaming]] == Mechanism.FAST_FLUX
    for rows, build in ((roaming[~flux], _tenancies), (roaming[flux], _fluxes)):
        for owner_of_stay, address, since, until in build(rng, infra, units, window):
            stays += _during(rows, name, owner, begin, end, rate, owner_of_stay, address, since, until)
    return stays


def _during(
    rows: Ints,
    name: Ints,
    owner: Ints,
    begin: Ints,
    end: Ints,
    rate: NDArray[np.float64],
    stay_owner: Ints,
    address: Ints,
    since: Ints,
    until: Ints,
) -> list[Stay]:
    """Every name of a roaming unit at each of the unit's addresses in turn."""
    order = np.argsort(stay_owner, kind="stable")
    sorted_owner = stay_owner[order]
    first, last = (
        np.searchsorted(sorted_owner, owner[rows]),
        np.searchsorted(sorted_owner, owner[rows], "right"),
    )
    count = last - first
    row = np.repeat(rows, count)
    stay = order[
        np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    ]
    return [
        (
            name[row],
            address[stay],
            np.maximum(since[stay], begin[row]),
            np.minimum(until[stay], end[row]),
            rate[row],
        )
    ]


def _tenancies(
    rng: np.random.Generator, infra: Infrastructure, units: Units, window: Window
) -> list[tuple[Ints, Ints, Ints, Ints]]:
    """Addresses of clouds and access networks pass on: one unit leaves, minutes later another is there.

    Each round, about a third of the units of a provider swap addresses among themselves within a few hours.
    """
    rows = np.flatnonzero(units.roams & (units.mechanism != Mechanism.FAST_FLUX))
    if len(rows) == 0:
        return []
    provider = infra.provider[units.address[rows]]
    address = units.address[rows].astype(np.int64)
    since = window.start - 3 * DAY - (rng.exponential(200, len(rows)) * DAY).astype(np.int64)
    done: list[tuple[Ints, Ints, Ints, Ints]] = []
    for day in range(-3, window.days):
        movers = rng.permutation(np.flatnonzero(rng.random(len(rows)) < 0.3))
        movers = movers[np.argsort(provider[movers], kind="stable")]
        edge = provider[movers] != np.roll(provider[movers], -1)  # last of its provider
        nxt = np.arange(1, len(movers) + 1)
        starts = np.flatnonzero(np.roll(edge, 1)) if edge.any() else np.zeros(1, np.int64)
        nxt[edge] = starts[np.searchsorted(starts, np.flatnonzero(edge), "right") - 1]
        if not edge.any() and len(movers):
            nxt[-1] = 0
        leave = window.start + day * DAY + rng.integers(0, DAY, len(movers))
        done.append((rows[movers], address[movers], since[movers], leave))
        gap = rng.integers(60, 1500, len(movers))  # seconds between two holders of one address
        address[movers] = address[movers][nxt]
        since[movers] = np.maximum(leave[nxt] + gap, leave)
    done.append((rows, address, since, np.full(len(rows), NEVER, np.int64)))
    return [tuple(np.concatenate(c) for c in zip(*done, strict=True))]  # type: ignore[list-item]  # four columns


def _fluxes(
    rng: np.random.Generator, infra: Infrastructure, units: Units, window: Window
) -> list[tuple[Ints, Ints, Ints, Ints]]:
    """Fast flux: every few hours another of the campaign's infected machines answers, several at a time."""
    rows = np.flatnonzero(units.mechanism == Mechanism.FAST_FLUX)
    if len(rows) == 0:
        return []
    begin = np.maximum(units.activated[rows], window.start - 5 * DAY)
    life = np.clip(np.minimum(units.gone[rows], window.end) - begin, 0, None) / DAY
    count = (4 + rng.poisson(np.minimum(life, 20) * 2.0)).astype(np.int64)
    unit = np.repeat(rows, count)
    machines = infra.of_kind(Kind.ISP)
    pool = units.campaign[unit].astype(np.int64) * 7919 + np.where(units.campaign[unit] < 0, unit, 0)
    place = (pool % 104_729 + 40_487 * rng.integers(0, 30, len(unit))) % int(infra.count[machines].sum())
    since = np.repeat(begin, count) + (
        rng.random(len(unit)) * np.repeat(np.maximum(life, 0.5), count) * DAY
    ).astype(np.int64)
    until = since + (rng.lognormal(np.log(0.6), 0.8, len(unit)) * DAY).astype(np.int64)
    return [(unit, infra.first[machines[0]] + place, since, until)]


def _delegations(
    rng: np.random.Generator, units: Units, made: HostNames
) -> list[tuple[Ints, Ints, Ints, Ints]]:
    """Name-server set of each unit over time: an earlier owner's, the parking page's, its own."""
    sets = np.where(made.vanity >= 0, made.vanity, units.name_servers)
    live = np.where(
        units.parked_name_servers >= 0, np.maximum(units.appears, units.parked_until), units.appears
    )
    spans = [
        (sets, live, units.gone),
        (units.parked_name_servers, units.appears, np.minimum(units.parked_until, units.gone)),
        (units.prior_name_servers, units.prior_from, units.prior_until),
    ]
    found = []
    for which, begin, end in spans:
        rows = np.flatnonzero(which >= 0)
        found.append((rows, which[rows].astype(np.int64), begin[rows], end[rows]))
    return found


def _mail_text(infra: Infrastructure, units: Units, unit_names: pa.Array) -> pa.Array:
    """Two exchangers of each provider (only mail providers' are used), then each unit's own."""
    providers = unit_names.take(pa.array(np.repeat(np.arange(len(infra.kind)), 2)))
    labels = pa.array(["10 mx1.", "20 mx2."] * len(infra.kind))
    return concat([join(labels, providers), join("10 mail.", unit_names)])


_POLICIES = ["v=spf1 a mx ~all", "v=spf1 mx -all", "v=spf1 -all", "v=spf1 +a +mx ~all"]


def _spf() -> pa.Array:
    return pa.array([f'\\"{p}\\"' for p in _POLICIES], pa.string())  # quoted as in a zone, escaped as in JSON


def _texts(
    rng: np.random.Generator, pile: _Pile, units: Units, made: HostNames, base: int, in_use: Ints
) -> None:
    """SOA and TXT records, of which sensors see few."""
    registered = (units.name_servers >= 0) | (made.vanity >= 0)
    soa = np.flatnonzero(registered & (rng.random(len(units)) < 0.3))
    pile.add(_SOA, soa, base + soa, in_use[soa], units.gone[soa], units.rate[soa])
    txt = np.flatnonzero(registered & (units.mail != NONE) & (rng.random(len(units)) < 0.4))
    value = base + len(units) + rng.integers(0, len(_POLICIES), len(txt))
    pile.add(_TXT, txt, value, in_use[txt], units.gone[txt], units.rate[txt])
