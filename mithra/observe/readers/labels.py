"""What the readers of block lists share: hosts with dates become rows of `labels`, or rejects.

A label's date comes from its record, else from the file (a comment at its head), else from the caller. It
is never guessed: a file with none of them is an error that says what to pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError
from mithra.names import canonicalize
from mithra.observe.dates import header_date
from mithra.observe.records import HASH, date_reason, first_reason, seconds_to_time
from mithra.observe.source import Options, Rejects, Rows, Source

__all__ = ["COMPROMISED", "LOCAL_NAMES", "Listed", "date_of_file", "host_of_url", "joined", "label_rows"]

COMPROMISED = "compromised"  # word in the category of a host that is somebody's site, broken into

LOCAL_NAMES = {
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
}

# The host as browsers find it: a backslash ends it too. Without a scheme, a path or a port ends it.
_SCHEME = r"^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#\\]*@)?(\[[^\]/]*\]|[^/:?#\\]*)(?s:.*)$"
_BARE = r"^\s*(\[[^\]/]*\]|[^/:?#@\s]+)(?::[0-9]*)?(?:[/?#](?s:.*))?\s*$"


@dataclass
class Listed:
    """Listed hosts of some lines, as parallel lists, and what was refused while cutting the lines up."""

    lines: list[int] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    records: list[object] = field(default_factory=list)  # for excerpts
    urls: bool = False  # hosts may stand in URLs, or before a port
    dates: list[int | None] | None = None  # epoch seconds; None where the format has no dates
    ends: list[int | None] | None = None  # epoch seconds; the label holds until then
    categories: list[str | None] | None = None
    confidences: list[float | None] | None = None  # 0 to 1
    sources: list[str | None] | None = None
    rejects: Rejects = field(default_factory=Rejects)
    _said: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, line: int, host: str, record: object) -> None:
        """A host of a format without dates."""
        self.lines.append(line)
        self.hosts.append(host)
        self.records.append(record)

    def add_dated(
        self,
        line: int,
        host: str,
        record: object,
        *,
        date: int | None,
        end: int | None = None,
        category: str | None = None,
        confidence: float | None = None,
        source: str | None = None,
    ) -> None:
        """A host with what its record says of it."""
        self.add(line, host, record)
        self._said.append((date, end, category, confidence, source))

    def columns(self) -> None:
        """Put what the records said, one by one, into the columns."""
        if self._said:
            columns = [list(column) for column in zip(*self._said, strict=True)]
            self.dates, self.ends, self.categories, self.confidences, self.sources = columns

    def drop(self, reason: str, dropped: list[bool]) -> None:
        """Refuse those of the hosts for which `dropped` says so."""
        if not any(dropped):
            return
        for line, record, out in zip(self.lines, self.records, dropped, strict=True):
            if out:
                self.refuse(line, reason, record)
        kept = [not out for out in dropped]
        for name in ("lines", "hosts", "records", "dates", "ends", "categories", "confidences", "sources"):
            column = getattr(self, name)
            if column is not None:
                setattr(self, name, list(compress(column, kept)))

    def refuse(self, line: int, reason: str, record: object) -> None:
        """A line that lists no host."""
        self.rejects.add(line, reason, record)


def date_of_file(source: Source, options: Options) -> int | None:
    """Epoch seconds of the file: its own statement, else the caller's, else None."""
    seconds = header_date(source.sample)
    if seconds is None and options.known_at is not None:
        return int(options.known_at.timestamp())
    return seconds


def label_rows(
    listed: Listed, source: Source, options: Options, *, date: int | None, verdict: str = "nefarious"
) -> Iterator[Rows | Rejects]:
    """Rows of labels for the listed hosts; refused ones are rejects.

    Args:
        date: of the file, for records without one.
        verdict: what the format implies, unless the caller says otherwise.

    Raises:
        InputError: the format has no dates, and neither the file nor the caller states one.
    """
    listed.columns()
    if listed.hosts and listed.dates is None and date is None:
        raise InputError(
            "neither the records nor the head of this file say since when it has been known",
            file=source.path,
            hint="Ingest it by itself with its date: --known-at 2026-06-01 (known_at= in Python)",
        )
    hosts = pa.array(listed.hosts, pa.string())
    if listed.urls:
        hosts = pc.replace_substring_regex(pc.replace_substring_regex(hosts, _SCHEME, r"\1"), _BARE, r"\1")
    found = canonicalize(hosts)
    if listed.dates is None:
        seconds = pa.repeat(pa.scalar(date, pa.int64()), len(listed.hosts))
    else:
        seconds = pa.array(listed.dates, pa.int64())
        seconds = seconds if date is None else seconds.fill_null(date)
    reason = first_reason(
        [
            pc.if_else(pc.match_substring_regex(hosts, HASH), "hash", _NULL),
            found.reason,
            pc.if_else(pc.is_in(found.names, pa.array(sorted(LOCAL_NAMES))), "local_name", _NULL),
            pc.if_else(pc.match_substring(found.names, "."), _NULL, "single_label"),
            date_reason(seconds, options.now_seconds),
        ]
    )
    keep = pc.is_null(reason)
    columns = {
        "name": found.names,
        "verdict": _repeated(options.verdict or verdict, len(listed.hosts)),
        "category": _words(listed.categories, options.category, len(listed.hosts)),
        "known_at": seconds_to_time(seconds, options.now_seconds),
        "source": _sources(listed, source, options),
    }
    if listed.confidences is not None:
        columns["confidence"] = pa.array(listed.confidences, pa.float64())
    if listed.ends is not None:  # may lie in the future
        columns["valid_until"] = seconds_to_time(pa.array(listed.ends, pa.int64()), _LATEST)
    yield Rows("labels", pa.table(columns).filter(keep))
    rejects = listed.rejects
    for i in pc.indices_nonzero(pc.invert(keep)).to_pylist():
        rejects.add(listed.lines[i], reason[i].as_py(), listed.records[i])
    if rejects.lines:
        yield rejects


def host_of_url(text: str) -> str:
    """The host of a URL (or before a port or a path), or the text itself where it is none.

    >>> [host_of_url(text) for text in ("https://user@a.example:8443/x", "192.0.2.1:443", "2001:db8::")]
    ['a.example', '192.0.2.1', '2001:db8::']
    """
    found = _SCHEME_RE.match(text) or _BARE_RE.match(text)
    return text if found is None else found[1]


def joined(words: Iterable[object]) -> str | None:
    """Several words as one category, each once: `phishing,compromised`. None where there is none."""
    return ",".join(dict.fromkeys(str(word).strip() for word in words if word)) or None


_SCHEME_RE, _BARE_RE = re.compile(_SCHEME), re.compile(_BARE)
_LATEST = 253_402_300_799  # the end of the year 9999
_NULL = pa.scalar(None, pa.string())


def _repeated(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _words(values: list[str | None] | None, default: str | None, rows: int) -> pa.Array:
    if values is None:
        return _repeated(default, rows)
    words = pa.array([value or None for value in values], pa.string())
    return words if default is None else words.fill_null(default)


def _sources(listed: Listed, source: Source, options: Options) -> pa.Array:
    if options.source is not None:
        return _repeated(options.source, len(listed.hosts))
    return _words(listed.sources, source.stem, len(listed.hosts))
