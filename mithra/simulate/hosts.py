"""Names under registered domains: www, mail, panels, applications, login hosts, shadowed subdomains.

Also the hosts that infrastructure needs: every name server that some set names, mail exchangers, CDN edges.
Ids of names run over units first, then hosts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.benign import batches
from mithra.simulate.infrastructure import Infrastructure, Kind, server_labels
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import (
    DAY,
    NEVER,
    NONE,
    OWN_MAIL,
    VANITY,
    Category,
    Hosts,
    Ints,
    Mechanism,
    Owner,
    Units,
    Window,
    clock,
)
from mithra.simulate.text import concat, join, letters, number

__all__ = ["EDGES", "MAIL_LABELS", "HostNames", "build_hosts"]

_SHARES = {  # label: (share of honest domains, share of attackers' domains)
    "www": (0.60, 0.58),
    "mail": (0.20, 0.15),
    "webmail": (0.04, 0.04),
    "cpanel": (0.04, 0.05),
    "webdisk": (0.02, 0.03),
    "autodiscover": (0.05, 0.05),
    "blog": (0.03, 0.005),
    "shop": (0.03, 0.015),
    "app": (0.035, 0.02),
    "api": (0.04, 0.025),
    "dev": (0.02, 0.005),
    "m": (0.02, 0.03),
    "cdn": (0.015, 0.01),
    "portal": (0.015, 0.012),
    "test": (0.015, 0.005),
    "support": (0.015, 0.02),
    "login": (0.008, 0.04),
    "secure": (0.006, 0.04),
    "account": (0.003, 0.025),
    "verify": (0.001, 0.015),
    "update": (0.002, 0.015),
}
_RANDOM_SHARE = (
    0.02,
    0.05,
)  # domains with one to four hosts of random labels: trackers, wildcards, victims' ids
_BRAND_SHARE = (0.004, 0.03)
FRESH_LABEL = 14  # letters
EDGES = 40  # alias targets of each CDN and cloud
MAIL_LABELS = ["mx1", "mx2"]
_RATE = {"www": 0.7, "mail": 0.2, "webmail": 0.1, "cpanel": 0.05, "webdisk": 0.03, "autodiscover": 0.1}


@dataclass(frozen=True, eq=False)
class HostNames:
    """Hosts, the text of their labels and what points at them."""

    hosts: Hosts
    labels: pa.Array
    servers: NDArray[np.int32]  # [sets, 2] name id of each name server
    vanity: NDArray[np.int32]  # [units] set id for units with vanity servers, else NONE


def build_hosts(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    units: Units,
    own_servers: Ints,
    shadowed: int,
    first_campaign: int,
    window: Window,
) -> HostNames:
    """All names that are not units themselves.

    Args:
        own_servers: [units] unit under whose name its name servers are, or NONE.
        shadowed: how many shadowed subdomains to make.
        first_campaign: first free campaign number.
    """
    fixed = [*_SHARES, *words.BRANDS, *server_labels(), *MAIL_LABELS, *(f"e{i}" for i in range(EDGES))]
    ids = {label: i for i, label in enumerate(fixed)}
    ordinary = _ordinary(rng, units)
    branded = _some(rng, units, _BRAND_SHARE, len(_SHARES) + units.brand)
    random = _random_hosts(rng, units)
    shadows = _shadowed(rng, settings, infra, units, shadowed, first_campaign, window)
    set_unit, set_labels, vanity = _sets(infra, units, own_servers)
    servers, server_rows = _server_hosts(rng, units, set_unit, set_labels, ids["ns1"])
    mail = _infra_hosts(rng, infra, units, [Kind.MAIL], [ids[x] for x in MAIL_LABELS])
    edges = _infra_hosts(rng, infra, units, [Kind.CDN, Kind.CLOUD], [ids["e0"] + i for i in range(EDGES)])
    made = len(random) + len(shadows)
    random.label[:] = len(fixed) + np.arange(len(random))
    shadows.label[:] = np.where(
        shadows.label >= 0, shadows.label, len(fixed) + len(random) + np.arange(len(shadows))
    )
    odd = letters(rng, words.ALPHABETS, rng.choice([1, 1, 4, 0], made), rng.integers(4, 17, made))
    parts = [ordinary, branded, random, shadows, servers, mail, edges]
    before = np.cumsum([0, *(len(p) for p in parts)])
    first_edge = np.full(len(infra.kind), NONE, np.int32)
    first_edge[edges.unit[::EDGES]] = before[6] + np.arange(0, len(edges), EDGES)
    hosts = Hosts.concat(parts)
    labels = _distinct(rng, hosts, concat([pa.array(fixed, pa.string()), odd]))
    _aliases(rng, infra, units, hosts, ids["www"], first_edge, len(ordinary))
    server_ids = (len(units) + before[4] + server_rows).astype(np.int32)
    return HostNames(hosts, labels, server_ids, vanity)


def _distinct(rng: np.random.Generator, hosts: Hosts, labels: pa.Array) -> pa.Array:
    """Labels, with more for hosts whose label their unit has already; those hosts get them."""
    names = join(labels.take(pa.array(hosts.label)), ".", number(hosts.unit))
    again = np.ones(len(hosts), bool)
    again[np.unique(pc.dictionary_encode(names).indices.to_numpy(), return_index=True)[1]] = False
    rows = np.flatnonzero(again)
    hosts.label[rows] = len(labels) + np.arange(len(rows))
    zeros = np.zeros(len(rows), np.int64)
    return concat([labels, letters(rng, words.ALPHABETS, zeros, zeros + FRESH_LABEL)])


def _under(
    rng: np.random.Generator,
    units: Units,
    rows: Ints,
    factor: NDArray[np.float64] | float,
    **columns: object,
) -> Hosts:
    """Hosts that share their unit's fate."""
    taken = units.owner[rows] == Owner.COMPROMISED
    visited = np.asarray(columns.get("label", -1)) == 0  # of a compromised site, only www shares its fate
    late = (
        np.where(rng.random(len(rows)) < 0.8, rng.exponential(0.1, len(rows)), rng.exponential(8, len(rows)))
        * DAY
    )
    appears = np.maximum(units.appears[rows], units.parked_until[rows])
    appears = np.minimum(appears + late.astype(np.int64), np.maximum(units.gone[rows] - 60, appears))
    return Hosts.of(
        len(rows),
        **{
            "unit": rows,
            "nefarious": units.nefarious[rows] & (~taken | visited),
            "owner": np.where(taken & ~visited, Owner.OWNER, units.owner[rows]),
            "mechanism": np.where(taken & ~visited, Mechanism.SHARED, units.mechanism[rows]),
            "category": np.where(taken & ~visited, Category.NOTHING, units.category[rows]),
            "campaign": units.campaign[rows],
            "appears": appears,
            "activated": np.where(taken & visited, units.activated[rows], appears),
            "gone": units.gone[rows],
            "reported": units.reported[rows],
            "rate": units.rate[rows] * factor * rng.lognormal(0, 0.5, len(rows)),
            **columns,
        },
    )


