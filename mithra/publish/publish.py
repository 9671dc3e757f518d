"""Write decisions as a list that a resolver, a hosts file or a person takes.

The list appears whole or not at all, in an order that depends on the names alone. What a format cannot
express is left out or made narrower, never wider, and the publication says how much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from mithra.atomic import atomic_text
from mithra.decide.decisions import Decisions
from mithra.decide.ledger import Ledger
from mithra.errors import RefusedError, UsageError
from mithra.names import SuffixList
from mithra.observe.workspace import Workspace
from mithra.publish import hosts, rpz
from mithra.publish.entries import Entries, entries_of
from mithra.publish.plain import plain_lines

__all__ = ["Format", "Publication", "publish"]

Format = Literal["rpz", "hosts", "plain"]


@dataclass(frozen=True)
class Publication:
    """What was written. `skipped` counts decisions left out by reason, `narrowed` blocks that cover less."""

    format: Format
    path: Path | None  # None where an open file was given
    blocked: int  # names
    allowed: int  # names; 0 where the format knows no exceptions
    lines: int
    sha256: str  # of the file's bytes
    skipped: Mapping[str, int]
    narrowed: Mapping[str, int]
    simulated: bool
    serial: int | None = None  # of an RPZ


def publish(
    decisions: Decisions | Workspace | pa.Table | str | Path,
    format: Format = "rpz",
    out: str | Path | IO[str] = "mithra.rpz",
    *,
    now: datetime | None = None,
    zone: str = rpz.DEFAULT_ZONE,
    serial: int | None = None,
    sinkholes: Sequence[str] = hosts.SINKHOLES,
    allow_empty: bool = False,
    suffixes: SuffixList | None = None,
) -> Publication:
    """Publish the blocks in force, and the allowed names where the format has room for them.

    Args:
        decisions: from `decide`, their table, or a file of them; or a workspace that records runs: its last
            one with what was allowed since, and the list is kept so that it can be restored.
        format: `rpz`, `hosts` or `plain`.
        out: a path, replaced in one step, or an open text file.
        now: the moment by which blocks have ended, with a time zone.
        zone, serial: of an RPZ; the serial is by default `now` in epoch seconds, or one more than the zone in
            place has where that is as new.
        sinkholes: addresses that a hosts file answers with.
        allow_empty: write a list that blocks nothing, which else is refused and leaves the old one in place.

    Raises:
        UsageError: an unknown format, a zone or address that is none.
        InputError: decisions that cannot be read, a path that cannot be written.
        RefusedError: nothing to block.
    """
    if format not in get_args(Format):
        raise UsageError("unknown format", value=format, hint=f"Formats: {', '.join(get_args(Format))}")
    moment = _moment(now)
    path = Path(out) if isinstance(out, (str, Path)) else None
    ledger = Ledger(decisions) if isinstance(decisions, Workspace) else None
    made = _decisions(decisions) if ledger is None else ledger.in_force(moment)
    entries = entries_of(made, moment, suffixes or SuffixList.bundled())
    narrowed: dict[str, int] = {}
    if format == "rpz":
        origin = rpz.check_zone(zone)
        entries = rpz.fitting(entries, origin)
        narrowed["wildcard_too_long"] = rpz.without_wildcard(entries, origin)
        serial = _serial(serial, moment, path)
        lines = rpz.zone_lines(entries, origin, serial)
    else:
        entries = entries.without(_allows(entries), "allow_not_expressible")
        narrowed["subtree_as_host"] = entries.count("level", "subtree")
        serial = None
        checked = hosts.check_sinkholes(sinkholes)
        lines = hosts.hosts_lines(entries, checked) if format == "hosts" else plain_lines(entries)
    blocked = entries.count("action", "block")
    if not blocked and not allow_empty:
        raise RefusedError(
            "there is nothing to block",
            value=f"left out: {dict(entries.skipped)}" if entries.skipped else None,
            hint="The list in place stays. Pass allow_empty to write an empty one",
        )
    count, digest = _write(lines, out)
    if ledger is not None and path is not None:
        ledger.keep(path, digest, format=format, blocked=blocked)
    return Publication(
        format=format,
        path=path,
        blocked=blocked,
        allowed=entries.count("action", "allow"),
        lines=count,
        sha256=digest,
        skipped=dict(sorted(entries.skipped.items())),
        narrowed={reason: number for reason, number in narrowed.items() if number},
        simulated=entries.simulated,
        serial=serial,
    )


def _decisions(given: Decisions | pa.Table | str | Path) -> Decisions:
    if isinstance(given, (str, Path)):
        return Decisions.read(given)
    return given if isinstance(given, Decisions) else Decisions(given)


def _moment(now: datetime | None) -> datetime:
    if now is not None and now.tzinfo is None:
        raise UsageError("now needs a time zone", value=now)
    return datetime.now(UTC) if now is None else now.astimezone(UTC)


def _serial(given: int | None, moment: datetime, path: Path | None) -> int:
    if given is None:
        return rpz.next_serial(moment, path)
    if not 0 <= given < 2**32:
        raise UsageError("a serial is between 0 and 4294967295", value=given)
    return given


def _allows(entries: Entries) -> pa.BooleanArray:
    return pc.equal(entries.table["action"], "allow").combine_chunks()


def _write(lines: Iterable[str], out: str | Path | IO[str]) -> tuple[int, str]:
    """Lines and digest of what was written, as it streams through."""
    if isinstance(out, (str, Path)):
        with atomic_text(out) as file:
            return _stream(lines, file)
    return _stream(lines, out)


def _stream(lines: Iterable[str], file: IO[str]) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    for line in lines:
        file.write(line)
        digest.update(line.encode())
        count += line.count("\n")
    return count, digest.hexdigest()
