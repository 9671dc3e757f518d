"""Tiny hand-written records, and what a snapshot makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest

from mithra.graph.build import build
from mithra.graph.native import DuckDB, tables_of
from mithra.schema import TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH_DAY = int(START.timestamp()) // 86_400


def day(number, seconds=0):
    """That many days after the first of January 2026."""
    return START + timedelta(days=number, seconds=seconds)


def second(number):
    """The same in epoch seconds."""
    return (EPOCH_DAY + number) * 86_400


def arrow_tables(rows):
    """Workspace tables from lists of dicts; what is left out is null."""
    return {name: pa.Table.from_pylist(rows.get(name, []), schema=schema) for name, schema in TABLES.items()}


def snapshot_of(rows, as_of=100, relations=None, **options):
    """The snapshot of these rows as of a day number."""
    with duckdb.connect(config={"threads": 1}) as con:
        for name, table in arrow_tables(rows).items():
            con.register(name, table)
        engine = DuckDB(con)
        return build(engine, tables_of(engine), day(as_of), relations, **options)


def edges_of(snapshot, relation):
    """(name, key, first day, last day) of every edge, days from the first of January 2026."""
    r = snapshot.relations[relation]
    names, keys = snapshot.names.to_pylist(), r.entities.to_pylist()
    days = [(times // 86_400 - EPOCH_DAY).tolist() for times in (r.first_seen, r.last_seen)]
    return [
        (names[d], keys[e], first, last)
        for d, e, first, last in zip(r.domain_of_edge(), r.indices, *days, strict=True)
    ]


def facts_of(snapshot, name):
    """The facts of a name."""
    return snapshot.facts.slice(int(snapshot.index(pa.array([name]))[0]), 1).to_pylist()[0]


def rr(name, rrtype, rdata, first=0, last=None, captured=None, count=1, **more):
    """A row of resolutions; days for times."""
    last = first if last is None else last
    captured = last if captured is None else captured
    return {
        "name": name,
        "rrtype": rrtype,
        "rdata": rdata,
        "first_seen": day(first),
        "last_seen": day(last),
        "captured_at": day(captured),
        "count": count,
        **more,
    }


@pytest.fixture(scope="session")
def t():
    """The helpers of this file; test modules cannot import each other."""
    return SimpleNamespace(
        rr=rr,
        day=day,
        second=second,
        snapshot=snapshot_of,
        edges=edges_of,
        facts=facts_of,
        tables=arrow_tables,
    )
