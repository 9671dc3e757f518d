"""`mithra detect`: who asked for names that need a look, and which of other tools' alerts do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mithra.cli.messages import Messages, messages
from mithra.cli.options import WorkspaceFolder, as_moment, column_map, example
from mithra.cli.output import STDOUT, Format, print_table, text_output, write_records
from mithra.errors import UsageError

if TYPE_CHECKING:
    from mithra.explain.findings import Findings

__all__ = ["add_to"]

SHOWN = 50  # findings in a table
SHOWN_REASONS = 2
SHOWN_FILES = 5
_ENDINGS = {".ndjson": "jsonl", ".txt": "table"}


class FindingFormat(StrEnum):
    """How findings are written."""

    TABLE = "table"
    OCSF = "ocsf"
    STIX = "stix"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "mithra detect lake query.log.gz --scores scores.parquet --format ocsf --out findings.json"
        )
    )(detect)


def detect(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG…", help="Query logs and alerts: files, folders or quoted patterns, also packed."
        ),
    ],
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="From `mithra score`: .parquet, .jsonl or .csv.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead of scores: score the workspace by this model.")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="From `mithra decide`; default all runs that the workspace records."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What counts as popular, and what is allowed, as TOML."),
    ] = None,
    campaigns: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Table with columns name and campaign to group by; default eTLD+1."
        ),
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS,…",
            help="The files are alerts of any tool: name=FIELD, and client, seen_at, title, severity, id.",
        ),
    ] = None,
    log_format: Annotated[
        str, typer.Option("--log-format", metavar="NAME", help="A reader's name; auto looks at the content.")
    ] = "auto",
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="T", help="Gives the year to times that have none.")
    ] = None,
    show_clients: Annotated[
        bool, typer.Option("--show-clients", help="Addresses of clients instead of their keyed hashes.")
    ] = False,
    now: Annotated[
        str | None, typer.Option(metavar="T", help="Judge as of a past moment; default the clock.")
    ] = None,
    format: Annotated[
        FindingFormat | None,
        typer.Option(
            help="Default: by the ending of --out (.csv, .jsonl, .parquet), else a table of the open."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write; - is stdout.")] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Open findings that a table shows.")] = SHOWN,
) -> None:
    """Match query logs, and triage alerts, against scores and decisions. Logs are read, not stored.

    A finding is a client that asked for a name that is nefarious by its score, or blocked or watched. What is
    allowed or well known is closed with the reason.
    """
    import mithra as mt

    talk, chosen, at = messages(ctx), _chosen(format, out), as_moment(now, "--now") or datetime.now(UTC)
    found = mt.detect(
        workspace,
        *logs,
        scores=scores,
        model=None if model is None else mt.load(model),
        decisions=None if decisions is None else mt.Decisions.read(decisions),
        policy=None if policy is None else mt.Policy.from_toml(policy),
        campaigns=campaigns,
        columns=column_map(mapped or []),
        format=log_format,
        known_at=as_moment(known_at, "--known-at"),
        show_clients=show_clients,
        now=at,
        progress=talk.progress,
    )
    _write(found, chosen, out, at, top)
    _tell(talk, found)


def _chosen(given: FindingFormat | None, out: Path | None) -> FindingFormat:
    if given is not None:
        return given
    if out is None or out == STDOUT:
        return FindingFormat.TABLE
    ending = _ENDINGS.get(out.suffix, out.suffix[1:])
    if ending not in ("table", "jsonl", "csv", "parquet"):
        raise UsageError(
            "the file's ending names no format",
            value=out,
            hint="Use .jsonl, .csv or .parquet, or say --format ocsf or --format stix",
        )
    return FindingFormat(ending)


def _write(found: Findings, format: FindingFormat, out: Path | None, at: datetime, top: int) -> None:
    if format is FindingFormat.TABLE:
        _print(found, out, top)
    elif format is FindingFormat.OCSF:
        from mithra.explain.ocsf import ocsf_events

        with text_output(out) as file:
            file.writelines(json.dumps(event, allow_nan=False) + "\n" for event in ocsf_events(found, at))
    elif format is FindingFormat.STIX:
        from mithra.explain.sightings import stix_bundle

        text = stix_bundle(found, at)
        with text_output(out) as file:
            file.write(text)
    else:
        write_records(found.to_arrow(), Format(format.value), out)


def _print(found: Findings, out: Path | None, top: int) -> None:
    rows = [
        [
            row["rank"],
            row["name"],
            row["score"],
            row["client"],
            row["count"],
            None if row["first"] is None else f"{row['first']:%Y-%m-%d %H:%M:%S}",
            None if row["last"] is None else f"{row['last']:%Y-%m-%d %H:%M:%S}",
            ", ".join(row["rrtypes"]),
            ", ".join(row["then"]),
            row["now"],
            "; ".join([*([row["title"]] if row["title"] else []), *row["reasons"][:SHOWN_REASONS]]),
        ]
        for row in found.open.slice(0, top).to_pylist()
    ]
    columns = ["rank", "name", "score", "client", "count", "first", "last", "asked", "then", "now", "why"]
    print_table(columns, rows, out=out)


def _tell(talk: Messages, found: Findings) -> None:
    """What came in, and what became of it."""
    counts, opened = found.counts, found.open
    plural = "" if counts.files == 1 else "s"
    talk.say(f"{counts.files:,} file{plural}: {counts.queries:,} queries, {counts.alerts:,} alerts")
    names, groups, clients = (
        len(set(opened[column].to_pylist()) - {None}) for column in ("name", "group", "client")
    )
    talk.say(
        f"{len(opened):,} open, on {names:,} names in {groups:,} groups, by {clients:,} clients; "
        f"{len(found) - len(opened):,} closed"
    )
    for reason, count in found.closed.items():
        talk.say(f"  {count:,} closed: {reason}")
    if counts.rejected:
        told = ", ".join(f"{count:,} {reason}" for reason, count in counts.rejected.most_common())
        talk.say(f"records that were not read: {told}")
    for each in counts.left_out[:SHOWN_FILES]:
        talk.say(f"left out: {each}")
    if len(counts.left_out) > SHOWN_FILES:
        talk.say(f"left out: {len(counts.left_out) - SHOWN_FILES} more files")
    if found.simulated:
        talk.say("simulated: the model behind these findings has seen simulated data only")
