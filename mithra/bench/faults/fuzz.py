"""Every reader's own example, spoiled in a thousand ways: only typed errors come out, within a second."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mithra.errors import MithraError
from mithra.observe.readers import READERS
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Reader, Rejects, Source

__all__ = ["SECONDS_AT_MOST", "run_fuzz", "seconds_to_read", "spoiled"]

SECONDS_AT_MOST = 1.0
CHANGES_AT_MOST = 4
MOST_BYTES = 1 << 16
KNOWN_AT = datetime(2026, 8, 1, tzinfo=UTC)
_TOKENS = [
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        "‮".encode(),
        b"\r",
        b"\n",
        b"\r\n",
        b"\t",
        b"\x85",
    ),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-1", b"0x10", b"null", b"true", b"\\ud800", b"%s"),
    *(b'"', b"'", b",", b";", b"[", b"]", b"{", b"}", b"\\", b"#", b"(", b")", b"[" * 2000, b'{"a":' * 2000),
    *(b"a." * 200, b"a" * 300, b"1970-01-01", b"0000-00-00T99:99:99Z", b"9999-12-31", b"99999999999999"),
    *(
        "é.例え".encode(),
        b"xn--",
        b"*.",
        b"..",
        b"::1",
        b"192.0.2.256",
        b"http://[",
        b"//",
        b"$ORIGIN",
        b"$INCLUDE x",
    ),
]


def run_fuzz(
    scratch: Path, runs: int, *, seed: int = 7, step: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Read so many spoiled examples with every reader, by its name and by looking at the content.

    Returns:
        Record with `readers`, `runs`, `slowest_seconds`, and counts that must be 0: `untyped`, `slow`.
    """
    draw = random.Random(seed)
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / "spoiled-2026-08-01.txt"
    counts, slowest = {"untyped": 0, "slow": 0}, 0.0
    for reader in READERS:
        example = reader.example_bytes
        for _ in range(runs):
            data = spoiled(example, draw)
            file.write_bytes(data)
            try:
                took = seconds_to_read(file, reader)
            except Exception as error:
                counts["untyped"] += 1
                sys.stderr.write(f"{reader.name}: {type(error).__name__}: {error}: {data[:2000]!r}\n")
                continue
            slowest = max(slowest, took)
            counts["slow"] += took > SECONDS_AT_MOST
        step()
    runs *= len(READERS)
    return {"readers": len(READERS), "runs": runs, **counts, "slowest_seconds": round(slowest, 3)}


def seconds_to_read(file: Path, reader: Reader) -> float:
    """Processor time that it takes to read a file; by the clock it would be the other processes' too."""
    started = time.process_time()
    read_whole(file, reader)
    return time.process_time() - started


def read_whole(file: Path, reader: Reader) -> int:
    """Rejects of a file by this reader and by the one that its content asks for; none for a typed error."""
    options, rejects = Options(verdict="nefarious", client_key=lambda: b"k" * 32), 0
    for format, known_at in ((reader.name, KNOWN_AT), ("auto", None)):
        stated = replace(options, known_at=known_at)
        try:
            source = Source.at(file)
            for item in find_reader(source, format, stated).read(source, stated):
                rejects += len(item.lines) if isinstance(item, Rejects) else 0
        except MithraError:
            continue
    return rejects


def spoiled(example: bytes, draw: random.Random) -> bytes:
    """The example, repeated or not, with a few bytes, pieces or lines changed."""
    data = example * draw.choice((1, 1, 2, 20))
    for _ in range(draw.randint(1, CHANGES_AT_MOST)):
        at, end = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
        change = draw.randrange(6)
        if change == 0 and at < len(data):
            data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        elif change == 1:
            data = data[:at] + data[min(end, at + 20) :]
        elif change == 2:
            data = data[:at] + draw.choice(_TOKENS) + data[at:]
        elif change == 3:
            data = data[:end]
        elif change == 4:
            data = data[:end] + data[at:]
        else:
            lines = data.splitlines(keepends=True)
            draw.shuffle(lines)
            data = b"".join(lines)
    return data[:MOST_BYTES]
