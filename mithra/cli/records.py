"""`mithra ingest`, `status`, `rejects` and `compact`: records into a workspace, and what it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithra.cli.messages import Messages, messages
from mithra.cli.options import JsonFile, WorkspaceFolder, column_map, example
from mithra.cli.output import STDOUT, Format, chosen_format, print_table, write_json, write_records
from mithra.errors import InputError, UsageError

if TYPE_CHECKING:
    from mithra.observe.ingest import IngestReport

__all__ = ["add_to"]

SHOWN_ERRORS = 10
SHOWN_REJECTS = 20


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra ingest lake pdns/ rdap/ 'lists/*.csv' ip2asn.csv.gz"))(ingest)
    app.command(epilog=example("mithra status lake --json -"))(status)
    app.command(epilog=example("mithra rejects lake --reason bad_date --format csv"))(rejects)
    app.command(epilog=example("mithra compact lake --keep-days 7"))(compact)


def ingest(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="Files, folders or quoted patterns; gzip, zstd, bzip2, xz and zip are unpacked.",
        ),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="A reader's name; auto looks at the content.")
    ] = "auto",
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who said it; default what the file says, then its name."),
    ] = None,
    verdict: Annotated[
        str | None, typer.Option(metavar="nefarious|benign", help="What a plain list says of its names.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(metavar="NAME", help="Category of labels that have none of their own.")
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", metavar="T", help="Since when it was known, for lists that hold no date."),
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OURS=THEIRS,…", help="Columns of CSV, JSON lines or Parquet, as name=fqdn."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Table that the rows of such a file go to.")
    ] = None,
    from_rejects: Annotated[
        bool,
        typer.Option(
            "--from-rejects",
            help="Instead of files: read again those of which records were set aside, now mended.",
        ),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Read files into a workspace, each content once; bad records are set aside and counted.

    The workspace is made if it does not exist. Reading the same files again adds nothing.
    """
    import mithra as mt

    if not files and not from_rejects:
        raise UsageError("no files", hint="Name files to read, or say --from-rejects")
    talk = messages(ctx)
    failed = None
    try:
        report = mt.ingest(
            mt.Workspace(workspace),
            *(files or []),
            format=format,
            source=source,
            verdict=verdict,
            category=category,
            known_at=known_at,
            columns=column_map(mapped or []),
            table=table,
            from_rejects=from_rejects,
            progress=talk.progress,
        )
    except InputError as error:
        if error.report is None or not error.report.files:
            raise
        failed, report = error, error.report
    _tell(talk, report, workspace, json_file)
    if failed is not None:
        raise failed
    if from_rejects and not report.files:
        talk.say("nothing to read again: no record was set aside")
    if report.files and report.skipped == len(report.files):
        talk.say("nothing new: the workspace holds the content of all files already")


def _tell(talk: Messages, report: IngestReport, workspace: Path, json_file: Path | None) -> None:
    """What came in, and what did not."""
    if json_file != STDOUT:
        print_table(["reader", "files", "known", "rows", "rejected", "tables"], _by_reader(report))
    write_json(_as_json(report), json_file)
    unreadable = [each for each in report.files if each.error]
    for each in unreadable[:SHOWN_ERRORS]:
        talk.say(f"not read: {each.error}")
    if len(unreadable) > SHOWN_ERRORS:
        talk.say(f"not read: {len(unreadable) - SHOWN_ERRORS} more files")
    if report.rejected:
        talk.say(
            f"{report.rejected:,} records were set aside; `mithra rejects {workspace}` shows them and why"
        )


