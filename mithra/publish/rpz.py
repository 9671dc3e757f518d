"""A DNS response policy zone (draft-vixie-dnsop-dns-rpz-00), as BIND, Unbound, Knot and PowerDNS load it.

A blocked name answers NXDOMAIN (`CNAME .`) or NODATA (`CNAME *.`), a subtree has its wildcard besides, an
allowed name passes (`CNAME rpz-passthru.`). Names are canonical and hold nothing that a zone file would need
escaped; but an owner whose last label is `rpz-ip` or the like would be read as another trigger, and is left
out. What a blocked subtree covers must not be in the zone either: an owner below a wildcard takes names from
it (RFC 4592, 2.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InvalidNameError, UsageError
from mithra.names import canonical
from mithra.publish.entries import MARK, Entries, Entry, ListSettings, header

__all__ = [
    "ALLOWED",
    "ANSWERS",
    "DEFAULT_ZONE",
    "TTL_SECONDS",
    "check_zone",
    "chunks",
    "fitting",
    "next_serial",
    "records",
    "without_wildcard",
]

DEFAULT_ZONE = "rpz.mithra.invalid"
MAX_OCTETS = 253  # of a name in text form without its last dot
TTL_SECONDS = 300
REFRESH_SECONDS, RETRY_SECONDS, EXPIRE_SECONDS, MINIMUM_SECONDS = 300, 60, 86_400, 60
ANSWERS = {"nxdomain": ".", "nodata": "*."}  # to a blocked name, as the target of its CNAME
ALLOWED = "rpz-passthru."
_SOA_SERIAL = re.compile(r"^@ \d+ IN SOA \S+ \S+ (\d+) ", re.MULTILINE)


def check_zone(zone: str) -> str:
    """The zone's name in canonical form.

    Raises:
        UsageError: no domain name.
    """
    try:
        return canonical(zone)
    except InvalidNameError as error:
        raise UsageError(f"the zone's name is no domain name ({error.reason})", value=zone) from error


def fitting(entries: Entries, settings: ListSettings) -> Entries:
    """Entries that can be owner names below the zone; the others are counted as skipped."""
    trigger = pc.match_substring_regex(entries.table["name"], r"(^|\.)rpz-[^.]*$")
    entries = entries.without(_flat(trigger), "rpz_trigger")
    long = pc.greater(pc.binary_length(entries.table["name"]), MAX_OCTETS - len(settings.zone) - 1)
    return entries.without(_flat(long), "too_long_for_zone")


def without_wildcard(entries: Entries, zone: str) -> int:
    """Subtrees whose wildcard would be too long a name: of these only the host itself is written."""
    subtree = pc.equal(entries.table["level"], "subtree")
    long = pc.greater(pc.binary_length(entries.table["name"]), _wildcard_room(zone))
    return int(pc.sum(pc.and_(subtree, long)).as_py() or 0)


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """The zone file."""
    yield from header(entries, ";")
    yield f"$ORIGIN {settings.zone}.\n$TTL {TTL_SECONDS}\n"
    times = f"{REFRESH_SECONDS} {RETRY_SECONDS} {EXPIRE_SECONDS} {MINIMUM_SECONDS}"
    yield f"@ {TTL_SECONDS} IN SOA localhost. hostmaster.localhost. {settings.serial} {times}\n"
    yield "@ IN NS localhost.\n"
    if entries.simulated:
        yield f'@ IN TXT "{MARK}"\n'
    for piece in records(entries, settings.zone, settings.answer):
        yield "".join(f"{owner} CNAME {target}\n" for owner, target in piece)


def records(entries: Entries, zone: str, answer: str) -> Iterator[Iterator[tuple[str, str]]]:
    """Owners below the zone and the targets of their CNAME, in pieces."""
    room, targets = _wildcard_room(zone), {"block": ANSWERS[answer], "allow": ALLOWED}
    for piece in entries.pieces():
        yield _owners(piece, targets, room)


def next_serial(moment: datetime, existing: Path | None) -> int:
    """Epoch seconds, or one more than the zone in place has: secondaries transfer only what is newer.

    Compared in serial arithmetic (RFC 1982), so that a serial may wrap.
    """
    serial = int(moment.timestamp()) % 2**32
    held = _held_serial(existing)
    if held is None or 0 < (serial - held) % 2**32 < 2**31:
        return serial
    return (held + 1) % 2**32


def _held_serial(existing: Path | None) -> int | None:
    if existing is None or not existing.is_file():
        return None
    with existing.open(encoding="utf-8", errors="replace") as file:
        found = _SOA_SERIAL.search(file.read(8192))
    return int(found.group(1)) % 2**32 if found else None


def _owners(piece: Iterable[Entry], targets: Mapping[str, str], room: int) -> Iterator[tuple[str, str]]:
    for name, action, level in piece:
        yield name, targets[action]
        if level == "subtree" and len(name) <= room:
            yield f"*.{name}", targets[action]


def _wildcard_room(zone: str) -> int:
    return MAX_OCTETS - len(zone) - 1 - len("*.")


def _flat(column: pa.ChunkedArray) -> pa.BooleanArray:
    return column.combine_chunks()
