"""`mithra score` and `mithra explain`: names ranked, and why one of them ranks as it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mithra.cli.messages import messages
from mithra.cli.options import AsOf, HtmlFile, JsonFile, ModelFolder, WorkspaceFolder, example, moment_or_last
from mithra.cli.output import (
    Format,
    chosen_format,
    print_table,
    shows_text,
    stdin_bytes,
    text_output,
    write_json,
    write_page,
    write_records,
)
from mithra.errors import RefusedError

if TYPE_CHECKING:
    from mithra.score.scores import Scores

__all__ = ["SCORE_COLUMNS", "add_to", "score_rows"]

TOP = 50  # rows of a table when all names of the workspace are ranked
SCORE_COLUMNS = ["rank", "name", "score", "verdict", "owner_kind", "reasons"]
MAX_REASONS = 3  # in a row of a table


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("cat list.txt | mithra score models/june lake - --format jsonl"))(score)
    app.command(epilog=example("mithra explain models/june lake login-example.test"))(explain)


def score(
    ctx: typer.Context,
    model: ModelFolder,
    workspace: WorkspaceFolder,
    names: Annotated[
        str | None,
        typer.Argument(
            metavar="[LIST|-]",
            help="Names, one a line, or the column `name` of .csv or .parquet; - is stdin. "
            "Default: all names of the workspace.",
        ),
    ] = None,
    as_of: AsOf = None,
    format: Annotated[
        Format | None, typer.Option(help="Default: by the ending of --out, else a table.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write; - is stdout.")] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help=f"Only the worst N. A table of all names shows {TOP} unless you say."
        ),
    ] = None,
) -> None:
    """Score names. Records keep the order of the list; a table shows the worst first."""
    import mithra as mt

    talk, chosen = messages(ctx), chosen_format(format, out)
    trained, at = mt.load(model), moment_or_last(as_of, workspace, "--as-of")
    asked = _stdin() if names == "-" else names
    snapshot = mt.snapshot(workspace, at, progress=talk.progress)
    found = mt.score(trained, snapshot, asked, progress=talk.progress)
    if not len(found):
        hint = "Nothing was seen by then" if names is None else "Give one name a line"
        raise RefusedError("there is no name to score", value=names, hint=hint)
    most = TOP if top is None and names is None and chosen is Format.TABLE else top
    shown = found if most is None else found.top(most)
    if chosen is Format.TABLE:
        print_table(SCORE_COLUMNS, score_rows(shown), out=out)
    elif chosen is Format.PARQUET:
        write_records(shown.to_arrow(), chosen, out)
    else:
        with text_output(out) as file:
            shown.write_text(file, chosen.value)
    talk.say(f"{len(found):,} names scored as of {at:%Y-%m-%d %H:%M} UTC")
    drift = found.drift
    if drift is not None and drift["level"] != "calm":
        talk.say(
            f"drift {drift['level']}: PSI of scores {drift['score']:.3f}, {drift['shifted']:.1%} of inputs "
            f"moved, most: {', '.join(drift['worst'])}"
        )
    if found.simulated:
        talk.say("simulated: the model has seen simulated data only")


def explain(
    model: ModelFolder,
    workspace: WorkspaceFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A domain name, in any spelling.")],
    as_of: AsOf = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
) -> None:
    """Show what speaks for and against a name, what is missing, what it shares with others, and what was
    decided of it."""
    import mithra as mt

    to_terminal = shows_text(json_file, html_file)
    snapshot = mt.snapshot(workspace, moment_or_last(as_of, workspace, "--as-of"))
    told = mt.explain(mt.load(model), snapshot, name)
    records = mt.Ledger(workspace).records(told.name)
    if to_terminal:
        with text_output(None) as file:
            file.write(told.to_text())
            file.writelines(record.to_text() for record in records[:1])
    write_json({**told.to_dict(), "decided": [record.to_dict() for record in records]}, json_file)
    write_page(told, html_file)


def score_rows(scores: Scores) -> list[list[object]]:
    """Rows of a table for people, the worst name first, refused ones last."""
    table = scores.to_arrow().select(SCORE_COLUMNS).sort_by([("rank", "ascending")])
    rows = [list(row.values()) for row in table.to_pylist()]
    return [[*row[:-1], "; ".join(row[-1][:MAX_REASONS])] for row in rows]


def _stdin() -> list[bytes]:
    """Names on stdin, one a line; empty lines and comments are none."""
    lines = [line.strip(b" \t\r") for line in stdin_bytes().split(b"\n")]
    return [line for line in lines if line and not line.startswith(b"#")]
