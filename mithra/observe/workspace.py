"""The workspace: a folder of Delta tables, one for each schema of `mithra.schema`; rows are only added, until
`compact` is asked to remove old ones.

Records of an ingest become visible all at once, when its row in the table `ingests` is committed, which
happens last. Rows of an ingest that was cut off before that lie in their tables but no view shows them;
the next run of the same ingest completes it and doubles nothing. Rows of an ingest that a later one replaced
(table `replaced`) are shown no more from the later one's commit on.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import uuid
import weakref
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.errors import UsageError, WorkspaceError
from mithra.observe.engine import silence
from mithra.observe.lock import Lock
from mithra.observe.status import DATES, Status, last_ingest, last_record, status_of_table
from mithra.observe.store import TableStore
from mithra.schema import TABLES

__all__ = ["Workspace"]

MARKER = "workspace.json"
KEY = "client.key"
KEY_BYTES = 32
SPILL = ".spill"
LAYOUT_VERSION = 2  # 2: table `replaced`, column `stated` of `ingests`
GROWN_TABLES = {"ingests"}  # have gained columns, which older files lack
# Delta's kernel decodes a percent sign in a path twice; DuckDB reads the others as glob patterns.
REFUSED_IN_PATH = "[]{}*?%"


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
        self._read = dict[Path, pa.Table]()  # files of the small tables

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
            foreign = self.path.is_dir() and any(not _unfinished(path) for path in self.path.iterdir())
            if foreign and not self.exists:  # asked again: a rival may have made it since
                raise WorkspaceError(
                    "this folder is not empty and no workspace",
                    value=self.path,
                    hint="Choose a new or empty folder",
                )
            self.path.mkdir(parents=True, exist_ok=True)
            self._put(MARKER, _marker())
        if self._layout() < LAYOUT_VERSION:
            self._put(MARKER, _marker(), replace=True)

    def client_key(self) -> bytes:
        """The key under which addresses of clients are hashed: 32 random bytes, made on first use and
        readable by the owner only. Whoever holds it can test an address; it leaves with the folder."""
        path = self.path / KEY
        if not path.exists():
            self.create()
            self._put(KEY, secrets.token_bytes(KEY_BYTES), mode=0o600)
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise WorkspaceError("the key of this workspace is damaged", file=path)
        return key

    def store(self, table: str) -> TableStore:
        """The Delta table behind `table`; for writers."""
        return self._stores[table]

    def versions(self) -> dict[str, int]:
        """Version of every table that exists; readable until `compact` removes their files. `ingests` is read
        first, so that the pinned set of tables holds all rows of every ingest that it names."""
        self._layout()
        names = ["ingests", *(table for table in TABLES if table != "ingests")]
        return {name: self._stores[name].version for name in names if self._stores[name].exists}

    def kept_since(self) -> datetime | None:
        """The last moment before which `compact` removed records of any table; None where it never did."""
        told = [store.kept_since for store in self._stores.values()]
        return max((moment for moment in told if moment is not None), default=None)

    def ingest_ids(self, versions: Mapping[str, int] | None = None) -> list[str]:
        """Ids of the committed ingests that none has replaced, sorted; those of pinned versions if given."""
        self._layout()
        committed = set(self._rows("ingests", versions)["ingest_id"].to_pylist())
        replaced = self._rows("replaced", versions)
        pairs = zip(replaced["replaces"].to_pylist(), replaced["ingest_id"].to_pylist(), strict=True)
        return sorted(committed - {before for before, after in pairs if after in committed})

    def ingests(self) -> pa.Table:
        """The rows of table `ingests`, without those of replaced ones."""
        visible = pa.array(self.ingest_ids(), pa.string())
        rows = self._rows("ingests", None)
        return rows.filter(pc.is_in(rows["ingest_id"], visible))

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
        if self.exists:
            weakref.finalize(con, self.lock().close)
        silence(con).execute("SET TimeZone = 'UTC'")
        visible = set(self.ingest_ids(versions))
        for table in TABLES:
            select = _select(table, self._files(table, versions, visible), visible)
            con.execute(f"CREATE VIEW {table} AS {select}")
        return con

    def lock(self) -> Lock:
        """Tell `compact` that the workspace is in use, until it is closed."""
        return Lock(self.path / MARKER)

    def status(self) -> Status:
        """Rows, names, dates, sources and sizes by table, rejects by reason.

        Raises:
            WorkspaceError: there is no workspace at the path.
        """
        self.must_exist()
        with self.connect() as con:
            tables = {table: status_of_table(con, table, self._bytes(table)) for table in DATES}
            rejects = con.execute(
                "SELECT reason, count(*) FROM rejects GROUP BY ALL ORDER BY 2 DESC, 1"
            ).fetchall()
            ingests = con.execute("SELECT count(DISTINCT ingest_id) FROM ingests").fetchall()[0][0]
            ingested_at = last_ingest(con, "ingests")
        return Status(
            path=self.path,
            tables={table: status for table, status in tables.items() if status.rows},
            rejects=dict(rejects),
            ingests=ingests,
            ingested_at=ingested_at,
            bytes=_size(self.path.rglob("*")),
            kept_since=self.kept_since(),
        )

    def rejects(self, reason: str | None = None, limit: int | None = None) -> tuple[pa.Table, int]:
        """Records that were set aside, by file and line, and how many there are in all.

        Args:
            reason: only those set aside for it.
            limit: at most so many.

        Raises:
            WorkspaceError: there is no workspace at the path.
            UsageError: nothing was set aside for that reason.
        """
        self.must_exist()
        with self.connect() as con:
            query = "SELECT file, line, reason, excerpt, source FROM rejects"
            chosen = " WHERE coalesce(reason = $reason, true)"
            found = con.sql(query + chosen, params={"reason": reason})
            count: int = found.aggregate("count(*)").fetchall()[0][0]
            if reason is not None and not count:
                reasons = con.sql("SELECT DISTINCT reason FROM rejects ORDER BY 1").fetchall()
                hint = f"Reasons here: {', '.join(row[0] for row in reasons) or 'none'}"
                raise UsageError("nothing was set aside for this reason", value=reason, hint=hint)
            ordered = found.order("file, line NULLS FIRST, reason")
            return (ordered if limit is None else ordered.limit(limit)).to_arrow_table(), count

    def last_record(self, tables: Iterable[str]) -> datetime | None:
        """The last date of any record in these tables.

        Raises:
            WorkspaceError: there is no workspace at the path.
        """
        self.must_exist()
        with self.connect() as con:
            return last_record(con, tables)

    def must_exist(self) -> None:
        """Raise WorkspaceError where nothing has been ingested."""
        if not self.exists:
            raise WorkspaceError("no workspace here", value=self.path, hint="mithra ingest makes one")

    def must_be_whole(self, at: datetime) -> None:
        """Raise WorkspaceError where records were removed without which a moment would show too little."""
        kept = self.kept_since()
        if kept is not None and at <= kept:
            raise WorkspaceError(
                f"compact removed records of before {kept:%Y-%m-%d %H:%M:%S} UTC; this moment is not whole",
                file=self.path,
                value=at.isoformat(),
                hint="Take a later moment, open a snapshot saved earlier, or ingest the raw files elsewhere",
            )

    def _bytes(self, table: str) -> int:
        return _size(Path(file) for file in self.files(table))

    def _put(self, name: str, content: bytes, *, mode: int = 0o644, replace: bool = False) -> None:
        """A file that is there whole or not at all; of two that make it at the same time the first wins."""
        unfinished = self.path / f"{name}.{uuid.uuid4().hex}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            unfinished.replace(self.path / name)
            return
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, self.path / name)
        unfinished.unlink()

    def _rows(self, table: str, versions: Mapping[str, int] | None) -> pa.Table:
        """All rows of one of the small tables. A file never changes, so each is read once."""
        for last in (False, False, True):
            try:
                files = self._stores[table].files(_pinned(table, versions))
                parts = {file: self._read.get(file) or _read_small(file, table) for file in files}
                break
            except FileNotFoundError as error:  # compacted since it was listed
                if last or versions is not None:
                    raise WorkspaceError(
                        "the versions asked for have been removed by compact", value=versions, file=self.path
                    ) from error
        self._read |= parts
        return pa.concat_tables([TABLES[table].empty_table(), *parts.values()])

    def _files(self, table: str, versions: Mapping[str, int] | None, visible: set[str]) -> list[str]:
        paths = self._stores[table].files(_pinned(table, versions))
        return [str(path) for path in paths if _foreign(path) or path.name.split(".")[0] in visible]

    def _layout(self) -> int:
        """The layout that the workspace has, that of this mithra where there is none yet."""
        if not self.exists:
            return LAYOUT_VERSION
        try:
            layout = json.loads((self.path / MARKER).read_text())["layout"]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                "the marker of this workspace is damaged", file=self.path / MARKER
            ) from error
        if not isinstance(layout, int) or not 1 <= layout <= LAYOUT_VERSION:
            raise WorkspaceError(
                f"this workspace has layout {layout}, this mithra reads 1 to {LAYOUT_VERSION}",
                value=self.path,
                hint="Use the mithra that wrote it, or ingest the raw files into a new workspace",
            )
        return layout


def _marker() -> bytes:
    return json.dumps({"layout": LAYOUT_VERSION}).encode()


def _unfinished(path: Path) -> bool:
    """What a process leaves behind that was killed while it made a workspace."""
    return path.name.startswith((f"{MARKER}.", f"{KEY}."))


def _size(files: Iterable[Path]) -> int:
    """Bytes of those that are files; others' may vanish meanwhile."""
    total = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def _pinned(table: str, versions: Mapping[str, int] | None) -> int | None:
    return None if versions is None else versions.get(table, -1)


