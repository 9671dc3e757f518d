"""Attackers' own domains, in campaigns.

A campaign has a plan (what it does, how it names, where it registers and hosts, whose name servers, when)
from which members stray. Registration to first report follows what was measured on real feeds: the 10th,
25th, 50th and 75th percentiles are 8, 10, 43 and 216 days; most of that is waiting, the rest is how long
reports take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.benign import batches, earlier_lives, honest_style
from mithra.simulate.infrastructure import Infrastructure, Kind
from mithra.simulate.naming import Style
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import (
    DAY,
    NONE,
    OWN_MAIL,
    Category,
    Mechanism,
    Owner,
    Units,
    Window,
    clock,
)

__all__ = ["attacker_units", "lifetime"]

Ints = NDArray[np.int64]

# registration to first report, days: quantiles, log-linear in between
_QUANTILES = np.array([0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 1.0])
_REPORT_DAYS = np.array([0.4, 4.0, 8.0, 10.0, 43.0, 216.0, 800.0, 4000.0])

_CATEGORIES = {
    Category.PHISHING: 0.42,
    Category.SCAM: 0.25,
    Category.C2: 0.13,
    Category.MALWARE: 0.08,
    Category.SPAM: 0.12,
}
_STYLES = {  # by category: (style, weight)
    Category.PHISHING: {
        Style.PHISH: 0.60,
        Style.KEYWORDS: 0.25,
        Style.FAMILY: 0.05,
        Style.GENERATED: 0.05,
        Style.OFFICIAL: 0.05,
    },
    Category.SCAM: {
        Style.TOPIC: 0.12,
        Style.SERIES: 0.25,
        Style.KEYWORDS: 0.16,
        Style.DICTIONARY: 0.17,
        Style.FAMILY: 0.12,
        Style.PHISH: 0.18,
    },
    Category.C2: {Style.GENERATED: 0.55, Style.DICTIONARY: 0.20, Style.FAMILY: 0.25},
    Category.MALWARE: {Style.GENERATED: 0.35, Style.KEYWORDS: 0.25, Style.FAMILY: 0.30, Style.COINED: 0.10},
    Category.SPAM: {Style.DICTIONARY: 0.35, Style.FAMILY: 0.30, Style.SERIES: 0.30, Style.WORDS: 0.05},
}
_PLANS = [
    Mechanism.CHEAP_SHARED,
    Mechanism.SHARED,
    Mechanism.SELF_HOSTED,
    Mechanism.BULLETPROOF,
    Mechanism.CDN,
    Mechanism.CLOUD,
    Mechanism.FAST_FLUX,
]
_PLAN_KIND = {
    Mechanism.CHEAP_SHARED: Kind.CHEAP,
    Mechanism.SHARED: Kind.SHARED,
    Mechanism.SELF_HOSTED: Kind.VPS,
    Mechanism.BULLETPROOF: Kind.BULLETPROOF,
    Mechanism.CDN: Kind.CDN,
    Mechanism.CLOUD: Kind.CLOUD,
    Mechanism.FAST_FLUX: Kind.ISP,
}
ADDRESSES = 12  # that a campaign can use at most


@dataclass(frozen=True, eq=False)
class _Plans:
    """What each campaign means to do, one a row."""

    category: NDArray[np.int8]
    style: NDArray[np.int8]
    honest: NDArray[np.bool_]  # names like an honest owner
    family: Ints
    brand: Ints
    mechanism: NDArray[np.int8]
    provider: Ints
    addresses: Ints  # [campaigns, ADDRESSES]
    address_count: Ints
    registrar: Ints
    suffixes: Ints  # [campaigns, 3]
    set_kind: Ints  # 0 registrar's, 1 hoster's, 2 own
    name_servers: Ints
    begin: Ints
    rate: NDArray[np.float64]
    mail: NDArray[np.bool_]


def attacker_units(
    rng: np.random.Generator, settings: WorldSettings, infra: Infrastructure, n: int, window: Window
) -> tuple[Units, NDArray[np.int64]]:
    """Attackers' own domains, campaign by campaign.

    Returns:
        The units, and for each the row here whose name its name servers bear (NONE: `name_servers` holds).
    """
    lone = round(n * settings.lone_share)
    group = batches(rng, n - lone, settings.campaign_size, settings.campaign_spread)
    campaigns = int(group[-1]) + 1 if len(group) else 0
    group = np.concatenate([group, campaigns + np.arange(lone)])
    size = np.bincount(group, minlength=campaigns + lone)
    plans = _plans(rng, settings, infra, size, window)
    registered, activated, reported = _times(rng, settings, plans, group, window)
    stray = rng.random(n) < settings.stray_share
    mechanism, provider, address = _hosting(rng, settings, infra, plans, group, stray)
    registrar = np.where(stray & (rng.random(n) < 0.5), infra.registrars(rng, n, 0.6), plans.registrar[group])
    honest = plans.honest[group] | (rng.random(n) < 0.05)
    flux = mechanism == Mechanism.FAST_FLUX
    units = Units.of(
        n,
        nefarious=True,
        owner=Owner.ATTACKER,
        mechanism=mechanism,
        category=plans.category[group],
        campaign=np.where(group < campaigns, group, NONE),
        style=np.where(honest, honest_style(rng, n), plans.style[group]),
        brand=np.where(rng.random(n) < 0.8, plans.brand[group], rng.integers(0, len(words.BRANDS), n)),
        family=plans.family[group],
        suffix=plans.suffixes[group, np.minimum(rng.geometric(0.6, n) - 1, 2)],
        registered=registered,
        appears=activated,
        activated=activated,
        gone=activated + lifetime(rng, plans.category[group]),
        reported=reported,
        years=np.where(rng.random(n) < 0.06, 2, 1),
        registrar=registrar,
        address=address,
        address_2=_second_address(rng, settings, infra, plans, group, mechanism, provider),
        name_servers=_name_servers(rng, infra, plans, group, mechanism, provider, registrar, stray),
        mail=np.where(plans.mail[group] & (rng.random(n) < 0.8), OWN_MAIL, NONE),
        roams=flux | ((mechanism == Mechanism.CLOUD) & (rng.random(n) < 0.35)),
        ipv6=(rng.random(n) < 0.8) & (mechanism == Mechanism.CDN),
        rate=plans.rate[group] * rng.lognormal(0, 1.0, n),
    )
    _wait_parked(rng, infra, units)
    _hop(rng, settings, infra, units, plans, group)
    earlier_lives(rng, infra, units, np.flatnonzero(rng.random(n) < 0.05))
    return units, _own_servers(rng, plans, group, stray)


def _plans(
    rng: np.random.Generator, settings: WorldSettings, infra: Infrastructure, size: Ints, window: Window
) -> _Plans:
    n = len(size)
    category = rng.choice(np.array(list(_CATEGORIES), np.int8), n, p=list(_CATEGORIES.values()))
    style = np.zeros(n, np.int8)
    for code, table in _STYLES.items():
        mine = category == code
        style[mine] = rng.choice(np.array(list(table), np.int8), int(mine.sum()), p=list(table.values()))
    weights = np.array(settings.hosting_weights)
    mechanism = rng.choice(np.array(_PLANS, np.int8), n, p=weights / weights.sum())
    provider = _provider_for(rng, infra, mechanism)
    count = np.minimum(1 + (size**0.55 * rng.random(n)).astype(np.int64), ADDRESSES)
    count = np.where(mechanism == Mechanism.CLOUD, np.minimum(size, ADDRESSES), count)
    suffixes = rng.choice(len(words.TLDS), (n, 3), p=words.TLD_NEFARIOUS)
    registrar = infra.registrars(rng, n, 0.5)
    own = np.array(settings.name_server_weights)
    early = rng.random(n) < settings.early_share
    begin = np.where(
        early, window.start - rng.exponential(25, n) * DAY, window.start + rng.random(n) * window.days * DAY
    )
    return _Plans(
        category=category,
        style=style,
        honest=rng.random(n) < settings.camouflage_share,
        family=rng.integers(0, 2**40, n),
        brand=rng.integers(0, len(words.BRANDS), n),
        mechanism=mechanism,
        provider=provider,
        addresses=np.stack([infra.draw_address(rng, provider) for _ in range(ADDRESSES)], axis=1),
        address_count=count,
        registrar=registrar,
        suffixes=suffixes,
        set_kind=rng.choice(3, n, p=own / own.sum()),
        name_servers=np.where(
            infra.set_count[provider] > 0, infra.draw_set(rng, provider), infra.draw_set(rng, registrar)
        ),
        begin=begin.astype(np.int64),
        rate=rng.lognormal(np.log(settings.rate_new), 0.8, n),
        mail=rng.random(n) < 0.45,
    )


def _provider_for(rng: np.random.Generator, infra: Infrastructure, mechanism: NDArray[np.int8]) -> Ints:
    provider = np.zeros(len(mechanism), np.int64)
    for code, kind in _PLAN_KIND.items():
        mine = mechanism == code
        provider[mine] = infra.choose(rng, kind, int(mine.sum()))
    return provider


def _times(
    rng: np.random.Generator, settings: WorldSettings, plans: _Plans, group: Ints, window: Window
) -> tuple[Ints, Ints, Ints]:
    """Registered, activated and first reported; a campaign buys in batches within minutes."""
    n = len(group)
    place = np.arange(n) - np.searchsorted(group, group)  # within its campaign
    wave = place // 12
    key = np.unique(group * 4096 + wave, return_inverse=True)[1]
    waves = int(key.max()) + 1 if n else 0
    total = np.exp(np.interp(rng.random(waves), _QUANTILES, np.log(_REPORT_DAYS)))
    delay = np.minimum(
        rng.lognormal(np.log(settings.report_days), 1.0, waves), total * rng.uniform(0.3, 1.0, waves)
    )
    start = np.zeros(waves)
    start[key] = plans.begin[group] + wave * 3.5 * DAY
    start += rng.exponential(0.7, waves) * DAY
    late = start > window.end - DAY
    start = np.where(late, window.start + rng.random(waves) * (window.days - 1) * DAY, start)
    begun = clock(rng, start)
    wait = ((total - delay) * DAY).astype(np.int64)
    registered = np.where(wait > DAY, np.minimum(clock(rng, begun - wait), begun - 120), begun - wait)
    minutes = np.cumsum(rng.exponential(40, n))
    registered = registered[key] + (minutes - minutes[np.searchsorted(key, key)]).astype(np.int64)
    jitter = rng.exponential(np.where(rng.random(n) < 0.6, 0.15, 1.5)) * DAY
    activated = np.maximum(begun[key] + jitter.astype(np.int64), registered + rng.integers(120, 3600, n))
    reported = activated + (delay[key] * rng.lognormal(0, 0.3, n) * DAY).astype(np.int64) + 60
    return registered, activated, reported


def _hosting(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    plans: _Plans,
    group: Ints,
    stray: NDArray[np.bool_],
) -> tuple[NDArray[np.int8], Ints, Ints]:
    n = len(group)
    weights = np.array(settings.hosting_weights)
    mechanism = np.where(
        stray, rng.choice(np.array(_PLANS, np.int8), n, p=weights / weights.sum()), plans.mechanism[group]
    )
    provider = np.where(stray, _provider_for(rng, infra, mechanism), plans.provider[group])
    planned = _planned(rng, plans, group)
    free = stray | np.isin(mechanism, [Mechanism.CDN])
    return mechanism.astype(np.int8), provider, np.where(free, infra.draw_address(rng, provider), planned)


def _name_servers(
    rng: np.random.Generator,
    infra: Infrastructure,
    plans: _Plans,
    group: Ints,
    mechanism: NDArray[np.int8],
    provider: Ints,
    registrar: Ints,
    stray: NDArray[np.bool_],
) -> Ints:
    """A CDN gives one pair of servers to an account, and so to a campaign; two accounts are common."""
    shared = plans.name_servers[group]
    default = infra.draw_set(rng, registrar)
    sets = np.where(plans.set_kind[group] == 0, default, shared)
    off = stray & (rng.random(len(group)) < 0.6)
    hosted = np.where(infra.set_count[provider] > 0, infra.draw_set(rng, provider), default)
    sets = np.where(off, np.where(mechanism == Mechanism.CDN, hosted, default), sets)
    account = np.where(rng.random(len(group)) < 0.7, shared, hosted)
    return np.where((mechanism == Mechanism.CDN) & (plans.mechanism[group] == Mechanism.CDN), account, sets)


def _own_servers(rng: np.random.Generator, plans: _Plans, group: Ints, stray: NDArray[np.bool_]) -> Ints:
    """Row of the campaign's first domain, for members whose name servers are named under it."""
    own = (plans.set_kind[group] == 2) & (plans.mechanism[group] != Mechanism.CDN) & ~stray
    return np.where(own, np.searchsorted(group, group), NONE)


