"""`mithra simulate`: raw feeds of a small simulated internet, with hidden truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mithra.cli.messages import messages
from mithra.cli.options import a_moment, example, whole_number
from mithra.cli.output import print_table
from mithra.settings import load_settings

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra simulate world --domains 20000 --days 30 --seed 7"))(simulate)


def simulate(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    domains: Annotated[str, typer.Option(metavar="N", help="Registered domains and tenants.")] = "20000",
    days: Annotated[str, typer.Option(metavar="D", help="Length of the window in days.")] = "30",
    seed: Annotated[int, typer.Option(metavar="S", help="Same seed, same bytes.")] = 0,
    start: Annotated[str, typer.Option(metavar="DATE", help="First day of the window.")] = "2026-05-01",
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Shares, difficulty and coverage, as TOML or JSON.")
    ] = None,
) -> None:
    """Write a simulated world's raw feeds in their real formats: one folder a feed, one file a day.

    The truth about its names stands in truth/, which nothing but an evaluation may read.
    """
    import mithra as mt

    first = a_moment(start, "--start")
    world = mt.simulate(
        folder,
        domains=whole_number(domains, "--domains"),
        days=whole_number(days, "--days"),
        seed=seed,
        start=first.date(),
        settings=mt.WorldSettings() if settings is None else load_settings(mt.WorldSettings, settings),
        progress=messages(ctx).progress,
    )
    print_table(
        ["feed", "lines", "folder"], ([feed, n, str(world.path / feed)] for feed, n in world.lines.items())
    )
