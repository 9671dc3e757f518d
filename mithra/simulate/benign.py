"""Honest owners: their hosting, registrars, name servers, habits of naming and lives.

They include the hard cases: new shops under cheap suffixes at the registrars and hosters that attackers like,
marketing batches registered within minutes, names built of brands and keywords, customers of grey hosters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.infrastructure import SUFFIXES, Infrastructure, Kind
from mithra.simulate.naming import Style
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import DAY, NEVER, NONE, OWN_MAIL, VANITY, Mechanism, Owner, Units, Window, clock

__all__ = ["batches", "benign_units", "honest_name_servers", "honest_style", "lifelike_rate", "tenant_suffix"]

LARGEST = 6  # size of a batch, relative to the mean

_BASE = {  # of honest units that are neither marketing nor grey
    Mechanism.SHARED: 0.40,
    Mechanism.CDN: 0.16,
    Mechanism.CLOUD: 0.12,
    Mechanism.SELF_HOSTED: 0.10,
    Mechanism.SAAS: 0.10,
    Mechanism.PARKED: 0.07,
    Mechanism.DYNAMIC_DNS: 0.02,
    Mechanism.REREGISTERED: 0.03,
}
_HONEST_STYLES = {
    Style.PERSON: 0.18,
    Style.TRADE: 0.23,
    Style.COINED: 0.12,
    Style.WORDS: 0.13,
    Style.ACRONYM: 0.11,
    Style.TOPIC: 0.11,
    Style.PHRASE: 0.07,
    Style.SERIES: 0.02,
    Style.HASH: 0.01,
    Style.OFFICIAL: 0.02,
}
_LOOK_ALIKE_STYLES = {
    Style.OFFICIAL: 0.30,
    Style.KEYWORDS: 0.25,
    Style.PHISH: 0.07,  # the brand's own defensive registrations
    Style.SERIES: 0.14,
    Style.HASH: 0.10,
    Style.GENERATED: 0.07,
    Style.FAMILY: 0.07,
}
_MARKETING_STYLES = {
    Style.TOPIC: 0.3,
    Style.DICTIONARY: 0.3,
    Style.KEYWORDS: 0.15,
    Style.SERIES: 0.1,
    Style.OFFICIAL: 0.15,
}
_HOSTING = {  # where it is hosted, by mechanism
    Mechanism.SHARED: Kind.SHARED,
    Mechanism.CDN: Kind.CDN,
    Mechanism.CLOUD: Kind.CLOUD,
    Mechanism.SELF_HOSTED: Kind.VPS,
    Mechanism.PARKED: Kind.PARKING,
    Mechanism.DYNAMIC_DNS: Kind.ISP,
    Mechanism.REREGISTERED: Kind.SHARED,
    Mechanism.GREY: Kind.BULLETPROOF,
}
_OWN_SERVERS = {  # name servers come with the hosting, by kind
    Kind.SHARED: 0.8,
    Kind.CHEAP: 0.7,
    Kind.CDN: 0.95,
    Kind.PARKING: 1.0,
    Kind.CLOUD: 0.45,
    Kind.BULLETPROOF: 0.45,
    Kind.REGISTRAR: 1.0,
}
_IPV6 = {Kind.CDN: 0.85, Kind.CLOUD: 0.25, Kind.SHARED: 0.25, Kind.CHEAP: 0.15, Kind.SAAS: 0.5, Kind.VPS: 0.2}


def benign_units(
    rng: np.random.Generator, settings: WorldSettings, infra: Infrastructure, n: int, window: Window
) -> Units:
    """Honest units, in random order."""
    mechanism = _mechanisms(rng, settings, n)
    new = rng.random(n) < np.where(mechanism == Mechanism.MARKETING, 0.75, settings.new_share)
    bargain = (rng.random(n) < np.where(new, settings.bargain_share, 0.35 * settings.bargain_share)) | (
        mechanism == Mechanism.GREY
    )
    appears, registered = _births(rng, n, new, window)
    tenant = np.isin(mechanism, [Mechanism.SAAS, Mechanism.DYNAMIC_DNS])
    kind = _kinds(rng, mechanism, bargain)
    provider = _providers(rng, infra, kind)
    suffix = np.where(
        tenant,
        tenant_suffix(rng, mechanism == Mechanism.DYNAMIC_DNS, nefarious=False),
        np.where(
            bargain,
            rng.choice(len(words.TLDS), n, p=words.TLD_CHEAP),
            rng.choice(len(words.TLDS), n, p=words.TLD_BENIGN),
        ),
    )
    provider = np.where(mechanism == Mechanism.SAAS, saas_provider(infra, suffix), provider)
    style, family, look_alike = _styles(rng, settings, mechanism, bargain)
    registrar = np.where(tenant, NONE, infra.registrars(rng, n, 0.2))
    registrar = np.where(bargain & ~tenant, infra.registrars(rng, n, 0.65), registrar)
    ends = window.start + rng.integers(0, window.days * DAY, n)
    columns = {
        "owner": np.where(tenant, Owner.TENANT, Owner.OWNER),
        "mechanism": mechanism,
        "look_alike": look_alike,
        "style": style,
        "brand": rng.integers(0, len(words.BRANDS), n),
        "family": family,
        "suffix": suffix,
        "registered": registered,
        "appears": appears,
        "activated": appears,
        "years": np.where(rng.random(n) < 0.2, rng.integers(2, 10, n), 1),
        "registrar": registrar,
        "address": infra.draw_address(rng, provider),
        "mail": _mail(rng, infra, mechanism, tenant),
        "roams": (mechanism == Mechanism.DYNAMIC_DNS) | ((kind == Kind.CLOUD) & (rng.random(n) < 0.35)),
        "ipv6": rng.random(n) < _by_kind(kind, _IPV6, 0.0),
        "rate": lifelike_rate(rng, settings, new),
        "gone": np.where(rng.random(n) < 0.02, np.maximum(ends, appears + DAY), NEVER),
    }
    columns["address_2"] = np.where(
        (kind == Kind.CDN) | ((kind == Kind.SAAS) & (rng.random(n) < 0.5)),
        infra.draw_address(rng, provider),
        NONE,
    )
    columns["name_servers"] = np.where(
        tenant, NONE, honest_name_servers(rng, infra, kind, provider, registrar)
    )
    units = Units.of(n, **columns)
    _marketing_batches(rng, infra, units)
    _develop(rng, infra, units)
    _earlier_lives(rng, infra, units)
    _moves(rng, infra, units, window)
    return units


def _mechanisms(rng: np.random.Generator, settings: WorldSettings, n: int) -> NDArray[np.int8]:
    base = np.array(list(_BASE.values()))
    mechanism = rng.choice(np.array(list(_BASE), np.int8), n, p=base / base.sum())
    other = rng.random(n)
    mechanism = np.where(other < settings.marketing_share, np.int8(Mechanism.MARKETING), mechanism)
    return np.where(other > 1 - settings.grey_share, np.int8(Mechanism.GREY), mechanism).astype(np.int8)


def _births(
    rng: np.random.Generator, n: int, new: NDArray[np.bool_], window: Window
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When it first resolves and when it was registered: mostly days before, sometimes months."""
    inside = window.start + rng.random(n) * window.days * DAY
    before = window.start - (5 + rng.exponential(800, n)) * DAY
    appears = clock(rng, np.where(new, inside, before))
    days = np.where(
        rng.random(n) < 0.65, rng.lognormal(np.log(1.2), 1.6, n), rng.lognormal(np.log(90), 1.4, n)
    )
    quick = appears - (days * DAY).astype(np.int64) - 120
    return appears, np.where(days < 1, quick, np.minimum(clock(rng, quick), appears - 120))


