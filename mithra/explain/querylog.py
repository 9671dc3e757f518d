"""Logs of DNS queries as tables, by the readers that `ingest` uses; nothing of them is kept.

Every query comes with its second, its type where the log tells it, and its client: the keyed hash that the
workspace knows the client by, or the address where the caller asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from mithra.errors import FormatError
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Reader, Rejects, Source

__all__ = ["Counts", "log_reader", "queries"]

COLUMNS = ("name", "client", "hour", "count", "rrtype", "source")


@dataclass
class Counts:
    """What was read."""

    files: int = 0
    queries: int = 0
    alerts: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # records set aside, by reason
    left_out: list[str] = field(default_factory=list)  # files of a folder that are no log, and why


def log_reader(source: Source, format: str) -> Reader:
    """The reader of a log of queries.

    Raises:
        FormatError: no reader knows the file, or it is something else.
        UsageError: no such format.
    """
    reader = find_reader(source, format)
    if reader.tables and "queries" not in reader.tables:
        raise FormatError(
            "not a log of DNS queries, nor alerts",
            value=reader.name,
            file=source.path,
            hint="mithra ingest reads it; alerts of any tool are read with --map name=FIELD",
        )
    return reader


def queries(source: Source, reader: Reader, options: Options, counts: Counts) -> Iterator[pa.Table]:
    """The queries of a file in batches: name, client, hour (the second), count, rrtype, source.

    Raises:
        FormatError: it is cut short, or a table of something else.
        InputError: it cannot be read, or lacks the year of its times.
    """
    for part in reader.read(source, options):
        if isinstance(part, Rejects):
            counts.rejected.update(part.reasons)
        elif part.table == "queries" and part.data.num_rows:
            yield _whole(part.data, counts)
        elif not reader.tables and part.data.num_rows:
            raise FormatError(f"a table of {part.table}, not of queries", file=source.path)


def _whole(data: pa.RecordBatch | pa.Table, counts: Counts) -> pa.Table:
    """All columns, as plain text where a reader has dictionaries."""
    table = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
    columns = {}
    for name in COLUMNS:
        column = table[name] if name in table.column_names else pa.nulls(len(table), pa.string())
        plain = pa.types.is_dictionary(column.type)
        columns[name] = column.cast(pa.string()) if plain else column
    counts.queries += int(table["count"].to_numpy().sum())
    return pa.table(columns).combine_chunks()
