"""What could be known at t: the workspace's tables, cut and blurred to that moment.

A row first seen after t does not exist. A row captured after t tells only that it was first seen: its last
sight and count would say that the name survived past t. Everything here is a lazy frame to a lazy frame;
times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw
import pyarrow as pa

from mithra.graph.native import Frame
from mithra.graph.tenancy import TENANCY_GAP_SECONDS

__all__ = [
    "Visible",
    "labels_as_of",
    "merged_records",
    "other_observations",
    "resolutions_as_of",
    "visible_tables",
]

HOUR_SECONDS = 3600
_REVERSE_ZONES = (".in-addr.arpa", ".ip6.arpa")


@dataclass(frozen=True, eq=False)
class Visible:
    """What a relation may be made of: all that was known at `as_of`, with domains as ids.

    Every frame but `domains` has a column `domain`, the id, in place of the name.
    """

    as_of: int  # epoch seconds
    names: pa.Array  # [domains] by id
    groups: pa.DictionaryArray  # [domains] eTLD+1 of each
    domains: Frame  # domain, name, first_seen, last_seen (null where only registered), group (its eTLD+1)
    records: Frame  # domain, rrtype, rdata, first_seen, last_seen, count, ttl
    registrations: Frame  # columns of the table; every capture
    certificates: Frame  # columns of the table; one row a name
    queries: Frame  # columns of the table, first_seen
    networks: Frame  # columns of the table, no domain; tables of later days left out


def visible_tables(tables: Mapping[str, Frame], as_of: int) -> dict[str, Frame]:
    """The dated tables as of then, each with a column `name` for the domain that a row is about."""
    return {
        "resolutions": resolutions_as_of(tables["resolutions"], as_of),
        "registrations": tables["registrations"]
        .filter(nw.col("captured_at") <= as_of)
        .rename({"domain": "name"}),
        "certificates": tables["certificates"]
        .filter(nw.col("seen_at") <= as_of)
        .explode("names")
        .rename({"names": "name"}),
        "queries": tables["queries"]
        .with_columns((nw.col("hour") + HOUR_SECONDS).alias("first_seen"))  # known when the hour is over
        .filter(nw.col("first_seen") <= as_of),
    }


def resolutions_as_of(resolutions: Frame, as_of: int) -> Frame:
    """name, rrtype, rdata, first_seen, last_seen, count, ttl; no reverse records (address to name)."""
    last_seen = nw.max_horizontal("first_seen", "last_seen")
    told_later = nw.max_horizontal("first_seen", "last_seen", "captured_at") > as_of
    reverse = nw.col("rrtype") == "PTR"
    for zone in _REVERSE_ZONES:
        reverse = reverse | nw.col("name").str.ends_with(zone)
    known = ~nw.col("name").is_null() & (nw.col("first_seen") <= as_of)
    return resolutions.filter(known, ~reverse).select(
        "name",
        "rrtype",
        "rdata",
        "first_seen",
        nw.when(told_later).then(nw.col("first_seen")).otherwise(last_seen).alias("last_seen"),
        nw.when(told_later).then(nw.lit(1)).otherwise(nw.col("count").fill_null(1)).alias("count"),
        nw.when(~told_later).then(nw.col("ttl")).alias("ttl"),
    )


def other_observations(visible: Mapping[str, Frame]) -> Frame:
    """name, first_seen, last_seen (of its traffic, null where there was none): what is no record.

    One row a name, in no order. Labels and popularity are no observations.
    """
    nothing = nw.lit(None, nw.Int64)
    seen = [
        visible["registrations"].select("name", first_seen="captured_at", last_seen=nothing),
        visible["certificates"].select("name", first_seen="seen_at", last_seen=nothing),
        visible["queries"].select("name", "first_seen", last_seen="first_seen"),
    ]
    by_name = nw.concat(seen).filter(~nw.col("name").is_null()).group_by("name")
    return by_name.agg(nw.col("first_seen").min(), nw.col("last_seen").max())


def merged_records(records: Frame) -> Frame:
    """The records with rows of one resource record merged, where that loses nothing.

    Rows first seen in the same stretch of `TENANCY_GAP_SECONDS` cannot have a tenancy's end between them.
    For many daily exports of the same records: memory then follows the edges and not the rows.
    """
    stretch = (nw.col("first_seen") // TENANCY_GAP_SECONDS).alias("stretch")
    return (
        records.with_columns(stretch)
        .group_by("name", "rrtype", "rdata", "stretch")
        .agg(
            nw.col("first_seen").min(), nw.col("last_seen").max(), nw.col("count").max(), nw.col("ttl").min()
        )
        .drop("stretch")
    )


def labels_as_of(labels: Frame, as_of: int) -> Frame:
    """name, verdict, category, source, known_at, confidence: what was known and not ended.

    Tables only grow, so a delisting is the same row again with its end; the earliest end holds.
    """
    told = ["name", "verdict", "category", "source", "known_at"]
    known = labels.filter(nw.col("known_at") <= as_of).group_by(told)
    ends = known.agg(nw.col("valid_until").min(), nw.col("confidence").max())
    in_force = nw.col("valid_until").is_null() | (nw.col("valid_until") > as_of)
    return ends.filter(in_force).select(*told, "confidence")


def networks_as_of(networks: Frame, as_of: int) -> Frame:
    """Columns of the table: each source's last table up to then, and what has no day."""
    dated = networks.filter(nw.col("valid_from") <= as_of)
    newest = dated.group_by("source").agg(nw.col("valid_from").max())
    undated = networks.filter(nw.col("valid_from").is_null())
    return nw.concat([dated.join(newest, on=["source", "valid_from"], how="semi"), undated])
