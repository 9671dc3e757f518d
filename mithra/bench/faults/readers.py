"""Processes that read while another one ingests and compacts: what they see was committed, always."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mithra.bench.faults.feeds import NOW, write_feeds
from mithra.observe.compact import compact
from mithra.observe.digests import table_digests
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace

__all__ = ["run_readers"]

FEEDS = 16  # files that a round of the writer takes
CALLS_BETWEEN_COMPACTIONS = 10
SECONDS_TO_START = 120


def run_readers(
    scratch: Path, readers: int, seconds: float, *, step: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Ingest for so many seconds while so many processes read.

    Returns:
        Record with `reads`, `states`, and the counts that must be 0: `errors`, `unknown_states`.
    """
    lake, stop = Workspace(scratch / "lake"), scratch / "stop"
    ingest(lake, *write_feeds(scratch / "first", files=2), now=NOW)
    code = f"from mithra.bench.faults.readers import read_on; read_on({str(lake.path)!r}, {str(stop)!r})"
    at_work = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(readers)
    ]
    committed = {_key(table_digests(lake))}
    calls, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for feed in write_feeds(scratch / f"round{calls}", files=FEEDS, records=20, seed=calls):
            ingest(lake, feed, now=NOW)
            committed.add(_key(table_digests(lake)))
            calls += 1
            if calls % CALLS_BETWEEN_COMPACTIONS == 0:
                compact(lake, keep_days=0)
            step()
            if time.monotonic() > until:
                break
    stop.write_text("")
    reads, errors, seen = 0, 0, set[str]()
    for process in at_work:
        out, error = process.communicate(timeout=SECONDS_TO_START)
        if process.returncode:
            errors += 1
            sys.stderr.write(error)
            continue
        told = json.loads(out)
        reads += told["reads"]
        seen |= set(told["seen"])
    return {
        "readers": readers,
        "ingests": calls,
        "reads": reads,
        "states": len(seen),
        "errors": errors,
        "unknown_states": len(seen - committed),
    }


def read_on(folder: str, stop: str) -> None:
    """Read until the file `stop` is there, in turn the latest and pinned versions; run by `run_readers`."""
    lake = Workspace(folder)
    reads, seen = 0, set[str]()
    while not Path(stop).exists():
        if reads % 2:
            seen.add(_key(table_digests(lake)))
        else:
            with_lock = lake.lock()
            seen.add(_key(table_digests(lake, lake.versions())))
            with_lock.close()
        reads += 1
    sys.stdout.write(json.dumps({"reads": reads, "seen": sorted(seen)}))


def _key(digests: dict[str, str]) -> str:
    return json.dumps(digests, sort_keys=True)
