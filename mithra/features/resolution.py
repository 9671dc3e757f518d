"""What a domain resolves to at a moment, by counts: how many entities, how spread out, how quickly changed.

Only edges that were known by the example's time count, and of an edge only its first_seen: last_seen, counts
and TTLs of a snapshot tell how long a name lived on, which nobody knew when it arrived.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.company import visible_edges
from mithra.graph.snapshot import Snapshot

__all__ = ["TENURE", "resolution"]

COUNTED = (
    "address",
    "prefix",
    "asn",
    "name_server",
    "name_server_domain",
    "mail_server",
    "cname_target",
)
CHURNING = ("address", "prefix", "name_server")
TENURE = ("resolution_days_seen",)  # defines benign labels by long life: evidence, but no input to a model
SETTLING_SECONDS = 3_600  # what is first seen later than this after the domain is a change, not its start
DAY_SECONDS = 86_400.0


def resolution(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> FeatureTable:
    """Resolution features of examples (domain, time), [examples, features]; times in days.

    A relation that the snapshot does not have is NaN, one in which the domain has no edge is 0.

    Args:
        domains: ids of domains, [examples].
        at: epoch seconds at which each is looked at, [examples].
    """
    n = len(domains)
    dated = snapshot.as_of is not None
    unknown = np.full(n, np.nan)
    count, later, newest = {}, {}, {}
    for name in COUNTED:
        relation = snapshot.relations.get(name)
        count[name], later[name], newest[name] = unknown, unknown, unknown
        if relation is None:
            continue
        example, edge = visible_edges(relation, domains, at)
        count[name] = np.bincount(example, minlength=n).astype(np.float64)
        if dated and name in CHURNING:
            seen = relation.first_seen[edge]
            is_later = seen > snapshot.first_seen[domains[example]] + SETTLING_SECONDS
            later[name] = np.bincount(example[is_later], minlength=n).astype(np.float64)
            last = np.full(n, -np.inf)
            np.maximum.at(last, example, seen)
            newest[name] = np.where(np.isinf(last), np.nan, (at - last) / DAY_SECONDS)
    addresses = np.where(count["address"] > 0, count["address"], np.nan)
    first_seen = snapshot.first_seen[domains]
    return FeatureTable.from_columns(
        {
            **{f"resolution_{name}_count": count[name] for name in COUNTED},
            "resolution_ipv6_count": _ipv6(snapshot, domains, at),
            "resolution_prefixes_per_address": count["prefix"] / addresses,
            "resolution_asns_per_address": count["asn"] / addresses,
            **{f"resolution_{name}_later": later[name] for name in CHURNING},
            **{f"resolution_{name}_newest": newest[name] for name in CHURNING},
            "resolution_days_seen": (at - first_seen) / DAY_SECONDS if dated else unknown,
        }
    )


def _ipv6(snapshot: Snapshot, domains: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    relation = snapshot.relations.get("address")
    if relation is None:
        return np.full(len(domains), np.nan)
    is_v6 = np.asarray(pc.match_substring(relation.entities, ":"))
    example, edge = visible_edges(relation, domains, at)
    return np.bincount(example[is_v6[relation.indices[edge]]], minlength=len(domains)).astype(np.float64)
