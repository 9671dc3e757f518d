"""How many records a second each reader brings into a workspace, beside what it must reach.

A reader of text or packets must do so many records in a second of processor time; those of COF and Zeek's
JSON, whose records DuckDB parses, may take so many times as long as DuckDB takes to read the same columns
into a table of its own. Every run is a process of its own on the same few cores; medians over the runs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from mithra.bench.process import in_process
from mithra.bench.records import FORMATS, write_records
from mithra.bench.speed import VERSIONS_OF
from mithra.errors import RefusedError, UsageError
from mithra.observe.engine import silence
from mithra.observe.readers import READERS

__all__ = ["RATIO_AT_MOST", "RECORDS_PER_CORE_SECOND", "bench_ingest"]

RATIO_AT_MOST = 2.5  # times DuckDB's own reading
RECORDS_PER_CORE_SECOND = 100_000
RECORDS, RECORDS_OF_FLOORS = 200_000, 1_000_000
_SLOWER = {"pcap": 20_000, "pcapng": 20_000, "dnstap": 20_000, "rdap": 20_000}
NOW = datetime(2026, 7, 1, tzinfo=UTC)  # after all that is generated

# What DuckDB reads: the columns that the reader reads.
_FLOORS = {
    "cof": {
        **dict.fromkeys(("rrname", "rrtype", "rdata"), "VARCHAR"),
        **dict.fromkeys(("time_first", "time_last", "count"), "BIGINT"),
    },
    "zeek-json": {
        **dict.fromkeys(("id.orig_h", "query", "qtype_name", "rcode_name"), "VARCHAR"),
        **dict.fromkeys(("id.resp_p", "qclass", "qtype", "rcode"), "BIGINT"),
        "ts": "DOUBLE",
        "answers": "VARCHAR[]",
        "TTLs": "DOUBLE[]",
    },
}
_FLOOR = "duckdb read_json of the same columns"


def bench_ingest(
    formats: Sequence[str] | None = None,
    records: int | None = None,
    *,
    threads: int = 2,
    repeats: int = 3,
    folder: Path | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Ingest a generated file of each format, into a workspace of its own; one record of results each.

    Args:
        formats: names of readers; default all that `mithra.bench.records` has a file of.
        records: records a file, or a few more; default 200,000, and a million where DuckDB is the measure,
            since what any ingest costs once (a quarter of a second) would be most of a short one.
        threads: cores that every process may use.
        repeats: runs, of which the median counts.
        folder: where to put the files and the workspaces, removed at the end; default the system's.
        progress: show the runs on stderr.

    Returns:
        Records `name, edges, bytes, rows, seconds, cpu_seconds, records_per_second, records_per_core_second,
        peak_rss_bytes, threads, floor, ratio_to_floor, bar, met, peers, versions`; `edges` are the records of
        the file, a core's second is one of processor time, `floor` and its ratio are null but for two.

    Raises:
        UsageError: no such format, or sizes below 1.
        RefusedError: a reader set records aside or found none, so that its time would say nothing.
    """
    chosen = FORMATS if formats is None else tuple(formats)
    if unknown := set(chosen) - set(FORMATS):
        hint = f"Formats: {', '.join(FORMATS)}"
        raise UsageError("no such format", value=", ".join(sorted(unknown)), hint=hint)
    if (records is not None and records < 1) or threads < 1 or repeats < 1:
        raise UsageError("records, threads and repeats are 1 or more", value=(records, threads, repeats))
    from rich.console import Console

    console = Console(stderr=True, quiet=not progress)
    results = []
    for format in chosen:
        with tempfile.TemporaryDirectory(prefix="mithra-bench-", dir=folder) as scratch:
            file = Path(scratch) / f"{format}-2026-06-15.records"
            many = records or (RECORDS_OF_FLOORS if format in _FLOORS else RECORDS)
            with console.status(f"{format}: writing {many:,} records"):
                written = write_records(file, format, many)
            floors, runs = [], []
            for run in range(repeats):
                with console.status(f"{format}: run {run + 1} of {repeats}"):
                    if format in _FLOORS:
                        floors.append(in_process(_floor, threads, file, format))
                    runs.append(in_process(_ingest, threads, file, format, Path(scratch) / f"lake{run}"))
            results.append(_result(format, written, file.stat().st_size, threads, runs, floors))
    return results


def _result(
    format: str,
    records: int,
    size: int,
    threads: int,
    runs: list[dict[str, Any]],
    floors: list[dict[str, Any]],
) -> dict[str, Any]:
    rejected, rows = runs[0]["rejected"], runs[0]["rows"]
    if rejected or not rows:
        raise RefusedError(f"{format}: {rejected} of {records} generated records were set aside", value=rows)
    taken, floor = _medians(runs), _medians(floors) if floors else None
    ratio = None if floor is None else taken["seconds"] / floor["seconds"]
    rate = records / taken["cpu_seconds"]
    least = _SLOWER.get(format, RECORDS_PER_CORE_SECOND)
    return {
        "name": f"ingest/{format}",
        "edges": records,
        "bytes": size,
        "rows": rows,
        **taken,
        "records_per_second": records / taken["seconds"],
        "records_per_core_second": rate,
        "peak_rss_bytes": max(run["peak_rss_bytes"] for run in runs),
        "threads": threads,
        "floor": None if floor is None else {"name": _FLOOR, **floor},
        "ratio_to_floor": ratio,
        "bar": {"records_per_core_second": least} if ratio is None else {"ratio_to_floor": RATIO_AT_MOST},
        "met": rate >= least if ratio is None else ratio <= RATIO_AT_MOST,
        "peers": [],
        "versions": {name: version(name) for name in VERSIONS_OF} | {"python": sys.version.split()[0]},
    }


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in ("seconds", "cpu_seconds")}


def _ingest(threads: int, file: str, format: str, lake: str) -> dict[str, Any]:
    from mithra.observe.ingest import ingest
    from mithra.observe.workspace import Workspace

    tables = next(reader.tables for reader in READERS if reader.name == format)
    stated: dict[str, Any] = {"verdict": "nefarious"} if "labels" in tables else {}
    taken = _stopwatch()
    report = ingest(Workspace(lake), file, format=format, now=NOW, **stated)
    return {**taken(), "rows": report.rows, "rejected": report.rejected}


def _stopwatch() -> Callable[[], dict[str, float]]:
    """What the clock and the processor, all threads together, have taken since."""
    begun, used = time.perf_counter(), time.process_time()
    return lambda: {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - used,
    }


def _floor(threads: int, file: str, format: str) -> dict[str, Any]:
    with silence(duckdb.connect(config={"threads": threads})) as con:
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _FLOORS[format].items())
        taken = _stopwatch()
        lines = f"read_json($file, columns={{{columns}}}, format='newline_delimited')"
        con.execute(f"CREATE TABLE records AS FROM {lines}", {"file": file})
        return taken()
