"""Matched queries added up by client and name, in memory that grows with findings, not with the log."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from mithra.observe.engine import silence

__all__ = ["HOSTS", "Tally"]

MAX_ROWS = 1 << 18  # before they are added up again
HOSTS = 10  # names kept of those asked for below one that is blocked
RRTYPES = 20

_FEW = "list_slice(list_sort(list_distinct(flatten(list({0})))), 1, {1}) AS {0}"
_ADD = f"""
SELECT client, name, disposition, min(first) AS first, max(last) AS last, sum(count)::BIGINT AS count,
       {_FEW.format("hosts", HOSTS)}, {_FEW.format("rrtypes", RRTYPES)}, {_FEW.format("sources", HOSTS)}
FROM {{}} GROUP BY client, name, disposition
"""
_ALL = f"""
SELECT *, count(client) OVER (PARTITION BY name) AS clients
FROM (
    SELECT client, name, min(first) AS first, max(last) AS last, sum(count)::BIGINT AS count,
           list(disposition || ' ' || count ORDER BY first, disposition) AS "then",
           coalesce(sum(count) FILTER (WHERE disposition = 'block'), 0)::BIGINT AS blocked,
           {_FEW.format("hosts", HOSTS)}, {_FEW.format("rrtypes", RRTYPES)}, {_FEW.format("sources", HOSTS)}
    FROM ({_ADD.format("tally")}) GROUP BY client, name
) ORDER BY name, client
"""
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("client", "name", "disposition")),
        *((name, pa.int64()) for name in ("first", "last", "count")),
        *((name, pa.list_(pa.string())) for name in ("hosts", "rrtypes", "sources")),
    ]
)


class Tally:
    """Queries that matched, by client, name and what was in force; a client may be null."""

    def __init__(self) -> None:
        self._con = silence(duckdb.connect(":memory:", config={"threads": 1}))
        self._rows, self._limit = 0, MAX_ROWS
        self._con.register("batch", _SCHEMA.empty_table())
        self._con.execute("CREATE TABLE tally AS FROM batch")

    def add(self, matched: pa.Table) -> None:
        """Matched queries: client, name, disposition, host, rrtype, source, at (epoch seconds), count."""
        columns = {name: matched[name] for name in ("client", "name", "disposition", "count")}
        columns |= {"first": matched["at"], "last": matched["at"]}
        for name, of in (("hosts", "host"), ("rrtypes", "rrtype"), ("sources", "source")):
            columns[name] = _each_a_list(matched[of].combine_chunks())
        self._con.register("batch", pa.table(columns).select(_SCHEMA.names).cast(_SCHEMA))
        self._con.execute(f"INSERT INTO tally {_ADD.format('batch')}")
        self._rows += len(matched)
        if self._rows > self._limit:
            self._con.execute(f"CREATE OR REPLACE TABLE tally AS {_ADD.format('tally')}")
            self._rows = len(self)
            self._limit = max(MAX_ROWS, 2 * self._rows)  # what does not add up is not tried at every batch

    def __len__(self) -> int:
        return int(self._con.execute("SELECT count(*) FROM tally").fetchall()[0][0])

    def rows(self) -> pa.Table:
        """All that was added, a row a client and name."""
        return self._con.sql(_ALL).to_arrow_table()


def _each_a_list(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values.cast(pa.string()))
