"""BIND's query log: who asked for what, counted by name, client and hour.

The client's address is replaced by a keyed hash (HMAC-SHA-256 with the workspace's own key) before
anything is kept. BIND writes local time without a zone; it is taken as UTC unless its `print-time`
says the zone. A pair may come in several rows for one hour, whose counts add up.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import canonicalize
from mithra.observe.records import client_hash, date_reason, first_reason, seconds_to_time
from mithra.observe.source import MAX_LINE_BYTES, Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

SNIFFED_LINES = 50
SHOWN_CHARS = 1000
SECONDS_PER_HOUR = 3600
MAX_PAIRS = 1 << 19  # of name, client and hour counted in memory

_QUERY = re.compile(
    r"(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d|\d{4}-\d\d-\d\d[T ]\d\d)"
    r"(?::\d\d:\d\d[.\d]*)Z?(?P<offset>[+-]\d\d:\d\d)? "
    r"(?:\S+: )*client (?:@0x[0-9a-f]+ )?(?P<client>[0-9A-Fa-f.:%\w]+)#\d+(?: \(.*?\))?: "
    r"(?:view \S+: )?query: (?P<name>\S+) (?P<class>\S+) (?P<type>\S+)"
)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_MONTHS = {calendar.month_abbr[month]: month for month in range(1, 13)}


def sniff_query_log(sample: bytes) -> bool:
    """A line among the first that BIND logs for a query."""
    lines = sample.decode("utf-8", "replace").splitlines()[:SNIFFED_LINES]
    return any(_QUERY.search(line) for line in lines)


def read_query_log(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries of a BIND log."""
    clients: dict[str, str] = {}
    hours: dict[tuple[str, str | None], int | None] = {}
    counted: Counter[_Key] = Counter()
    lines_of: dict[_Key, int] = {}
    for first, lines in source.lines():
        rejects = Rejects()
        for number, line in enumerate(lines, first):
            text = line[:MAX_LINE_BYTES].decode("utf-8", "replace")
            found = _QUERY.search(text)
            if found is None:
                if text.strip():
                    rejects.add(number, "not_a_query", _ADDRESS.sub("<address>", text[:SHOWN_CHARS]))
                continue
            time, client = (found["time"], found["offset"]), found["client"]
            if time not in hours:
                hours[time] = _hour(*time)
            if client not in clients:
                clients[client] = client_hash(client, options.client_key())
            key = (found["name"], clients[client], hours[time])
            counted[key] += 1
            lines_of.setdefault(key, number)
        if rejects.lines:
            yield rejects
        if len(counted) >= MAX_PAIRS:
            yield from _rows(counted, lines_of, source, options)
            counted, lines_of = Counter(), {}
    yield from _rows(counted, lines_of, source, options)


_Key = tuple[str, str, int | None]  # name, client, hour


def _rows(
    counted: Counter[_Key], lines_of: dict[_Key, int], source: Source, options: Options
) -> Iterator[Rows | Rejects]:
    keys = list(counted)
    found = canonicalize(pa.array([name for name, _, _ in keys], pa.string()))
    hour = pa.array([hour for _, _, hour in keys], pa.int64())
    reason = first_reason([found.reason, date_reason(hour, options.now_seconds)])
    table = pa.table(
        {
            "name": found.names,
            "client": pa.array([client for _, client, _ in keys], pa.string()),
            "hour": seconds_to_time(hour, options.now_seconds),
            "count": pa.array([counted[key] for key in keys], pa.int64()),
            "source": pa.repeat(pa.scalar(options.source or source.stem), len(keys)),
        }
    )
    yield Rows("queries", table.filter(pc.is_null(reason)))
    rejects = Rejects()
    for key, why in zip(keys, reason.to_pylist(), strict=True):
        if why is not None:
            rejects.add(lines_of[key], why, f"{counted[key]} queries for {key[0]}")
    if rejects.lines:
        yield rejects


def _hour(text: str, offset: str | None) -> int | None:
    """Epoch seconds of the hour of `24-Nov-2026 02` or `2026-11-24T02`, at an offset such as `+02:00`."""
    try:
        if text[2] == "-":
            day, month, rest = text.split("-")
            moment = datetime(int(rest[:4]), _MONTHS[month], int(day), int(rest[5:]), tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(f"{text}:00{offset or '+00:00'}")
    except (ValueError, KeyError):
        return None
    seconds = int(moment.timestamp())
    return seconds - seconds % SECONDS_PER_HOUR


READERS = [
    Reader(
        "bind-query-log",
        1,
        ("queries",),
        sniff_query_log,
        read_query_log,
        about="BIND's query log; clients become keyed hashes, queries are counted by the hour",
        example="24-Aug-2026 02:47:22.825 queries: info: client @0x7fdc5c0fb098 192.0.2.7#45830 "
        "(www.example.com): query: www.example.com IN A +E(0)K (127.0.0.1)\n",
        fields=("time", "client", "query"),
    )
]
