"""The data files of a workspace: Parquet, streamed, each with rows of one table and one ingest.

A file is written beside its table and on the disk (fsync) when `close` returns; nobody sees it until a commit
names it (`mithra.observe.store`).
"""

from __future__ import annotations

import contextlib
import os
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mithra.observe.convert import repeated
from mithra.schema import table_schema

__all__ = ["DataFile", "DataWriter", "sync"]

ROW_GROUP_ROWS = 1 << 17  # rows buffered in memory before they go to disk
WRITE_BATCH_ROWS = 1 << 16
_REPEATING = {
    *("rrtype", "source", "ingest_id", "verdict", "category", "list_id", "registrar", "issuer", "client"),
    *("organisation", "kind", "sensor", "technique", "file", "reason", "reader"),
}


@dataclass(frozen=True)
class DataFile:
    """A finished Parquet file that no commit has named yet."""

    path: Path
    rows: int


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
        sync(self._path)
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
                columns.append(repeated(self._id, batch.num_rows))
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
        words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        return pa.DictionaryArray.from_arrays(
            words.indices.cast(kind.index_type), words.dictionary.cast(kind.value_type)
        )
    return column.cast(kind)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
