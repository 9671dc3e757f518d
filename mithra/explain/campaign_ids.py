"""Identifiers that stay: a campaign keeps the one under which it was found before.

A campaign is the one from before that it shares the most names with, if these are at least half of either of
the two. A new one is called after a digest of its first name, never by an identifier that was in use before.
What was found last is kept in the folder `campaigns` of a workspace, one file a moment, and a run looks only
at what was found as of an earlier moment than its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from mithra.atomic import atomic_text
from mithra.errors import FormatError, InputError, UsageError
from mithra.explain.campaign_result import Campaigns

__all__ = ["Before", "Identity", "before_of", "identities", "keep", "last_kept"]

FOLDER = "campaigns"
KEPT_FILES = 30
ID_CHARS = 10  # of a digest in hex
ENOUGH = 0.5  # of the names of either campaign


@dataclass(frozen=True)
class Before:
    """A campaign as it was found at an earlier moment."""

    id: str
    since: str
    names: frozenset[str]


@dataclass(frozen=True)
class Identity:
    """What a campaign is called, and what it had when it was last found, if it was."""

    id: str
    before: Before | None


def identities(found: Sequence[Sequence[str]], before: Sequence[Before]) -> list[Identity]:
    """The identity of each campaign, given as its names in order of first sight."""
    home = {name: at for at, each in enumerate(before) for name in each.names}
    shared = [
        (-size, names[0], at, old)
        for at, names in enumerate(found)
        for old, size in Counter(home[name] for name in names if name in home).items()
        if size >= ENOUGH * min(len(names), len(before[old].names))
    ]
    heir: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, at, old in sorted(shared):
        if at not in heir and old not in taken:
            heir[at] = old
            taken.add(old)
    used = {each.id for each in before}
    made = []
    for at, names in enumerate(found):
        if at in heir:
            made.append(Identity(before[heir[at]].id, before[heir[at]]))
            continue
        id = next(each for number in count() if (each := _digest(names[0], number)) not in used)
        used.add(id)
        made.append(Identity(id, None))
    return made


def before_of(previous: Any, as_of: datetime | None) -> list[Before]:
    """The campaigns of an earlier result, or of its JSON file.

    Raises:
        UsageError: it is neither, or of a later moment.
        InputError: a file that cannot be read.
    """
    if previous is None:
        return []
    if isinstance(previous, str | Path):
        at, found = _read(Path(previous))
    elif isinstance(previous, Campaigns):
        at, found = previous.as_of, [Before(e.id, e.since, frozenset(e.names)) for e in previous]
    else:
        raise UsageError("previous is a result of campaigns or its file", value=type(previous).__name__)
    if at is not None and as_of is not None and at > as_of:
        raise UsageError(
            "the previous campaigns are of a later moment than these",
            value=f"{at.isoformat()}, these are as of {as_of.isoformat()}",
        )
    return found


def last_kept(workspace: Path, as_of: datetime) -> Path | None:
    """The file of what was found last in a workspace as of an earlier moment, if there is any."""
    earlier = [file for file in _files(workspace) if file.name < _file_name(as_of)]
    return earlier[-1] if earlier else None


def keep(workspace: Path, as_of: datetime, found: dict[str, Any]) -> Path:
    """Keep what was found, as `Campaigns.to_dict` gives it, and the last files before it.

    Raises:
        InputError: the folder cannot be written to.
    """
    slim = [{key: each[key] for key in ("id", "since", "names")} for each in found["campaigns"]]
    path = workspace / FOLDER / _file_name(as_of)
    with atomic_text(path) as file:
        json.dump({"as_of": found["as_of"], "campaigns": slim}, file)
    for old in _files(workspace)[:-KEPT_FILES]:
        old.unlink(missing_ok=True)
    return path


def _read(path: Path) -> tuple[datetime | None, list[Before]]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        at = None if told["as_of"] is None else datetime.fromisoformat(told["as_of"])
        if at is not None and at.tzinfo is None:
            raise ValueError("a moment without a zone")
        return at, [_before(each) for each in told["campaigns"]]
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}", file=path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "`mithra campaigns … --json FILE` writes one"
        raise FormatError(f"no campaigns in the file: {error!r}", file=path, hint=hint) from error


def _before(told: dict[str, Any]) -> Before:
    names, id, since = told["names"], told["id"], told["since"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names are a list of texts")
    if not isinstance(id, str) or not isinstance(since, str) or not set(id) <= set("0123456789abcdef"):
        raise ValueError("an identifier is made of hexadecimal digits")
    return Before(id, since, frozenset(names))


def _digest(name: str, number: int) -> str:
    return hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:ID_CHARS]


def _files(workspace: Path) -> list[Path]:
    return sorted((workspace / FOLDER).glob("[0-9]*.json"))


def _file_name(as_of: datetime) -> str:
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
