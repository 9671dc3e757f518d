"""One Delta table of a workspace: append once, look up what was appended, list its files.

Data files are written beside the log first and become part of the table by one commit, so a reader never
sees half of them. A transaction id alone does not make an append idempotent (two commits with the same id
both succeed when each comes from a fresh table object), so the look-up and the append go through the same
object: a rival's commit in between raises CommitFailedError, and we reopen and look again.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, CommitProperties, Transaction

from mithra.errors import WorkspaceError
from mithra.schema import table_schema

__all__ = ["DataFile", "DataWriter", "TableStore"]

COMMIT_TRIES = 20
ROW_GROUP_ROWS = 1 << 18  # rows buffered in memory before they go to disk
WRITE_BATCH_ROWS = 1 << 16
SECONDS_BETWEEN_TRIES = 0.05
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
        """Whether the table has been created."""
        return (self.folder / "_delta_log").is_dir()

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
        self._create()
        for _ in range(COMMIT_TRIES):
            table = self._refreshed()
            missing = {key: file for key, file in files.items() if table.transaction_version(key) is None}
            if not missing:
                return
            try:
                self._commit(table, missing)
                return
            except CommitFailedError:
                self._table = None
                time.sleep(SECONDS_BETWEEN_TRIES)
            except DeltaError as error:
                raise self._damaged(error) from error
        raise WorkspaceError(
            f"gave up after {COMMIT_TRIES} commits to table {self.name} that other writers overtook",
            file=self.folder,
            hint="Run the same ingest again; what was committed is not read twice",
        )

    def _commit(self, table: DeltaTable, files: Mapping[str, DataFile | None]) -> None:
        table.create_write_transaction(
            [_add_action(file) for file in files.values() if file is not None],
            "append",
            table_schema(self.name),
            commit_properties=CommitProperties(
                app_transactions=[Transaction(key, 1) for key in files], max_commit_retries=COMMIT_TRIES
            ),
        )

    def _create(self) -> None:
        if not self.exists:
            self.folder.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(
                self._uri,
                table_schema(self.name),
                mode="ignore",
                configuration={"delta.appendOnly": "true"},
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

    def _damaged(self, error: DeltaError) -> WorkspaceError:
        return WorkspaceError(
            f"table {self.name} cannot be read or written ({str(error).splitlines()[0]})",
            file=self.folder,
            hint="Put its folder back from a backup, or ingest the raw files into a new workspace",
        )

    @property
    def _uri(self) -> str:
        return self.folder.absolute().as_uri()


class DataWriter:
    """Streams record batches of one table and one ingest into a Parquet file in the table's folder."""

    def __init__(self, folder: Path, table: str, ingest_id: str) -> None:
        self._written = _written_schema(table)
        self._path = folder / table / f"{ingest_id}.{uuid.uuid4().hex[:8]}.parquet"
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
        return DataFile(self._path, self.rows)

    def discard(self) -> None:
        """Throw the unfinished file away."""
        self._buffer.clear()
        with contextlib.suppress(Exception):  # the error that led here is the one to raise
            self._wait()
        self._end_thread()
        if self._writer is not None:
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
