"""Files made to exhaust a reader: packed a thousandfold, nested 100,000 deep, a line of a gigabyte.

Each is read by a process of its own into a workspace of its own. It may cost a typed error, or one reject
for the one bad record; it may not cost memory.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from mithra.bench.process import peak_rss_bytes
from mithra.errors import MithraError
from mithra.observe.ingest import ingest
from mithra.observe.readers import READERS
from mithra.observe.source import Reader
from mithra.observe.workspace import Workspace

__all__ = ["MEMORY_LIMIT_BYTES", "run_bombs"]

MEMORY_LIMIT_BYTES = 512 << 20
DEPTH = 100_000
CHUNK_BYTES = 1 << 20
SECONDS_AT_MOST = 600
MOST_REJECTS_BYTES = 1 << 21  # each object of this much is a record, and a bad one
_TIMES = '"time_first":1600000000,"time_last":1600000060}'
_COF = '{"rrname":"%s.example","rrtype":"A","rdata":"192.0.2.7",' + _TIMES + "\n"


@dataclass(frozen=True)
class _Bomb:
    """How the file is written, what reads it, and the rows and rejects that it must give (None: any)."""

    name: str
    write: Callable[[Any], object]  # to a file open for bytes
    format: str = "auto"
    rows: int | None = None
    rejects: int | None = None
    packed: bool = False


def run_bombs(scratch: Path, size: int, *, step: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Read all bombs, the large ones of `size` bytes.

    Returns:
        Record with `bombs`, `peak_rss_bytes`, and the counts that must be 0: `over_memory`, `untyped`,
        `miscounted`; `worst` names the bomb that took most memory.
    """
    counts: dict[str, Any] = {"bombs": 0, "over_memory": 0, "untyped": 0, "miscounted": 0}
    peak, worst = 0, ""
    scratch.mkdir(parents=True, exist_ok=True)
    for bomb in _bombs(size):
        file = scratch / "bomb"
        with gzip.open(file, "wb", 6) if bomb.packed else file.open("wb") as out:
            bomb.write(out)
        told = _read_in_process(file, scratch / f"lake{counts['bombs']}", bomb.format)
        wrong = told["error"] is None and (
            (bomb.rows is not None and told["rows"] != bomb.rows)
            or (bomb.rejects is not None and told["rejected"] > bomb.rejects)
        )
        counts["bombs"] += 1
        counts["over_memory"] += told["peak_rss_bytes"] > MEMORY_LIMIT_BYTES
        counts["untyped"] += told["untyped"]
        counts["miscounted"] += wrong or (bomb.rows is not None and told["error"] is not None)
        if told["untyped"] or wrong or told["peak_rss_bytes"] > MEMORY_LIMIT_BYTES:
            sys.stderr.write(f"{bomb.name}: {told}\n")
        if told["peak_rss_bytes"] > peak:
            peak, worst = told["peak_rss_bytes"], bomb.name
        step()
    file.unlink()
    return {**counts, "size": size, "peak_rss_bytes": peak, "worst": worst}


def read_bomb(file: str, lake: str, format: str) -> None:
    """Ingest one file and print what it took; run by `_read_in_process`."""
    told: dict[str, Any] = {"rows": 0, "rejected": 0, "error": None, "untyped": False}
    started = time.perf_counter()
    try:
        report = ingest(
            Workspace(lake), file, format=format, known_at="2026-08-01", verdict="nefarious", source="bomb"
        )
        told |= {"rows": report.rows, "rejected": report.rejected}
    except MithraError as error:
        told["error"] = str(error)
    except BaseException as error:
        told |= {"untyped": True, "error": f"{type(error).__name__}: {str(error)[:500]}"}
    told["seconds"] = round(time.perf_counter() - started, 2)
    told["peak_rss_bytes"] = peak_rss_bytes()
    sys.stdout.write(json.dumps(told))


