"""The debug log of Windows DNS Server (its PACKET lines), and its analytical event log exported as CSV.

A query is a line that was received (`Rcv`) and is no response; what the server asks others (`Snd`) is its own
business. A batch without any, from a log of answers only, has the answers sent (`Snd`, `R`) counted instead.
Dates are in the short form of the server's locale: whether 6/5/2013 is in June or in May is decided by a date
of the same file that can be read in one way only. Where there is none the file is refused, and
`--format windows-dns-mdy` or `windows-dns-dmy` states it. Of events QUERY_RECEIVED counts, in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError
from mithra.observe.packing import CHUNK_BYTES
from mithra.observe.readers.loglines import (
    MAX_COUNTED,
    QueryCounts,
    batches,
    fields,
    questions,
    rejected,
    sniffer,
    unlike,
)
from mithra.observe.readers.logtimes import parsed
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

_DATE = r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\.?|\d{8})"
_CLOCK = r"\d{1,2}[:.]\d\d[:.]\d\d(?:\W{1,2}[AaPp]\W{0,2}[Mm]\.?)?"
_HEAD = rf"^(?P<day>{_DATE}) +(?P<time>{_CLOCK})\s+"
_LINE = (
    rf"{_HEAD}[0-9A-Fa-f]+ PACKET\s+(?:[0-9A-Fa-f]{{8,16}}\s+)?(?:UDP|TCP)\s+(?P<way>Rcv|Snd)\s+"
    r"(?P<client>[0-9A-Fa-f.:]+(?:%\w+)?)\s+[0-9A-Fa-f]{4}\s+(?P<response>R?)\s*(?P<opcode>[QNU?])\s+"
    r"\[[^\]]*\]\s+(?P<type>\S+)\s+(?P<name>.*?)\s*$"
)
_OTHER = rf"^(?:[\sA-Za-z]|{_DATE} )"  # the head of the file, details of a packet, events
_SNIFF = rf"{_HEAD}[0-9A-Fa-f]+ PACKET |^DNS Server log file creation at "
_RECEIVED = "QUERY_RECEIVED"
_LABEL = re.compile(r"\((\d{1,2})\)([^()]*)")
# An event: Event Viewer writes its time before it, PowerShell's Export-Csv before or behind it.
_TIME = rf"(?P<day>{_DATE}) +(?P<time>{_CLOCK})"
_EVENT = (
    r"(?P<kind>QUERY_RECEIVED|RESPONSE_SUCCESS|RESPONSE_FAILURE): TCP=.*?"
    r"(?:Source|Destination)=(?P<client>[^;]*);.*?QNAME=(?P<name>[^;]*);"
)
_TIME_FIRST, _TIME_LAST = rf'(?:^|[",]){_TIME}"?,.*{_EVENT}', rf'{_EVENT}.*[",]{_TIME}(?:[",]|$)'
_SNIFF_EVENT = r"(?:QUERY_RECEIVED|RESPONSE_SUCCESS): TCP=\d+; InterfaceIP=.*QNAME="
_OTHER_EVENT = r"^#TYPE |Date and Time|TimeCreated|[A-Z_]{6,}: TCP="
_UNDECIDED = re.compile(rb"(?m)(?:^(?:[A-Za-z ]+ at )?|[\",])(\d{1,2})([-/.])(\d{1,2})\2\d{4}\b")
_MERIDIEM = re.compile(r"\W*([AaPp])\W*[Mm]\W*$")


_sniff_packets, _sniff_events = sniffer(_SNIFF), sniffer(_SNIFF_EVENT)


def read_windows(
    source: Source, options: Options, *, day_first: bool | None = None
) -> Iterator[Rows | Rejects]:
    """Queries of a Windows DNS log.

    Raises:
        FormatError: the order of day and month is in doubt, or some dates say one and others the other.
    """
    if day_first is None:
        day_first = _day_first(source)
    read = _events if _sniff_events(source.sample) else _packets
    yield from read(source, options, day_first)


def _packets(source: Source, options: Options, day_first: bool) -> Iterator[Rows | Rejects]:
    """Queries of the debug log."""
    counts = QueryCounts(source, options)
    for lines, rejects in batches(source):
        yield from rejects
        found = fields(lines, _LINE)
        known = pc.is_valid(found["way"])
        other = found.filter(pc.invert(known))
        yield from rejected(other, _unread(other["text"]))
        asked = questions(_of_clients(found.filter(known)), "")
        seconds = pc.add(
            parsed(asked["day"], partial(_midnight, day_first=day_first)), parsed(asked["time"], _into_day)
        )
        yield from rejected(asked, counts.add(_named(asked), seconds))
        yield from counts.rows(MAX_COUNTED)
    yield from counts.rows()


def _events(source: Source, options: Options, day_first: bool) -> Iterator[Rows | Rejects]:
    """Queries of the analytical event log as CSV, a line an event."""
    counts = QueryCounts(source, options)
    for lines, rejects in batches(source):
        yield from rejects
        first, last = fields(lines, _TIME_FIRST), fields(lines, _TIME_LAST)
        early = pc.is_valid(first["kind"])
        known = pc.or_(early, pc.is_valid(last["kind"]))
        other = lines.filter(pc.invert(known))
        yield from rejected(other, unlike(other["text"], _OTHER_EVENT, _RECEIVED))
        columns = {name: pc.if_else(early, first[name], last[name]) for name in first.schema.names}
        asked = questions(pa.record_batch(columns).filter(known), _RECEIVED)
        seconds = pc.add(
            parsed(asked["day"], partial(_midnight, day_first=day_first)), parsed(asked["time"], _into_day)
        )
        yield from rejected(asked, counts.add(asked, seconds))
        yield from counts.rows(MAX_COUNTED)
    yield from counts.rows()


def _unread(text: pa.Array) -> pa.Array:
    """Why lines that were not read are refused; null for those that tell of something else."""
    null = pa.scalar(None, pa.string())
    packet = pc.match_substring_regex(text, r" PACKET\s")
    other = pc.match_substring_regex(text, _OTHER)
    return pc.if_else(packet, "bad_query", pc.if_else(other, null, "not_a_log_line"))


def _of_clients(packets: pa.RecordBatch) -> pa.RecordBatch:
    """Queries that came in and answers that went out, told apart by `kind`; no notifies and updates."""
    came, answer = pc.equal(packets["way"], "Rcv"), pc.equal(packets["response"], "R")
    chosen = pc.and_(pc.xor(came, answer), pc.equal(packets["opcode"], "Q"))
    return packets.append_column("kind", packets["response"]).filter(chosen)


def _named(asked: pa.RecordBatch) -> pa.RecordBatch:
    """The queries with dots in their names."""
    names = asked["name"].dictionary_encode()
    dotted = pa.array([_dotted(word) for word in names.dictionary.to_pylist()], pa.string())
    return asked.set_column(asked.schema.get_field_index("name"), "name", dotted.take(names.indices))


def _dotted(name: str) -> str:
    """`(3)www(7)example(3)com(0)` as a name with dots; older servers write `.www.example.com.`. Where a
    length does not fit, since `(3)` is part of a label, the name stays what it is, and is refused."""
    labels = _LABEL.findall(name)
    fits = all(int(length) == len(label.encode()) for length, label in labels)
    if fits and "".join(f"({length}){label}" for length, label in labels) == name and name.endswith("(0)"):
        return ".".join(label for _, label in labels)[:-1] or "."
    return name[1:] if name.startswith(".") and len(name) > 1 else name


def _day_first(source: Source) -> bool:
    """Whether the dates are day, month, year; any answer will do where they begin with the year."""
    seen = set[tuple[bytes, bytes, bytes]]()
    with source.open() as stream:
        rest = b""
        while chunk := stream.read(CHUNK_BYTES):
            rest = (rest[-64:] if len(rest) > CHUNK_BYTES else rest) + chunk
            seen.update(_UNDECIDED.findall(rest))
            day_first = any(int(first) > 12 or mark == b"." for first, mark, _ in seen)
            month_first = any(int(second) > 12 for _, _, second in seen)
            if day_first and month_first:
                raise FormatError("some dates begin with the day and others with the month", file=source.path)
            if day_first or month_first:
                return day_first
            rest = rest[rest.rfind(b"\n") + 1 :]
    doubtful = [mark.join((first, second)) for first, mark, second in seen if int(first) != int(second)]
    if doubtful:
        raise FormatError(
            "the order of day and month is in doubt",
            value=min(doubtful).decode(),
            file=source.path,
            hint="State it: --format windows-dns-mdy (month first) or windows-dns-dmy (day first)",
        )
    return False


def _midnight(text: str, *, day_first: bool) -> int | None:
    """Epoch seconds of a day, as UTC."""
    parts = [text[:4], text[4:6], text[6:]] if text.isdecimal() else re.split(r"[-/.]", text.rstrip("."))
    first, second, third = map(int, parts)
    if len(parts[0]) == 4:
        year, month, day = first, second, third
    elif len(parts[2]) == 4:
        year, month, day = (third, second, first) if day_first else (third, first, second)
    else:
        return None
    try:
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _into_day(text: str) -> int | None:
    """Seconds since midnight of `10:00:32 AM`."""
    found = _MERIDIEM.search(text)
    hour, minute, second = map(int, re.split(r"[:.]", text[: found.start()] if found else text))
    if found:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[1] in "Pp" else 0)
    return hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second <= 60 else None


def _reader(name: str, sniff: Callable[[bytes], bool], day_first: bool | None) -> Reader:
    order = {None: "", False: ", with dates as month/day/year", True: ", with dates as day/month/year"}
    return Reader(
        name,
        1,
        ("queries",),
        sniff,
        partial(read_windows, day_first=day_first),
        about=f"The debug log of Windows DNS Server, or its analytical events as CSV{order[day_first]}",
        example=("15/6" if day_first else "6/15")
        + "/2026 10:00:32 AM 0E70 PACKET  00000000033397A0 UDP Rcv 192.0.2.7       5b47   Q "
        "[0001   D   NOERROR] A      (3)www(7)example(3)com(0)\n",
        fields=(
            "date and time",
            "Rcv or Snd",
            "client",
            "Q or R",
            "name",
            "QUERY_RECEIVED",
            "Source",
            "QNAME",
        ),
    )


READERS = [
    _reader("windows-dns", lambda sample: _sniff_packets(sample) or _sniff_events(sample), None),
    _reader("windows-dns-mdy", lambda _: False, False),
    _reader("windows-dns-dmy", lambda _: False, True),
]
