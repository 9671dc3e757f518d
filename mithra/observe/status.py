"""What a workspace holds, table by table, as committed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

__all__ = ["DATES", "Status", "TableStatus", "last_record", "status_of_table"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# First and last date of a record, and the names that it is about, by table.
DATES = {
    "resolutions": ("first_seen", "last_seen"),
    "registrations": ("captured_at", "captured_at"),
    "certificates": ("seen_at", "seen_at"),
    "queries": ("hour", "hour"),
    "labels": ("known_at", "known_at"),
    "networks": ("valid_from", "valid_from"),
    "popularity": ("day", "day"),
    "sightings": ("seen_at", "seen_at"),
}
_NAMES = {
    "resolutions": "name",
    "registrations": "domain",
    "certificates": "unnest(names)",
    "queries": "name",
    "labels": "name",
    "popularity": "name",
    "sightings": "indicator",
}


@dataclass(frozen=True)
class TableStatus:
    """What one table holds."""

    rows: int
    names: int | None  # distinct ones; None where its records are about no names
    first: datetime | None  # UTC
    last: datetime | None  # UTC
    sources: tuple[str, ...]
    ingested_at: datetime | None  # the last ingest that brought rows, UTC
    bytes: int  # of its rows on disk


@dataclass(frozen=True)
class Status:
    """What a workspace holds, as committed."""

    path: Path
    tables: dict[str, TableStatus]  # only tables with rows
    rejects: dict[str, int]  # records set aside, by reason, most frequent first
    ingests: int
    ingested_at: datetime | None  # the last ingest, UTC
    bytes: int  # of all files in its folder: also what no table shows, until `compact` removes it
    kept_since: datetime | None  # before it records were removed, and no snapshot is taken; UTC


def status_of_table(con: duckdb.DuckDBPyConnection, table: str, size: int) -> TableStatus:
    """Rows, names, dates, sources and the last ingest of one table of a workspace's connection."""
    first, last = DATES[table]
    query = f"""SELECT count(*), epoch_us(min({first})), epoch_us(max({last})),
        list_sort(list(DISTINCT source)) FROM {table}"""
    rows, start, end, sources = con.execute(query).fetchall()[0]
    return TableStatus(
        rows=rows,
        names=_names(con, table),
        first=utc(start),
        last=utc(end),
        sources=tuple(source for source in sources or () if source is not None),
        ingested_at=last_ingest(con, table),
        bytes=size,
    )


def last_ingest(con: duckdb.DuckDBPyConnection, table: str) -> datetime | None:
    """When the last rows of a table came in."""
    query = f"""SELECT epoch_us(max(ingested_at)) FROM ingests
        WHERE ingest_id IN (SELECT DISTINCT ingest_id FROM {table})"""
    return utc(con.execute(query).fetchall()[0][0])


def last_record(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> datetime | None:
    """The last date of any record in these tables."""
    dates = " UNION ALL ".join(f"SELECT max({DATES[table][1]}) AS last FROM {table}" for table in tables)
    return utc(con.execute(f"SELECT epoch_us(max(last)) FROM ({dates})").fetchall()[0][0])


def utc(microseconds: int | None) -> datetime | None:
    """A moment from epoch microseconds."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def _names(con: duckdb.DuckDBPyConnection, table: str) -> int | None:
    if table not in _NAMES:
        return None
    query = f"SELECT count(DISTINCT name) FROM (SELECT {_NAMES[table]} AS name FROM {table})"
    count: int = con.execute(query).fetchall()[0][0]
    return count
