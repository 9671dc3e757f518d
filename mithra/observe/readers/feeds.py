"""Threat feeds as dated tables: URLhaus, ThreatFox, Maltrail, blackbook and others with a header.

Columns are found by name: one that holds the host (or a URL, whose host counts), one with the date since
when the feed lists it, and perhaps category and source. Polkadot's phishing list and others of JSON objects
with the same fields are read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mithra.errors import FormatError
from mithra.observe.dates import parse_date
from mithra.observe.readers import csvfile, jsonfile
from mithra.observe.readers.labels import Listed, date_of_file, host_of_url, label_rows
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
SOURCE = ("source", "feed")
SHOWN_CHARS = 1000


def sniff_feed(sample: bytes) -> bool:
    """A header with a host and a date or category, and no rank."""
    found = csvfile.look(sample)
    if found is None or not found.header or "rank" in found.header or "rrtype" in found.header:
        return False
    names = found.header
    return csvfile.column(names, *HOST) is not None and (
        csvfile.column(names, *DATE) is not None or csvfile.column(names, *CATEGORY) is not None
    )


def read_feed(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of a dated table."""
    found = csvfile.look(source.sample)
    if found is None:
        raise _no_table(source)
    at = {word: csvfile.column(found.header, *words) for word, words in _COLUMNS.items()}
    host, date = at["host"], at["date"]
    if host is None:
        raise _no_table(source)
    file_date = date_of_file(source, options)
    seconds = _Dates()
    for batch in csvfile.rows(source, found, width=1 + max(i for i in at.values() if i is not None)):
        listed = Listed(batch.numbers, [host_of_url(row[host]) for row in batch.cells], list(batch.raw))
        listed.rejects = batch.rejects
        if date is not None:
            listed.dates = [seconds.of(row[date]) for row in batch.cells]
        if (category := at["category"]) is not None:
            listed.categories = [_word(row[category]) for row in batch.cells]
        if (feed := at["source"]) is not None:
            listed.sources = [_word(row[feed]) for row in batch.cells]
        yield from label_rows(listed, source, options, date=file_date)


def sniff_feed_json(sample: bytes) -> bool:
    """JSON objects with a host and a date."""
    record = jsonfile.first_record(sample)
    keys = {str(key).lower() for key in record} if record else set()
    return bool(keys & set(HOST)) and bool(keys & set(DATE)) and not keys & {"rrname", "rrtype", "rank"}


def read_feed_json(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of JSON objects, in an array or one a line."""
    file_date = date_of_file(source, options)
    for batch in jsonfile.records(source):
        found = [_fields(record) for record in batch.values]
        listed = Listed(
            lines=batch.numbers,
            hosts=[host_of_url(fields["host"] or "") for fields in found],
            records=[json.dumps(record)[:SHOWN_CHARS] for record in batch.values],
            dates=[parse_date(fields["date"] or "") for fields in found],
            categories=[fields["category"] for fields in found],
            sources=[fields["source"] for fields in found],
            rejects=batch.rejects,
        )
        yield from label_rows(listed, source, options, date=file_date)


_COLUMNS = {"host": HOST, "date": DATE, "category": CATEGORY, "source": SOURCE}


class _Dates:
    """Dates by text: feeds repeat them by the thousand."""

    def __init__(self) -> None:
        self._known: dict[str, int | None] = {}

    def of(self, text: str) -> int | None:
        if text not in self._known:
            if len(self._known) > 1 << 16:
                self._known.clear()
            self._known[text] = parse_date(text)
        return self._known[text]


def _fields(record: dict[str, object]) -> dict[str, str | None]:
    """The values of a JSON object that a label is made of, by what they are."""
    values = {str(key).lower(): value for key, value in record.items() if value is not None}
    found = {
        word: next((values[key] for key in keys if key in values), None) for word, keys in _COLUMNS.items()
    }
    return {word: None if value is None else str(value) for word, value in found.items()}


def _word(text: str) -> str | None:
    return None if text.strip().lower() in {"", "none", "null", "n/a", "-"} else text.strip()


def _no_table(source: Source) -> FormatError:
    return FormatError(
        "no column of this table is known to hold a host",
        file=source.path,
        hint="Say which does with --map name=THEIRS --table labels",
    )


READERS = [
    Reader(
        "feed-csv",
        1,
        ("labels",),
        sniff_feed,
        read_feed,
        about="threat feeds as tables with a host or URL and a date: URLhaus, ThreatFox, Maltrail and others",
        example="first_seen,url,threat\n2026-06-01 12:00:00,http://bad.example/x,malware_download\n",
        fields=("domain", "url", "ioc", "first_seen", "dateadded", "threat", "malware", "source"),
    ),
    Reader(
        "feed-json",
        1,
        ("labels",),
        sniff_feed_json,
        read_feed_json,
        about="threat feeds as JSON objects with a host or URL and a date",
        example='[{"url":"https://bad.example/login","date":"2026-06-01","category":"phishing"}]\n',
        fields=("domain", "url", "date", "category", "source"),
    ),
]
