"""One Delta table of a workspace: append once, look up what was appended, list its files, remove old rows.

Data files are written beside the log first and become part of the table by one commit, so a reader never
sees half of them. A transaction id alone does not make an append idempotent (two commits with the same id
both succeed when each comes from a fresh table object), so the look-up and the append go through the same
object: a rival's commit in between raises CommitFailedError, and we reopen and look again.

A data file is on the disk (fsync) before the commit that names it, and the commit before `append` returns.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, CommitProperties, Transaction

from mithra.errors import WorkspaceError
from mithra.observe.datafile import DataFile, sync
from mithra.schema import table_schema

__all__ = ["TableStore"]

COMMIT_TRIES = 20
SECONDS_BETWEEN_TRIES = 0.05
KEPT_SINCE = "mithra.keptSince"  # property of a table that old rows were removed from
_COLOUR = re.compile(r"\x1b\[\d*m|↳")  # deltalake colours some of its messages
_DISK = re.compile(r"\(os error (?:5|13|27|28|30|122)\)")  # EIO, EACCES, EFBIG, ENOSPC, EROFS, EDQUOT


class TableStore:
    """The Delta table `name` under `folder`, which need not exist yet."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name
        self._table: DeltaTable | None = None

    @property
    def exists(self) -> bool:
        """Whether the table has been created: its first commit is there, or a checkpoint instead of it."""
        return (self._log / f"{0:020}.json").is_file() or (self._log / "_last_checkpoint").is_file()

    @property
    def version(self) -> int:
        """Latest version, -1 where the table does not exist."""
        return self._refreshed().version() if self.exists else -1

    def holds(self, ingest_id: str) -> bool:
        """Whether the append `ingest_id` has been committed."""
        return self.exists and self._refreshed().transaction_version(ingest_id) is not None

    @property
    def kept_since(self) -> datetime | None:
        """The moment before which rows were removed, or are about to be; None where none ever were."""
        told = self._refreshed().metadata().configuration.get(KEPT_SINCE) if self.exists else None
        return None if told is None else datetime.fromisoformat(told)

    def files(self, version: int | None = None) -> list[Path]:
        """Data files at a version (default: latest). Delta percent-encodes URIs; these are decoded."""
        if not self.exists or (version is not None and version < 0):
            return []
        table = self._refreshed() if version is None else self._at(version)
        return sorted(_decoded(uri) for uri in table.file_uris())

    def append(self, files: Mapping[str, DataFile | None]) -> None:
        """Commit the data files of some ingests, each once however often it is tried.

        Args:
            files: data file by ingest id; None for an ingest that brought this table no rows.
        """
        tried = False
        for _ in range(COMMIT_TRIES):
            try:
                table = self._writable()
                missing = {key: file for key, file in files.items() if table.transaction_version(key) is None}
                if (
                    not tried
                ):  # else a file may be part of the table after all, by a commit said to have failed
                    _discard(file for key, file in files.items() if key not in missing)
                tried = True
                if missing:
                    self._commit(table, missing)
                return
            except CommitFailedError:
                self._table = None
                time.sleep(random.uniform(0.5, 1.5) * SECONDS_BETWEEN_TRIES)  # noqa: S311  no secret
            except (DeltaError, OSError) as error:
                raise self._damaged(error) from error
        raise self._overtaken()

    def join_files(self) -> None:
        """Join small files into larger ones, in one commit.

        Raises:
            WorkspaceError: somebody else did so at the same time.
        """
        self._repeat(lambda table: table.optimize.compact(max_concurrent_tasks=1))

    def remove_before(self, column: str, cutoff: datetime) -> None:
        """Remove the rows whose `column` lies before the cutoff; those without a date stay.

        `kept_since` is committed first: whoever finds rows missing finds why. Delta rewrites the files that
        held such rows, as it does when it joins them; earlier versions keep theirs.
        """

        def remove(table: DeltaTable) -> None:
            if (kept := self.kept_since) is None or kept < cutoff:
                told = {"delta.appendOnly": "false", KEPT_SINCE: cutoff.isoformat()}
                table.alter.set_table_properties(told, raise_if_not_exists=False)
            moment = f"arrow_cast('{cutoff.isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
            table.delete(f"{column} < {moment}")

        self._repeat(remove)

    def remove_unneeded(self, hours: int, *, unfinished: bool) -> tuple[int, int]:
        """Remove files that no version of the last `hours` names, and stray ones that are older.

        Args:
            hours: how long what a commit took out of the table stays.
            unfinished: also remove files that no commit has named, whatever their age; nobody may be writing.

        Returns:
            How many files, and their bytes.
        """
        before = self._sizes()
        table = self._refreshed()
        try:
            if unfinished:
                for name in before:
                    key = name.rsplit(".", 2)[0]  # the append's, as `DataWriter` names its files
                    if not name.startswith("part-") and table.transaction_version(key) is None:
                        (self.folder / name).unlink()
                for rest in self._log.glob("*.json#*"):  # commits that were cut off
                    rest.unlink()
            listed = _vacuum(table, hours, dry_run=True)
            if any((self.folder / name).exists() for name in listed):  # else it would only make versions
                _vacuum(table, hours, dry_run=False)
        except (DeltaError, OSError) as error:
            raise self._damaged(error) from error
        gone = before.keys() - self._sizes().keys()
        return len(gone), sum(before[name] for name in gone)

    def _repeat(self, commit: Callable[[DeltaTable], object]) -> None:
        """Commit; where another writer came first, again on what that one committed."""
        for _ in range(COMMIT_TRIES):
            try:
                commit(self._refreshed())
                return
            except CommitFailedError:
                self._table = None
                time.sleep(random.uniform(0.5, 1.5) * SECONDS_BETWEEN_TRIES)  # noqa: S311
            except (DeltaError, OSError) as error:
                raise self._damaged(error) from error
        raise self._overtaken()

    def _sizes(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in self.folder.glob("*.parquet")}

    def _commit(self, table: DeltaTable, missing: Mapping[str, DataFile | None]) -> None:
        table.create_write_transaction(
            [_add_action(file) for file in missing.values() if file is not None],
            "append",
            table_schema(self.name),
            commit_properties=CommitProperties(
                app_transactions=[Transaction(key, 1) for key in missing], max_commit_retries=COMMIT_TRIES
            ),
        )
        with contextlib.suppress(FileNotFoundError):
            sync(self._log / f"{table.version():020}.json")
        sync(self._log)

    def _writable(self) -> DeltaTable:
        """The table with all columns of its schema; made, or given those that it lacks."""
        schema = table_schema(self.name)
        if not self.exists:
            self.folder.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(self._uri, schema, mode="ignore", configuration={"delta.appendOnly": "true"})
        table = self._refreshed()
        have = {field.name for field in table.schema().fields}
        if not have.issuperset(schema.names):
            lacking = [field for field in Schema.from_arrow(schema).fields if field.name not in have]
            table.alter.add_columns(lacking)
        return table

    def _overtaken(self) -> WorkspaceError:
        return WorkspaceError(
            f"gave up after {COMMIT_TRIES} commits to table {self.name} that other writers overtook",
            file=self.folder,
            hint="Run the same command again; what was committed is not read twice",
        )

    def _at(self, version: int) -> DeltaTable:
        try:
            return DeltaTable(self._uri, version=version)
        except DeltaError as error:
            raise self._damaged(error) from error

    def _refreshed(self) -> DeltaTable:
        try:
            if self._table is None:
                self._table = DeltaTable(self._uri)
            else:
                self._table.update_incremental()
        except DeltaError as error:
            self._table = None
            raise self._damaged(error) from error
        return self._table

    def _damaged(self, error: Exception) -> WorkspaceError:
        """The typed error for what deltalake or the system raised."""
        text = " ".join(_COLOUR.sub("", str(error)).split())
        if isinstance(error, OSError) or _DISK.search(text):
            hint = (
                "Make room or mend the disk, then run the same command again; nothing that was there is lost"
            )
            return WorkspaceError(
                f"table {self.name} cannot be written ({text})", file=self.folder, hint=hint
            )
        return WorkspaceError(
            f"table {self.name} cannot be read or written ({text})",
            file=self.folder,
            hint="Put its folder back from a backup, or ingest the raw files into a new workspace",
        )

    @property
    def _log(self) -> Path:
        return self.folder / "_delta_log"

    @property
    def _uri(self) -> str:
        return self.folder.absolute().as_uri()


def _add_action(file: DataFile) -> AddAction:
    return AddAction(
        path=file.path.name,
        size=file.path.stat().st_size,
        partition_values={},
        modification_time=time.time_ns() // 1_000_000,
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _decoded(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path if uri.startswith("file:") else uri))


def _discard(files: Iterable[DataFile | None]) -> None:
    for file in files:
        if file is not None:
            file.path.unlink(missing_ok=True)


def _vacuum(table: DeltaTable, hours: int, *, dry_run: bool) -> list[str]:
    return table.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=True)
