"""The Nth write, fsync, rename or link below the workspace fails: alone with EIO, or all from it with ENOSPC.

A small library that stands before the C library makes them fail (`fail_io.c`, compiled with the machine's C
compiler), which reaches Arrow's C++ and deltalake's Rust as well as Python. After the failure the tables
must be as before or as after the work, never between, and the work run again must lead to the tables of a
run that nothing disturbed.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mithra.bench.faults.feeds import NOW, RAW_DAYS, ingest_digests, write_feeds
from mithra.errors import MithraError, RefusedError
from mithra.observe.compact import compact
from mithra.observe.digests import table_digests
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace

__all__ = ["run_disk_failures"]

COMMAND_EVERY = 25  # trials: one of so many runs the command line as well, for its exit code


def run_disk_failures(
    scratch: Path, most: int | None = None, *, step: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Let every write fail in turn, or an even choice of at most so many.

    Returns:
        Record with `trials`, and the counts that must be 0: `torn`, `not_told`, `differing`, `zero_exits`.

    Raises:
        RefusedError: there is no C compiler, or this is not Linux.
    """
    library = _compiled(scratch)
    feeds = write_feeds(scratch / "feeds", files=8, records=12)
    environment = os.environ | {"LD_PRELOAD": str(library), "MITHRA_FAIL_UNDER": "/lake/"}
    code = f"from mithra.bench.faults.disk import in_child; in_child({str(scratch)!r}, {most!r})"
    counts: dict[str, Any] = {}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        for line in child.stdout or ():
            counts = json.loads(line)
            step()
    if child.returncode:
        raise RuntimeError(f"the failing process ended with {child.returncode}")
    counts["zero_exits"] = _zero_exits(scratch, feeds, environment, counts["writes"], step)
    return counts


def _compiled(scratch: Path) -> Path:
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None or sys.platform != "linux":
        raise RefusedError("failing writes need Linux and a C compiler", hint="Run: apt-get install gcc")
    library = scratch / "fail_io.so"
    source = Path(__file__).with_name("fail_io.c")
    call = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(call, check=True)
    return library


def in_child(scratch: str, most: int | None) -> None:
    """All trials in one process, which prints the counts so far after each; run by `run_disk_failures`."""
    fail = ctypes.CDLL(None)
    fail.mithra_calls.restype = ctypes.c_long
    folder = Path(scratch)
    feeds = sorted((folder / "feeds").iterdir())
    before, lake = folder / "before", folder / "lake"
    ingest(Workspace(before), *feeds[:2], now=NOW)
    shutil.copytree(before, lake)
    fail.mithra_fail(0, 0, 0)
    states = [ingest_digests(Workspace(before))]
    states += [ingest_digests(Workspace(lake)) for _ in _steps(Workspace(lake), feeds)]
    writes = fail.mithra_calls()
    after = table_digests(Workspace(lake))
    counts = {"writes": writes, "trials": 0, "torn": 0, "not_told": 0, "differing": 0, "untyped": 0}
    for code, stays in ((errno.ENOSPC, 1), (errno.EIO, 0)):
        for number in _chosen(writes, most):
            shutil.rmtree(lake)
            shutil.copytree(before, lake)
            told = False
            fail.mithra_fail(number, code, stays)
            try:
                _more(Workspace(lake), feeds)
            except (MithraError, OSError):
                told = True
            except BaseException as error:  # a panic in Rust is no Exception
                told = True
                counts["untyped"] += 1
                sys.stderr.write(f"write {number}, error {code}: {type(error).__name__}: {error}\n")
            fail.mithra_fail(0, 0, 0)
            left = ingest_digests(Workspace(lake))
            counts["trials"] += 1
            counts["torn"] += not _between(states, left)
            counts["not_told"] += not told and left != states[-1]
            _more(Workspace(lake), feeds)
            counts["differing"] += table_digests(Workspace(lake)) != after
            sys.stdout.write(json.dumps(counts) + "\n")
            sys.stdout.flush()


def _more(workspace: Workspace, feeds: list[Path]) -> None:
    for _ in _steps(workspace, feeds):
        pass


def _steps(workspace: Workspace, feeds: list[Path]) -> Iterator[None]:
    """Two calls of ingest, a compaction between them, and one that removes old records."""
    ingest(workspace, *feeds[2:5], now=NOW)
    compact(workspace, keep_days=0)
    ingest(workspace, *feeds[5:], now=NOW)
    yield
    compact(workspace, keep_days=0, raw_days=RAW_DAYS)
    yield


def _between(states: list[dict[str, dict[str, str]]], left: dict[str, dict[str, str]]) -> bool:
    """All of what was there before, and whole ingests only, with their old records or without them."""
    known = all(any(state.get(key) == found for state in states) for key, found in left.items())
    return states[0].keys() <= left.keys() and known


def _chosen(writes: int, most: int | None) -> Iterable[int]:
    if most is None or writes <= most:
        return range(1, writes + 1)
    return sorted({1 + at * (writes - 1) // (most - 1) for at in range(most)})


def _zero_exits(
    scratch: Path, feeds: list[Path], environment: dict[str, str], writes: int, step: Callable[[], object]
) -> int:
    """How often `mithra ingest` ended as if all were well although a full disk kept something out."""
    zero = 0
    whole = Workspace(scratch / "whole" / "lake")
    ingest(whole, *feeds, now=NOW)
    tables = {table: digest for table, digest in table_digests(whole).items() if table != "ingests"}
    for number in range(1, writes, max(1, writes // max(1, writes // COMMAND_EVERY))):
        lake = scratch / "command" / "lake"
        shutil.rmtree(lake, ignore_errors=True)
        code = (
            f"import ctypes; ctypes.CDLL(None).mithra_fail({number}, {errno.ENOSPC}, 1); "
            f"from mithra.cli.main import main; "
            f"raise SystemExit(main({['ingest', str(lake), *map(str, feeds)]!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        step()
        if "Traceback" in done.stderr:
            sys.stderr.write(done.stderr)
            zero += 1
        if done.returncode == 0:
            left = table_digests(Workspace(lake))
            zero += any(left.get(table) != digest for table, digest in tables.items())
    return zero
