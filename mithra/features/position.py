"""Where a domain's addresses lie when it is first seen: low, middle and high of its prefixes and AS numbers.

Neighbouring prefixes and AS numbers are often of one holder and one age, so that a tree can learn a stretch
of address space from few names. Keys are read as numbers: `AS64500` is 64500, an IPv4 prefix its first
address, an IPv6 one lies beyond all of those, a plain number is itself.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.addresses import parse
from mithra.graph.company import visible_edges
from mithra.graph.snapshot import Relation, Snapshot

__all__ = ["POSITIONED", "entity_position", "position"]

POSITIONED = ("prefix", "asn")
IPV4_SPACE = 2.0**32
IPV6_TOP_BITS = 2.0**48  # high half of an IPv6 address, down to its /48


def position(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> FeatureTable:
    """Position features of examples (domain, time), [examples, features]; NaN where there is no entity.

    Args:
        domains: ids of domains, [examples].
        at: epoch seconds at which each is looked at, [examples].
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name in POSITIONED:
        if name not in snapshot.relations:
            columns |= {f"{name}_{part}": np.full(len(domains), np.nan) for part in ("low", "middle", "high")}
            continue
        relation = snapshot.relations[name]
        example, edge = visible_edges(relation, domains, at)
        place = entity_position(relation)[relation.indices[edge]]
        example, place = example[~np.isnan(place)], place[~np.isnan(place)]
        low, high = np.full(len(domains), np.inf), np.full(len(domains), -np.inf)
        np.minimum.at(low, example, place)
        np.maximum.at(high, example, place)
        count = np.bincount(example, minlength=len(domains))
        with np.errstate(invalid="ignore"):
            middle = np.bincount(example, place, minlength=len(domains)) / count
        columns |= {
            f"{name}_low": np.where(count > 0, low, np.nan),
            f"{name}_middle": np.where(count > 0, middle, np.nan),
            f"{name}_high": np.where(count > 0, high, np.nan),
        }
    return FeatureTable.from_columns(columns)


def entity_position(relation: Relation) -> NDArray[np.float64]:
    """Each entity's key as a number, [entities]; NaN where it is none."""
    keys = relation.entities.cast(pa.string())
    address = parse(pc.replace_substring_regex(keys, r"/\d+$", ""))
    place = np.where(
        address.is_ipv4,
        (address.low & np.uint64(0xFFFF_FFFF)).astype(np.float64) / IPV4_SPACE,
        1 + (address.high >> np.uint64(16)).astype(np.float64) / IPV6_TOP_BITS,
    )
    digits = pc.replace_substring_regex(keys, "^AS", "")
    is_number = pc.match_substring_regex(digits, r"^\d+(\.\d+)?(e-?\d+)?$")
    number = pc.if_else(is_number, digits, pa.scalar(None, pa.string())).cast(pa.float64())
    return np.where(address.valid, place, np.asarray(pc.fill_null(number, np.nan), dtype=np.float64))
