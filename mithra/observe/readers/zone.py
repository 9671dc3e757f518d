"""Zone files in master format (RFC 1035, section 5), streamed: every RR was seen once, on the zone's day.

dnspython's reader holds a whole zone in memory and stops at the first bad line, so the format is read here
line by line; dnspython only names types. The day is that of an `Exported:` or like comment at the head,
else the caller's. Signatures and denial records (RRSIG, NSEC …) say nothing about hosts: their number is
noted in rejects, once for each type.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.rdatatype
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError
from mithra.observe.readers.labels import date_of_file
from mithra.observe.records import resolutions
from mithra.observe.source import MAX_LINE_BYTES, Options, Reader, Rejects, Rows, Source

__all__ = ["READERS", "Records", "Zone", "take_line"]

SNIFFED_LINES = 300
LEFT_OUT = {"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "ZONEMD"}
MAX_TTL = (1 << 31) - 1
ROWS_PER_BATCH = 1 << 16

_HOSTS_IN_RDATA = {"NS", "CNAME", "DNAME", "PTR", "MX"}  # their last field is a name, relative to the origin
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|(?:[^\s"();\\]|\\.)+|[()]|;.*|\S')
_TTL = re.compile(r"(?:\d+[smhdw]?)+", re.IGNORECASE)
_TTL_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CLASSES = {"IN", "CH", "HS", "CS"}
_TYPES = {rdtype.name for rdtype in dns.rdatatype.RdataType}
_SNIFF_RR = re.compile(
    rb"^(?:\S+[ \t]+|[ \t]+)(?:\d+[smhdwSMHDW]?[ \t]+)?(?:IN[ \t]+)?(?:\d+[ \t]+)?"
    rb"(?:SOA|NS|A|AAAA|MX|TXT|CNAME|DS|RRSIG|DNSKEY|PTR|SRV|CAA|NSEC3?)[ \t]+\S"
)
_DOMAIN_COMMENT = re.compile(rb"^;+\s*(?:Domain|Zone|Origin):\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Zone:
    """Where the reader stands: what a line leaves for the next."""

    origin: str | None  # absolute, without the final dot; "" is the root
    ttl: int | None = None
    owner: str | None = None
    depth: int = 0  # of open parentheses
    pending: list[str] = field(default_factory=list)
    blank_owner: bool = False
    start: int = 0  # first line of the pending record


@dataclass
class Records:
    """Records of some lines as parallel lists, and the lines that are none."""

    lines: list[int] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rdata: list[str] = field(default_factory=list)
    ttls: list[int | None] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)


def sniff_zone(sample: bytes) -> bool:
    """A $ORIGIN or $TTL directive, or most lines are RRs."""
    lines = [
        line for line in sample.splitlines()[:SNIFFED_LINES] if line.strip() and not line.startswith(b";")
    ]
    if not lines:
        return False
    found = sum(bool(_SNIFF_RR.match(line)) for line in lines)
    directive = any(line.upper().startswith((b"$ORIGIN", b"$TTL")) for line in lines)
    return found > len(lines) / 2 or (directive and found > 0)


def read_zone(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions of a zone file.

    Raises:
        InputError: neither the head of the file nor the caller says of which day the zone is.
    """
    date = date_of_file(source, options)
    if date is None:
        raise InputError(
            "this zone file does not say of which day it is",
            file=source.path,
            hint="Ingest it by itself with its date: --known-at 2026-06-01 (known_at= in Python)",
        )
    named = _DOMAIN_COMMENT.search(source.sample[:4096])
    zone = Zone(None if named is None else named[1].decode("ascii", "replace").rstrip("."))
    left_out: Counter[str] = Counter()
    first_left_out: dict[str, tuple[int, str]] = {}
    records = Records()
    for first, lines in source.lines():
        for number, line in enumerate(lines, first):
            if len(line) > MAX_LINE_BYTES:
                records.rejects.add(number, "line_too_long", line)
                continue
            take_line(zone, number, line.decode("utf-8", "replace"), records)
        yield from _batch(records, date, source, options, left_out, first_left_out)
        records = Records()
    if zone.depth:
        records.rejects.add(zone.start, "unclosed_parenthesis", " ".join(zone.pending))
    for kind, count in sorted(left_out.items()):
        start, raw = first_left_out[kind]
        records.rejects.add(start, f"left_out_{kind.lower()}", f"{count} records, the first: {raw}")
    if records.rejects.lines:
        yield records.rejects


class _BadError(Exception):
    """Why a line makes no record."""


def take_line(zone: Zone, number: int, line: str, records: Records) -> None:
    """Take one line; a record is complete when no parenthesis is open."""
    plain = not zone.depth and '"' not in line and "(" not in line and ";" not in line and ")" not in line
    tokens = line.split() if plain else _tokens(line)
    if not zone.depth:
        zone.pending, zone.start, zone.blank_owner = [], number, line[:1] in {" ", "\t"}
    for token in tokens:
        if token == "(":  # noqa: S105  a token of the zone, no password
            zone.depth += 1
        elif token == ")":  # noqa: S105  likewise
            zone.depth = max(zone.depth - 1, 0)
        else:
            zone.pending.append(token)
    if zone.depth or not zone.pending:
        if len(zone.pending) > MAX_LINE_BYTES // 16:
            records.rejects.add(zone.start, "unclosed_parenthesis", " ".join(zone.pending[:20]))
            zone.depth, zone.pending = 0, []
        return
    try:
        _record(zone, line, records)
    except _BadError as bad:
        records.rejects.add(zone.start, str(bad), line)


