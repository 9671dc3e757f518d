"""Lists of popular or otherwise well-known names: rank,name tables (Tranco, Umbrella, Majestic, Radar,
CrUX) and MISP warning lists.

Both become rows of `popularity`. A warning list has no ranks, and its `list_id` is `misp-warninglist:` and
its name. The day is the file's own statement (a column, a comment, the version of a warning list where it
is a date), else the caller's, else (of ranks) that in
the file's name, else null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError
from mithra.names import canonicalize
from mithra.observe.dates import parse_date
from mithra.observe.readers import csvfile, jsonfile
from mithra.observe.readers.labels import date_of_file, host_of_url
from mithra.observe.records import HASH, date_reason, first_reason, seconds_to_time
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS", "WARNING_LIST"]

WARNING_LIST = "misp-warninglist:"

RANK = ("rank", "globalrank", "global_rank", "position", "popularity_rank")
NAME = ("domain", "root_domain", "name", "site", "host", "hostname", "fqdn", "origin", "url")
DAY = ("day", "date")
MAX_RANK_DIGITS = 18
SNIFFED_RANKS = 20

_WARNING_LIST = re.compile(rb'^\s*\{.*?"list"\s*:\s*\[\s*(?:"|\])', re.DOTALL)
_LEADING_RANK = re.compile(rb'^\s*"?(\d{1,18})\b', re.MULTILINE)
_RANKED_NAME = re.compile(r"(?:https?://)?(?:[\w-]+\.)*[\w-]+\.?", re.ASCII)


def sniff_ranks(sample: bytes) -> bool:
    """A header with rank and name, or rows of a number and a name, the numbers in order."""
    found = csvfile.look(sample)
    if found is None:
        return False
    if found.header:
        return (
            csvfile.column(found.header, *RANK) is not None
            and csvfile.column(found.header, *NAME) is not None
        )
    first = found.first
    if len(first) != 2 or not first[0].isdecimal() or not _RANKED_NAME.fullmatch(first[1].strip()):
        return False
    ranks = [int(rank) for rank in _LEADING_RANK.findall(sample)[:SNIFFED_RANKS]]
    return ranks == sorted(ranks)  # else any table of a number and a name would be one


def read_ranks(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Popularity of a table of ranks."""
    found = csvfile.look(source.sample)
    if found is None:
        raise FormatError("no table of ranks and names", file=source.path)
    at = [csvfile.column(found.header, *words) for words in (RANK, NAME, DAY)]
    rank, name = (0, 1) if at[0] is None or at[1] is None else (at[0], at[1])
    day = at[2]
    file_day = date_of_file(source, options)
    for batch in csvfile.rows(source, found, width=1 + max(rank, name, day or 0)):
        days = [parse_date(row[day]) if day is not None else file_day for row in batch.cells]
        yield from _rows(
            batch.numbers,
            [host_of_url(row[name]) for row in batch.cells],
            [
                int(text) if text.isdecimal() and len(text) < MAX_RANK_DIGITS else None
                for text in (row[rank].strip() for row in batch.cells)
            ],
            days,
            batch.rejects,
            options.source or source.stem,
            options.source or source.stem,
            options,
            raw=batch.raw,
            ranked=True,
        )


def sniff_warning_list(sample: bytes) -> bool:
    """A JSON object with `list`, an array of strings."""
    return b'"matching_attributes"' in sample or bool(
        _WARNING_LIST.match(sample.removeprefix(b"\xef\xbb\xbf"))
    )


def read_warning_list(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Popularity of a MISP warning list. Networks, hashes and patterns are set aside.

    Raises:
        FormatError: not JSON, or no array `list`.
    """
    document = jsonfile.load(source)
    if not isinstance(document, dict) or not isinstance(document.get("list"), list):
        raise FormatError("a warning list needs an array called list", file=source.path)
    entries = [entry if isinstance(entry, str) else repr(entry) for entry in document["list"]]
    day = parse_date(str(document.get("version", ""))) or date_of_file(source, options)
    rejects = Rejects()
    if document.get("type") == "regex":
        for number, entry in enumerate(entries, 1):
            rejects.add(number, "pattern", entry)
        entries = []
    yield from _rows(
        list(range(1, len(entries) + 1)),
        [host_of_url(entry).removeprefix(".") for entry in entries],
        [None] * len(entries),
        [day] * len(entries),
        rejects,
        f"{WARNING_LIST}{document.get('name') or source.stem}",
        options.source or source.stem,
        options,
        raw=entries,
        ranked=False,
    )


def _rows(
    numbers: list[int],
    hosts: list[str],
    ranks: list[int | None],
    days: list[int | None],
    rejects: Rejects,
    list_id: str,
    said_by: str,
    options: Options,
    *,
    raw: Sequence[bytes | str],
    ranked: bool,
) -> Iterator[Rows | Rejects]:
    found = canonicalize(pa.array(hosts, pa.string()))
    rank, seconds = pa.array(ranks, pa.int64()), pa.array(days, pa.int64())
    reason = first_reason(
        [
            pc.if_else(pc.match_substring_regex(pa.array(hosts, pa.string()), HASH), "hash", _NULL),
            found.reason,
            pc.if_else(pc.is_null(rank), "bad_rank", _NULL) if ranked else pa.nulls(len(hosts), pa.string()),
            pc.if_else(pc.is_null(seconds), _NULL, date_reason(seconds, options.now_seconds)),
        ]
    )
    keep = pc.is_null(reason)
    table = pa.table(
        {
            "name": found.names,
            "rank": rank,
            "list_id": pa.repeat(pa.scalar(list_id), len(hosts)),
            "day": pc.floor_temporal(seconds_to_time(seconds, options.now_seconds), unit="day"),
            "source": pa.repeat(pa.scalar(said_by), len(hosts)),
        }
    )
    yield Rows("popularity", table.filter(keep))
    for i in pc.indices_nonzero(pc.invert(keep)).to_pylist():
        rejects.add(numbers[i], reason[i].as_py(), raw[i])
    if rejects.lines:
        yield rejects


_NULL = pa.scalar(None, pa.string())

READERS = [
    Reader(
        "warninglist",
        1,
        ("popularity",),
        sniff_warning_list,
        read_warning_list,
        about="MISP warning lists of well-known names",
        example='{"name":"Known names","version":20260822,"type":"hostname","list":["example.com"]}\n',
        fields=("name", "version", "list"),
    ),
    Reader(
        "ranks-csv",
        2,
        ("popularity",),
        sniff_ranks,
        read_ranks,
        dated_by_name=True,
        about="ranked names: Tranco, Umbrella, Majestic, Cloudflare Radar, CrUX and other rank,name tables",
        example="rank,domain\n1,example.com\n2,example.org\n",
        fields=("rank", "domain", "date"),
    ),
]