def _read_in_process(file: Path, lake: Path, format: str) -> dict[str, Any]:
    code = (
        "from mithra.bench.faults.bombs import read_bomb; "
        f"read_bomb({str(file)!r}, {str(lake)!r}, {format!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=False
    )
    if done.returncode:
        return {"untyped": True, "error": done.stderr[-500:], "peak_rss_bytes": 0, "rows": 0, "rejected": 0}
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _bombs(size: int) -> Iterator[_Bomb]:
    good = [(_COF % word).encode() for word in ("first", "last")]
    yield _Bomb("gzip of blank lines", partial(_around, good, b"\n", size), rows=2, rejects=0, packed=True)
    yield _Bomb("gzip of one line", partial(_around, good, b"a", size), rows=2, rejects=1, packed=True)
    yield _Bomb("gzip of nothing known", partial(_around, [b"\0", b"\0"], b"\0", size), packed=True)
    for name, line, rows, rejects in _records():
        yield _Bomb(
            name, partial(_lines, [good[0], line.encode() + b"\n", good[1]]), rows=rows, rejects=rejects
        )
    for reader in READERS:
        if not isinstance(reader.example, str):
            continue
        example = reader.example_bytes
        parts = [example, example[example.rstrip(b"\n").rfind(b"\n") + 1 :]]
        by_line = None if example.startswith(b"[") else 1  # in an array it is no JSON
        long = partial(_around, parts, b"a", size)
        yield _Bomb(f"{reader.name}: a long line", long, reader.name, rejects=by_line)
        if example[:1] in {b"{", b"["}:
            yield from _json_bombs(reader, example, parts, size)


def _records() -> list[tuple[str, str, int, int]]:
    """A COF line, and how many rows and rejects the file with two good ones must give."""
    start = '{"rrname":"x.example","rrtype":"A","rdata":"192.0.2.7",'
    return [
        ("a date that is no number", start + '"time_first":NaN,"time_last":1600000060}', 2, 1),
        ("an infinite date", start + '"time_first":1600000000,"time_last":Infinity}', 2, 1),
        ("a huge date", start + f'"time_first":{"9" * 400},"time_last":1600000060}}', 2, 1),
        (
            "keys that stand twice",
            start + '"rrtype":"A","time_first":1600000000,"time_last":1600000060}',
            3,
            0,
        ),
        (
            "numbers as strings",
            start + '"time_first":"1600000000","time_last":"1600000060","count":"7"}',
            3,
            0,
        ),
        ("half a character", start.replace("x.", "\\ud800.") + '"time_first":1,"time_last":2}', 2, 1),
        ("a deep record", "[" * DEPTH + "]" * DEPTH, 2, 1),
        (
            "a deep value",
            start + '"time_first":1600000000,"time_last":' + '{"a":' * DEPTH + "1" + "}" * DEPTH + "}",
            2,
            1,
        ),
    ]


def _json_bombs(reader: Reader, example: bytes, parts: list[bytes], size: int) -> Iterator[_Bomb]:
    deep, name = b"[" * DEPTH + b"]" * DEPTH, reader.name
    yield _Bomb(f"{name}: a deep record", partial(_lines, [parts[0], deep + b"\n", parts[1]]), name)
    yield _Bomb(f"{name}: a deep document", partial(_lines, [deep]), name)
    inside = example.rstrip(b"]}\n \t")
    for word, unit in (("objects", b"{},"), ("texts", b'"a",'), ("spaces", b" ")):
        many = min(size, MOST_REJECTS_BYTES) if word != "spaces" else size
        written = partial(_around, [b"[" + example.strip(b"[] \n") + b",", b"{}]"], unit, many)
        yield _Bomb(f"{name}: an array of {word}", written, name, packed=True)
        value = partial(_around, [inside + b',"x":[', b"{}]}"], unit, size)
        yield _Bomb(f"{name}: a value of {word}", value, name, packed=True)


def _lines(lines: list[bytes], out: IO[bytes]) -> None:
    out.writelines(lines)


def _around(parts: list[bytes], unit: bytes, size: int, out: IO[bytes]) -> None:
    """The first part, so many bytes of a repeated unit, a line's end where it is one line, the last part."""
    chunk = unit * (CHUNK_BYTES // len(unit))
    out.write(parts[0])
    for _ in range(max(1, size // len(chunk))):
        out.write(chunk)
    out.write(b"\n" if unit == b"a" else b"")
    out.write(parts[1])