def _registered(units: Units) -> NDArray[np.bool_]:
    return np.asarray((units.registrar >= 0) & (units.mechanism != Mechanism.INFRASTRUCTURE))


def _attackers(units: Units) -> NDArray[np.bool_]:
    return np.asarray(units.owner == Owner.ATTACKER)


def _ordinary(rng: np.random.Generator, units: Units) -> Hosts:
    rows, labels, factors = [], [], []
    base = _registered(units)
    parked = np.where(units.mechanism == Mechanism.PARKED, 0.3, 1.0)
    for i, (label, (honest, attacker)) in enumerate(_SHARES.items()):
        share = np.where(_attackers(units), attacker, honest) * parked
        if label == "mail":
            share = np.where(units.mail == OWN_MAIL, 0.9, share * 0.3)
        found = np.flatnonzero(base & (rng.random(len(units)) < share))
        rows.append(found)
        labels.append(np.full(len(found), i))
        factors.append(np.full(len(found), _RATE.get(label, 0.3)))
    return _under(rng, units, np.concatenate(rows), np.concatenate(factors), label=np.concatenate(labels))


def _some(rng: np.random.Generator, units: Units, shares: tuple[float, float], label: Ints) -> Hosts:
    share = np.where(_attackers(units), shares[1], shares[0])
    rows = np.flatnonzero(_registered(units) & (rng.random(len(units)) < share))
    return _under(rng, units, rows, 0.4, label=label[rows])


def _random_hosts(rng: np.random.Generator, units: Units) -> Hosts:
    share = np.where(_attackers(units), _RANDOM_SHARE[1], _RANDOM_SHARE[0])
    rows = np.flatnonzero(_registered(units) & (rng.random(len(units)) < share))
    rows = np.repeat(rows, rng.integers(1, 5, len(rows)))
    return _under(rng, units, rows, 0.3)


