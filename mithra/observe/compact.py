"""Compaction: small files joined, files that nothing needs any more removed, and old records where asked for.

Records of `RAW_TABLES` go when their last date lies too long before the newest one of their table; a stay
that reaches into the time that is kept stays whole. Their ingests stay known, so reading the same file again
does not bring them back. `Workspace.kept_since` tells up to when records are missing; no snapshot is taken
as of then.

Joining is a commit like any other: whoever reads keeps the files that it began with, and whoever holds pinned
versions can open them for `keep_days` more. What a killed ingest left behind belongs to no table; it goes at
once when nobody else uses the workspace, and otherwise when it is old enough to be nobody's.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from mithra.errors import UsageError
from mithra.observe.lock import Lock
from mithra.observe.status import DATES, EPOCH, last_record
from mithra.observe.store import TableStore
from mithra.observe.workspace import MARKER, SPILL, Workspace
from mithra.schema import TABLES

__all__ = ["Compaction", "compact"]

RAW_TABLES = ("resolutions", "queries", "sightings")  # what grows with every day of traffic
HOURS_PER_DAY = 24
HOURS_IN_USE = 24  # while others are at work nothing younger is removed


@dataclass(frozen=True)
class Compaction:
    """What became of one table."""

    files_before: int
    files: int
    removed: int  # files that no version within `keep_days` needs
    bytes_freed: int
    old_records: int  # no longer shown: they were older than `raw_days`


def compact(
    workspace: Workspace | str | os.PathLike[str], *, keep_days: int = 7, raw_days: int | None = None
) -> dict[str, Compaction]:
    """Join the small files of every table and remove what is no longer needed.

    Args:
        workspace: or its path.
        keep_days: how long versions from before stay readable. With 0 they go at once, unless somebody else
            reads or writes: then after a day.
        raw_days: remove resolutions, queries and sightings last seen more than so many days before the newest
            record of their table; default none. On the disk they stay as long as versions from before do.

    Returns:
        What was done, by table; only tables that exist.

    Raises:
        WorkspaceError: there is no workspace, or another process compacts it.
        UsageError: less than 0 days to keep versions, or less than 1 to keep records.
    """
    if keep_days < 0:
        raise UsageError("keep_days is 0 or more", value=keep_days)
    if raw_days is not None and raw_days < 1:
        raise UsageError("raw_days is 1 or more", value=raw_days, hint="Leave it out to keep all records")
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    workspace.must_exist()
    workspace.create()  # refuses one of a later mithra
    stores = {table: workspace.store(table) for table in TABLES if workspace.store(table).exists}
    before = {table: len(store.files()) for table, store in stores.items()}
    old = {} if raw_days is None else _old_records(workspace, raw_days)
    for table, (cutoff, _) in old.items():
        stores[table].remove_before(DATES[table][1], cutoff)
    gone = {table: count for table, (_, count) in old.items()}
    for store in stores.values():
        store.join_files()
    alone = Lock.alone(workspace.path / MARKER)
    try:
        hours = keep_days * HOURS_PER_DAY if alone else max(keep_days * HOURS_PER_DAY, HOURS_IN_USE)
        done = {
            table: _removed(store, hours, before[table], gone.get(table, 0), alone)
            for table, store in stores.items()
        }
        if alone:
            shutil.rmtree(workspace.path / SPILL, ignore_errors=True)
    finally:
        if alone:
            alone.close()
    return done


def _old_records(workspace: Workspace, raw_days: int) -> dict[str, tuple[datetime, int]]:
    """Of the tables that hold any: before when they are old, and how many are."""
    found = {}
    with workspace.connect() as con:
        for table in RAW_TABLES:
            if (newest := last_record(con, [table])) is None:
                continue
            cutoff = newest - timedelta(days=min(raw_days, (newest - EPOCH).days))
            query = f"SELECT count(*) FROM {table} WHERE {DATES[table][1]} < $cutoff"
            if count := con.execute(query, {"cutoff": cutoff}).fetchall()[0][0]:
                found[table] = cutoff, count
    return found


def _removed(store: TableStore, hours: int, before: int, old: int, alone: Lock | None) -> Compaction:
    removed, freed = store.remove_unneeded(hours, unfinished=alone is not None)
    return Compaction(before, len(store.files()), removed, freed, old)
