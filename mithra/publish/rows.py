"""What a row of a published table holds, for CSV, JSON lines and Parquet alike.

Nothing in it is a stranger's text but names, which are canonical: reasons stay in the decisions. Every row
says what it came from, so that no part of a list loses its mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from mithra.publish.entries import Entries, safe
from mithra.schema import TIMESTAMP

__all__ = ["SCHEMA", "row_batches", "rows"]

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("action", pa.string()),  # block or allow
        ("level", pa.string()),  # host or subtree
        ("score", pa.float64()),
        ("expires", TIMESTAMP),  # null of allowed names
        ("simulated", pa.bool_()),
        ("decided_at", pa.string()),
        ("model_digest", pa.string()),
        ("policy_digest", pa.string()),
    ]
)
_ORIGIN = ("decided_at", "model_digest", "policy_digest")


def row_batches(entries: Entries) -> Iterator[pa.RecordBatch]:
    """The rows of SCHEMA, a bounded piece at a time."""
    origin = [entries.simulated, *(safe(entries.origin[key]) for key in _ORIGIN)]
    for batch in entries.batches():
        same = [pa.repeat(pa.scalar(value), len(batch)) for value in origin]
        yield pa.RecordBatch.from_arrays([*batch.columns, *same], schema=SCHEMA)


def rows(entries: Entries) -> Iterator[list[dict[str, Any]]]:
    """The same as Python values, times as ISO 8601 text."""
    for batch in row_batches(entries):
        yield [row | {"expires": row["expires"] and row["expires"].isoformat()} for row in batch.to_pylist()]
