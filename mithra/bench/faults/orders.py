"""The same records in any order, again and again, in pieces and from several processes: the same tables."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mithra.bench.faults.feeds import NOW, write_feeds
from mithra.observe.digests import table_digests
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace

__all__ = ["run_orders"]

WAYS = ("three times", "shuffled", "overlapping calls", "cut, completed later", "two processes at once")


def run_orders(
    scratch: Path, rounds: int, *, seed: int = 7, step: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Each way of reading the same files, so often, with other files and cuts.

    Returns:
        Record with `runs`, and the count that must be 0: `differing`, by way.
    """
    draw = random.Random(seed)
    differing = dict.fromkeys(WAYS, 0)
    for number in range(rounds):
        feeds = write_feeds(scratch / f"feeds{number}", files=8, records=20, seed=seed + number)
        clean = Workspace(scratch / "clean")
        ingest(clean, *feeds, now=NOW)
        expected = table_digests(clean)
        for way in WAYS:
            lake = Workspace(scratch / "lake")
            _READ[way](lake, feeds, draw)
            differing[way] += table_digests(lake) != expected
            shutil.rmtree(lake.path)
            step()
        shutil.rmtree(clean.path)
    return {"runs": rounds * len(WAYS), "differing": sum(differing.values()), "by_way": differing}


def _three_times(lake: Workspace, feeds: list[Path], draw: random.Random) -> None:
    for _ in range(3):
        ingest(lake, *feeds, *feeds[:2], now=NOW)


def _shuffled(lake: Workspace, feeds: list[Path], draw: random.Random) -> None:
    for feed in draw.sample(feeds, len(feeds)):
        ingest(lake, feed, now=NOW)


def _overlapping(lake: Workspace, feeds: list[Path], draw: random.Random) -> None:
    for start in range(0, len(feeds), 2):
        ingest(lake, *feeds[start : start + 5], now=NOW)


def _cut(lake: Workspace, feeds: list[Path], draw: random.Random) -> None:
    """Lists of lines, cut anywhere after their head, in the middle of a line too; then as they should be."""
    whole = {feed: feed.read_bytes() for feed in feeds}
    for _ in range(2):
        for feed, content in whole.items():
            feed.write_bytes(content[: draw.randrange(len(content) // 4, len(content))])
        ingest(lake, *draw.sample(feeds, len(feeds)), now=NOW)
    for feed, content in whole.items():
        feed.write_bytes(content)
    ingest(lake, *feeds, now=NOW)


def _at_once(lake: Workspace, feeds: list[Path], draw: random.Random) -> None:
    code = (
        "import sys; from pathlib import Path; from mithra.bench.faults.feeds import NOW; "
        "from mithra.observe import Workspace, ingest; sys.stdin.readline()\n"
        "for file in sys.argv[2:]: ingest(Workspace(sys.argv[1]), file, now=NOW)"
    )
    calls = [draw.sample(feeds, len(feeds)) for _ in range(2)]
    at_work = [
        subprocess.Popen([sys.executable, "-c", code, lake.path, *files], stdin=subprocess.PIPE)
        for files in calls
    ]
    for process in at_work:
        process.communicate(b"\n")
    if any(process.returncode for process in at_work):
        raise RuntimeError("a process that ingested beside another one failed")


_READ: dict[str, Callable[[Workspace, list[Path], random.Random], None]] = dict(
    zip(WAYS, (_three_times, _shuffled, _overlapping, _cut, _at_once), strict=True)
)
