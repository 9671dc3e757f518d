"""Parquet, for tables and lakes; the rows are those of CSV and JSON lines."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow.parquet as pq

from mithra.publish.entries import Entries, ListSettings
from mithra.publish.rows import SCHEMA, row_batches

__all__ = ["chunks"]


def chunks(entries: Entries, settings: ListSettings) -> Iterator[bytes]:
    """The file as it grows, a row group a batch."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, SCHEMA) as writer:
        for batch in row_batches(entries):
            writer.write_batch(batch)
            yield _drained(sink)
    yield _drained(sink)


def _drained(sink: io.BytesIO) -> bytes:
    """What was written since the last call. Arrow counts its own position, so the sink may start anew."""
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data
