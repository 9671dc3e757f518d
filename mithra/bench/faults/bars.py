"""The bars, each in its short form and in full, and the records that they give."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mithra.bench.faults.bombs import run_bombs
from mithra.bench.faults.disk import run_disk_failures
from mithra.bench.faults.fuzz import run_fuzz
from mithra.bench.faults.kills import run_kills
from mithra.bench.faults.orders import run_orders
from mithra.bench.faults.readers import run_readers
from mithra.errors import UsageError

__all__ = ["BARS", "MUST_BE_ZERO", "FaultCounts", "bench_faults"]

VERSIONS_OF = ("mithra", "duckdb", "pyarrow", "deltalake")
# Whatever of these a record holds tells of a broken promise.
MUST_BE_ZERO = (
    *("lost", "torn", "differing", "not_told", "untyped", "zero_exits", "errors", "unknown_states"),
    *("over_memory", "miscounted", "slow"),
)


@dataclass(frozen=True)
class FaultCounts:
    """How much of each; the defaults are the full counts."""

    kills: int = 300
    writes: int | None = 200  # failing ones of each kind, chosen evenly; None for every one in turn
    orders: int = 20
    readers: int = 8
    reader_seconds: float = 180
    bomb_bytes: int = 1 << 30
    fuzz_runs: int = 1_000  # for each reader


Step = Callable[[], object]
_RUN: dict[str, Callable[[Path, FaultCounts, Step], dict[str, Any]]] = {
    "kill": lambda scratch, n, step: run_kills(scratch, n.kills, step=step),
    "disk": lambda scratch, n, step: run_disk_failures(scratch, n.writes, step=step),
    "order": lambda scratch, n, step: run_orders(scratch, n.orders, step=step),
    "readers": lambda scratch, n, step: run_readers(scratch, n.readers, n.reader_seconds, step=step),
    "bombs": lambda scratch, n, step: run_bombs(scratch, n.bomb_bytes, step=step),
    "fuzz": lambda scratch, n, step: run_fuzz(scratch, n.fuzz_runs, step=step),
}
BARS = tuple(_RUN)


def bench_faults(
    bars: Sequence[str] = BARS,
    counts: FaultCounts | None = None,
    *,
    folder: Path | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Put the bars to the test.

    Args:
        bars: which, of `BARS`.
        counts: how much of each, default in full: about half an hour on two cores.
        folder: where the scratch folders go, removed at the end; default the system's.
        progress: show the steps on stderr.

    Returns:
        A record each: `name`, `passed`, `seconds`, the bar's own counts, `versions`.

    Raises:
        UsageError: an unknown bar.
        RefusedError: bar `disk` without a C compiler.
    """
    unknown = [bar for bar in bars if bar not in _RUN]
    if unknown:
        raise UsageError("no such bar", value=", ".join(unknown), hint=f"Bars: {', '.join(BARS)}")
    from rich.console import Console

    console = Console(stderr=True, quiet=not progress)
    versions = {name: version(name) for name in VERSIONS_OF} | {"python": platform.python_version()}
    records = []
    for bar in bars:
        with (
            tempfile.TemporaryDirectory(prefix="mithra-faults-", dir=folder) as scratch,
            console.status(bar) as shown,
        ):
            started, steps = time.perf_counter(), iter(range(1, 1 << 60))
            found = _RUN[bar](
                Path(scratch),
                counts or FaultCounts(),
                lambda bar=bar, shown=shown, steps=steps: shown.update(f"{bar}: {next(steps):,}"),  # type: ignore[misc]
            )
        passed = not any(found.get(name) for name in MUST_BE_ZERO)
        seconds = round(time.perf_counter() - started, 1)
        records.append({"name": bar, "passed": passed, "seconds": seconds, **found, "versions": versions})
    return records
