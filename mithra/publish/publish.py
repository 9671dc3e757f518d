"""Write decisions as a list that a resolver, a sensor, a hosts file or a person takes.

The list appears whole or not at all, in an order that depends on the names alone. What a format cannot
express is left out or made narrower, never wider, and the publication says how much.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mithra.atomic import atomic_path
from mithra.decide.decisions import LEVELS, Decisions
from mithra.decide.ledger import Ledger
from mithra.errors import RefusedError, UsageError
from mithra.names import SuffixList
from mithra.observe.dates import utc_moment
from mithra.observe.workspace import Workspace
from mithra.publish import hosts, rpz
from mithra.publish.entries import Entries, ListSettings, entries_of
from mithra.publish.targets import TARGETS

__all__ = ["Publication", "prepared", "publish", "refuse_empty"]

T = TypeVar("T")


@dataclass(frozen=True)
class Publication:
    """What was written. `skipped` counts decisions left out by reason, `narrowed` blocks that cover less."""

    format: str
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
    format: str = "rpz",
    out: str | Path | IO[Any] = "mithra.rpz",
    *,
    now: datetime | None = None,
    level: str | None = None,
    zone: str = rpz.DEFAULT_ZONE,
    serial: int | None = None,
    answer: str = "nxdomain",
    sinkholes: Sequence[str] = hosts.SINKHOLES,
    allow_empty: bool = False,
    suffixes: SuffixList | None = None,
) -> Publication:
    """Publish the blocks in force, and the allowed names where the format has room for them.

    Args:
        decisions: from `decide`, their table, or a file of them; or a workspace that records runs: its last
            one with what was allowed since, and the list is kept so that it can be restored.
        format: a key of `mithra.publish.targets.TARGETS`, such as `rpz`, `hosts`, `suricata` or `stix`.
        out: a path, replaced in one step, or an open file (of bytes for `parquet`).
        now: the moment by which blocks have ended, with a time zone.
        level: only blocks of this level, `host` or `subtree`, and the allowed names: for two lists that are
            used together, such as two zones with answers of their own.
        zone, serial, answer: of an RPZ. The answer to a blocked name is `nxdomain` or `nodata`; the serial is
            by default `now` in epoch seconds, or one more than the zone in place has where that is as new.
        sinkholes: addresses that a hosts file answers with.
        allow_empty: write a list that blocks nothing, which else is refused and leaves the old one in place.

    Raises:
        UsageError: an unknown format, level or answer, a zone or address that is none.
        InputError: decisions that cannot be read, a path that cannot be written.
        RefusedError: nothing to block.
    """
    target = _known("format", format, TARGETS)
    moment = utc_moment(now)
    path = Path(out) if isinstance(out, (str, Path)) else None
    settings = ListSettings(
        now=moment,
        zone=rpz.check_zone(zone),
        serial=_serial(serial, moment, path) if "serial" in target.options else 0,
        answer=answer,
        sinkholes=hosts.check_sinkholes(sinkholes),
    )
    entries, narrowed = prepared(decisions, format, settings, level=level, suffixes=suffixes)
    refuse_empty(entries, allow_empty)
    chunks = import_module(f"mithra.publish.{target.module}").chunks(entries, settings)
    count, digest = _write(chunks, out)
    if isinstance(decisions, Workspace) and path is not None:
        Ledger(decisions).keep(path, digest, format=format, blocked=entries.count("action", "block"))
    return Publication(
        format=format,
        path=path,
        blocked=entries.count("action", "block"),
        allowed=entries.count("action", "allow"),
        lines=count,
        sha256=digest,
        skipped=dict(sorted(entries.skipped.items())),
        narrowed=narrowed,
        simulated=entries.simulated,
        serial=settings.serial if "serial" in target.options else None,
    )


def prepared(
    decisions: Decisions | Workspace | pa.Table | str | Path,
    format: str,
    settings: ListSettings,
    *,
    level: str | None = None,
    suffixes: SuffixList | None = None,
) -> tuple[Entries, dict[str, int]]:
    """What of the decisions a target takes, and how many blocks come out narrower, by reason.

    Raises:
        UsageError: an unknown answer or level.
        InputError: decisions that cannot be read.
    """
    _known("answer", settings.answer, rpz.ANSWERS)
    if level is not None:
        _known("level", level, dict.fromkeys(LEVELS))
    target = TARGETS[format]
    entries = entries_of(_decisions(decisions, settings.now), settings.now, suffixes or SuffixList.bundled())
    fitting = getattr(import_module(f"mithra.publish.{target.module}"), "fitting", None)
    if fitting is not None:
        entries = fitting(entries, settings)
    if target.subtree:
        entries = entries.below("block", "covered_by_subtree")
    if not target.allow:
        entries = entries.without(_flat(pc.equal(entries.table["action"], "allow")), "allow_not_expressible")
    blocks = pc.equal(entries.table["action"], "block")
    if level is not None:
        other = pc.and_(blocks, pc.not_equal(entries.table["level"], level))
        entries = entries.without(_flat(other), "other_level")
    blocked = entries.table["level"].filter(pc.equal(entries.table["action"], "block"))
    counts = Counter({item["values"]: item["counts"] for item in blocked.value_counts().to_pylist()})
    narrowed = {
        "subtree_as_host": 0 if target.subtree else counts["subtree"],
        target.narrows or "": counts["host"] if target.narrows else 0,
        "wildcard_too_long": rpz.without_wildcard(entries, settings.zone) if format == "rpz" else 0,
    }
    return entries, {reason: number for reason, number in narrowed.items() if number}


def refuse_empty(entries: Entries, allow_empty: bool) -> None:
    """Refuse a list that blocks nothing, unless it is wanted.

    Raises:
        RefusedError: nothing to block.
    """
    if allow_empty or entries.count("action", "block"):
        return
    raise RefusedError(
        "there is nothing to block",
        value=f"left out: {dict(entries.skipped)}" if entries.skipped else None,
        hint="The list in place stays. Pass allow_empty to write an empty one",
    )


def _known(what: str, value: str, known: Mapping[str, T]) -> T:
    if value not in known:
        raise UsageError(f"unknown {what}", value=value, hint=f"Known: {', '.join(known)}")
    return known[value]


def _decisions(given: Decisions | Workspace | pa.Table | str | Path, now: datetime) -> Decisions:
    if isinstance(given, Workspace):
        return Ledger(given).in_force(now)
    if isinstance(given, (str, Path)):
        return Decisions.read(given)
    return given if isinstance(given, Decisions) else Decisions(given)


def _serial(given: int | None, moment: datetime, path: Path | None) -> int:
    if given is None:
        return rpz.next_serial(moment, path)
    if not 0 <= given < 2**32:
        raise UsageError("a serial is between 0 and 4294967295", value=given)
    return given


def _flat(column: pa.ChunkedArray) -> pa.BooleanArray:
    return column.combine_chunks()


def _write(chunks: Iterable[str | bytes], out: str | Path | IO[Any]) -> tuple[int, str]:
    """Lines and digest of what was written, as it streams through."""
    if isinstance(out, (str, Path)):
        with atomic_path(out) as unfinished, unfinished.open("wb") as file:
            return _stream(chunks, file)
    return _stream(chunks, out)


def _stream(chunks: Iterable[str | bytes], file: IO[Any]) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    text = isinstance(file, io.TextIOBase)
    for chunk in chunks:
        data = chunk.encode() if isinstance(chunk, str) else chunk
        if text and isinstance(chunk, bytes):
            raise UsageError("this format is binary", hint="Give a path, or a file opened for bytes")
        file.write(chunk if text else data)
        digest.update(data)
        count += data.count(b"\n")
    return count, digest.hexdigest()
