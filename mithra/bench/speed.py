"""How fast and in how much memory the heavy steps run, each beside a floor: the least that any tool must do.

`bench_build`: a passive DNS file in COF form → workspace → saved snapshot, beside a bare DuckDB `read_json`
with `GROUP BY` over the same file. Every run is a process of its own on the same few cores, so that its peak
memory is its own; medians over the runs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from mithra.bench.process import in_process
from mithra.errors import UsageError
from mithra.observe.engine import silence

__all__ = ["bench_build", "write_cof"]

LINES_PER_NAME = 5
NAMES_PER_DOMAIN = 4
START = 1_767_225_600  # 2026-01-01, epoch seconds
DAYS = 90
AS_OF = "2026-06-01"
VERSIONS_OF = ("mithra", "duckdb", "narwhals", "pyarrow", "numpy", "deltalake")
_FLOOR = "duckdb read_json + GROUP BY"


def bench_build(
    edges: int = 2_000_000,
    *,
    threads: int = 2,
    repeats: int = 3,
    folder: Path | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Measure ingest, snapshot and both (`build`) on generated records; one record of results each.

    Args:
        edges: passive DNS records, one line each.
        threads: cores that every process may use.
        repeats: runs, of which the median counts.
        folder: where to put the file and the workspaces, removed at the end; default the system's.
        progress: show the runs on stderr.

    Returns:
        Records `name, edges, seconds, peak_rss_bytes, threads, floor, ratio_to_floor, peers, versions`;
        `build` also says `snapshot_domains` and `snapshot_edges`.
    """
    if edges < 1 or threads < 1 or repeats < 1:
        raise UsageError("edges, threads and repeats are 1 or more", value=(edges, threads, repeats))
    from rich.console import Console

    console = Console(stderr=True, quiet=not progress)
    with tempfile.TemporaryDirectory(prefix="mithra-bench-", dir=folder) as scratch:
        file = Path(scratch) / "records.cof.jsonl"
        with console.status(f"writing {edges:,} records"):
            write_cof(file, edges)
        floors, builds = [], []
        for run in range(repeats):
            with console.status(f"run {run + 1} of {repeats}: {_FLOOR}"):
                floors.append(in_process(_floor, threads, file))
            with console.status(f"run {run + 1} of {repeats}: ingest and snapshot"):
                builds.append(in_process(_build, threads, file, Path(scratch) / f"lake{run}"))
    return _results(edges, threads, floors, builds)


