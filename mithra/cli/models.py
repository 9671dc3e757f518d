"""`mithra train` and `mithra evaluate`: a model from a workspace, and how well it does on what came after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mithra.cli.messages import messages
from mithra.cli.options import (
    AsOf,
    HtmlFile,
    JsonFile,
    ModelFolder,
    WorkspaceFolder,
    as_moment,
    example,
    moment_or_last,
)
from mithra.cli.output import print_table, shows_text, text_output, write_json, write_page
from mithra.errors import InputError, UsageError
from mithra.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra train lake --as-of 2026-06-01 --model models/june"))(train)
    app.command(epilog=example("mithra calibrate models/june lake --as-of 2026-07-15 --out models/ours"))(
        calibrate
    )
    app.command(epilog=example("mithra evaluate models/june lake --from 2026-06-01 --to 2026-07-01"))(
        evaluate
    )


def train(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    model: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the model goes; a model that is there is replaced.")
    ],
    as_of: AsOf = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings of training, as TOML or JSON.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Same seed, same model; overrides the file's.")
    ] = None,
    owners: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Owner kinds: Parquet with name and owner (attacker, compromised, tenant)."
        ),
    ] = None,
) -> None:
    """Train on what was known at a moment, each example as on the day that it arrived."""
    from dataclasses import replace

    import mithra as mt
    from mithra.learn.owner import MIN_GROUPS

    talk = messages(ctx)
    chosen = mt.TrainSettings() if settings is None else load_settings(mt.TrainSettings, settings)
    chosen = chosen if seed is None else replace(chosen, seed=seed)
    at = moment_or_last(as_of, workspace, "--as-of")
    told = None if owners is None else _table(owners, "the owner kinds")
    trained = mt.train(workspace, at, settings=chosen, owners=told, progress=talk.progress)
    folder = trained.save(model)
    print_table(
        ["model", "as of", "digest", "base rate", *(f"threshold {rate}" for rate in trained.thresholds)],
        [
            [
                str(folder),
                f"{at:%Y-%m-%d %H:%M}",
                trained.digest[:16],
                trained.base_rate,
                *trained.thresholds.values(),
            ]
        ],
    )
    if trained.owner is not None:
        groups = trained.owner.about["etld_plus_one"]
        talk.say(
            f"owner kinds learnt from eTLD+1: {', '.join(f'{n:,} {kind}' for kind, n in groups.items())}"
        )
    elif told is not None:
        talk.say(
            f"owner kinds are not learnt: that takes {MIN_GROUPS} eTLD+1 in the records that were the "
            f"attacker's by then, and {MIN_GROUPS} that were compromised"
        )
    if trained.simulated:
        talk.say("simulated: this model has seen simulated data only, and lists made with it carry that mark")


def evaluate(
    ctx: typer.Context,
    model: ModelFolder,
    workspace: WorkspaceFolder,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="T", help="First moment; default where training ended.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Last moment; default the last record.")
    ] = None,
    retrain_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="DAYS", help="Also train again every so many days, and show both."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Parquet with name and verdict (and owner), such as a world's truth."
        ),
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
) -> None:
    """Score names as they arrived in a stretch of time, and compare with what is known of them by now."""
    import mithra as mt

    to_terminal = shows_text(json_file, html_file)
    trained = mt.load(model)
    start = as_moment(begin, "--from") or trained.as_of
    if start is None:
        raise UsageError("the model was trained on undated records", hint="Say --from")
    card = mt.evaluate(
        trained,
        workspace,
        start=start,
        end=moment_or_last(end, workspace, "--to"),
        retrain_days=retrain_every,
        truth=None if truth is None else _table(truth, "the truth"),
        progress=messages(ctx).progress,
    )
    if to_terminal:
        with text_output(None) as file:
            file.write(card.to_text())
    write_json(card.to_dict(), json_file)
    write_page(card, html_file)


def calibrate(
    ctx: typer.Context,
    model: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the calibrated model goes.")],
    workspace: Annotated[
        Path | None, typer.Argument(metavar="[WORKSPACE]", help="Your own records and labels.")
    ] = None,
    as_of: AsOf = None,
    base_rate: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of nefarious names in your traffic.")
    ] = None,
) -> None:
    """Fit a model's scores and thresholds to your own traffic, by labels of arrivals or a base rate."""
    import mithra as mt

    at = None if workspace is None else moment_or_last(as_of, workspace, "--as-of")
    progress = messages(ctx).progress
    made = mt.calibrate(mt.load(model), workspace, at, base_rate=base_rate, progress=progress)
    made.save(out)
    print_table(["", "value"], [[name, value] for name, value in made.card["calibrated"].items()])


def _table(file: Path, what: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read {what}: {error}", file=file, hint="Expected Parquet") from error