def lifetime(rng: np.random.Generator, category: NDArray[np.int8]) -> Ints:
    """Seconds from activation to take-down, by what the names do."""
    median = np.array([1, 16, 30, 50, 60, 40], float)[category]
    return np.asarray(rng.lognormal(np.log(median), 0.9) * DAY, np.int64)


def _wait_parked(rng: np.random.Generator, infra: Infrastructure, units: Units) -> None:
    """Some of those that wait show a parking page meanwhile."""
    waits = units.activated - units.registered
    rows = np.flatnonzero((waits > 2 * DAY) & (rng.random(len(units)) < 0.12))
    units.appears[rows] = units.registered[rows] + (
        np.minimum(waits[rows], DAY) * rng.random(len(rows))
    ).astype(np.int64)
    units.parked_until[rows] = units.activated[rows]
    units.parked_address[rows] = infra.draw_address(rng, units.registrar[rows])
    units.parked_name_servers[rows] = infra.draw_set(rng, units.registrar[rows])


def _planned(rng: np.random.Generator, plans: _Plans, group: Ints) -> Ints:
    """One of each campaign's addresses."""
    return plans.addresses[group, (rng.random(len(group)) * plans.address_count[group]).astype(np.int64)]


def _second_address(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    plans: _Plans,
    group: Ints,
    mechanism: NDArray[np.int8],
    provider: Ints,
) -> Ints:
    """CDNs answer with two addresses, and so do some campaigns."""
    two = (mechanism == plans.mechanism[group]) & (rng.random(len(group)) < settings.second_address_share)
    planned = np.where(two, _planned(rng, plans, group), NONE)
    return np.where(mechanism == Mechanism.CDN, infra.draw_address(rng, provider), planned)


def _hop(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    units: Units,
    plans: _Plans,
    group: Ints,
) -> None:
    """Some change hosts when reports come in, mostly to another address of their campaign."""
    rows = np.flatnonzero(~units.roams & (rng.random(len(units)) < settings.hop_share))
    life = units.gone[rows] - units.activated[rows]
    units.moved[rows] = units.activated[rows] + (life * rng.uniform(0.1, 0.8, len(rows))).astype(np.int64)
    kind = rng.random(len(rows))
    to = np.where(
        kind < 0.4, infra.choose(rng, Kind.CHEAP, len(rows)), infra.choose(rng, Kind.CDN, len(rows))
    )
    to = np.where(kind > 0.8, infra.choose(rng, Kind.BULLETPROOF, len(rows)), to)
    near = rng.random(len(rows)) < 0.7
    units.moved_address[rows] = np.where(near, _planned(rng, plans, group[rows]), infra.draw_address(rng, to))