def _shadowed(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    units: Units,
    n: int,
    first_campaign: int,
    window: Window,
) -> Hosts:
    """Subdomains that attackers add to honest domains, pointing at hosts of their own."""
    victims = np.flatnonzero(
        _registered(units) & ~units.nefarious & (units.appears < window.start - 60 * DAY)
    )
    if len(victims) == 0:
        n = 0
    rows = rng.choice(victims, n) if n else np.zeros(0, np.int64)
    group = batches(rng, n, 6.0)
    count = int(group[-1]) + 1 if n else 0
    kind = np.where(
        rng.random(count) < 0.45,
        infra.choose(rng, Kind.BULLETPROOF, count),
        infra.choose(rng, Kind.CHEAP, count),
    )
    kind = np.where(rng.random(count) < 0.2, infra.choose(rng, Kind.CLOUD, count), kind)
    begin = window.start + rng.random(count) * window.days * DAY
    activated = clock(rng, begin[group] + rng.exponential(0.5, n) * DAY)
    deceptive = [
        list(_SHARES).index(x)
        for x in ("login", "secure", "account", "verify", "update", "support", "portal")
    ]
    label = np.where(rng.random(n) < 0.45, NONE, rng.choice(deceptive, n))
    label = np.where(rng.random(n) < 0.15, len(_SHARES) + rng.integers(0, len(words.BRANDS), n), label)
    return Hosts.of(
        n,
        unit=rows,
        label=label,
        nefarious=True,
        owner=Owner.COMPROMISED,
        mechanism=Mechanism.SHADOWED,
        category=Category.PHISHING,
        campaign=first_campaign + group,
        appears=activated,
        activated=activated,
        gone=activated + (rng.lognormal(np.log(12), 0.9, n) * DAY).astype(np.int64),
        reported=activated
        + (rng.lognormal(np.log(settings.report_days), 1.0, n) * DAY).astype(np.int64)
        + 60,
        address=infra.draw_address(rng, kind)[group],
        rate=rng.lognormal(np.log(settings.rate_new), 1.0, n),
    )


def _sets(
    infra: Infrastructure, units: Units, own_servers: Ints
) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
    """Name-server sets of the providers, then one for each unit whose name serves itself or its campaign."""
    lead = np.where(units.name_servers == VANITY, np.arange(len(units)), own_servers)
    leads, place = np.unique(lead[lead >= 0], return_inverse=True)
    vanity = np.full(len(units), NONE, np.int32)
    vanity[lead >= 0] = len(infra.set_unit) + place
    labels = np.concatenate([infra.set_labels, np.tile(np.array([[0, 1]], np.int32), (len(leads), 1))])
    return np.concatenate([infra.set_unit, leads]).astype(np.int64), labels, vanity


def _server_hosts(
    rng: np.random.Generator, units: Units, set_unit: Ints, set_labels: NDArray[np.int32], first_label: int
) -> tuple[Hosts, Ints]:
    """One host for each (unit, label) that a set names, and the host of each server, [sets, 2]."""
    key = (set_unit[:, None] * 100_000 + set_labels).ravel()
    unique, place = np.unique(key, return_inverse=True)
    rows = unique // 100_000
    busy = units.mechanism[rows] == Mechanism.INFRASTRUCTURE
    rate = np.where(busy, 6.0, units.rate[rows] * 0.3) * rng.lognormal(0, 0.8, len(rows))
    hosts = _under(rng, units, rows, 0.3, label=first_label + unique % 100_000, rate=rate)
    return hosts, place.reshape(-1, 2)


def _infra_hosts(
    rng: np.random.Generator, infra: Infrastructure, units: Units, kinds: list[Kind], labels: list[int]
) -> Hosts:
    providers = np.concatenate([infra.of_kind(k) for k in kinds])
    rows = np.repeat(providers, len(labels))
    rate = rng.lognormal(np.log(3), 1.2, len(rows))
    address = infra.draw_address(rng, rows)
    return _under(rng, units, rows, 1.0, label=np.tile(labels, len(providers)), rate=rate, address=address)


def _aliases(
    rng: np.random.Generator,
    infra: Infrastructure,
    units: Units,
    hosts: Hosts,
    www: int,
    first_edge: NDArray[np.int32],
    ordinary: int,
) -> None:
    """Some www hosts are aliases of their apex, or of an edge of the CDN or cloud they sit behind."""
    rows = np.flatnonzero((hosts.label[:ordinary] == www) & (rng.random(ordinary) < 0.45))
    unit = hosts.unit[rows]
    edge = first_edge[infra.provider[units.address[unit]]]
    fronted = (edge >= 0) & (rng.random(len(rows)) < 0.6) & (units.moved[unit] == NEVER)
    hosts.alias[rows] = np.where(fronted, len(units) + edge + rng.integers(0, EDGES, len(rows)), unit)
