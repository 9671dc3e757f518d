"""Address ranges and the autonomous system that originates them: start,end,asn,organisation tables.

With a header (also network,asn,organisation as in GeoLite2 and IPinfo) columns are found by name, without
one by what the first row holds. Ranges are kept as 16 bytes, IPv4 mapped into IPv6.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from mithra.errors import FormatError
from mithra.observe.readers import csvfile
from mithra.observe.readers.labels import date_of_file
from mithra.observe.records import date_reason, seconds_to_time
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["ASN", "ORGANISATION", "READERS", "Unrouted", "asn_number", "network_rows"]

START = (
    "start",
    "start_ip",
    "range_start",
    "ip_start",
    "ip_range_start",
    "network_start",
    "first_ip",
    "ip_from",
)
END = ("end", "end_ip", "range_end", "ip_end", "ip_range_end", "network_end", "last_ip", "ip_to")
NETWORK = ("network", "cidr", "prefix", "subnet")
ASN = ("asn", "as_number", "autonomous_system_number", "as", "origin")
ORGANISATION = (
    "organisation",
    "organization",
    "org",
    "as_org",
    "as_name",
    "as_description",
    "autonomous_system_organization",
    "name",
    "description",
)
MAX_ASN = (1 << 32) - 1
Network: TypeAlias = tuple[bytes, bytes, int, str | None]  # first and last address, ASN, organisation
_ASN = re.compile(r"(?:AS)?(\d{1,10})", re.IGNORECASE)
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True)
class _Columns:
    """Positions. Where `end` is None, `start` holds a network in CIDR form."""

    start: int
    end: int | None
    asn: int
    organisation: int | None


def sniff_networks(sample: bytes) -> bool:
    """Rows with a range or network and a number."""
    found = csvfile.look(sample)
    return found is not None and _columns(found) is not None


def read_networks(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Networks of a table of ranges."""
    found = csvfile.look(source.sample)
    at = None if found is None else _columns(found)
    if found is None or at is None:
        raise FormatError("no table of address ranges", file=source.path)
    day = date_of_file(source, options)
    if day is not None and date_reason(pa.array([day]), options.now_seconds)[0].is_valid:
        raise FormatError("the date of this table lies in the future", value=day, file=source.path)
    not_routed = Unrouted()
    for batch in csvfile.rows(source, found, width=1 + max(at.start, at.end or 0, at.asn)):
        kept = list[Network]()
        for number, cells, raw in zip(batch.numbers, batch.cells, batch.raw, strict=True):
            row = _row(cells, at)
            if row is None:
                not_routed.add(number, raw)
            elif isinstance(row, str):
                batch.rejects.add(number, row, raw)
            else:
                kept.append(row)
        start, end, asn, organisation = zip(*kept, strict=True) if kept else ((), (), (), ())
        yield network_rows(
            pa.array(start, pa.binary(16)),
            pa.array(end, pa.binary(16)),
            pa.array(asn, pa.int64()),
            pa.array(organisation, pa.string()),
            day,
            source,
            options,
        )
        if batch.rejects.lines:
            yield batch.rejects
    yield not_routed.rejects()


@dataclass
class Unrouted:
    """Ranges that a table lists as announced by nobody: no bad records, and often a quarter of them.

    They are one reject that says how many.
    """

    count: int = 0
    line: int | None = None
    record: object = None

    def add(self, line: int | None, record: object) -> None:
        """One more."""
        if not self.count:
            self.line, self.record = line, record
        self.count += 1

    def rejects(self) -> Rejects:
        """None, or one."""
        rejects = Rejects()
        if self.count:
            first = self.record.decode("utf-8", "replace") if isinstance(self.record, bytes) else self.record
            rejects.add(self.line, "not_routed", f"{self.count} records, the first: {first}")
        return rejects


def network_rows(
    start: pa.Array,
    end: pa.Array,
    asn: pa.Array,
    organisation: pa.Array,
    day: int | None,
    source: Source,
    options: Options,
) -> Rows:
    """Rows of networks."""
    columns = {
        "start": start,
        "end": end,
        "asn": asn,
        "organisation": organisation,
        "valid_from": seconds_to_time(pa.repeat(pa.scalar(day, pa.int64()), len(asn)), options.now_seconds),
        "source": pa.repeat(pa.scalar(options.source or source.stem), len(asn)),
    }
    return Rows("networks", pa.table(columns))


def _columns(found: csvfile.CsvLook) -> _Columns | None:
    if found.header:
        start, end = csvfile.column(found.header, *START), csvfile.column(found.header, *END)
        asn = csvfile.column(found.header, *ASN)
        if start is None or end is None:
            start, end = csvfile.column(found.header, *NETWORK), None
        if start is None or asn is None:
            return None
        return _Columns(start, end, asn, csvfile.column(found.header, *ORGANISATION))
    first = [cell.strip() for cell in found.first]
    end = 1 if len(first) > 2 and _packed(first[0]) and _packed(first[1]) else None
    start = 0 if end else next((i for i, cell in enumerate(first[:3]) if _network(cell)), None)
    if start is None:
        return None
    rest = range(1 + (end or start), len(first))
    asn = next((i for i in rest if _ASN.fullmatch(first[i])), None)
    if asn is None:
        return None
    return _Columns(start, end, asn, len(first) - 1 if len(first) - 1 > asn else None)


def _row(cells: list[str], at: _Columns) -> Network | str | None:
    """A range, None where it is not routed, or why the row is refused."""
    if at.end is None:
        bounds = _network(cells[at.start].strip())
        if bounds is None:
            return "bad_network"
        start, end = bounds
    else:
        first, last = _packed(cells[at.start].strip()), _packed(cells[at.end].strip())
        if first is None or last is None:
            return "bad_address"
        if len(first) != len(last):
            return "mixed_families"
        start, end = _wide(first), _wide(last)
    if start > end:
        return "end_before_start"
    number = asn_number(cells[at.asn])
    if number is None:
        return "bad_asn"
    if number == 0:
        return None
    named = at.organisation is not None and at.organisation < len(cells)
    return start, end, number, cells[at.organisation or 0].strip() or None if named else None


def asn_number(text: str) -> int | None:
    """The number of `AS64500` or `64500`; None where it is none. 0 is not routed (RFC 7607)."""
    found = _ASN.fullmatch(text.strip())
    return None if found is None or int(found[1]) > MAX_ASN else int(found[1])


def _packed(text: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def _network(text: str) -> tuple[bytes, bytes] | None:
    if "/" not in text:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return _wide(network.network_address.packed), _wide(network.broadcast_address.packed)


def _wide(packed: bytes) -> bytes:
    return packed if len(packed) == 16 else _MAPPED + packed


READERS = [
    Reader(
        "networks-csv",
        2,
        ("networks",),
        sniff_networks,
        read_networks,
        dated_by_name=True,
        about="address ranges and their autonomous systems, by start and end (ip2asn) or by network",
        example='start,end,asn,organisation\n192.0.2.0,192.0.2.255,64500,"Example Net, Inc."\n',
        fields=("start", "end", "network", "asn", "organisation"),
    )
]
