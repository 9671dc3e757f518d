"""`mithra audit` and `mithra label`: what a list is worth and where it may be wrong; what an analyst says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mithra.cli.messages import messages
from mithra.cli.options import AsOf, JsonFile, WorkspaceFolder, as_moment, example
from mithra.cli.output import STDOUT, print_table, write_json
from mithra.errors import UsageError

if TYPE_CHECKING:
    from mithra.explain.audit import Audit

__all__ = ["add_to"]

BY_MODEL = {"benign_verdict": "the model, with evidence enough, finds it benign"}
SHOWN_REASONS = 2  # of a name that the list lacks


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra audit lake urlhaus --model models/june"))(audit)
    app.command(epilog=example('mithra label lake shop.example benign --because "our own shop"'))(label)


def label(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Default: list the answers given.")
    ] = None,
    verdict: Annotated[str | None, typer.Argument(metavar="[VERDICT]", help="nefarious or benign.")] = None,
    because: Annotated[str | None, typer.Option(metavar="WHY", help="For the record.")] = None,
    author: Annotated[str | None, typer.Option(metavar="WHO", help="One word; default you.")] = None,
) -> None:
    """Say what a name is: a label from now on, which wins over those of all lists; the past stays."""
    import mithra as mt

    if name is None:
        rows = [[one.name, one.verdict, one.because, one.author, one.at] for one in mt.answers(workspace)]
        print_table(["name", "verdict", "because", "author", "since"], rows)
        return
    if verdict is None or because is None:
        hint = "mithra label WORKSPACE NAME benign --because WHY"
        raise UsageError("an answer needs a verdict and its reason", value=name, hint=hint)
    made = mt.label(workspace, name, verdict, because, author=author)
    messages(ctx).say(f"{made.name} is {made.verdict} from {made.at} on, says {made.author}")


def audit(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    feed: Annotated[
        str, typer.Argument(metavar="FEED", help="Source of the list, as `mithra status` names it.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also say what this model disputes, and what the list lacks."),
    ] = None,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Names shown of each kind.")] = 10,
    json_file: JsonFile = None,
) -> None:
    """Compare a list with the others: overlap and delay, entries in dispute, names that it lacks.

    In dispute is what a policy would never block, and what the model, with evidence enough, finds benign.
    """
    import mithra as mt
    from mithra.decide.guards import GUARDS

    talk, words = messages(ctx), {**GUARDS, **BY_MODEL}
    found = mt.audit(
        workspace,
        feed,
        as_moment(as_of, "--as-of"),
        model=None if model is None else mt.load(model),
        progress=talk.progress,
    )
    if json_file != STDOUT:
        print_table(
            ["list", "as of", "entries", "delisted", "on no other list", "seen in passive DNS", "disputed"],
            [
                [
                    feed,
                    f"{found.as_of:%Y-%m-%d}",
                    *(found.entries, found.ended, found.alone, found.observed, len(found.disputed)),
                ]
            ],
        )
        print_table(
            ["other list", "entries", "shared", "this first", "other first", "median lead, hours"],
            [
                [
                    *(each.source, each.entries, each.shared, each.earlier, each.later),
                    f"{each.median_lead_hours:+.1f}",
                ]
                for each in found.overlap
            ],
        )
        print_table(
            ["in dispute because", "entries", "such as"],
            [
                [words[reason], count, ", ".join(_names(found, reason)[:top])]
                for reason, count in found.disputes.items()
            ],
        )
        if model is not None:
            lacking = found.lacking.slice(0, top).to_pylist()
            print_table(
                ["the list lacks", "score", "reasons"],
                [[row["name"], row["score"], "; ".join(row["reasons"][:SHOWN_REASONS])] for row in lacking],
            )
    write_json(found.to_dict(), json_file)


def _names(found: Audit, reason: str) -> list[str]:
    import pyarrow.compute as pc

    names: list[str] = found.disputed.filter(pc.equal(found.disputed["reason"], reason))["name"].to_pylist()
    return names
