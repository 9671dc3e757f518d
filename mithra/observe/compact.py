"""Compaction: small files joined, files that nothing needs any more removed; no record is ever deleted.

Joining is a commit like any other: whoever reads keeps the files that it began with, and whoever holds pinned
versions can open them for `keep_days` more. What a killed ingest left behind belongs to no table; it goes at
once when nobody else uses the workspace, and otherwise when it is old enough to be nobody's.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from mithra.errors import UsageError
from mithra.observe.lock import Lock
from mithra.observe.store import TableStore
from mithra.observe.workspace import MARKER, SPILL, Workspace
from mithra.schema import TABLES

__all__ = ["Compaction", "compact"]

HOURS_PER_DAY = 24
HOURS_IN_USE = 24  # while others are at work nothing younger is removed


@dataclass(frozen=True)
class Compaction:
    """What became of one table."""

    files_before: int
    files: int
    removed: int  # files that no version within `keep_days` needs
    bytes_freed: int


def compact(workspace: Workspace | str | os.PathLike[str], *, keep_days: int = 7) -> dict[str, Compaction]:
    """Join the small files of every table and remove what is no longer needed.

    Args:
        workspace: or its path.
        keep_days: how long versions from before stay readable. With 0 they go at once, unless somebody else
            reads or writes: then after a day.

    Returns:
        What was done, by table; only tables that exist.

    Raises:
        WorkspaceError: there is no workspace, or another process compacts it.
        UsageError: less than 0 days.
    """
    if keep_days < 0:
        raise UsageError("keep_days is 0 or more", value=keep_days)
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    workspace.must_exist()
    workspace.create()  # refuses one of a later mithra
    stores = {table: workspace.store(table) for table in TABLES if workspace.store(table).exists}
    before = {table: len(store.files()) for table, store in stores.items()}
    for store in stores.values():
        store.join_files()
    alone = Lock.alone(workspace.path / MARKER)
    try:
        hours = keep_days * HOURS_PER_DAY if alone else max(keep_days * HOURS_PER_DAY, HOURS_IN_USE)
        done = {table: _removed(store, hours, before[table], alone) for table, store in stores.items()}
        if alone:
            shutil.rmtree(workspace.path / SPILL, ignore_errors=True)
    finally:
        if alone:
            alone.close()
    return done


def _removed(store: TableStore, hours: int, before: int, alone: Lock | None) -> Compaction:
    removed, freed = store.remove_unneeded(hours, unfinished=alone is not None)
    return Compaction(before, len(store.files()), removed, freed)
