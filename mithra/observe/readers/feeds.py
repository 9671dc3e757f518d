"""Threat feeds as dated tables: URLhaus, ThreatFox, PhishTank, OpenPhish, TweetFeed, Maltrail, blackbook and
others, as delimited text with a header or as JSON objects with the same fields.

Columns are found by name: one that holds the host (or a URL, whose host counts), one with the date since
when the feed lists it, and perhaps category, confidence and source. A site that was broken into has
`compromised` in its category. What a feed has not verified is set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from mithra.errors import FormatError
from mithra.observe.dates import Dates, parse_date
from mithra.observe.readers import csvfile, jsonfile, jsonstream
from mithra.observe.readers.labels import COMPROMISED, Listed, date_of_file, joined, label_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

HOST = ("domain", "domain_name", "fqdn", "hostname", "host", "ioc_value", "ioc", "indicator", "url", "name")
DATE = (
    "first_seen",
    "first_seen_utc",
    "firstseen",
    "firstseen_utc",
    "date_added",
    "dateadded",
    "known_at",
    "listed_at",
    "listed",
    "added",
    "first_seen_date",
    "date",
    "timestamp",
    "submission_time",
    "detected",
    "isotime",
    "discover_time",
)
CATEGORY = (
    "category",
    "threat",
    "threat_type",
    "family",
    "malware",
    "malware_printable",
    "classification",
    "tags",
)
COLUMNS = {
    "host": HOST,
    "date": DATE,
    "category": CATEGORY,
    "source": ("source", "feed"),
    "confidence": ("confidence_level",),  # in per cent
    "compromised": ("is_compromised",),
    "verified": ("verified",),
    "phishing": ("phish_id",),  # PhishTank's, which has no other category
}
TWEETFEED = ("date", "user", "type", "ioc", "tags", "tweet")  # written without a header
TWEETFEED_TYPES = {"url", "domain", "ip", "sha256", "md5"}
# A host and a time make no feed: logs have them too, of the sensor or of what somebody looked up. A feed has
# words of its own for what is listed and since when; a date beside a name will do where no word is a log's.
LISTED = {
    *("ioc", "ioc_value", "indicator", "date_added", "dateadded", "known_at", "listed_at"),
    *("submission_time", "discover_time", "threat", "threat_type", "malware", "malware_printable"),
    *("phish_id", "is_compromised", "confidence_level"),
}
NAMED = {"domain", "domain_name", "fqdn", "url"}  # unlike the others no word for the machine that speaks
UNSURE = {"timestamp", "detected", "isotime", "host", "hostname", "status"}  # of logs as of feeds
OTHERS = {  # of records that are no feed's: events, clients, requests, messages, inventories
    *("rrname", "rrtype", "rank", "event_type", "eventid", "src", "src_ip", "srcaddr", "source_ip", "client"),
    *("client_ip", "clientip", "internal_ip", "user_agent", "useragent", "username", "method", "status_code"),
    *("rcode", "response_code", "qtype", "query_type", "query", "bytes", "dst_port", "dest_port", "action"),
    *("level", "message", "msg", "pid", "os"),
}
YES = {"yes", "y", "true", "1"}

# The first object in an array under a key of the outermost object.
_NESTED = re.compile(rb'\s*\{(?:\s*"[^"]*"\s*:\s*(?:"[^"]*"|[\w.+-]+)\s*,)*\s*"[^"]*"\s*:\s*\[\s*(?=\{)')


def sniff_feed(sample: bytes) -> bool:
    """A header of a feed, with a date or category."""
    found = _look(sample)
    names = set(found.header) if found else set[str]()
    return not names.isdisjoint((*DATE, *CATEGORY)) and _is_feed(names)


def read_feed(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of a dated table."""
    found = _look(source.sample)
    at = {} if found is None else {word: csvfile.column(found.header, *COLUMNS[word]) for word in COLUMNS}
    places = {word: place for word, place in at.items() if place is not None}
    if found is None or "host" not in places:
        raise FormatError(
            "no column of this table is known to hold a host",
            file=source.path,
            hint="Say which does with --map name=THEIRS --table labels",
        )
    file_date, seconds = date_of_file(source, options), Dates()
    for batch in csvfile.rows(source, found, width=1 + max(places.values())):
        cells = {word: [row[place] for row in batch.cells] for word, place in places.items()}
        listed = _listed(batch.numbers, batch.raw, cells, batch.rejects, seconds)
        yield from label_rows(listed, source, options, date=file_date)


def sniff_feed_json(sample: bytes) -> bool:
    """JSON objects of a feed, with a date, in an array, one a line, or in arrays under keys."""
    record = _first_record(sample)
    keys = {str(key).lower() for key in record} if record else set[str]()
    return not keys.isdisjoint(DATE) and _is_feed(keys)


