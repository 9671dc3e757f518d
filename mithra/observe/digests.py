"""A digest of each table's rows, in whatever order and files they lie: the same rows give the same digest."""

from __future__ import annotations

from collections.abc import Mapping

from mithra.observe.workspace import Workspace
from mithra.schema import TABLES

__all__ = ["table_digests"]

_NOT_TOLD = {"ingests": ("ingested_at",)}  # the clock's business
_BOOKKEEPING = ("replaced",)


def table_digests(workspace: Workspace, versions: Mapping[str, int] | None = None) -> dict[str, str]:
    """Rows, and sum and exclusive or of their hashes, of every table that shows any.

    Digests compare workspaces written with one release of DuckDB, whose hash this is.

    Args:
        versions: pinned versions; default the latest.
    """
    digests = {}
    with workspace.connect(versions=versions) as con:
        for table, schema in TABLES.items():
            if table in _BOOKKEEPING:
                continue
            columns = ", ".join(f'"{n}"' for n in schema.names if n not in _NOT_TOLD.get(table, ()))
            query = f"SELECT count(*), sum(h), bit_xor(h) FROM (SELECT hash({columns}) AS h FROM {table})"
            rows, total, mixed = con.execute(query).fetchall()[0]
            if rows:
                digests[table] = f"{rows}-{int(total) % (1 << 64):016x}-{mixed:016x}"
    return digests
