"""What narwhals lacks, on the engine that runs the frames: DuckDB.

Everything else of the build is written in narwhals and takes any lazy frame. A second engine needs the five
methods of `Engine` and nothing more.
"""

from __future__ import annotations

import atexit
import sys
from typing import Any, Protocol, TypeAlias

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa

from mithra.schema import TABLES, TIMESTAMP, table_schema

__all__ = ["DuckDB", "Engine", "Frame", "arrow", "tables_of"]

Frame: TypeAlias = nw.LazyFrame[Any]


class Engine(Protocol):
    """Where lazy frames are evaluated."""

    def table(self, name: str) -> Frame:
        """A workspace table with its times as epoch seconds, rounded up: nothing is known too early."""

    def put(self, table: pa.Table) -> Frame:
        """A table of ours as a frame of this engine."""

    def number(self, names: pa.Array) -> None:
        """Give names ids by their position, for `identified`."""

    def identified(self, frame: Frame) -> Frame:
        """The frame with `domain`, the id (int32), in place of `name`; rows of other names are left out."""

    def keep(self, frame: Frame, name: str) -> Frame:
        """The frame evaluated once, to be read many times; it may lie on disk."""


class DuckDB:
    """DuckDB in this process, on a connection that has one view or table for each workspace table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        atexit.unregister(_forget_modules)
        atexit.register(_forget_modules)
        self._con.execute("SET preserve_insertion_order = false")  # no step relies on it; saves memory
        self._con.execute("SET enable_progress_bar = false")  # it goes to stdout, which is for results
        self._put = 0
        self._same_name = ""

    def table(self, name: str) -> Frame:
        """A workspace table with its times as epoch seconds, rounded up."""
        seconds = '(epoch_us("{0}") + 999999) // 1000000 AS "{0}"'.format
        schema = table_schema(name)
        columns = ", ".join(seconds(f.name) if f.type == TIMESTAMP else f'"{f.name}"' for f in schema)
        return nw.from_native(self._con.sql(f"SELECT {columns} FROM {name}"))

    def put(self, table: pa.Table) -> Frame:
        """A table of ours as a frame of this engine; not copied."""
        self._put += 1
        self._con.register(f"put_{self._put}", table)
        return nw.from_native(self._con.table(f"put_{self._put}"))

    def number(self, names: pa.Array) -> None:
        """Give names ids by their position, for `identified`."""
        self._con.register(
            "numbered", pa.table({"domain": np.arange(len(names), dtype=np.int32), "name": names})
        )
        self._con.execute("CREATE TEMP TABLE ids AS SELECT domain, name, hash(name) AS hashed FROM numbered")
        self._con.unregister("numbered")
        distinct = self._con.execute("SELECT count(DISTINCT hashed) FROM ids").fetchall()[0][0]
        # Joining by a hash of the name takes a quarter less time; only where no two names share one.
        by_hash = "ids.hashed = hash(given.name) AND given.name IS NOT NULL"
        self._same_name = by_hash if distinct == len(names) else "ids.name = given.name"

    def identified(self, frame: Frame) -> Frame:
        """The frame with `domain`, the id (int32), in place of `name`; rows of other names are left out."""
        given = frame.to_native().sql_query()
        query = (
            f"SELECT given.* EXCLUDE (name), ids.domain FROM ({given}) given JOIN ids ON {self._same_name}"
        )
        return nw.from_native(self._con.sql(query))

    def keep(self, frame: Frame, name: str) -> Frame:
        """The frame evaluated into a temporary table."""
        self._con.execute(f"CREATE TEMP TABLE {name} AS {frame.to_native().sql_query()}")
        return nw.from_native(self._con.table(name))


def tables_of(engine: Engine) -> dict[str, Frame]:
    """Every workspace table as a lazy frame."""
    return {name: engine.table(name) for name in TABLES}


def arrow(frame: Frame) -> pa.Table:
    """The frame in memory."""
    return frame.collect("pyarrow").to_arrow()


def _forget_modules() -> None:
    """Empty narwhals' caches before the interpreter ends.

    They hold duckdb's module to the very last, and nanobind then writes to stderr that all of it leaked.
    """
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "narwhals":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
