"""Unbound's log: queries (`log-queries`) or, where a batch of lines holds none, replies (`log-replies`).

Its times are epoch seconds or, with `log-time-ascii`, syslog's without a year; through syslog, syslog's own.
Replies tell no addresses, so there are no resolutions in it. What else Unbound logs is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from mithra.observe.readers.loglines import (
    ADDRESS,
    MAX_COUNTED,
    QueryCounts,
    batches,
    fields,
    not_internet,
    questions,
    rejected,
    sniffer,
    unlike,
)
from mithra.observe.readers.logtimes import TIME, Clock, parsed
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

_HEAD = (
    rf"^(?:\[(?P<epoch>\d{{9,11}})(?:\.\d+)?\]|{TIME}) (?:\S+ ){{0,5}}?(?:[^\s\[]*)\[\d+:[0-9a-f]+\] "
    r"(?:\w+): "
)
_LINE = (
    rf"{_HEAD}(?P<client>{ADDRESS}) (?P<name>\S+) (?P<type>\S+) (?P<class>\S+)"
    r"(?P<kind> \S+ [\d.]+ \d+ \d+.*)?$"
)


def read_unbound(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries of an Unbound log.

    Raises:
        InputError: times without a year, and nothing states it.
    """
    counts, clock = QueryCounts(source, options), Clock(source, options)
    for lines, rejects in batches(source):
        yield from rejects
        found = fields(lines, _LINE)
        known = pc.is_valid(found["kind"])
        other = found.filter(pc.invert(known))
        yield from rejected(other, unlike(other["text"], _HEAD, f"{_HEAD}{ADDRESS} |\\] (?:query|reply): "))
        asked = questions(found.filter(known), "")
        epoch = parsed(asked["epoch"], lambda word: int(word) if word else None)
        seconds = pc.if_else(pc.equal(asked["epoch"], ""), clock.seconds(asked), epoch)
        yield from rejected(asked, counts.add(asked, seconds, refused=not_internet(asked["class"])))
        yield from counts.rows(MAX_COUNTED)
    yield from counts.rows()


READERS = [
    Reader(
        "unbound-log",
        1,
        ("queries",),
        sniffer(_HEAD),
        read_unbound,
        about="Unbound's log of queries or replies, with epoch or local times, plain or through syslog",
        example="[1767268800] unbound[4390:0] info: 192.0.2.7 www.example.com. A IN\n",
        fields=("time", "client", "name", "class"),
    )
]
