"""What the readers of block lists share: hosts with dates become rows of `labels`, or rejects.

A label's date comes from its record, else from the file (a comment at its head), else from the caller. It
is never guessed: a file with none of them is an error that says what to pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError
from mithra.names import canonicalize
from mithra.observe.dates import header_date
from mithra.observe.records import HASH, date_reason, first_reason, seconds_to_time
from mithra.observe.source import Options, Rejects, Rows, Source

__all__ = ["Listed", "date_of_file", "host_of_url", "label_rows"]

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


@dataclass
class Listed:
    """Listed hosts of some lines, as parallel lists, and what was refused while cutting the lines up."""

    lines: list[int] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    records: list[bytes | str] = field(default_factory=list)  # for excerpts
    dates: list[int | None] | None = None  # epoch seconds; None where the format has no dates
    categories: list[str | None] | None = None
    sources: list[str | None] | None = None
    rejects: Rejects = field(default_factory=Rejects)

    def add(self, line: int, host: str, record: bytes | str) -> None:
        """A host of a format without dates."""
        self.lines.append(line)
        self.hosts.append(host)
        self.records.append(record)

    def refuse(self, line: int, reason: str, record: bytes | str) -> None:
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
    if listed.hosts and listed.dates is None and date is None:
        raise InputError(
            "neither the records nor the head of this file say since when it has been known",
            file=source.path,
            hint="Pass its date with --known-at (known_at= in Python), such as 2026-06-01",
        )
    found = canonicalize(pa.array(listed.hosts, pa.string()))
    if listed.dates is None:
        seconds = pa.repeat(pa.scalar(date, pa.int64()), len(listed.hosts))
    else:
        seconds = pa.array(listed.dates, pa.int64())
        seconds = seconds if date is None else seconds.fill_null(date)
    hosts = pa.array(listed.hosts, pa.string())
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
    table = pa.table(
        {
            "name": found.names,
            "verdict": _repeated(options.verdict or verdict, len(listed.hosts)),
            "category": _words(listed.categories, options.category, len(listed.hosts)),
            "known_at": seconds_to_time(seconds, options.now_seconds),
            "source": _sources(listed, source, options),
        }
    )
    yield Rows("labels", table.filter(keep))
    rejects = listed.rejects
    for i in pc.indices_nonzero(pc.invert(keep)).to_pylist():
        rejects.add(listed.lines[i], reason[i].as_py(), listed.records[i])
    if rejects.lines:
        yield rejects


def host_of_url(text: str) -> str:
    """The host of a URL, or the text itself where it is none."""
    if "//" not in text:
        return text.split("/", 1)[0].rsplit(":", 1)[0] if "/" in text and not text.startswith("/") else text
    try:
        return urlsplit(text.strip()).hostname or ""
    except ValueError:
        return ""


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