def read_feed_json(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of JSON objects."""
    file_date, seconds = date_of_file(source, options), Dates()
    single = jsonfile.first_record(source.sample)
    lone = (
        single is not None and _is_record(single) and source.sample.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    )
    for batch in jsonfile.records(source) if lone else jsonstream.objects(source):
        names = {key.lower(): key for key in dict.fromkeys(chain.from_iterable(batch.values))}
        cells = {
            word: _values(batch.values, [names[name] for name in wanted if name in names])
            for word, wanted in COLUMNS.items()
            if not names.keys().isdisjoint(wanted) or word == "host"
        }
        listed = _listed(batch.numbers, batch.values, cells, batch.rejects, seconds)
        yield from label_rows(listed, source, options, date=file_date)


def _listed(
    lines: list[int],
    records: Iterable[object],
    cells: dict[str, list[str]],
    rejects: Rejects,
    seconds: Dates,
) -> Listed:
    """What the columns, by what they are, say of their hosts."""
    listed = Listed(lines, cells["host"], list(records), urls=True, rejects=rejects)
    if "date" in cells:
        listed.dates = [seconds.of(text) for text in cells["date"]]
    if "category" in cells:
        listed.categories = [_category(text) for text in cells["category"]]
    elif "phishing" in cells:
        listed.categories = ["phishing"] * len(lines)
    if "compromised" in cells:
        broken = [COMPROMISED if text.strip().lower() in YES else None for text in cells["compromised"]]
        given = listed.categories or [None] * len(lines)
        listed.categories = [joined(words) for words in zip(given, broken, strict=True)]
    if "confidence" in cells:
        listed.confidences = [_share(text) for text in cells["confidence"]]
    if "source" in cells:
        listed.sources = [_word(text) for text in cells["source"]]
    if "verified" in cells:
        listed.drop("not_verified", [text.strip().lower() not in YES for text in cells["verified"]])
    return listed


def _is_feed(names: set[str]) -> bool:
    """Whether columns or keys of these names, a host among them, say that hosts are listed."""
    if names.isdisjoint(HOST) or names & OTHERS:
        return False
    return bool(names & LISTED) or bool(names & NAMED and not names & UNSURE)


def _look(sample: bytes) -> csvfile.CsvLook | None:
    found = csvfile.look(sample)
    if found is None or found.header or len(found.first) != len(TWEETFEED):
        return found
    dated = parse_date(found.first[0]) is not None and found.first[2] in TWEETFEED_TYPES
    return replace(found, header=TWEETFEED) if dated else found


def _first_record(sample: bytes) -> dict[str, Any] | None:
    record = jsonfile.first_record(sample)
    if record is not None and _is_record(record):
        return record
    found = _NESTED.match(sample.removeprefix(b"\xef\xbb\xbf"))
    return record if found is None else jsonfile.first_record(found.string[found.end() :])


def _is_record(record: dict[str, Any]) -> bool:
    return any(str(key).lower() in HOST for key in record)


def _values(records: list[dict[str, Any]], keys: list[str]) -> list[str]:
    """The first of the keys that a record has, as text."""
    if len(keys) == 1:
        return [_text(record.get(keys[0])) for record in records]
    return [
        _text(next((record[key] for key in keys if record.get(key) is not None), None)) for record in records
    ]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return joined(value) or "" if isinstance(value, list) else str(value)


def _category(text: str) -> str | None:
    """The cell's word; of hashtags, all of them."""
    return joined(text.replace("#", " ").split()) if "#" in text else _word(text)


def _word(text: str) -> str | None:
    return None if text.strip().lower() in {"", "none", "null", "n/a", "-"} else text.strip()


def _share(text: str) -> float | None:
    """Per cent as a share of 1; None for what is none."""
    try:
        value = float(text) / 100
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


READERS = [
    Reader(
        "feed-csv",
        2,
        ("labels",),
        sniff_feed,
        read_feed,
        about="threat feeds as tables with a host or URL and a date: URLhaus, ThreatFox and others",
        example="first_seen,url,threat\n2026-06-01 12:00:00,http://bad.example/x,malware_download\n",
        fields=tuple(word for words in COLUMNS.values() for word in words),
    ),
    Reader(
        "feed-json",
        2,
        ("labels",),
        sniff_feed_json,
        read_feed_json,
        about="threat feeds as JSON objects with a host or URL and a date, in arrays or one a line",
        example='[{"url":"https://bad.example/login","date":"2026-06-01","category":"phishing"}]\n',
        fields=tuple(word for words in COLUMNS.values() for word in words),
    ),
]
