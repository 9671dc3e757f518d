"""How fast decisions become a list: one file a format, beside writing the same names a line.

Decisions are in memory before the clock starts; a third of them block a subtree. Each run has a process of
its own, and the median counts. An RPZ is given to named-checkzone afterwards, where that is installed.
"""

from __future__ import annotations

import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from mithra.bench.names import generate_names
from mithra.bench.process import in_process
from mithra.decide.decisions import ORIGIN, SCHEMA, Decisions
from mithra.errors import UsageError
from mithra.publish.publish import publish
from mithra.publish.rpz import DEFAULT_ZONE
from mithra.publish.targets import TARGETS

__all__ = ["bench_publish", "generate_decisions"]

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def bench_publish(
    decisions: int = 1_000_000, formats: Sequence[str] = ("rpz",), *, repeats: int = 3
) -> list[dict[str, Any]]:
    """A record a format: seconds from decisions to a file, the floor's, and what read the file.

    Raises:
        UsageError: an unknown format.
    """
    for format in formats:
        if format not in TARGETS:
            raise UsageError("unknown format", value=format, hint=f"Known: {', '.join(TARGETS)}")
    return [_record(format, decisions, repeats) for format in formats]


def generate_decisions(n: int) -> Decisions:
    """Blocks of `n` names, the same for the same `n`."""
    names = [f"n{i}.{name}" for i, name in enumerate(generate_names(n))]
    end = NOW + timedelta(days=1)
    columns = {
        "name": pa.array(names),
        "action": pa.repeat(pa.scalar("block"), n),
        "level": pa.array(["host", "host", "subtree"] * (n // 3 + 1)).slice(0, n),
        "score": pa.repeat(pa.scalar(0.97), n),
        "expires": pa.repeat(pa.scalar(end, SCHEMA.field("expires").type), n),
    }
    held = [columns.get(field.name, pa.nulls(n, field.type)) for field in SCHEMA]
    origin = dict.fromkeys(ORIGIN, "bench") | {"simulated": "false"}
    return Decisions(pa.table(held, schema=SCHEMA.with_metadata(origin)))


def measure(threads: int, format: str, n: int, folder: str) -> dict[str, Any]:
    """Seconds of one list and of its floor; run in a process of its own."""
    decisions, place = generate_decisions(n), Path(folder)
    names = decisions.table["name"].to_pylist()
    start = time.perf_counter()
    with (place / "floor.txt").open("w") as file:
        file.writelines(f"{name}\n" for name in names)
    floor = time.perf_counter() - start
    del names
    start = time.perf_counter()
    done = publish(decisions, format, place / f"list.{format}", now=NOW)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "floor": floor, "blocked": done.blocked, "lines": done.lines}


def _record(format: str, n: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mithra-bench-") as folder:
        runs = [in_process(measure, 1, format, n, folder) for _ in range(repeats)]
        size = (Path(folder) / f"list.{format}").stat().st_size
        checked = _checked(Path(folder) / f"list.{format}") if format == "rpz" else None
    seconds, floor = (statistics.median(run[key] for run in runs) for key in ("seconds", "floor"))
    return {
        "name": f"publish/{format}",
        "decisions": n,
        "blocked": runs[0]["blocked"],
        "lines": runs[0]["lines"],
        "bytes": size,
        "seconds": seconds,
        "repeats": repeats,
        "peak_rss_bytes": max(run["peak_rss_bytes"] for run in runs),
        "threads": 1,
        "floor": {"name": "the same names written as lines", "seconds": floor},
        "ratio_to_floor": seconds / floor,
        "peers": [],
        "checked_by": checked,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("mithra", "pyarrow")},
        },
    }


def _checked(path: Path) -> dict[str, Any] | None:
    """What named-checkzone says of a zone, and how long it takes."""
    tool = shutil.which("named-checkzone") or shutil.which("named-checkzone", path="/usr/sbin")
    if tool is None:
        return None
    start = time.perf_counter()
    done = subprocess.run([tool, "-q", DEFAULT_ZONE, str(path)], check=False)  # noqa: S603  a zone of ours
    return {
        "name": "named-checkzone",
        "accepted": done.returncode == 0,
        "seconds": time.perf_counter() - start,
    }
