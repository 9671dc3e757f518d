"""kill -9 at random moments of ingest, compaction and the removal of old records.

A process that has imported everything forks one worker a run, so that a run costs what its work costs. The
worker notes each call of ingest that came back; the note outlives it. After the kill every record that was
noted or seen before must be there, whole ingests only, and the rest of the work must lead to the tables of
a run that nobody disturbed. Half of the runs go on in the folder of the run before, so crashes pile up.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mithra.bench.faults.feeds import ingest_digests, work, write_feeds
from mithra.observe.digests import table_digests
from mithra.observe.workspace import Workspace

__all__ = ["run_kills"]


def run_kills(
    scratch: Path, kills: int, *, seed: int = 7, step: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Kill so many workers, each at a random moment, and check what they leave.

    Returns:
        Record with `kills`, and the counts that must be 0: `lost`, `torn` and `differing`.
    """
    draw = random.Random(seed)
    feeds = write_feeds(scratch / "feeds", seed=seed)
    clean = Workspace(scratch / "clean")
    whole, retired = [ingest_digests(clean) for _ in work(clean, feeds)][-2:]  # with old records, and without
    tables = table_digests(clean)
    counts = {"kills": 0, "lost": 0, "torn": 0, "differing": 0, "unfinished": 0}
    with _Forks(feeds, scratch / "done") as forks:
        forks.run(scratch / "warm", None)
        started = time.perf_counter()
        forks.run(scratch / "timed", None)
        seconds = time.perf_counter() - started
        folder, seen = scratch / "lake", set[str]()
        while counts["kills"] < kills:
            if draw.random() < 0.5:
                shutil.rmtree(folder, ignore_errors=True)
                seen = set()
            if not forks.run(folder, draw.uniform(0, seconds)):
                shutil.rmtree(folder)  # it was done before it was killed
                seen = set()
                continue
            counts["kills"] += 1
            step()
            left = ingest_digests(Workspace(folder)) if folder.exists() else {}
            must = seen | set(forks.noted())
            counts["lost"] += len(must - left.keys())
            counts["torn"] += sum(left[key] not in (whole[key], retired[key]) for key in left)
            counts["unfinished"] += len(left) < len(whole)
            seen = set(left)
            counts["differing"] += _completed(folder, scratch / "again", feeds) != tables
    return {**counts, "seconds_of_work": round(seconds, 2)}


def _completed(folder: Path, copy: Path, feeds: list[Path]) -> dict[str, str]:
    """Tables after the same work has been run to its end in a copy of what was left."""
    if folder.exists():
        shutil.copytree(folder, copy)
    workspace = Workspace(copy)
    for _ in work(workspace, feeds):
        pass
    digests = table_digests(workspace)
    shutil.rmtree(copy)
    return digests


class _Forks:
    """The process that forks the workers."""

    def __init__(self, feeds: list[Path], notes: Path) -> None:
        self._notes = notes
        code = "from mithra.bench.faults.kills import fork_workers; fork_workers()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(json.dumps([str(notes), [str(feed) for feed in feeds]]))

    def __enter__(self) -> _Forks:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, folder: Path, seconds: float | None) -> bool:
        """Start a worker and kill it after so many seconds; whether it was killed before it was done."""
        self._notes.write_text("")
        self._say(str(folder))
        worker = int(self._heard())
        if seconds is not None:
            time.sleep(seconds)
            os.kill(worker, signal.SIGKILL)  # not yet reaped, so the number is still its own
        self._say("reap")
        status = int(self._heard())
        if seconds is None and status != 0:
            raise RuntimeError(f"a worker ended with {status}")
        return os.WIFSIGNALED(status)

    def noted(self) -> list[str]:
        """Ids of the ingests that the last worker saw committed."""
        return self._notes.read_text().split()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def fork_workers() -> None:
    """Fork a worker for every folder that is named on stdin; run by `_Forks`."""
    notes, feeds = json.loads(sys.stdin.readline())
    while folder := sys.stdin.readline().strip():
        worker = os.fork()
        if worker == 0:
            _work_and_note(Path(folder), [Path(feed) for feed in feeds], Path(notes))
        sys.stdout.write(f"{worker}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write(f"{os.waitpid(worker, 0)[1]}\n")
        sys.stdout.flush()


def _work_and_note(folder: Path, feeds: list[Path], notes: Path) -> None:
    code = 1
    try:
        workspace = Workspace(folder)
        with notes.open("a") as file:
            for _ in work(workspace, feeds):
                file.write("\n".join(workspace.ingest_ids()) + "\n")
                file.flush()
        code = 0
    finally:
        os._exit(code)  # nothing of the forking process is to be run again
