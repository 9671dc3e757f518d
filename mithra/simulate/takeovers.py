"""Attackers on what is not theirs: tenants of free hosting and dynamic DNS, and honest sites taken over."""

from __future__ import annotations

import numpy as np

from mithra.simulate import words
from mithra.simulate.benign import batches, honest_style, saas_provider, tenant_suffix
from mithra.simulate.campaigns import lifetime
from mithra.simulate.infrastructure import Infrastructure, Kind
from mithra.simulate.naming import Style
from mithra.simulate.settings import WorldSettings
from mithra.simulate.tables import DAY, NEVER, NONE, Category, Mechanism, Owner, Units, Window, clock

__all__ = ["attacker_tenants", "compromise"]


def attacker_tenants(
    rng: np.random.Generator,
    settings: WorldSettings,
    infra: Infrastructure,
    n: int,
    dynamic: bool,
    first_campaign: int,
    window: Window,
) -> Units:
    """Attackers' names under the private suffixes of free hosting or dynamic DNS."""
    group = batches(rng, n, 4.0)
    count = int(group[-1]) + 1 if n else 0
    table = {Style.PHISH: 0.42, Style.KEYWORDS: 0.18, Style.HASH: 0.12, Style.GENERATED: 0.06}
    styles = rng.choice(np.array([*table, -1], np.int8), count, p=[*table.values(), 1 - sum(table.values())])
    style = np.where(styles[group] < 0, honest_style(rng, n), styles[group])
    suffix = tenant_suffix(rng, np.full(count, dynamic), nefarious=True)[group]
    provider = infra.choose(rng, Kind.ISP, n) if dynamic else saas_provider(infra, suffix)
    early = rng.random(count) < settings.early_share
    begin = np.where(
        early,
        window.start - rng.exponential(20, count) * DAY,
        window.start + rng.random(count) * window.days * DAY,
    )
    activated = clock(rng, begin[group] + rng.exponential(1.0, n) * DAY)
    category = np.where(
        dynamic, Category.C2, rng.choice([Category.PHISHING, Category.PHISHING, Category.SCAM], n)
    )
    return Units.of(
        n,
        nefarious=True,
        owner=Owner.TENANT,
        mechanism=Mechanism.DYNAMIC_DNS if dynamic else Mechanism.SAAS,
        category=category,
        campaign=first_campaign + group,
        style=style,
        brand=rng.integers(0, len(words.BRANDS), count)[group],
        family=rng.integers(0, 2**40, count)[group],
        suffix=suffix,
        registered=activated - rng.integers(60, 2 * DAY, n),
        appears=activated,
        activated=activated,
        gone=activated + lifetime(rng, category),
        reported=activated
        + (rng.lognormal(np.log(settings.report_days * 0.7), 1.0, n) * DAY).astype(np.int64)
        + 60,
        address=infra.draw_address(rng, provider),
        address_2=np.where((rng.random(n) < 0.5) & (not dynamic), infra.draw_address(rng, provider), NONE),
        roams=dynamic,
        ipv6=(rng.random(n) < 0.5) & (not dynamic),
        rate=rng.lognormal(np.log(settings.rate_new), 1.3, n),
    )


def compromise(
    rng: np.random.Generator, settings: WorldSettings, units: Units, n: int, window: Window
) -> None:
    """Turn honest sites nefarious in place: on shared hosting mostly several of one server, close in time."""
    sites = np.isin(units.mechanism, [Mechanism.SHARED, Mechanism.SELF_HOSTED]) & (
        units.appears < window.start - 30 * DAY
    )
    sites &= (units.gone == NEVER) & ~units.nefarious & (units.parked_until < 0)
    candidates = np.flatnonzero(sites)
    order = candidates[np.lexsort((rng.random(len(candidates)), units.address[candidates]))]
    run = batches(rng, len(order), 3.0)
    chosen = rng.permutation(int(run[-1]) + 1 if len(run) else 0)
    picked = np.isin(run, chosen[: max(1, n // 3)])
    rows, wave = order[picked][:n], run[picked][:n]
    begin = window.start + rng.random(len(chosen)) * window.days * DAY
    activated = clock(rng, begin[wave] + rng.exponential(0.5, len(rows)) * DAY)
    units.nefarious[rows] = True
    units.owner[rows] = Owner.COMPROMISED
    units.mechanism[rows] = Mechanism.COMPROMISED
    units.category[rows] = rng.choice([Category.PHISHING, Category.MALWARE], len(rows))
    units.activated[rows] = activated
    units.reported[rows] = (
        activated + (rng.lognormal(np.log(settings.report_days), 1.0, len(rows)) * DAY).astype(np.int64) + 60
    )
    units.rate[rows] *= 2
