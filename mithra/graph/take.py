"""The verb `snapshot`: a workspace as of t, built once and from then on opened.

A snapshot is stored under a key of all that it depends on: the pinned versions of the tables, the moment,
the relations, the suffix list and the version of this code. The same key means the same snapshot.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from mithra.errors import SnapshotError, UsageError
from mithra.graph.build import build
from mithra.graph.disk import MANIFEST, open_snapshot, read_manifest, save_snapshot
from mithra.graph.native import DuckDB, tables_of
from mithra.graph.relations import RelationKind, chosen
from mithra.graph.snapshot import Snapshot
from mithra.observe.workspace import Workspace

__all__ = ["moment", "snapshot"]

log = logging.getLogger(__name__)

CODE_VERSION = 1  # raise it when the same tables give another snapshot
FOLDER = "snapshots"
STEPS = 6  # five of the build, and saving


def snapshot(
    workspace: Workspace | str | Path,
    as_of: datetime | date | str,
    *,
    relations: Iterable[str | RelationKind] | None = None,
    path: str | Path | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> Snapshot:
    """The graph of a workspace as of a moment, saved and memory-mapped.

    Nothing is used that could not be known then: adding or extending rows later changes no byte of it.

    Args:
        workspace: the workspace, or its folder.
        as_of: a date means its first moment; without a time zone it is UTC; whole seconds count.
        relations: names of the catalogue or kinds of your own; default all of the catalogue.
        path: where to save it; default a folder of the workspace named after moment and content.
        memory_limit: of the engine, such as "2GB"; beyond it the engine spills to disk.
        threads: of the engine; default all cores.
        progress: show a progress bar on stderr.

    Raises:
        UsageError: a moment that cannot be read, or an unknown relation.
        SnapshotError: the workspace holds nothing, or another snapshot is at the path.
        WorkspaceError: `compact` has removed records of that time.

    Example:
        >>> snapshot("lake", "2026-07-01")  # doctest: +SKIP
    """
    at = moment(as_of)
    space = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    if not space.exists:
        raise SnapshotError(
            "no workspace to take a snapshot of", value=space.path, hint="mithra ingest makes one"
        )
    kinds, pins = chosen(relations), space.versions()
    space.must_be_whole(at)
    depends = _depends_on(pins, at, kinds)
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    folder = Path(path) if path is not None else space.path / FOLDER / f"{at:%Y%m%dT%H%M%SZ}-{key[:16]}"
    if (folder / MANIFEST).exists() and read_manifest(folder).get("key") == key:
        log.info("snapshot %s is there already", folder)
        return open_snapshot(folder)
    with _steps(progress) as on_step:
        built = _built(space, pins, at, kinds, memory_limit, threads, on_step)
        on_step("saving")
        noted = {**built.manifest, "key": key, "depends": depends}
        save_snapshot(replace(built, manifest=noted), folder)
    log.info("snapshot of %d domains saved to %s", len(built), folder)
    return open_snapshot(folder)


def _built(
    workspace: Workspace,
    pins: Mapping[str, int],
    at: datetime,
    kinds: Iterable[RelationKind],
    memory_limit: str | None,
    threads: int | None,
    on_step: Callable[[str], object],
) -> Snapshot:
    try:
        with workspace.connect(memory_limit, threads, versions=pins) as connection:
            engine = DuckDB(connection)
            return build(engine, tables_of(engine), at, kinds, on_step=on_step)
    except duckdb.OutOfMemoryException as error:
        raise SnapshotError(
            "the engine ran out of memory", value=memory_limit, hint="Raise memory_limit, or lower threads"
        ) from error
    except (duckdb.ParserException, duckdb.InvalidInputException, duckdb.SyntaxException) as error:
        raise UsageError(f"the engine refused: {error}", value=(memory_limit, threads)) from error


def moment(as_of: datetime | date | str) -> datetime:
    """A moment in UTC, in whole seconds (cut off, never rounded up).

    Raises:
        UsageError: text that is no ISO 8601 date or time, or another type.

    Example:
        >>> moment("2026-07-01").isoformat()
        '2026-07-01T00:00:00+00:00'
    """
    if isinstance(as_of, str):
        try:
            as_of = datetime.fromisoformat(as_of)
        except ValueError as error:
            raise UsageError(
                "no such moment", value=as_of, hint="Write it as 2026-07-01 or 2026-07-01T12:00Z"
            ) from error
    if not isinstance(as_of, datetime):
        if not isinstance(as_of, date):
            raise UsageError("as_of is a date, a datetime or text", value=as_of)
        as_of = datetime(as_of.year, as_of.month, as_of.day)
    zoned = as_of if as_of.tzinfo is not None else as_of.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).replace(microsecond=0)


def _depends_on(pins: Mapping[str, int], at: datetime, kinds: Iterable[RelationKind]) -> dict[str, Any]:
    return {
        "as_of": at.isoformat(),
        "code": CODE_VERSION,
        "relations": {kind.name: kind.version for kind in kinds},
        "suffix_list": version("publicsuffixlist"),
        "versions": dict(pins),
    }


@contextmanager
def _steps(progress: bool) -> Iterator[Callable[[str], object]]:
    """What to tell each step to: a bar on stderr, or the log."""
    if not progress:
        yield lambda step: log.debug("snapshot: %s", step)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("snapshot: {task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=STEPS)

        def tell(step: str) -> None:
            bar.update(task, description=step, advance=1)

        yield tell
