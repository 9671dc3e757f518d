"""A step of a bench in a process of its own, on few cores: its peak memory and its imports are its own."""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["in_process", "peak_rss_bytes", "run"]


def in_process(
    step: Callable[..., dict[str, Any]], threads: int, *arguments: Path | str | int
) -> dict[str, Any]:
    """Call a function of a module in a fresh interpreter; what it measured, and `peak_rss_bytes`."""
    told = [a if isinstance(a, int) else str(a) for a in arguments]
    call = f"run({step.__module__!r}, {step.__name__!r}, {threads}, {told!r})"
    code = f"from mithra.bench.process import run; {call}"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)  # noqa: S603  our own interpreter
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def run(module: str, step: str, threads: int, arguments: list[str | int]) -> None:
    """Do one step on that many cores and write what it took to stdout as JSON; run by `in_process`."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    measured = getattr(importlib.import_module(module), step)(threads, *arguments)
    sys.stdout.write(json.dumps({**measured, "peak_rss_bytes": peak_rss_bytes()}))


def peak_rss_bytes() -> int:
    """Most memory that this process held; on Linux `getrusage` begins with the parent's peak."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found is not None:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
