"""The workspace: a folder of append-only Delta tables, one for each schema of `mithra.schema`.

Records of an ingest become visible all at once, when its row in the table `ingests` is committed, which
happens last. Rows of an ingest that was cut off before that lie in their tables but no view shows them;
the next run of the same ingest completes it and doubles nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from mithra.errors import WorkspaceError
from mithra.observe.engine import silence
from mithra.observe.store import TableStore
from mithra.schema import TABLES

__all__ = ["Status", "TableStatus", "Workspace"]

MARKER = "workspace.json"
KEY = "client.key"
KEY_BYTES = 32
LAYOUT_VERSION = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Delta's kernel decodes a percent sign in a path twice; DuckDB reads the others as glob patterns.
REFUSED_IN_PATH = "[]{}*?%"

_DATES = {
    "resolutions": ("first_seen", "last_seen"),
    "registrations": ("captured_at", "captured_at"),
    "certificates": ("seen_at", "seen_at"),
    "queries": ("hour", "hour"),
    "labels": ("known_at", "known_at"),
    "networks": ("valid_from", "valid_from"),
    "popularity": ("day", "day"),
    "sightings": ("seen_at", "seen_at"),
}


@dataclass(frozen=True)
class TableStatus:
    """What one table holds."""

    rows: int
    first: datetime | None  # UTC
    last: datetime | None  # UTC
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """What a workspace holds, as committed."""

    path: Path
    tables: dict[str, TableStatus]  # only tables with rows
    rejects: dict[str, int]  # records set aside, by reason, most frequent first
    ingests: int


class Workspace:
    """A folder of Delta tables; it is created by the first ingest.

    Example:
        >>> ws = Workspace("lake")
        >>> ws.path.name
        'lake'

    Raises:
        WorkspaceError: the path holds characters that DuckDB or Delta misread, or is a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        found = sorted(set(REFUSED_IN_PATH) & set(str(self.path)))
        if found:
            raise WorkspaceError(
                f"the path of a workspace may not hold {' '.join(found)}",
                value=self.path,
                hint="Choose another folder",
            )
        if self.path.exists() and not self.path.is_dir():
            raise WorkspaceError("a workspace is a folder, this is a file", value=self.path)
        self._stores = {table: TableStore(self.path, table) for table in TABLES}

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether something has been ingested."""
        return (self.path / MARKER).is_file()

    def create(self) -> None:
        """Make the folder and its marker, if they are not there.

        Raises:
            WorkspaceError: the folder holds other things, or a later version of mithra made it.
        """
        if not self.exists:
            if self.path.is_dir() and any(self.path.iterdir()):
                raise WorkspaceError(
                    "this folder is not empty and no workspace",
                    value=self.path,
                    hint="Choose a new or empty folder",
                )
            self.path.mkdir(parents=True, exist_ok=True)
            unfinished = self.path / f"{MARKER}.{os.getpid()}"
            unfinished.write_text(json.dumps({"layout": LAYOUT_VERSION}))
            unfinished.replace(self.path / MARKER)
        self._check_layout()

    def client_key(self) -> bytes:
        """The key under which addresses of clients are hashed: 32 random bytes, made on first use and
        readable by the owner only. Whoever holds it can test an address; it leaves with the folder."""
        path = self.path / KEY
        if not path.exists():
            self.create()
            unfinished = self.path / f"{KEY}.{os.getpid()}"
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, path)  # of two writers the first wins
            unfinished.unlink()
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise WorkspaceError("the key of this workspace is damaged", file=path)
        return key

    def store(self, table: str) -> TableStore:
        """The Delta table behind `table`; for writers."""
        return self._stores[table]

    def versions(self) -> dict[str, int]:
        """Version of every table that exists. `ingests` is read first, so that the pinned set of tables
        holds all rows of every ingest that it names."""
        names = ["ingests", *(table for table in TABLES if table != "ingests")]
        return {name: self._stores[name].version for name in names if self._stores[name].exists}

    def ingest_ids(self, versions: Mapping[str, int] | None = None) -> list[str]:
        """Ids of the committed ingests, sorted; those of a pinned set of versions if given."""
        with duckdb.connect() as con:
            silence(con)
            return self._ingest_ids(con, versions)

    def files(self, table: str, versions: Mapping[str, int] | None = None) -> list[str]:
        """Parquet files of a table, those of committed ingests only: a file holds rows of one ingest and is
        named after it. After Delta's OPTIMIZE a file may hold rows of others too; `connect` filters them."""
        return self._files(table, versions, set(self.ingest_ids(versions)))

    def connect(
        self,
        memory_limit: str | None = None,
        threads: int | None = None,
        *,
        versions: Mapping[str, int] | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with one view for each table, empty where the table does not exist yet.

        Args:
            memory_limit: as DuckDB writes it, such as "2GB"; it spills to the workspace beyond that.
            threads: of DuckDB; default all cores.
            versions: pinned versions from `versions()`; default the latest.
        """
        con = duckdb.connect(config=_config(self.path, memory_limit, threads))
        silence(con).execute("SET TimeZone = 'UTC'")
        visible = set(self._ingest_ids(con, versions))
        for table in TABLES:
            select = _select(table, self._files(table, versions, visible), visible)
            con.execute(f"CREATE VIEW {table} AS {select}")
        return con

    def status(self) -> Status:
        """Rows, dates and sources by table, rejects by reason.

        Raises:
            WorkspaceError: there is no workspace at the path.
        """
        if not self.exists:
            raise WorkspaceError("no workspace here", value=self.path, hint="mithra ingest makes one")
        with self.connect() as con:
            tables = {table: _table_status(con, table) for table in _DATES}
            rejects = con.execute(
                "SELECT reason, count(*) FROM rejects GROUP BY ALL ORDER BY 2 DESC, 1"
            ).fetchall()
            ingests = len(con.execute("SELECT DISTINCT ingest_id FROM ingests").fetchall())
        return Status(
            path=self.path,
            tables={table: status for table, status in tables.items() if status.rows},
            rejects=dict(rejects),
            ingests=ingests,
        )

    def _ingest_ids(self, con: duckdb.DuckDBPyConnection, versions: Mapping[str, int] | None) -> list[str]:
        files = self._stores["ingests"].files(_pinned("ingests", versions))
        if not files:
            return []
        query = "SELECT DISTINCT ingest_id FROM read_parquet($files) ORDER BY ALL"
        return [row[0] for row in con.execute(query, {"files": [str(f) for f in files]}).fetchall()]

    def _files(self, table: str, versions: Mapping[str, int] | None, visible: set[str]) -> list[str]:
        paths = self._stores[table].files(_pinned(table, versions))
        return [str(path) for path in paths if _foreign(path) or path.name.split(".")[0] in visible]

    def _check_layout(self) -> None:
        try:
            layout = json.loads((self.path / MARKER).read_text())["layout"]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                "the marker of this workspace is damaged", file=self.path / MARKER
            ) from error
        if layout != LAYOUT_VERSION:
            raise WorkspaceError(
                f"this workspace has layout {layout}, this mithra reads {LAYOUT_VERSION}",
                value=self.path,
                hint="Use the mithra that wrote it, or ingest the raw files into a new workspace",
            )


def _pinned(table: str, versions: Mapping[str, int] | None) -> int | None:
    return None if versions is None else versions.get(table, -1)


def _config(path: Path, memory_limit: str | None, threads: int | None) -> dict[str, Any]:
    config: dict[str, Any] = {"temp_directory": str(path / ".spill")}
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    return config


def _foreign(path: Path) -> bool:
    """A file that Delta wrote itself (OPTIMIZE), under its own kind of name."""
    return path.name.startswith("part-")


def _select(table: str, files: list[str], visible: set[str]) -> str:
    if files:
        columns = ", ".join(f'"{name}"' for name in TABLES[table].names)
        select = f"SELECT {columns} FROM read_parquet([{_listed(files)}], union_by_name = true)"
        if any(_foreign(Path(file)) for file in files):
            return f"{select} WHERE list_contains([{_listed(sorted(visible))}]::VARCHAR[], ingest_id)"
        return select
    nulls = ", ".join(f'NULL::{_SQL_TYPES[str(f.type)]} AS "{f.name}"' for f in TABLES[table])
    return f"SELECT {nulls} WHERE false"


_SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "list<item: string>": "VARCHAR[]",
    "list<element: string>": "VARCHAR[]",
    "fixed_size_binary[16]": "BLOB",
}


def _listed(words: list[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


def _table_status(con: duckdb.DuckDBPyConnection, table: str) -> TableStatus:
    first, last = _DATES[table]
    dates = f"epoch_us(min({first})), epoch_us(max({last}))"
    query = f"SELECT count(*), {dates}, list_sort(list(DISTINCT source)) FROM {table}"
    rows, start, end, sources = con.execute(query).fetchall()[0]
    return TableStatus(rows, _utc(start), _utc(end), tuple(s for s in sources or () if s is not None))


def _utc(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
