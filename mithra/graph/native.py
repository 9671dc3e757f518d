"""What narwhals lacks, on the engine that runs the frames: DuckDB.

Everything else of the build is written in narwhals and takes any lazy frame. A second engine needs the four
methods of `Engine` and nothing more.
"""

from __future__ import annotations

import atexit
import sys
from typing import Any, Protocol, TypeAlias

import duckdb
import narwhals as nw
import pyarrow as pa

from mithra.observe.engine import silence
from mithra.schema import TABLES, TIMESTAMP, table_schema

__all__ = ["DuckDB", "Engine", "Frame", "arrow", "tables_of"]

BATCH_ROWS = 1 << 16
Frame: TypeAlias = nw.LazyFrame[Any]


class Engine(Protocol):
    """Where lazy frames are evaluated."""

    def table(self, name: str) -> Frame:
        """A workspace table with its times as epoch seconds, rounded up: nothing is known too early."""

    def put(self, table: pa.Table) -> Frame:
        """A table of ours as a frame of this engine."""

    def hashed(self, frame: Frame) -> Frame:
        """The frame with a column `hashed`, a hash of `name`; as it is where the engine has none."""

    def fetch(self, frame: Frame) -> pa.Table:
        """A large frame in memory, as `arrow` gives a small one."""


class DuckDB:
    """DuckDB in this process, on a connection that has one view or table for each workspace table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        atexit.unregister(_forget_modules)
        atexit.register(_forget_modules)
        self._con.execute("SET preserve_insertion_order = false")  # no step relies on it; saves memory
        silence(self._con)
        self._put = 0

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

    def hashed(self, frame: Frame) -> Frame:
        """The frame with a column `hashed`, a 64-bit hash of `name`."""
        query = f"SELECT *, hash(name) AS hashed FROM ({frame.to_native().sql_query()})"
        return nw.from_native(self._con.sql(query))

    def fetch(self, frame: Frame) -> pa.Table:
        """A large frame in memory: batch by batch, so that the engine's memory limit does not count it."""
        return frame.to_native().to_arrow_reader(BATCH_ROWS).read_all()


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
