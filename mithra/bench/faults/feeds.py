"""Small feeds of several formats with bad records among the good, and the work that is done on them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mithra.observe.compact import compact
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace
from mithra.schema import TABLES

__all__ = ["NOW", "RAW_DAYS", "ingest_digests", "work", "write_feeds"]

NOW = datetime(2026, 9, 1, tzinfo=UTC)  # so that also the times of ingest are the same in every run
FILES_PER_CALL = 2
COMPACT_AFTER = 5  # calls
BAD_SHARE = 0.05
RAW_DAYS = 60  # of the four months that the records of `_cof` take
START = 1_767_225_600  # 2026-01-01, epoch seconds


def write_feeds(folder: Path, *, files: int = 16, records: int = 60, seed: int = 7) -> list[Path]:
    """Write files of four formats in turn; the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    makers = (_cof, _hosts, _feed, _rdap)
    paths = []
    for number in range(files):
        ending, text = makers[number % len(makers)](draw, number, records)
        path = folder / f"feed{number:04}.{ending}"
        path.write_text(text)
        paths.append(path)
    return paths


def work(workspace: Workspace, feeds: Sequence[Path]) -> Iterator[int]:
    """Ingest the feeds, a few in each call, compact at times, and remove old records in the end; yields how
    many feeds are done after each step."""
    for call, start in enumerate(range(0, len(feeds), FILES_PER_CALL), 1):
        ingest(workspace, *feeds[start : start + FILES_PER_CALL], now=NOW)
        if call % COMPACT_AFTER == 0:
            compact(workspace, keep_days=0)
        yield min(start + FILES_PER_CALL, len(feeds))
    compact(workspace, keep_days=0, raw_days=RAW_DAYS)
    yield len(feeds)


def ingest_digests(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Digest of the rows that each ingest brought, by its id and table."""
    found: dict[str, dict[str, str]] = {}
    with workspace.connect() as con:
        for table in TABLES:
            columns = ", ".join(f'"{name}"' for name in TABLES[table].names)
            query = f"SELECT ingest_id, count(*), sum(hash({columns})) FROM {table} GROUP BY ALL"
            for ingest_id, rows, total in con.execute(query).fetchall():
                found.setdefault(ingest_id, {})[table] = f"{rows}-{total}"
    return found


def _name(draw: random.Random, number: int) -> str:
    return f"h{draw.randrange(1 << 20):x}.d{number % 7}.example"


def _cof(draw: random.Random, number: int, records: int) -> tuple[str, str]:
    lines = []
    for _ in range(records):
        first = START + draw.randrange(10_000_000)
        record = {
            "rrname": _name(draw, number) if draw.random() > BAD_SHARE else "b..c",
            "rrtype": "A",
            "rdata": [f"192.0.2.{draw.randrange(256)}"],
            "time_first": first,
            "time_last": first + draw.randrange(1_000_000),
            "count": draw.randrange(1, 99),
        }
        lines.append(json.dumps(record) if draw.random() > BAD_SHARE else "{")
    return "jsonl", "\n".join(lines) + "\n"


def _hosts(draw: random.Random, number: int, records: int) -> tuple[str, str]:
    names = (_name(draw, number) if draw.random() > BAD_SHARE else "-bad-" for _ in range(records))
    return "txt", "# Date: 2026-06-01\n" + "".join(f"0.0.0.0 {name}\n" for name in names)


def _feed(draw: random.Random, number: int, records: int) -> tuple[str, str]:
    rows = (
        f"2026-06-{1 + draw.randrange(30):02} 12:00:00,http://{_name(draw, number)}/x,malware"
        if draw.random() > BAD_SHARE
        else "never,,"
        for _ in range(records)
    )
    return "csv", "first_seen,url,threat\n" + "\n".join(rows) + "\n"


def _rdap(draw: random.Random, number: int, records: int) -> tuple[str, str]:
    lines = []
    for at in range(records):
        created = f"2026-0{1 + draw.randrange(6)}-02T03:04:05Z"
        record = {
            "objectClassName": "domain",
            "ldhName": f"d{number}-{at}.example" if draw.random() > BAD_SHARE else "",
            "events": [{"eventAction": "registration", "eventDate": created}],
            "nameservers": [{"ldhName": f"ns{draw.randrange(4)}.example.net"}],
        }
        lines.append(json.dumps(record))
    return "rdap.jsonl", "\n".join(lines) + "\n"
