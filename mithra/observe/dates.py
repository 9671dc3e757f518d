"""Dates as feeds write them, to UTC epoch seconds. Nothing is guessed: an unreadable date is None.

A time without a zone is taken as UTC. Two-digit years and day/month orders that could be either are not read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mithra.errors import UsageError

__all__ = ["Dates", "header_date", "parse_date", "utc_moment"]

MAX_DATE_CHARS = 64
MAX_KNOWN_DATES = 1 << 16
SECONDS_PER_DAY = 86_400
_NAIVE_EPOCH = datetime(1970, 1, 1)
_EPOCH = _NAIVE_EPOCH.replace(tzinfo=UTC)

_FORMATS = (
    "%a %b %d %H:%M:%S %Y",  # ctime: Thu Mar 20 18:49:08 2025, its zone taken out before
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d %B %Y %H:%M:%S",
    "%d %B %Y %H:%M",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
)
_UTC_WORD = re.compile(r"\s*\(?\b(UTC|GMT|Z)\b\)?\s*")
_COMMENT = re.compile(r"^\s*[#!;/]+")
_HEADER = re.compile(
    r"""^[\s#!;/*]*(?:(?:list[ ])?last[ _-]?(?:modified|updated?|changed?)(?:[ ](?:on|at))?|
        updated?(?:[ _]at)?|modified|date|timestamp|(?:generated|compiled)(?:[ _](?:on|at))?|
        generation[ ](?:time|date)|time[ ]?updated|exported|export[ ]date)
        \s*(?:[:=]|\s(?=\d))\s*(?P<date>\S.*?)[\s#!;*]*$""",
    re.IGNORECASE | re.VERBOSE,
)


def parse_date(text: str) -> int | None:
    """Epoch seconds of a date in ISO 8601, RFC 5322, ctime or a few written forms; None for others.

    >>> parse_date("2026-01-04T00:27:47+02:00"), parse_date("Thu Mar 20 18:49:08 UTC 2025")
    (1767479267, 1742496548)
    """
    text = text.strip()
    if not text or len(text) > MAX_DATE_CHARS:
        return None
    if text.isdecimal():
        return _number(text)
    try:
        return _seconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    bare = _UTC_WORD.sub(" ", text).strip()
    for parse in (_iso, _written, _rfc5322):
        try:
            return _seconds(parse(bare if parse is not _rfc5322 else text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


class Dates:
    """Dates by their text: feeds repeat them by the thousand."""

    def __init__(self) -> None:
        self._known: dict[str, int | None] = {}

    def of(self, text: str) -> int | None:
        """What `parse_date` makes of it."""
        if text not in self._known:
            if len(self._known) >= MAX_KNOWN_DATES:
                self._known.clear()
            self._known[text] = parse_date(text)
        return self._known[text]


def header_date(sample: bytes) -> int | None:
    """The date that the comments at the head of a list give it (`# Last modified: …`), if any does."""
    for line in sample[: 1 << 14].decode("utf-8-sig", "replace").splitlines():
        if line.strip() and not _COMMENT.match(line) and not line.lstrip().startswith("["):
            return None
        found = _HEADER.match(line)
        seconds = parse_date(found["date"]) if found else None
        if seconds is not None:
            return seconds
    return None


def _number(text: str) -> int | None:
    """Epoch seconds, or milliseconds, or YYYYMMDD."""
    if len(text) == 8:
        try:
            return _seconds(datetime.strptime(text, "%Y%m%d"))
        except ValueError:
            return None
    return int(text) if 9 <= len(text) <= 11 else int(text) // 1000 if len(text) == 13 else None


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(text: str) -> datetime:
    squeezed = " ".join(text.split())
    for form in _FORMATS:
        try:
            return datetime.strptime(squeezed, form)
        except ValueError:
            continue
    raise ValueError(text)


def _rfc5322(text: str) -> datetime:
    return parsedate_to_datetime(text)


def _seconds(moment: datetime) -> int:
    since = moment - (_EPOCH if moment.tzinfo else _NAIVE_EPOCH)
    return since.days * SECONDS_PER_DAY + since.seconds


def utc_moment(given: datetime | None) -> datetime:
    """The moment in UTC, by default the present.

    Raises:
        UsageError: no time zone.
    """
    if given is not None and given.tzinfo is None:
        raise UsageError("a moment needs a time zone", value=given)
    return datetime.now(UTC) if given is None else given.astimezone(UTC)
