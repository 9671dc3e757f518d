"""From a workspace's tables to the snapshot as of t.

The engine delivers what could be known at t; from then on all is arrays. Names get ids in their order, and
each relation of the catalogue is merged, capped and indexed by a task of its own, two at a time. A task may
wait for tasks that were handed in before it, never for later ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import narwhals as nw
import numpy as np
import pyarrow as pa

from mithra.errors import UsageError
from mithra.graph.asof import Visible, merged_records, networks_as_of, other_observations, visible_tables
from mithra.graph.assemble import Assembled, Family, assemble, derive, edges_of, family_of, named
from mithra.graph.csr import merged, to_relation
from mithra.graph.facts import label_table, popularity_facts, registration_facts
from mithra.graph.native import Engine, Frame, arrow
from mithra.graph.records import Domains, Found, Records, domains_of, number
from mithra.graph.relations import Derived, Named, Observed, RelationKind, chosen
from mithra.graph.snapshot import FACTS, LABELS, Snapshot, completed
from mithra.names import SuffixList

__all__ = ["MERGE_FROM_ROWS", "build"]

log = logging.getLogger(__name__)

MERGE_FROM_ROWS = 5_000_000  # resolution rows from which on the engine merges them, on disk if need be
WORKERS = 4  # two of them mostly wait
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
    seen, rows = visible_tables(tables, at), _row_counts(tables)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="mithra-build") as pool:
        pool.submit(SuffixList.bundled)  # holds Python's lock for a while; nobody else needs it yet
        on_step("records")
        told = seen["resolutions"]
        told = engine.hashed(merged_records(told) if rows["resolutions"] >= merge_from_rows else told)
        records, others = Records(engine.fetch(told)), arrow(other_observations(seen))
        on_step("names and edges of records")
        numbering = pool.submit(number, records, others)
        kinship = pool.submit(lambda: family_of(numbering.result().names))
        sighting = pool.submit(lambda: domains_of(numbering.result(), records, others))

        def put_in_order(kind: Observed, more: Found | None = None) -> Future[Assembled]:
            return pool.submit(_in_order, kind, records, more, sighting.result, kinship.result)

        alone = [kind for kind in kinds if isinstance(kind, Observed) and kind.edges is None]
        # Tenancies first: they take longest, and need no names until their end.
        tasks = {kind.name: put_in_order(kind) for kind in sorted(alone, key=lambda kind: not kind.tenancies)}
        domains, family = sighting.result(), kinship.result()
        visible = _visible(engine, seen, networks_as_of(tables["networks"], at), records, domains, family, at)
        on_step("edges of other tables")
        for kind in kinds:
            if isinstance(kind, Observed) and kind.edges is not None:
                tasks[kind.name] = put_in_order(kind, _found(kind.name, kind.edges(visible)))
        on_step("facts")
        known = _facts(engine, tables, rows, domains, family, at)
        labels = LABELS.empty_table()
        if rows["labels"]:
            labels = label_table(engine, tables["labels"], at, domains.names)
        on_step("relations")
        for kind in kinds:
            if isinstance(kind, Named):
                times = domains.first_seen, domains.last_seen
                tasks[kind.name] = pool.submit(named, kind, kind.key(visible), *times)
            elif isinstance(kind, Derived):
                base = tasks[kind.of].result()
                tasks[kind.name] = pool.submit(derive, kind, base, kind.key(base.entities, visible))
        parts = {kind.name: tasks[kind.name].result() for kind in kinds}
        known["count"] = _count(records, kinds, parts, domains)
        made = pool.map(
            lambda kind: to_relation(kind.name, parts[kind.name].edges, len(domains.names)), kinds
        )
        return Snapshot(
            as_of=as_of,
            names=domains.names,
            group=family.group,
            groups=family.groups,
            first_seen=domains.first_seen,
            relations={relation.name: relation for relation in made},
            facts=completed(known, FACTS, len(domains.names)),
            labels=labels,
            manifest=_noted(kinds, parts),
        )


def _in_order(
    kind: Observed,
    records: Records,
    more: Found | None,
    domains: Callable[[], Domains],
    family: Callable[[], Family],
) -> Assembled:
    """The relation's edges: from records, from its function, or from both."""
    if more is None or kind.rrtypes:
        found = records.of_types(kind.rrtypes, domains)
        more = found if more is None else found.with_more(more)
    return assemble(kind, more, domains, family)