def _tokens(line: str) -> list[str]:
    return [token for token in _TOKEN.findall(line) if not token.startswith(";")]


def _record(zone: Zone, line: str, records: Records) -> None:
    tokens = zone.pending
    if tokens[0].startswith("$") and not zone.blank_owner:
        _directive(zone, tokens)
        return
    at = 0
    if not zone.blank_owner:
        zone.owner, at = _absolute(tokens[0], zone), 1
    if zone.owner is None:
        raise _BadError("no_owner")
    ttl, kind, at = _type(tokens, at, zone.ttl)
    rdata = tokens[at:]
    if not rdata:
        raise _BadError("no_rdata")
    if kind in _HOSTS_IN_RDATA:
        rdata[-1] = _absolute(rdata[-1], zone)
    elif kind == "SOA":
        rdata[:2] = [_absolute(name, zone) for name in rdata[:2]]
    records.lines.append(zone.start)
    records.raw.append(line)
    records.names.append(zone.owner)
    records.types.append(kind)
    records.rdata.append(" ".join(rdata))
    records.ttls.append(ttl)


def _directive(zone: Zone, tokens: list[str]) -> None:
    word = tokens[0].upper()
    if len(tokens) < 2:
        raise _BadError("bad_directive")
    if word == "$ORIGIN":
        zone.origin = _absolute(tokens[1], zone)
    elif word == "$TTL":
        zone.ttl = _seconds(tokens[1])
        if zone.ttl is None:
            raise _BadError("bad_ttl")
    else:  # $INCLUDE would read other files, $GENERATE is BIND's own
        raise _BadError("unsupported_directive")


def _type(tokens: list[str], at: int, ttl: int | None) -> tuple[int | None, str, int]:
    """TTL, type and place of the rdata. TTL and class come in either order."""
    for _ in range(3):
        if at >= len(tokens):
            break
        word = tokens[at].upper()
        at += 1
        if word in _TYPES or re.fullmatch(r"TYPE\d{1,5}", word):
            return ttl, word, at
        if word in _CLASSES:
            if word != "IN":
                raise _BadError("not_class_in")
        elif _TTL.fullmatch(word):
            ttl = _seconds(word)
            if ttl is None:
                raise _BadError("bad_ttl")
        else:
            break
    raise _BadError("no_rrtype")


def _absolute(name: str, zone: Zone) -> str:
    """A name without its final dot; relative ones get the origin."""
    if name.endswith(".") and not name.endswith("\\."):
        return name[:-1]
    if zone.origin is None:
        raise _BadError("no_origin")
    if name == "@":
        return zone.origin
    return f"{name}.{zone.origin}" if zone.origin else name


def _seconds(text: str) -> int | None:
    if not _TTL.fullmatch(text):
        return None
    seconds = sum(int(number) * _UNIT_SECONDS[unit.lower()] for number, unit in _TTL_PART.findall(text))
    return seconds if seconds <= MAX_TTL else None


def _batch(
    records: Records,
    date: int,
    source: Source,
    options: Options,
    left_out: Counter[str],
    first_left_out: dict[str, tuple[int, str]],
) -> Iterator[Rows | Rejects]:
    for kind, line, raw in zip(records.types, records.lines, records.raw, strict=True):
        if kind in LEFT_OUT:
            left_out[kind] += 1
            first_left_out.setdefault(kind, (line, raw))
    keep = [i for i, kind in enumerate(records.types) if kind not in LEFT_OUT]
    when = pa.repeat(pa.scalar(date, pa.int64()), len(keep))
    names, types, rdata = (
        pa.array([part[i] for i in keep], pa.string())
        for part in (records.names, records.types, records.rdata)
    )
    table, reason = resolutions(names, types, rdata, when, when, now=options.now_seconds)
    table = table.append_column("ttl", pa.array([records.ttls[i] for i in keep], pa.int64()))
    table = table.append_column("captured_at", table["last_seen"])
    table = table.append_column("count", pa.repeat(pa.scalar(1, pa.int64()), len(keep)))
    table = table.append_column("source", pa.repeat(pa.scalar(options.source or source.stem), len(keep)))
    yield Rows("resolutions", table.filter(pc.is_null(reason)))
    for i, why in zip(keep, reason.to_pylist(), strict=True):
        if why is not None:
            records.rejects.add(records.lines[i], why, records.raw[i])
    if records.rejects.lines:
        yield records.rejects


READERS = [
    Reader(
        "zone",
        1,
        ("resolutions",),
        sniff_zone,
        read_zone,
        about="zone files in master format (RFC 1035): every record was seen on the zone's day",
        example="; Exported: 2026-08-22 07:39:20\n$ORIGIN example.\nwww 3600 IN A 192.0.2.7\n",
        fields=("owner", "TTL", "type", "rdata", "Exported: comment"),
    )
]
