"""The world's own tables, one array a column: units (registered domains and tenants) and hosts.

Times are epoch seconds; NEVER stands for a time that does not come and NONE for an id that is not there.
A unit's life runs: an earlier owner's life (`prior`), parked, in use, moved, gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DAY",
    "NEVER",
    "NONE",
    "OWNERS",
    "OWN_MAIL",
    "VANITY",
    "Category",
    "Hosts",
    "Mechanism",
    "Owner",
    "Units",
    "Window",
    "clock",
]

DAY = 86_400
NEVER = 2**40
NONE = -1
VANITY = -2  # name servers under the unit's own name
OWN_MAIL = -2  # mail server under the unit's own name

Ints = NDArray[np.int64]


class Owner(IntEnum):
    """Who answers for a name; compromised and tenant names have an honest domain around them."""

    OWNER = 0
    TENANT = 1
    ATTACKER = 2
    COMPROMISED = 3


OWNERS = ["owner", "tenant", "attacker", "compromised"]


class Mechanism(IntEnum):
    """How a name is run; the first group is honest, the second is not, some are both."""

    INFRASTRUCTURE = 0
    SELF_HOSTED = 1
    SHARED = 2
    CDN = 3
    CLOUD = 4
    SAAS = 5
    PARKED = 6
    DYNAMIC_DNS = 7
    REREGISTERED = 8
    MARKETING = 9
    GREY = 10
    CHEAP_SHARED = 11
    BULLETPROOF = 12
    FAST_FLUX = 13
    COMPROMISED = 14
    SHADOWED = 15


class Category(IntEnum):
    """What a nefarious name does."""

    NOTHING = 0
    PHISHING = 1
    MALWARE = 2
    C2 = 3
    SCAM = 4
    SPAM = 5


@dataclass(frozen=True)
class Window:
    """The days that feeds are written for."""

    start: int
    days: int

    @property
    def end(self) -> int:
        """First second after the window."""
        return self.start + self.days * DAY


class _Columns:
    """Arrays of equal length, by field name."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]  # subclasses are dataclasses

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """Rows of all parts."""
        columns = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        return cls(**{c: np.concatenate([getattr(p, c) for p in parts]) for c in columns})

    @classmethod
    def of(cls, n: int, **columns: Any) -> Self:
        """`n` rows; a column is an array or one value for all, and what is not given takes its default."""
        filled = {}
        for f in fields(cls):  # type: ignore[arg-type]
            dtype, default = f.metadata["dtype"], f.metadata["default"]
            filled[f.name] = np.array(np.broadcast_to(np.asarray(columns.pop(f.name, default)), n), dtype)
        if columns:
            raise TypeError(f"no such columns: {', '.join(columns)}")
        return cls(**filled)


def _of(dtype: Any, default: Any = 0) -> dict[str, Any]:
    return {"dtype": dtype, "default": default}


@dataclass(frozen=True, eq=False)
class Units(_Columns):
    """Registered domains and tenants' names, one a row."""

    nefarious: NDArray[np.bool_] = field(metadata=_of(bool, False))
    owner: NDArray[np.int8] = field(metadata=_of(np.int8))
    mechanism: NDArray[np.int8] = field(metadata=_of(np.int8))
    category: NDArray[np.int8] = field(metadata=_of(np.int8))
    campaign: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    look_alike: NDArray[np.bool_] = field(metadata=_of(bool, False))
    # naming
    style: NDArray[np.int8] = field(metadata=_of(np.int8))
    brand: Ints = field(metadata=_of(np.int64))
    family: Ints = field(metadata=_of(np.int64))
    suffix: NDArray[np.int16] = field(metadata=_of(np.int16))  # into `infrastructure.SUFFIXES`
    # life
    registered: Ints = field(metadata=_of(np.int64))
    appears: Ints = field(metadata=_of(np.int64))  # in DNS, for this owner
    parked_until: Ints = field(metadata=_of(np.int64, NONE))
    activated: Ints = field(metadata=_of(np.int64))  # nefarious from here on; honest names: in use
    moved: Ints = field(metadata=_of(np.int64, NEVER))
    gone: Ints = field(metadata=_of(np.int64, NEVER))
    prior_from: Ints = field(metadata=_of(np.int64, NONE))  # an earlier owner's life
    prior_until: Ints = field(metadata=_of(np.int64, NONE))
    reported: Ints = field(metadata=_of(np.int64, NEVER))  # first report, if a list has it at all
    years: NDArray[np.int8] = field(metadata=_of(np.int8, 1))  # registration term
    # where
    registrar: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))  # provider ids
    address: NDArray[np.int32] = field(metadata=_of(np.int32))
    address_2: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    parked_address: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    moved_address: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    prior_address: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    name_servers: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))  # set ids
    parked_name_servers: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    prior_name_servers: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    mail: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))  # provider id
    roams: NDArray[np.bool_] = field(
        metadata=_of(bool, False)
    )  # its address changes by itself: cloud, dynamic DNS, fast flux
    ipv6: NDArray[np.bool_] = field(metadata=_of(bool, False))
    rate: NDArray[np.float32] = field(metadata=_of(np.float32))  # sightings a day of its main record


@dataclass(frozen=True, eq=False)
class Hosts(_Columns):
    """Names under a unit, one a row; the units themselves are not in here."""

    unit: NDArray[np.int32] = field(metadata=_of(np.int32))
    label: NDArray[np.int32] = field(metadata=_of(np.int32))  # into the label list of `hosts.labels`
    nefarious: NDArray[np.bool_] = field(metadata=_of(bool, False))
    owner: NDArray[np.int8] = field(metadata=_of(np.int8))
    mechanism: NDArray[np.int8] = field(metadata=_of(np.int8))
    category: NDArray[np.int8] = field(metadata=_of(np.int8))
    campaign: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))
    appears: Ints = field(metadata=_of(np.int64))
    activated: Ints = field(metadata=_of(np.int64))
    gone: Ints = field(metadata=_of(np.int64, NEVER))
    reported: Ints = field(metadata=_of(np.int64, NEVER))
    address: NDArray[np.int32] = field(metadata=_of(np.int32, NONE))  # NONE: wherever its unit is
    alias: NDArray[np.int32] = field(
        metadata=_of(np.int32, NONE)
    )  # CNAME to this name id instead of addresses
    rate: NDArray[np.float32] = field(metadata=_of(np.float32))


_HOUR_WEIGHTS = np.array([3, 2, 2, 2, 2, 3, 4, 6, 8, 9, 9, 9, 8, 8, 9, 9, 8, 7, 6, 6, 6, 5, 5, 4], float)


def clock(rng: np.random.Generator, times: NDArray[np.floating] | Ints) -> Ints:
    """Times moved, within their day, to the hours at which people work; to the second."""
    day = np.floor(np.asarray(times) / DAY).astype(np.int64) * DAY
    hour = rng.choice(24, len(day), p=_HOUR_WEIGHTS / _HOUR_WEIGHTS.sum())
    return day + hour * 3600 + rng.integers(0, 3600, len(day))