def lifelike_rate(
    rng: np.random.Generator, settings: WorldSettings, new: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Sightings a day: few names are popular, and those are old."""
    old = rng.lognormal(np.log(settings.rate_old), 2.0, len(new))
    return np.where(new, rng.lognormal(np.log(settings.rate_new), 1.3, len(new)), np.minimum(old, 2000))


def _by_kind(kind: NDArray[np.int8], table: dict[Kind, float], default: float) -> NDArray[np.float64]:
    return np.array([table.get(k, default) for k in Kind])[kind]


def _kinds(
    rng: np.random.Generator, mechanism: NDArray[np.int8], bargain: NDArray[np.bool_]
) -> NDArray[np.int8]:
    lookup = np.full(len(Mechanism), Kind.SHARED, np.int8)
    for m, k in _HOSTING.items():
        lookup[m] = k
    lookup[Mechanism.SAAS] = Kind.SAAS
    kind = lookup[mechanism]
    u = rng.random(len(kind))
    kind = np.where((kind == Kind.SHARED) & bargain & (u < 0.6), Kind.CHEAP, kind)
    kind = np.where((kind == Kind.SHARED) & ~bargain & (u < 0.18), Kind.CHEAP, kind)
    kind = np.where((mechanism == Mechanism.GREY) & (u < 0.55), Kind.CHEAP, kind)
    kind = np.where((mechanism == Mechanism.SELF_HOSTED) & (u < 0.25), Kind.ISP, kind)
    kind = np.where((mechanism == Mechanism.PARKED) & (u < 0.4), Kind.REGISTRAR, kind)
    return kind.astype(np.int8)


def _providers(rng: np.random.Generator, infra: Infrastructure, kind: NDArray[np.int8]) -> NDArray[np.int64]:
    provider = np.zeros(len(kind), np.int64)
    for code in np.unique(kind):
        mine = kind == code
        provider[mine] = infra.choose(rng, Kind(code), int(mine.sum()))
    return provider


def tenant_suffix(
    rng: np.random.Generator, dynamic: NDArray[np.bool_], *, nefarious: bool
) -> NDArray[np.int64]:
    """Private suffix of each tenant."""
    drawn = []
    for table in (words.SAAS_SUFFIXES, words.DYNAMIC_SUFFIXES):
        weights = np.array([row[2 if nefarious else 1] for row in table])
        drawn.append(rng.choice(len(table), len(dynamic), p=weights / weights.sum()))
    first = len(words.TLDS)
    return np.where(dynamic, first + len(words.SAAS_SUFFIXES) + drawn[1], first + drawn[0])


def saas_provider(infra: Infrastructure, suffix: NDArray[np.int64]) -> NDArray[np.int64]:
    """The provider behind a private suffix (0 where it is none)."""
    ids = infra.of_kind(Kind.SAAS)
    return ids[np.clip(suffix - (len(SUFFIXES) - len(ids)), 0, len(ids) - 1)]


def _draw_style(rng: np.random.Generator, table: dict[Style, float], n: int) -> NDArray[np.int8]:
    weights = np.array(list(table.values()))
    return rng.choice(np.array(list(table), np.int8), n, p=weights / weights.sum())


def honest_style(rng: np.random.Generator, n: int) -> NDArray[np.int8]:
    """Styles of honest owners, which careful attackers copy."""
    return _draw_style(rng, _HONEST_STYLES, n)


def _styles(
    rng: np.random.Generator, settings: WorldSettings, mechanism: NDArray[np.int8], bargain: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.bool_]]:
    n = len(mechanism)
    look_alike = rng.random(n) < settings.look_alike_share * np.where(bargain, 2.0, 0.8)
    style = np.where(look_alike, _draw_style(rng, _LOOK_ALIKE_STYLES, n), honest_style(rng, n))
    machine = (mechanism == Mechanism.SAAS) & (rng.random(n) < 0.15)
    return np.where(machine, Style.HASH, style).astype(np.int8), rng.integers(0, 2**40, n), look_alike


def honest_name_servers(
    rng: np.random.Generator,
    infra: Infrastructure,
    kind: NDArray[np.int8],
    provider: NDArray[np.int64],
    registrar: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The hoster's, the registrar's, a CDN's or a vanity set, by kind of hosting."""
    n = len(kind)
    own = _by_kind(kind, _OWN_SERVERS, 0.0)
    hosted = np.where(infra.set_count[provider] > 0, infra.draw_set(rng, provider), NONE)
    cdn = infra.draw_set(rng, infra.choose(rng, Kind.CDN, n))
    other = rng.random(n)
    rest = np.where(other < 0.7, infra.draw_set(rng, np.maximum(registrar, 0)), cdn)
    rest = np.where((other > 0.88) & np.isin(kind, [Kind.VPS, Kind.ISP, Kind.BULLETPROOF]), VANITY, rest)
    return np.where((rng.random(n) < own) & (hosted >= 0), hosted, rest)


def _mail(
    rng: np.random.Generator, infra: Infrastructure, mechanism: NDArray[np.int8], tenant: NDArray[np.bool_]
) -> NDArray[np.int64]:
    u = rng.random(len(tenant))
    mail = np.where(u < 0.27, infra.choose(rng, Kind.MAIL, len(u)), np.where(u < 0.55, OWN_MAIL, NONE))
    return np.where(tenant | ((mechanism == Mechanism.PARKED) & (u > 0.1)), NONE, mail)


def batches(rng: np.random.Generator, total: int, mean: float, spread: float = 1.0) -> NDArray[np.int64]:
    """Group number of each of `total` members, group sizes log-normal around the mean."""
    if total == 0:
        return np.zeros(0, np.int64)
    guess = int(total / mean * 2) + 10
    sizes = np.clip(rng.lognormal(np.log(mean) - spread**2 / 2, spread, guess), 1, LARGEST * mean).astype(
        np.int64
    )
    group = np.repeat(np.arange(guess), sizes)
    while len(group) < total:
        group = np.concatenate([group, group + group[-1] + 1])
    return group[:total]


def _marketing_batches(rng: np.random.Generator, infra: Infrastructure, units: Units) -> None:
    """Members of one batch share registrar, minute, suffix, hosting, name servers and way of naming."""
    rows = np.flatnonzero(units.mechanism == Mechanism.MARKETING)
    batch = batches(rng, len(rows), 14.0)
    size = int(batch[-1]) + 1 if len(batch) else 0
    lead = rows[np.unique(batch, return_index=True)[1]]
    style = _draw_style(rng, _MARKETING_STYLES, size)
    kind = rng.choice(
        [Kind.CHEAP, Kind.SHARED, Kind.CDN, Kind.CLOUD, Kind.PARKING], size, p=[0.35, 0.25, 0.2, 0.1, 0.1]
    )
    provider = _providers(rng, infra, kind)
    registrar = infra.registrars(rng, size, 0.6)
    sets = honest_name_servers(rng, infra, kind, provider, registrar)
    addresses = np.stack([infra.draw_address(rng, provider) for _ in range(3)])
    cheap = rng.random(size) < 0.65
    suffixes = np.where(cheap, rng.choice(len(words.TLDS), (2, size), p=words.TLD_CHEAP),
                        rng.choice(len(words.TLDS), (2, size), p=words.TLD_BENIGN))  # fmt: skip
    units.style[rows], units.family[rows] = style[batch], units.family[lead][batch]
    units.brand[rows] = units.brand[lead][batch]
    units.registrar[rows], units.name_servers[rows] = (
        registrar[batch],
        np.where(sets == VANITY, NONE, sets)[batch],
    )
    units.suffix[rows] = suffixes[rng.integers(0, 2, len(rows)), batch]
    units.address[rows] = addresses[rng.integers(0, 3, len(rows)), batch]
    units.registered[rows] = units.registered[lead][batch] + rng.exponential(120, len(rows)).astype(np.int64)
    gap = np.maximum(units.appears[lead] - units.registered[lead], 600)
    units.appears[rows] = units.registered[rows] + (gap[batch] * rng.uniform(0.7, 1.3, len(rows))).astype(
        np.int64
    )
    units.activated[rows] = units.appears[rows]
    units.look_alike[rows] = True
    units.mail[rows] = np.where(rng.random(len(rows)) < 0.4, OWN_MAIL, NONE)
    short = rng.random(len(rows)) < 0.4
    units.gone[rows] = np.where(
        short, units.appears[rows] + rng.lognormal(np.log(40), 0.7, len(rows)) * DAY, NEVER
    )


def _develop(rng: np.random.Generator, infra: Infrastructure, units: Units) -> None:
    """Some domains show their registrar's parking page before they are put to use."""
    waited = (units.registrar >= 0) & (units.mechanism != Mechanism.PARKED)
    rows = np.flatnonzero(waited & (rng.random(len(units)) < 0.15))
    units.parked_until[rows] = units.appears[rows] + (rng.lognormal(np.log(4), 1.2, len(rows)) * DAY).astype(
        np.int64
    )
    units.activated[rows] = units.parked_until[rows]
    units.parked_address[rows] = infra.draw_address(rng, units.registrar[rows])
    units.parked_name_servers[rows] = infra.draw_set(rng, units.registrar[rows])


def _earlier_lives(rng: np.random.Generator, infra: Infrastructure, units: Units) -> None:
    """Names that someone else held and let go, years before."""
    earlier_lives(rng, infra, units, np.flatnonzero(units.mechanism == Mechanism.REREGISTERED))


def earlier_lives(
    rng: np.random.Generator, infra: Infrastructure, units: Units, rows: NDArray[np.int64]
) -> None:
    """Give rows a former owner, whose records ended some time before the present registration."""
    n = len(rows)
    until = units.registered[rows] - ((30 + rng.exponential(200, n)) * DAY).astype(np.int64)
    units.prior_until[rows] = until
    units.prior_from[rows] = until - ((200 + rng.exponential(900, n)) * DAY).astype(np.int64)
    provider = infra.choose(rng, Kind.SHARED, n)
    units.prior_address[rows] = infra.draw_address(rng, provider)
    units.prior_name_servers[rows] = infra.draw_set(rng, provider)


def _moves(rng: np.random.Generator, infra: Infrastructure, units: Units, window: Window) -> None:
    """A few change their hoster inside the window."""
    steady = (units.owner == Owner.OWNER) & ~units.roams & (units.gone == NEVER)
    rows = np.flatnonzero(steady & (rng.random(len(units)) < 0.03))
    begin = np.maximum(units.activated[rows], window.start)
    span = np.maximum(window.end - begin, DAY)
    units.moved[rows] = begin + (span * rng.uniform(0.1, 1.0, len(rows))).astype(np.int64)
    to = np.where(
        rng.random(len(rows)) < 0.5,
        infra.choose(rng, Kind.SHARED, len(rows)),
        infra.choose(rng, Kind.CDN, len(rows)),
    )
    units.moved_address[rows] = infra.draw_address(rng, to)
