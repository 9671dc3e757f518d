"""`mithra ingest` and `mithra status`: records into a workspace, and what it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithra.cli.messages import messages
from mithra.cli.options import JsonFile, WorkspaceFolder, column_map, example
from mithra.cli.output import STDOUT, print_table, write_json

if TYPE_CHECKING:
    from mithra.observe.ingest import IngestReport

__all__ = ["add_to"]

SHOWN_ERRORS = 10


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra ingest lake pdns/ rdap/ 'lists/*.csv' ip2asn.csv.gz"))(ingest)
    app.command(epilog=example("mithra status lake --json -"))(status)


def ingest(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Files, folders or quoted patterns; gzip, zstd, bzip2 and xz are unpacked."
        ),
    ],
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
    json_file: JsonFile = None,
) -> None:
    """Read files into a workspace, each content once; bad records are set aside and counted.

    The workspace is made if it does not exist. Reading the same files again adds nothing.
    """
    import mithra as mt

    talk = messages(ctx)
    report = mt.ingest(
        mt.Workspace(workspace),
        *files,
        format=format,
        source=source,
        verdict=verdict,
        category=category,
        known_at=known_at,
        columns=column_map(mapped or []),
        table=table,
        progress=talk.progress,
    )
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
            f"{report.rejected:,} records were set aside; `mithra status {workspace}` counts the reasons"
        )
    if report.files and report.skipped == len(report.files):
        talk.say("nothing new: the workspace holds the content of all files already")


def status(ctx: typer.Context, workspace: WorkspaceFolder, json_file: JsonFile = None) -> None:
    """Show what a workspace holds: rows, dates and sources by table, and why records were set aside."""
    import mithra as mt

    found = mt.Workspace(workspace).status()
    if json_file != STDOUT:
        print_table(
            ["table", "rows", "first", "last", "sources"],
            (
                [name, table.rows, _day(table.first), _day(table.last), _few(table.sources)]
                for name, table in found.tables.items()
            ),
        )
        if found.rejects:
            print_table(["set aside because", "records"], found.rejects.items())
        messages(ctx).say(f"{found.ingests:,} ingests in {found.path}")
    write_json(asdict(found), json_file)


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
