"""From a workspace's tables to the snapshot as of t.

Names become ids first, sorted by name; then each relation of the catalogue is read as edges between ids and
keys, merged, capped and indexed. String work runs in the engine and can spill to disk; what comes back to
memory is one relation's edges at a time, put in order by other threads while the engine reads on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import UsageError
from mithra.graph.asof import Visible, merged_records, networks_as_of, observations, visible_tables
from mithra.graph.assemble import Assembled, Family, assemble, derive, family_of, named
from mithra.graph.csr import to_relation
from mithra.graph.facts import (
    label_table,
    popularity_facts,
    registration_facts,
    uncounted,
)
from mithra.graph.native import Engine, Frame, arrow
from mithra.graph.relations import Derived, Named, Observed, RelationKind, chosen
from mithra.graph.snapshot import FACTS, Snapshot, completed

__all__ = ["MERGE_FROM_ROWS", "build"]

log = logging.getLogger(__name__)

MERGE_FROM_ROWS = 10_000_000  # resolution rows from which on they are merged in the engine first
_EDGE_COLUMNS = ("domain", "entity", "first_seen", "last_seen")


def build(
    engine: Engine,
    tables: Mapping[str, Frame],
    as_of: datetime,
    relations: Iterable[str | RelationKind] | None = None,
    *,
    merge_from_rows: int = MERGE_FROM_ROWS,
    on_step: Callable[[str], object] = log.debug,
) -> Snapshot:
    """The snapshot of these tables, whose times are epoch seconds.

    Args:
        engine: where the frames run.
        tables: every table of `mithra.schema` by name.
        as_of: the moment, with a time zone; nothing is used that could not be known then.
        relations: names of the catalogue or kinds of your own; default all of the catalogue.
        merge_from_rows: rows from which on the engine merges records first; the result is the same.
        on_step: told each step as it begins.
    """
    kinds, at = chosen(relations), int(as_of.timestamp())
    with ThreadPoolExecutor(2, thread_name_prefix="mithra-build") as pool:
        on_step("names")
        seen = visible_tables(tables, at)
        domains = _sorted(arrow(observations(seen)))
        names, since = domains["name"].chunk(0), domains["first_seen"].to_numpy()
        families = pool.submit(family_of, names)
        on_step("records")
        held = _row_counts(tables)
        engine.number(names)
        rows = {table: engine.identified(frame) for table, frame in seen.items()}
        if held["resolutions"] >= merge_from_rows:
            rows["resolutions"] = merged_records(rows["resolutions"])
        rows["resolutions"] = engine.keep(rows["resolutions"], "records")
        family = families.result()
        visible = _visible(engine, rows, networks_as_of(tables["networks"], at), domains, family, at)
        sorting = {}
        for kind in [kind for kind in kinds if isinstance(kind, Observed)]:
            on_step(kind.name)
            edges = _edge_table(kind, visible)
            sorting[kind.name] = pool.submit(assemble, kind, edges, family.parent, since)
        on_step("facts")  # while the pool still sorts
        known = _facts(engine, tables, held, domains, family, at)
        labels = label_table(engine, tables["labels"], at, names)
        parts = {name: future.result() for name, future in sorting.items()}
        for kin in [kind for kind in kinds if isinstance(kind, Named)]:
            on_step(kin.name)
            parts[kin.name] = named(kin, kin.key(visible), since, domains["last_seen"].chunk(0))
        for wider in [kind for kind in kinds if isinstance(kind, Derived)]:
            on_step(wider.name)
            base = parts[wider.of]
            parts[wider.name] = derive(wider, base, wider.key(base.entities, visible))
        known["count"] = _count(visible.records, kinds, parts, len(names))
        made = pool.map(lambda kind: to_relation(kind.name, parts[kind.name].edges, len(names)), kinds)
        return Snapshot(
            as_of=as_of,
            names=names,
            group=family.group,
            groups=family.groups,
            first_seen=since,
            relations={relation.name: relation for relation in made},
            facts=completed(known, FACTS, len(names)),
            labels=labels,
            manifest=_noted(kinds, parts),
        )


def _sorted(domains: pa.Table) -> pa.Table:
    """The domains by name, in one chunk; faster here than in the engine, and they come to memory anyway."""
    if not domains.num_rows:
        return pa.table([pa.array([], f.type) for f in domains.schema], schema=domains.schema)
    whole = domains.combine_chunks()
    return whole.take(pc.array_sort_indices(whole["name"].chunk(0)))


def _visible(
    engine: Engine, rows: Mapping[str, Frame], networks: Frame, domains: pa.Table, family: Family, at: int
) -> Visible:
    """What relations are made of."""
    columns = {name: domains[name] for name in ("name", "first_seen", "last_seen")}
    ids = np.arange(domains.num_rows, dtype=np.int32)
    return Visible(
        as_of=at,
        names=domains["name"].chunk(0),
        groups=pa.DictionaryArray.from_arrays(pa.array(family.group), family.groups),
        domains=engine.put(pa.table({"domain": ids, **columns, "group": family.group_names})),
        records=rows["resolutions"],
        registrations=rows["registrations"],
        certificates=rows["certificates"],
        queries=rows["queries"],
        networks=networks,
    )


def _facts(
    engine: Engine,
    tables: Mapping[str, Frame],
    held: Mapping[str, int],
    domains: pa.Table,
    family: Family,
    at: int,
) -> dict[str, pa.Array]:
    """Columns of `FACTS`, [domains], but for the count of observations; empty tables are not asked."""
    names = domains["name"].chunk(0)
    known = {"last_seen": domains["last_seen"].chunk(0), "ttl_min": domains["ttl_min"].chunk(0)}
    if held["registrations"]:
        known |= registration_facts(tables["registrations"], at, names, family.registered)
    if held["popularity"]:
        known |= popularity_facts(engine, tables["popularity"], at, names, family.group_names)
    return known


def _row_counts(tables: Mapping[str, Frame]) -> dict[str, int]:
    """Rows of each table."""
    counted = [
        frame.select(nw.lit(name).alias("table"), nw.len().alias("rows")) for name, frame in tables.items()
    ]
    return {row["table"]: row["rows"] for row in arrow(nw.concat(counted)).to_pylist()}


def _edge_table(kind: Observed, visible: Visible) -> pa.Table:
    """The edges that the relation's function finds.

    Raises:
        UsageError: its frame lacks a column, or has edges without an entity.
    """
    found = arrow(kind.edges(visible))
    missing = [name for name in _EDGE_COLUMNS if name not in found.column_names]
    if missing:
        raise UsageError(f"the frame of relation {kind.name!r} lacks columns", value=", ".join(missing))
    if any(found[name].null_count for name in _EDGE_COLUMNS):
        raise UsageError(
            f"relation {kind.name!r} has nulls in its edges", hint="Filter them out in its function"
        )
    return found


def _count(
    records: Frame, kinds: Iterable[RelationKind], parts: Mapping[str, Assembled], domains: int
) -> pa.Array:
    """Observations in each domain's records, [domains], null where it has none."""
    counted = [kind for kind in kinds if isinstance(kind, Observed) and kind.rrtypes]
    total = uncounted(records, [rrtype for kind in counted for rrtype in kind.rrtypes], domains)
    for kind in counted:
        total += parts[kind.name].observations
    return pa.array(total, mask=total == 0)


def _noted(kinds: Iterable[RelationKind], parts: Mapping[str, Assembled]) -> dict[str, object]:
    """What the manifest says of the build: what was left out and why."""
    return {
        "edges_over_cap": {name: part.dropped for name, part in parts.items() if part.dropped},
        "malformed_addresses": {name: part.malformed for name, part in parts.items() if part.malformed},
        "caps": {kind.name: kind.most for kind in kinds if not isinstance(kind, Named)},
    }