def write_cof(path: Path, lines: int, *, seed: int = 7) -> None:
    """Write passive DNS records in COF form, in no order, the same for the same seed.

    About one name in five lines and one registered domain in four names; half of the addresses are hosts that
    few share, the rest hosting of many; A, AAAA, NS, MX and CNAME as 60, 10, 14, 8 and 8 %.
    """
    names = max(1, lines // LINES_PER_NAME)
    domains = max(1, names // NAMES_PER_DOMAIN)
    query = _COF_SQL.format(lines=lines, names=names, domains=domains, seed=seed, start=START, days=DAYS)
    with _connected(2) as con:
        con.execute(query)
        con.execute(f"COPY cof TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT json)")


def _results(
    edges: int, threads: int, floors: list[dict[str, Any]], builds: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    floor = statistics.median(run["seconds"] for run in floors)
    shared = {
        "edges": edges,
        "peak_rss_bytes": max(run["peak_rss_bytes"] for run in builds),
        "threads": threads,
        "floor": {
            "name": _FLOOR,
            "seconds": floor,
            "peak_rss_bytes": max(run["peak_rss_bytes"] for run in floors),
        },
        "peers": [],
        "versions": {name: version(name) for name in VERSIONS_OF} | {"python": sys.version.split()[0]},
    }
    records = []
    for name in ("build", "ingest", "snapshot"):
        key = "seconds" if name == "build" else f"{name}_seconds"
        seconds = statistics.median(run[key] for run in builds)
        records.append({"name": name, **shared, "seconds": seconds, "ratio_to_floor": seconds / floor})
    records[0] |= {key: builds[0][key] for key in ("snapshot_domains", "snapshot_edges")}
    return records


def _floor(threads: int, file: str) -> dict[str, Any]:
    with _connected(threads) as con:
        begun = time.perf_counter()
        con.execute(
            """CREATE TABLE records AS
            SELECT rrname, rrtype, rdata, min(time_first), max(time_last), sum(count)
            FROM read_json($file) GROUP BY rrname, rrtype, rdata""",
            {"file": file},
        )
        return {"seconds": time.perf_counter() - begun}


def _connected(threads: int) -> duckdb.DuckDBPyConnection:
    return silence(duckdb.connect(config={"threads": threads}))


def _build(threads: int, file: str, lake: str) -> dict[str, Any]:
    from mithra.graph.take import snapshot
    from mithra.observe.ingest import ingest
    from mithra.observe.workspace import Workspace

    begun = time.perf_counter()
    ingest(Workspace(lake), file)
    ingested = time.perf_counter()
    taken = snapshot(lake, AS_OF, threads=threads)
    ended = time.perf_counter()
    return {
        "seconds": ended - begun,
        "ingest_seconds": ingested - begun,
        "snapshot_seconds": ended - ingested,
        "snapshot_domains": len(taken),
        "snapshot_edges": sum(relation.edges for relation in taken.relations.values()),
    }


_COF_SQL = """
CREATE MACRO draw(i, salt) AS CAST(hash(i * 64 + salt + {seed} * 1000003) % 1000000007 AS BIGINT);
CREATE MACRO registered(d) AS 'd' || to_base(draw(d, 1), 36, 4) || '-' || d
    || ['.com', '.net', '.org', '.co.uk', '.de', '.shop', '.com.br', '.info'][1 + draw(d, 2) % 8];
CREATE MACRO host(n) AS CASE WHEN n % {per} = 0 THEN registered(n // {per})
    ELSE ['www', 'mail', 'api', 'cdn', 'shop', 'login', 'static', 'dev'][1 + draw(n, 3) % 8]
        || n % {per} || '.' || registered(n // {per}) END;
CREATE MACRO ipv4(x) AS (1 + x // 16777216 % 223) || '.' || (x // 65536 % 256) || '.' || (x // 256 % 256)
    || '.' || (x % 256);
CREATE MACRO skewed(i, salt, n) AS CAST(floor(n * pow(draw(i, salt) / 1000000007, 3)) AS BIGINT);
CREATE TABLE cof AS
WITH record AS (
    SELECT i, draw(i, 10) % {names} AS n, draw(i, 11) % 100 AS kind, draw(i, 12) % ({days} * 86400) AS since
    FROM range({lines}) r(i)
), typed AS (
    SELECT *, CASE WHEN kind < 60 THEN 'A' WHEN kind < 70 THEN 'AAAA' WHEN kind < 84 THEN 'NS'
        WHEN kind < 92 THEN 'MX' ELSE 'CNAME' END AS rrtype
    FROM record
)
SELECT host(CASE WHEN rrtype IN ('NS', 'MX') THEN n - n % {per} ELSE n END) || '.' AS rrname,
    rrtype,
    CASE rrtype
        WHEN 'A' THEN ipv4(3 * CASE WHEN kind < 30 THEN draw(i, 13) ELSE draw(skewed(i, 14, 20000), 15) END)
        WHEN 'AAAA' THEN printf('2001:db8:%x::%x', skewed(i, 16, 4000) % 65536, 1 + draw(i, 17) % 60)
        WHEN 'NS' THEN 'ns' || (1 + i % 2) || '.dns' || skewed(n // {per}, 18, 5000) || '.net.'
        WHEN 'MX' THEN 'mx' || (1 + i % 2) || '.mail' || skewed(n // {per}, 19, 3000) || '.com.'
        ELSE 'edge' || skewed(i, 20, 50000) || '.cdn' || skewed(i, 20, 50000) % 40 || '.net.'
    END AS rdata,
    {start} + since AS time_first,
    {start} + since + draw(i, 21) % ({days} * 86400 - since + 1) AS time_last,
    1 + draw(i, 22) % 1000 AS count
FROM typed
""".replace("{per}", str(NAMES_PER_DOMAIN))
