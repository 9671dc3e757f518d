"""`mithra formats`: what can be read, from the readers' own catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithra.cli.options import JsonFile, example
from mithra.cli.output import STDOUT, print_table, text_output, write_json
from mithra.errors import UsageError

if TYPE_CHECKING:
    from mithra.observe.source import Reader

__all__ = ["add_to", "page"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra formats cof"))(formats)


def formats(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show one format: an example and the fields used.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write all of it as a page in Markdown.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """List the formats that `ingest` reads, or show one."""
    from mithra.observe.readers import READERS

    found = [reader for reader in READERS if name in (None, reader.name)]
    if not found:
        hint = f"Formats: {', '.join(reader.name for reader in READERS)}"
        raise UsageError("no such format", value=name, hint=hint)
    if markdown:
        with text_output(None) as out:
            out.write(page(found))
    elif json_file != STDOUT:
        if name is None:
            rows = ([reader.name, _tables(reader), reader.about] for reader in found)
            print_table(["format", "tables", "about"], rows)
        else:
            with text_output(None) as out:
                out.write(_shown(found[0]))
    write_json([_told(reader) for reader in found], json_file)


def page(readers: list[Reader]) -> str:
    """The catalogue as a page, docs/formats.md: a table of all, then each with its fields and an example."""
    head = (
        "# Formats that mithra reads\n\n"
        "Made by `mithra formats --markdown` from the catalogue of readers. A file's format is found by its\n"
        "content; `--format NAME` states it. Files may be packed with gzip, zstd, bzip2 or xz, or\n"
        "be the one file of a zip archive. Text is UTF-8, or unpacked UTF-16 with its mark.\n\n"
        "| format | tables | what |\n|---|---|---|\n"
    )
    rows = "".join(f"| [{r.name}](#{r.name}) | {_tables(r)} | {r.about} |\n" for r in readers)
    parts = "".join(
        f"\n## {r.name}\n\n{r.about}.\n\nFields: {', '.join(f'`{field}`' for field in r.fields)}.\n\n"
        f"```\n{_example(r).rstrip()}\n```\n"
        for r in readers
    )
    return head + rows + parts


def _tables(reader: Reader) -> str:
    return ", ".join(reader.tables) or "any"


def _shown(reader: Reader) -> str:
    return (
        f"{reader.name}: {reader.about}\n\ntables: {_tables(reader)}\nfields: {', '.join(reader.fields)}\n"
        f"example:\n{_example(reader)}"
    )


def _example(reader: Reader) -> str:
    if isinstance(reader.example, str):
        return reader.example
    data = reader.example_bytes
    return f"a binary file of {len(data):,} bytes that begins with {data[:16].hex(' ')}\n"


def _told(reader: Reader) -> dict[str, Any]:
    return {
        "name": reader.name,
        "version": reader.version,
        "tables": reader.tables,
        "about": reader.about,
        "fields": reader.fields,
        "example": _example(reader),
    }
