"""BIND's query log: who asked for what.

Both forms of `print-time` are read, with and without category and severity, and what named sends to syslog.
Where a batch of lines holds no queries but responses (`responselog`), those are counted instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from mithra.observe.readers.loglines import (
    MAX_COUNTED,
    QueryCounts,
    batches,
    fields,
    not_internet,
    questions,
    rejected,
    sniffer,
)
from mithra.observe.readers.logtimes import TIME, Clock
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

# A line of syslog may hold BIND's own time too, which has a year: then the first one is passed over.
_LINE = (
    rf"^(?:(?:<\d{{1,3}}>)?[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d \S+ \S+: )?{TIME} "
    r"(?:(?:\S+ )?named(?:\[\d+\]:|:| \S+ \S+ \S+) )?(?:[\w-]+: ){0,2}"
    r"client (?:@0x[0-9a-f]+ )?(?P<client>[0-9A-Fa-f.:%\w]+)#\d+(?:/key \S+)?(?: \(.*?\))?: (?:view \S+: )?"
    r"(?P<kind>query|response): (?P<name>\S+) (?P<class>\S+) (?P<type>\S+)"
)


def read_bind(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries of a BIND log.

    Raises:
        InputError: syslog's times without a year, and nothing states it.
    """
    counts, clock = QueryCounts(source, options), Clock(source, options)
    for lines, rejects in batches(source):
        yield from rejects
        found = fields(lines, _LINE)
        known = pc.is_valid(found["kind"])
        yield from rejected(found.filter(pc.invert(known)), "not_a_query")
        asked = questions(found.filter(known), "query")
        yield from rejected(
            asked, counts.add(asked, clock.seconds(asked), refused=not_internet(asked["class"]))
        )
        yield from counts.rows(MAX_COUNTED)
    yield from counts.rows()


READERS = [
    Reader(
        "bind-query-log",
        2,
        ("queries",),
        sniffer(_LINE),
        read_bind,
        about="BIND's query log, with local or ISO times, plain or through syslog",
        example="01-Jan-2026 12:00:00.123 queries: info: client @0x7fdc5c0fb098 192.0.2.7#45830 (www.example.com): "
        "query: www.example.com IN A +E(0)K (192.0.2.53)\n",
        fields=("time", "client", "name", "class"),
    )
]
