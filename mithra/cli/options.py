"""Options that several commands have, and how their text becomes a value.

A value that cannot be read is wrong usage, and the message names the option and shows how to write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from mithra.errors import InputError, UsageError

__all__ = [
    "AsOf",
    "HtmlFile",
    "JsonFile",
    "ModelFolder",
    "WorkspaceFolder",
    "a_moment",
    "as_moment",
    "column_map",
    "example",
    "moment_or_last",
    "whole_number",
]

_OBSERVATIONS = ("resolutions", "registrations", "certificates", "queries")

WorkspaceFolder = Annotated[Path, typer.Argument(metavar="WORKSPACE", help="The workspace's folder.")]
ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="The model's folder.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="T",
        help="Nothing later is used: a date (2026-06-01, its first moment) or time (2026-06-01T12:00Z), UTC. "
        "Default: just after the last record in the workspace.",
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the result as JSON; - is stdout.")
]
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also write it as a page with pictures; - is stdout."),
]


def example(command: str) -> str:
    """The end of a command's help: a call to copy, and the exit codes in short."""
    return (
        f"Example: `{command}`\n\n"
        "Exit codes: 0 done, 1 refused or nothing to do, 2 wrong usage, 3 bad input (more: `mithra --help`)."
    )


def as_moment(text: str | None, option: str) -> datetime | None:
    """`a_moment`, or None where the option was not given."""
    return None if text is None else a_moment(text, option)


def a_moment(text: str, option: str) -> datetime:
    """A date or time in ISO 8601, UTC where it names no zone.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        hint = "Write it as 2026-06-01 or 2026-06-01T12:00Z (UTC)"
        raise UsageError(f"{option} is not a date", value=text, hint=hint) from error


def moment_or_last(text: str | None, workspace: Path, option: str) -> datetime:
    """What the option says, else the second after the last record of the workspace.

    Raises:
        WorkspaceError: there is no workspace.
        InputError: it holds no dated records.
    """
    if text is not None:
        return a_moment(text, option)
    from mithra.observe.workspace import Workspace

    last = Workspace(workspace).last_record(_OBSERVATIONS)
    if last is None:
        raise InputError("the workspace holds no dated records", file=workspace, hint=f"Say {option}")
    return last.replace(microsecond=0) + timedelta(seconds=1)


def column_map(pairs: Sequence[str]) -> dict[str, str] | None:
    """`name=fqdn,first_seen=ts` as our columns to theirs; None where nothing was given.

    Raises:
        UsageError: a part without `=`, or a column of ours that stands twice.
    """
    columns: dict[str, str] = {}
    for part in ",".join(pairs).split(",") if pairs else ():
        ours, equals, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and equals and theirs):
            raise UsageError(
                "--map takes OURS=THEIRS", value=part, hint="For example: --map name=fqdn,count=hits"
            )
        if ours in columns:
            raise UsageError("--map names a column twice", value=ours)
        columns[ours] = theirs
    return columns or None


def whole_number(text: str, option: str) -> int:
    """A whole number, also with underscores or as 1e6.

    Raises:
        UsageError: it is none, or below 1.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if not number.is_integer() or number < 1:  # neither is NaN or infinity
        raise UsageError(f"{option} is a whole number from 1", value=text)
    return int(number)
