"""What is known of each domain by itself as of t: registration, traffic, popularity; and the labels.

A host has the registration of its registered domain. Popularity and warning lists may only define labels
and guard decisions; they are never a feature.
"""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.graph.asof import labels_as_of
from mithra.graph.native import Engine, Frame, arrow
from mithra.graph.snapshot import LABELS

__all__ = ["created_later_told", "current_registrations", "label_table", "popularity_facts"]

DAY_SECONDS = 86_400
_CAPTURE = ["created", "updated", "expires", "dnssec", "status_count", "name_server_count", "registrar"]


def registration_facts(
    registrations: Frame, as_of: int, names: pa.Array, registered: pa.Array
) -> dict[str, pa.Array]:
    """Registration columns of each domain, [domains], from its own record or its registered domain's."""
    current = arrow(current_registrations(registrations, as_of))
    later = arrow(created_later_told(registrations, as_of))
    found, dated_back = _rows_of(current, names, registered), _rows_of(later, names, registered)
    columns = {
        name: current[name].combine_chunks().take(found) for name in [*_CAPTURE, "registration_captured"]
    }
    columns["created"] = pc.coalesce(columns["created"], later["created"].combine_chunks().take(dated_back))
    return columns


def current_registrations(registrations: Frame, as_of: int) -> Frame:
    """One row a registered domain: its last capture up to then, and since when its facts were known.

    `registration_captured` is the first capture that told the same, so that a domain fetched every night
    counts as known from the first night on.
    """
    told = registrations.filter(nw.col("captured_at") <= as_of).select(
        "domain",
        nw.when(nw.col("created") <= as_of).then(nw.col("created")).alias("created"),
        "updated",
        "expires",
        "dnssec",
        nw.col("status").list.len().alias("status_count"),
        nw.col("name_servers").list.len().alias("name_server_count"),
        "registrar",
        "captured_at",
    )
    same = told.group_by("domain", *_CAPTURE).agg(
        nw.col("captured_at").min().alias("registration_captured"), nw.col("captured_at").max()
    )
    newest = told.group_by("domain").agg(nw.col("captured_at").max())
    last = same.join(newest, on=["domain", "captured_at"], how="semi")
    # Two sources may have captured it in the same second: then the greater of each fact.
    return last.group_by("domain").agg(nw.col(*_CAPTURE, "registration_captured").max())


def created_later_told(registrations: Frame, as_of: int) -> Frame:
    """domain, created: what the first capture after then tells; it cannot have changed."""
    later = registrations.filter(nw.col("captured_at") > as_of, nw.col("created") <= as_of)
    first = later.group_by("domain").agg(nw.col("captured_at").min())
    told = later.join(first, on=["domain", "captured_at"], how="semi")
    return told.group_by("domain").agg(nw.col("created").min())


def popularity_facts(
    engine: Engine, popularity: Frame, as_of: int, names: pa.Array, group_names: pa.Array
) -> dict[str, pa.Array]:
    """popular_days, popular_rank, warning_list of each domain, [domains], by its name or its eTLD+1.

    A list of names without ranks is a warning list. Lists without a day count for rank and warning only.
    """
    popularity = popularity.filter(nw.col("day").is_null() | (nw.col("day") <= as_of))
    domains = engine.put(
        pa.table({"domain": np.arange(len(names), dtype=np.int32), "name": names, "group": group_names})
    )
    listed = popularity.select("name", "rank", "list_id", day=nw.col("day") // DAY_SECONDS)
    own = domains.select("domain", "name").join(listed, on="name")
    shared = domains.filter(nw.col("name") != nw.col("group")).select("domain", name=nw.col("group"))
    rows = nw.concat([own.drop("name"), shared.join(listed, on="name").drop("name")])
    ranked = rows.filter(~nw.col("rank").is_null())
    dated = ranked.filter(~nw.col("day").is_null()).group_by("domain", "day").agg(nw.len())
    warned = rows.filter(nw.col("rank").is_null())
    return {
        "popular_days": _scatter(dated.group_by("domain").agg(value=nw.len()), len(names)),
        "popular_rank": _scatter(ranked.group_by("domain").agg(value=nw.col("rank").min()), len(names)),
        "warning_list": _scatter(warned.group_by("domain").agg(value=nw.col("list_id").min()), len(names)),
    }


def label_table(engine: Engine, labels: Frame, as_of: int, names: pa.Array) -> pa.Table:
    """The labels of the snapshot's domains in the columns of `LABELS`, sorted."""
    domains = engine.put(pa.table({"domain": np.arange(len(names), dtype=np.int32), "name": names}))
    columns = [f.name for f in LABELS]
    known = labels_as_of(labels, as_of).join(domains, on="name").select(*columns)
    return arrow(known).cast(LABELS).sort_by([(name, "ascending") for name in columns]).combine_chunks()


def _rows_of(table: pa.Table, names: pa.Array, registered: pa.Array) -> pa.Array:
    """Row of each name in the table's `domain`, else that of its registered domain, else null; [names]."""
    keys = table["domain"].combine_chunks()
    return pc.coalesce(
        pc.index_in(names, value_set=keys), pc.index_in(registered, value_set=keys, skip_nulls=True)
    )


def _scatter(frame: Frame, domains: int) -> pa.Array:
    """The column `value` at the position of its `domain`, null elsewhere; [domains]."""
    table = arrow(frame)
    row = np.full(domains, -1, dtype=np.int64)
    row[table["domain"].to_numpy()] = np.arange(table.num_rows)
    return table["value"].combine_chunks().take(pa.array(row, mask=row < 0))
