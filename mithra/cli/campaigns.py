"""`mithra campaigns`: which suspects belong together, what ties them, and which of them no feed lists yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mithra.cli.messages import messages
from mithra.cli.options import AsOf, JsonFile, ModelFolder, WorkspaceFolder, example, moment_or_last
from mithra.cli.output import STDOUT, Format, chosen_format, print_table, write_json, write_records
from mithra.errors import UsageError

__all__ = ["add_to"]

TOP = 50  # campaigns of a table


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("mithra campaigns models/june lake --json campaigns.json"))(campaigns)


def campaigns(
    ctx: typer.Context,
    model: ModelFolder,
    workspace: WorkspaceFolder,
    as_of: AsOf = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What was found before (of --json), whose identifiers go on. Default: what the workspace "
            "remembers of the last earlier moment.",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="A table of campaigns, or records of names. Default: by the ending of --out."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write; - is stdout.")] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Campaigns in a table.")] = TOP,
    json_file: JsonFile = None,
) -> None:
    """Group suspects by the rare things that they share: addresses, name servers, batches of registration.

    Suspects are names of nefarious verdict, names over the line for watching, and names on a list. The
    workspace remembers what was found, so that a campaign keeps its identifier from day to day.
    """
    import mithra as mt
    from mithra.explain.campaign_ids import keep, last_kept
    from mithra.explain.campaign_result import COLUMNS

    talk, chosen = messages(ctx), chosen_format(format, out)
    if json_file == STDOUT and out == STDOUT:
        raise UsageError("stdout cannot take both", value="--json - --out -", hint="Give one of them a file")
    at = moment_or_last(as_of, workspace, "--as-of")
    trained, snapshot = mt.load(model), mt.snapshot(workspace, at, progress=talk.progress)
    before = last_kept(workspace, at) if previous is None else previous
    found = mt.campaigns(trained, snapshot, previous=before, progress=talk.progress)
    keep(workspace, at, found.to_dict())
    if chosen is not Format.TABLE:
        write_records(found.members, chosen, out)
    elif json_file != STDOUT:
        print_table(COLUMNS, found.rows()[:top], out=out)
    write_json(found.to_dict() if json_file is not None else None, json_file)
    more = f", of which the largest {top} are shown" if chosen is Format.TABLE and len(found) > top else ""
    talk.say(
        f"{len(found):,} campaigns of {len(found.members):,} names as of {at:%Y-%m-%d %H:%M} UTC{more}; "
        f"{found.lone:,} suspects are tied to no other"
    )
    if found.simulated:
        talk.say("simulated: the model has seen simulated data only")
