"""Times of log lines to UTC epoch seconds.

Local times without a zone are taken as UTC. Syslog's times have no year: it comes from `--known-at` or from
the file's name, and a log for which neither is stated is refused.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError
from mithra.observe.source import Options, Source

__all__ = ["TIME", "Clock", "parsed"]

DAYS_UNTIL_ROTATED = 31  # a log that is named after its first day goes on for so long

# Times as BIND (both forms), ISO 8601 and syslog (with a year, rarely) write them; syslog's priority before.
TIME = (
    r"(?:<\d{1,3}>(?:1 )?)?(?P<hour>\d\d-[A-Z][a-z]{2}-\d{4} \d\d|\d{4}-\d\d-\d\d[T ]\d\d"
    r"|[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d)(?P<minute>:\d\d:\d\d)(?:[.,]\d+)?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_MONTHS = {calendar.month_abbr[month]: month for month in range(1, 13)}


class Clock:
    """Epoch seconds of the times that TIME finds."""

    def __init__(self, source: Source, options: Options) -> None:
        self._source, self._latest = source, _latest(source, options)

    def seconds(self, batch: pa.RecordBatch) -> pa.Array:
        """Of columns hour, minute and zone; null where there is no such time.

        Raises:
            InputError: times without a year, and nothing states it.
        """
        hour = pc.binary_join_element_wise(batch["hour"], batch["zone"], "|")
        return pc.add(parsed(hour, self._hour), parsed(batch["minute"], _minute))

    def _hour(self, text: str) -> int | None:
        hour, zone = text.split("|")
        if not hour:
            return None
        try:
            if hour[2] == "-":
                moment = datetime(int(hour[7:11]), _MONTHS[hour[3:6]], int(hour[:2]), int(hour[12:]))
            elif hour[4] == "-":
                moment = datetime.fromisoformat(f"{hour}:00")
            elif len(hour) > 9:
                moment = datetime(int(hour[7:11]), _MONTHS[hour[:3]], int(hour[4:6]), int(hour[12:]))
            else:
                moment = self._without_year(_MONTHS[hour[:3]], int(hour[4:6]), int(hour[7:]))
        except (ValueError, KeyError):
            return None
        return int(moment.replace(tzinfo=UTC).timestamp()) - _offset(zone)

    def _without_year(self, month: int, day: int, hour: int) -> datetime:
        """The last such moment up to what is stated, at most a year back."""
        if self._latest is None:
            raise InputError(
                "the times of this log have no year",
                file=self._source.path,
                hint="State the day of its last line with --known-at 2026-11-24 (known_at= in Python), "
                "or have a date in its name: dnsmasq-2026-11-24.log",
            )
        for year in (self._latest.year, self._latest.year - 1):
            if (month, day) == (2, 29) and not calendar.isleap(year):
                continue
            moment = datetime(year, month, day, hour)
            if moment <= self._latest:
                return moment
        raise ValueError


def parsed(words: pa.Array, parse: Callable[[str], int | None]) -> pa.Array:
    """int64 of each word, each distinct one parsed once."""
    coded = words.dictionary_encode()
    values = [None if word is None else parse(word) for word in coded.dictionary.to_pylist()]
    return pa.array(values, pa.int64()).take(coded.indices)


def _latest(source: Source, options: Options) -> datetime | None:
    """The moment up to which times without a year lie, as the caller or the file's name states it."""
    if options.known_at is not None:
        return options.known_at.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    if source.day_in_name is not None:
        return source.day_in_name.replace(tzinfo=None) + timedelta(days=DAYS_UNTIL_ROTATED)
    return None


def _minute(text: str) -> int | None:
    """Seconds into the hour of `:47:22`."""
    if not text:
        return None
    minute, second = int(text[1:3]), int(text[4:6])
    return minute * 60 + second if minute < 60 and second <= 60 else None


def _offset(zone: str) -> int:
    if len(zone) < 5:
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone[0] == "-" else seconds