def _config(path: Path, memory_limit: str | None, threads: int | None) -> dict[str, Any]:
    config: dict[str, Any] = {"temp_directory": str(path / SPILL)}
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    return config


def _foreign(path: Path) -> bool:
    """A file that Delta wrote itself (OPTIMIZE), under its own kind of name."""
    return path.name.startswith("part-")


def _read_small(file: Path, table: str) -> pa.Table:
    """A file's rows with all columns of the table; older files lack the later ones."""
    read = pq.ParquetFile(file).read()
    columns = [
        read[field.name].cast(field.type)
        if field.name in read.column_names
        else pa.nulls(len(read), field.type)
        for field in TABLES[table]
    ]
    return pa.table(columns, schema=TABLES[table])


def _select(table: str, files: list[str], visible: set[str]) -> str:
    nulls = ", ".join(f'NULL::{_SQL_TYPES[str(f.type)]} AS "{f.name}"' for f in TABLES[table])
    if not files:
        return f"SELECT {nulls} WHERE false"
    found = f"read_parquet([{_listed(files)}], union_by_name = true)"
    if table in GROWN_TABLES:
        found = f"(FROM {found} UNION ALL BY NAME SELECT {nulls} WHERE false)"
    columns = ", ".join(f'"{name}"' for name in TABLES[table].names)
    select = f"SELECT {columns} FROM {found}"
    if any(_foreign(Path(file)) for file in files):
        return f"{select} WHERE ingest_id IN (SELECT unnest([{_listed(sorted(visible))}]::VARCHAR[]))"
    return select


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