def _visible(
    engine: Engine,
    seen: Mapping[str, Frame],
    networks: Frame,
    records: Records,
    domains: Domains,
    family: Family,
    at: int,
) -> Visible:
    """What relations are made of: tables with ids in place of names."""
    ids = pa.array(np.arange(len(domains.names), dtype=np.int32))
    groups = pa.DictionaryArray.from_arrays(pa.array(family.group), family.groups)
    told = pa.table(
        {
            "domain": ids,
            "name": domains.names,
            "first_seen": domains.first_seen,
            "last_seen": domains.last_seen,
            "group": groups,
        }
    )
    frame = engine.put(told)
    numbered = frame.select("domain", "name")
    return Visible(
        as_of=at,
        names=domains.names,
        groups=groups,
        domains=frame,
        records=engine.put(records.with_ids(domains)),
        registrations=seen["registrations"].join(numbered, on="name").drop("name"),
        certificates=seen["certificates"].join(numbered, on="name").drop("name"),
        queries=seen["queries"].join(numbered, on="name").drop("name"),
        networks=networks,
    )


def _facts(
    engine: Engine,
    tables: Mapping[str, Frame],
    rows: Mapping[str, int],
    domains: Domains,
    family: Family,
    at: int,
) -> dict[str, pa.Array]:
    """Columns of `FACTS`, [domains], but for the count of observations; empty tables are not asked."""
    known = {"last_seen": domains.last_seen, "ttl_min": domains.ttl_min}
    if rows["registrations"]:
        known |= registration_facts(tables["registrations"], at, domains.names, family.registered)
    if rows["popularity"]:
        known |= popularity_facts(engine, tables["popularity"], at, domains.names, family.group_names)
    return known


def _row_counts(tables: Mapping[str, Frame]) -> dict[str, int]:
    """Rows of the tables that are asked only where they hold any."""
    names = ("resolutions", "registrations", "popularity", "labels")
    counted = [tables[name].select(nw.lit(name).alias("table"), nw.len().alias("rows")) for name in names]
    return {row["table"]: row["rows"] for row in arrow(nw.concat(counted)).to_pylist()}


def _found(name: str, frame: Frame) -> Found:
    """The edges that a relation's function finds.

    Raises:
        UsageError: its frame lacks a column, or has edges without an entity.
    """
    edges = arrow(frame)
    missing = [column for column in _EDGE_COLUMNS if column not in edges.column_names]
    if missing:
        raise UsageError(f"the frame of relation {name!r} lacks columns", value=", ".join(missing))
    if any(edges[column].null_count for column in _EDGE_COLUMNS):
        raise UsageError(f"relation {name!r} has nulls in its edges", hint="Filter them out in its function")
    return Found.of(edges)


def _count(
    records: Records, kinds: Iterable[RelationKind], parts: Mapping[str, Assembled], domains: Domains
) -> pa.Array:
    """Observations in each domain's records, [domains], null where it has none.

    Types that no relation takes, or two, are counted from the records themselves.
    """
    total = np.zeros(len(domains.names), dtype=np.int64)
    counted: set[str] = set()
    for kind in kinds:
        if isinstance(kind, Observed) and kind.rrtypes and not counted.intersection(kind.rrtypes):
            total += parts[kind.name].observations
            counted.update(kind.rrtypes)
    others = merged(edges_of(records.of_other_types(counted, lambda: domains)))
    if others.count is not None:
        np.add.at(total, others.domain, others.count)
    return pa.array(total, mask=total == 0)


def _noted(kinds: Iterable[RelationKind], parts: Mapping[str, Assembled]) -> dict[str, object]:
    """What the manifest says of the build: what was left out and why."""
    return {
        "edges_over_cap": {name: part.dropped for name, part in parts.items() if part.dropped},
        "malformed_addresses": {name: part.malformed for name, part in parts.items() if part.malformed},
        "caps": {kind.name: kind.most for kind in kinds if not isinstance(kind, Named)},
    }
