"""One Delta table of a workspace: append once, look up what was appended, list its files.

Data files are written beside the log first and become part of the table by one commit, so a reader never
sees half of them. A transaction id alone does not make an append idempotent (two commits with the same id
both succeed when each comes from a fresh table object), so the look-up and the append go through the same
object: a rival's commit in between raises CommitFailedError, and we reopen and look again.

A data file is on the disk (fsync) before the commit that names it, and the commit before `append` returns.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, CommitProperties, Transaction

from mithra.errors import WorkspaceError
from mithra.schema import table_schema

__all__ = ["DataFile", "DataWriter", "TableStore"]

COMMIT_TRIES = 20
ROW_GROUP_ROWS = 1 << 18  # rows buffered in memory before they go to disk
WRITE_BATCH_ROWS = 1 << 16
SECONDS_BETWEEN_TRIES = 0.05
_COLOUR = re.compile(r"\x1b\[\d*m|↳")  # deltalake colours some of its messages
_DISK = re.compile(r"\(os error (?:5|13|27|28|30|122)\)")  # EIO, EACCES, EFBIG, ENOSPC, EROFS, EDQUOT
_REPEATING = {
    *("rrtype", "source", "ingest_id", "verdict", "category", "list_id", "registrar", "issuer", "client"),
    *("organisation", "kind", "sensor", "technique", "file", "reason", "reader"),
}


@dataclass(frozen=True)
class DataFile:
    """A finished Parquet file that no commit has named yet."""

    path: Path
    rows: int


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
        for _ in range(COMMIT_TRIES):
            try:
                self._refreshed().optimize.compact(max_concurrent_tasks=1)
                return
            except CommitFailedError:
                self._table = None
                time.sleep(random.uniform(0.5, 1.5) * SECONDS_BETWEEN_TRIES)  # noqa: S311
            except (DeltaError, OSError) as error:
                raise self._damaged(error) from error
        raise self._overtaken()

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
            _sync(self._log / f"{table.version():020}.json")
        _sync(self._log)

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


class DataWriter:
    """Streams record batches of one table and one ingest into a Parquet file in the table's folder."""

    def __init__(self, folder: Path, table: str, ingest_id: str, *, key: str | None = None) -> None:
        self._written = _written_schema(table)
        self._path = folder / table / f"{key or ingest_id}.{uuid.uuid4().hex[:8]}.parquet"
        self._id = ingest_id
        self._writer: pq.ParquetWriter | None = None
        self._thread: ThreadPoolExecutor | None = None  # only large files need one
        self._writing: Future[None] | None = None
        self._buffer: list[pa.RecordBatch] = []
        self._buffered = self.rows = 0

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add rows; columns that the batch lacks become null, `ingest_id` is filled in."""
        for part in [batch] if isinstance(batch, pa.RecordBatch) else batch.to_batches():
            self._buffer.append(self._complete(part))
            self._buffered += part.num_rows
            self.rows += part.num_rows
        if self._buffered >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> DataFile | None:
        """Finish the file; None where nothing was written."""
        self._wait()
        if self._buffer:
            self._write_out(self._taken())
        self._end_thread()
        if self._writer is None:
            return None
        self._writer.close()
        _sync(self._path)
        return DataFile(self._path, self.rows)

    def discard(self) -> None:
        """Throw the unfinished file away."""
        self._buffer.clear()
        with contextlib.suppress(Exception):  # the error that led here is the one to raise
            self._wait()
        self._end_thread()
        if self._writer is not None:
            with contextlib.suppress(Exception):  # on a full disk the end of the file cannot be written
                self._writer.close()
            self._path.unlink(missing_ok=True)

    def _complete(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with all columns of the schema, repeating ones as dictionaries."""
        columns = []
        for field in self._written:
            if field.name == "ingest_id":
                columns.append(_constant(self._id, batch.num_rows))
            elif field.name in batch.schema.names:
                columns.append(_cast(batch.column(field.name), field.type))
            else:
                columns.append(pa.nulls(batch.num_rows, field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self._written)

    def _flush(self) -> None:
        """Hand the buffered rows to the writing thread, once it is done with those before."""
        self._wait()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="mithra-parquet")
        self._writing = self._thread.submit(self._write_out, self._taken())

    def _taken(self) -> list[pa.RecordBatch]:
        batches, self._buffer, self._buffered = self._buffer, [], 0
        return batches

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def _write_out(self, batches: list[pa.RecordBatch]) -> None:
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self._path, self._written, store_schema=False, **_encoding(self._written)
            )
        self._writer.write_table(pa.Table.from_batches(batches), row_group_size=ROW_GROUP_ROWS)


def _written_schema(table: str) -> pa.Schema:
    """The schema with its repeating columns as dictionaries, which is how they are written to disk."""
    return pa.schema([(field.name, _written_type(field)) for field in table_schema(table)])


def _written_type(field: pa.Field) -> pa.DataType:
    return pa.dictionary(pa.int32(), field.type) if field.name in _REPEATING else field.type


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """How columns lie on disk: repeating ones as dictionaries, numbers and times by their differences.

    Text that does not repeat is left as it is: Snappy took a fifth off it and as long as all else together.
    """
    repeating = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    numbers = [
        field.name for field in schema if pa.types.is_timestamp(field.type) or pa.types.is_int64(field.type)
    ]
    return {
        "compression": "none",
        "write_batch_size": WRITE_BATCH_ROWS,
        "write_statistics": numbers,  # the least and greatest of text took a quarter of the time
        "use_dictionary": repeating,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode().cast(kind)
    return column.cast(kind)


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([value]))


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


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
