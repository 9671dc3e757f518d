"""Hosters, clouds, CDNs, access networks, registrars and what they own: addresses, AS numbers, name servers.

Every address comes from 10.0.0.0/8, 100.64.0.0/10, 198.18.0.0/15, 240.0.0.0/4 and 2001:db8::/32, every AS
number from the private range and every registrar id is one that IANA has not assigned, so nothing can be
mistaken for a real third party's. The documentation ranges of RFC 5737 are too small for a world.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.naming import Style
from mithra.simulate.tables import DAY, Mechanism, Units, Window
from mithra.simulate.text import join, number, take

__all__ = ["FIRST_REGISTRAR_ID", "SUFFIXES", "Infrastructure", "Kind", "build_infrastructure"]

SUFFIXES = [*words.TLDS, *(s for s, *_ in words.SAAS_SUFFIXES), *(s for s, *_ in words.DYNAMIC_SUFFIXES)]
FIRST_ASN = 4_200_000_000  # RFC 6996: private use
FIRST_REGISTRAR_ID = 90_001  # IANA's numbers end far below
POOLS = (
    (0x0A000000, 0x0AFFFFFF),
    (0x64400000, 0x647FFFFF),
    (0xC6120000, 0xC613FFFF),
    (0xF0000000, 0xFBFFFFFF),
)
SET_LABELS = ["ns1", "ns2", "ns3", "ns4", "dns1", "dns2", *(f"ns-{i}" for i in range(1, 2001))]
NAME_LABELS = [f"{name}.ns" for name in words.FIRST_NAMES]  # a CDN's name servers carry first names


class Kind(IntEnum):
    """What a provider sells."""

    SHARED = 0
    CHEAP = 1
    BULLETPROOF = 2
    VPS = 3
    CLOUD = 4
    CDN = 5
    ISP = 6
    PARKING = 7
    SAAS = 8
    MAIL = 9
    REGISTRAR = 10
    SINKHOLE = 11


#       providers, addresses a unit of the world, fewest addresses each, name-server sets each
_SIZES = {
    Kind.SHARED: (24, 0.012, 4, 2),
    Kind.CHEAP: (8, 0.005, 5, 2),
    Kind.BULLETPROOF: (5, 0.002, 6, 1),
    Kind.VPS: (10, 0.14, 40, 1),
    Kind.CLOUD: (4, 0.16, 60, 0),
    Kind.CDN: (3, 0.005, 24, 0),
    Kind.ISP: (10, 0.09, 60, 0),
    Kind.PARKING: (3, 0.0001, 3, 2),
    Kind.SAAS: (len(SUFFIXES) - len(words.TLDS), 0.0006, 2, 0),
    Kind.MAIL: (3, 0.0, 2, 1),
    Kind.REGISTRAR: (24, 0.0004, 1, 2),
    Kind.SINKHOLE: (1, 0.0, 3, 1),
}
CHEAP_REGISTRARS = 6  # the last ones


@dataclass(frozen=True, eq=False)
class Infrastructure:
    """Providers, whose own domains are the world's first units, and their addresses and name-server sets."""

    kind: NDArray[np.int8]  # [providers]
    asn: NDArray[np.int64]  # [providers]
    first: NDArray[np.int64]  # [providers] ids of its addresses: first to first + count
    count: NDArray[np.int64]  # [providers]
    v4: NDArray[np.uint32]  # [addresses]
    provider: NDArray[np.int32]  # [addresses]
    blocks: NDArray[np.int64]  # [blocks, 3] first and last address (IPv4 as number), provider
    set_first: NDArray[np.int64]  # [providers] ids of its name-server sets
    set_count: NDArray[np.int64]  # [providers]
    set_unit: NDArray[np.int32]  # [sets] the unit under which the servers are named
    set_labels: NDArray[np.int32]  # [sets, 2] into `server_labels`

    def of_kind(self, kind: Kind) -> NDArray[np.int64]:
        """Ids of the providers of a kind."""
        return np.flatnonzero(self.kind == kind)

    def choose(self, rng: np.random.Generator, kind: Kind, n: int, skew: float = 0.8) -> NDArray[np.int64]:
        """Providers of a kind, the first more often."""
        ids = self.of_kind(kind)
        weights = 1 / np.arange(1, len(ids) + 1) ** skew
        return rng.choice(ids, n, p=weights / weights.sum())

    def registrars(self, rng: np.random.Generator, n: int, cheap: float) -> NDArray[np.int64]:
        """Registrars, a share of them from among the cheap ones."""
        ids = self.of_kind(Kind.REGISTRAR)
        dear, low = ids[:-CHEAP_REGISTRARS], ids[-CHEAP_REGISTRARS:]
        weights = 1 / np.arange(1, len(dear) + 1) ** 0.9
        usual = rng.choice(dear, n, p=weights / weights.sum())
        return np.where(rng.random(n) < cheap, rng.choice(low, n, p=_LOW_WEIGHTS), usual)

    def draw_address(
        self, rng: np.random.Generator, provider: NDArray[np.integer], skew: float = 1.4
    ) -> NDArray[np.int64]:
        """An address of each provider; the higher the skew, the fuller its first ones."""
        place = self.count[provider] * rng.random(len(provider)) ** skew
        return np.asarray(self.first[provider] + place.astype(np.int64))

    def draw_set(self, rng: np.random.Generator, provider: NDArray[np.integer]) -> NDArray[np.int64]:
        """A name-server set of each provider."""
        place = self.set_count[provider] * rng.random(len(provider))
        return np.asarray(self.set_first[provider] + place.astype(np.int64))

    def v4_text(self) -> pa.Array:
        """All addresses as text."""
        octets = [number((self.v4 >> np.uint32(shift)) & np.uint32(255)) for shift in (24, 16, 8, 0)]
        return join(octets[0], ".", octets[1], ".", octets[2], ".", octets[3])

    def v6_text(self) -> pa.Array:
        """An IPv6 address for each, in canonical form: a /48 a provider."""
        hexes = [f"{i:x}" for i in range(1, 65_536)]
        order = np.arange(len(self.v4)) - self.first[self.provider]
        groups = [
            take(hexes, self.provider.astype(np.int64)),
            take(hexes, order // 60_000),
            take(hexes, order % 60_000),
        ]
        return join("2001:db8:", groups[0], ":", groups[1], "::", groups[2])


_LOW_WEIGHTS = (1 / np.arange(1, CHEAP_REGISTRARS + 1) ** 0.6) / (
    1 / np.arange(1, CHEAP_REGISTRARS + 1) ** 0.6
).sum()


def server_labels() -> list[str]:
    """Labels of name servers, as `set_labels` numbers them."""
    return SET_LABELS + NAME_LABELS


def build_infrastructure(rng: np.random.Generator, units: int) -> Infrastructure:
    """Providers for a world of that many units."""
    kind = np.concatenate([np.full(n, k, np.int8) for k, (n, *_) in _SIZES.items()])
    rank = np.concatenate([np.arange(1, n + 1) for n, *_ in _SIZES.values()])
    count = np.zeros(len(kind), np.int64)
    for k, (_, density, fewest, _) in _SIZES.items():
        mine = kind == k
        weights = 1 / rank[mine] ** 0.6
        count[mine] = np.maximum(fewest, units * density * weights / weights.sum()).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    v4, blocks = _allocate(rng, count)
    asn = FIRST_ASN + rng.permutation(50_000)[: len(kind)]
    resellers, landlords = np.flatnonzero(kind == Kind.BULLETPROOF)[:3], np.flatnonzero(kind == Kind.CHEAP)
    asn[resellers] = asn[
        rng.choice(landlords, len(resellers))
    ]  # rented space inside a cheap hoster's network
    set_first, set_count, set_unit, set_labels = _name_servers(rng, kind, units)
    return Infrastructure(
        kind,
        asn,
        first,
        count,
        v4,
        np.repeat(np.arange(len(kind)), count).astype(np.int32),
        blocks,
        set_first,
        set_count,
        set_unit,
        set_labels,
    )


def _allocate(
    rng: np.random.Generator, count: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Addresses in ascending runs with gaps, in up to three blocks of whole /24s a provider."""
    free = [start for start, _ in POOLS]
    numbers, blocks = [], []
    for provider, wanted in enumerate(count):
        for part in np.array_split(np.arange(wanted), min(3, 1 + int(wanted) // 40)):
            offsets = np.cumsum(rng.integers(1, 5, len(part)))
            size = (int(offsets[-1]) // 256 + 1) * 256
            roomy = [i for i, (_, last) in enumerate(POOLS) if free[i] + size * 8 <= last]
            pool = int(rng.choice(roomy))
            start = free[pool]
            free[pool] += size + 256 * int(rng.integers(0, 4))
            numbers.append(start + offsets)
            blocks.append((start, start + size - 1, provider))
    return np.concatenate(numbers).astype(np.uint32), np.array(blocks, np.int64)


def _name_servers(
    rng: np.random.Generator, kind: NDArray[np.int8], units: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Sets of two: numbered at hosters and registrars, first names at CDNs, many at clouds."""
    counts, owner, labels = np.zeros(len(kind), np.int64), [], []
    for provider, code in enumerate(kind):
        if code == Kind.CDN:
            n = 30 + units // 400
            pairs = np.stack([rng.choice(len(NAME_LABELS), 2, replace=False) for _ in range(n)]) + len(
                SET_LABELS
            )
        elif code == Kind.CLOUD:
            n = 20 + units // 300
            pairs = np.stack([rng.choice(2000, 2, replace=False) for _ in range(n)]) + 6
        else:
            n = _SIZES[Kind(code)][3]
            pairs = np.array([(0, 1), (2, 3), (4, 5)])[:n].reshape(n, 2)
        counts[provider] = n
        owner.append(np.full(n, provider))
        labels.append(pairs)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return first, counts, np.concatenate(owner).astype(np.int32), np.concatenate(labels).astype(np.int32)


def provider_units(rng: np.random.Generator, infra: Infrastructure, window: Window) -> Units:
    """The providers' own domains, the first units of the world."""
    n = len(infra.kind)
    age = rng.uniform(900, 7000, n) * DAY
    created = (window.start - age).astype(np.int64) + rng.integers(0, DAY, n)
    saas = infra.kind == Kind.SAAS
    fixed = len(words.TLDS) + np.cumsum(saas) - 1
    plain = rng.choice([words.TLDS.index("com"), words.TLDS.index("net")], n)
    return Units.of(
        n,
        mechanism=Mechanism.INFRASTRUCTURE,
        style=Style.COMPANY,
        suffix=np.where(saas, fixed, plain),
        registered=created,
        appears=created + rng.integers(600, 5 * DAY, n),
        activated=created + 5 * DAY,
        years=rng.integers(1, 10, n),
        registrar=np.where(saas, -1, infra.registrars(rng, n, 0.05)),
        address=infra.draw_address(rng, np.arange(n)),
        name_servers=_own_sets(rng, infra),
        rate=rng.lognormal(np.log(8), 1.0, n),
    )


def _own_sets(rng: np.random.Generator, infra: Infrastructure) -> NDArray[np.int64]:
    registrar = infra.registrars(rng, len(infra.kind), 0.0)
    return np.where(
        infra.set_count > 0, infra.draw_set(rng, np.arange(len(infra.kind))), infra.draw_set(rng, registrar)
    )