def status(ctx: typer.Context, workspace: WorkspaceFolder, json_file: JsonFile = None) -> None:
    """Show what a workspace holds: rows, names, dates, sources and size by table, and why records were set
    aside."""
    import mithra as mt

    found = mt.Workspace(workspace).status()
    if json_file != STDOUT:
        print_table(
            ["table", "rows", "names", "first", "last", "ingested", "bytes", "sources"],
            (
                [
                    *(name, table.rows, table.names, _day(table.first), _day(table.last)),
                    *(_day(table.ingested_at), table.bytes, _few(table.sources)),
                ]
                for name, table in found.tables.items()
            ),
        )
        if found.rejects:
            print_table(["set aside because", "records"], found.rejects.items())
        messages(ctx).say(
            f"{found.ingests:,} ingests, the last of {_day(found.ingested_at)} UTC, and {found.bytes:,} bytes"
            f" in {found.path}"
        )
        if found.kept_since:
            messages(ctx).say(
                f"old records removed; snapshots as of {_day(found.kept_since)} UTC or before are refused"
            )
    write_json(asdict(found), json_file)


def rejects(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    reason: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those set aside for this reason.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"At most N; default {SHOWN_REJECTS} in a table, else all."),
    ] = None,
    format: Annotated[Format | None, typer.Option(help="How they are written; default by --out.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; default stdout.")] = None,
) -> None:
    """Show the records that were set aside: file, line, reason and how they begin."""
    import mithra as mt

    chosen = chosen_format(format, out)
    if limit is None and chosen is Format.TABLE:
        limit = SHOWN_REJECTS
    records, count = mt.Workspace(workspace).rejects(reason, limit)
    if chosen is Format.TABLE:
        print_table(records.column_names, (row.values() for row in records.to_pylist()), out=out)
    else:
        write_records(records, chosen, out)
    if records.num_rows < count:
        messages(ctx).say(f"{records.num_rows:,} of {count:,}; --limit shows more")


def compact(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    keep_days: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="How long earlier versions stay readable, and on the disk.",
        ),
    ] = 7,
    raw_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Remove resolutions, queries and sightings last seen more than N days before the newest of"
            " their table; default none.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Join small files, and remove those that nothing needs any more and what killed runs left behind.

    With --raw-days old records go too; snapshots as of that time, which would lack them, are then refused.
    """
    import mithra as mt

    space = mt.Workspace(workspace)
    done = mt.compact(space, keep_days=keep_days, raw_days=raw_days)
    if json_file != STDOUT:
        columns = ["table", "files before", "files", "removed", "bytes freed", "old records"]
        print_table(columns, ([table, *asdict(found).values()] for table, found in done.items()))
    write_json({table: asdict(found) for table, found in done.items()}, json_file)
    talk = messages(ctx)
    if old := sum(found.old_records for found in done.values()):
        kept = _day(space.kept_since())
        talk.say(f"{old:,} old records removed; snapshots as of {kept} UTC or before are refused from now on")
    if any(
        (found.old_records or found.files < found.files_before) and not found.removed
        for found in done.values()
    ):
        talk.say(f"the files of before stay for {keep_days} days, for those who read them")


def _by_reader(report: IngestReport) -> list[list[Any]]:
    """A row for each reader, the most rows first."""
    files, known, rejected = Counter[str](), Counter[str](), Counter[str]()
    tables: dict[str, Counter[str]] = {}
    for each in report.files:
        files[each.reader] += 1
        known[each.reader] += each.skipped
        rejected[each.reader] += each.rejected
        tables.setdefault(each.reader, Counter()).update(each.rows)
    order = sorted(tables, key=lambda reader: (-tables[reader].total(), reader))
    return [
        [
            reader,
            files[reader],
            known[reader],
            tables[reader].total(),
            rejected[reader],
            ", ".join(f"{table} {rows:,}" for table, rows in tables[reader].most_common()),
        ]
        for reader in order
    ]


def _as_json(report: IngestReport) -> dict[str, Any]:
    return {
        "rows": report.rows,
        "rejected": report.rejected,
        "skipped": report.skipped,
        "files": [asdict(each) for each in report.files],
    }


def _day(moment: Any) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _few(sources: tuple[str, ...], most: int = 6) -> str:
    rest = f" and {len(sources) - most} more" if len(sources) > most else ""
    return ", ".join(sources[:most]) + rest
