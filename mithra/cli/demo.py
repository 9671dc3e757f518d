"""`mithra demo`: the whole way on a simulated world, offline: feeds, graph, model, ranking, list, report.

Everything is made in one folder, the same for the same seed. The world's hidden truth teaches owner kinds, as
far as known when training, and is otherwise used after the fact alone: for some rows of the report card, and
to tell how many of the blocked names deserved it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from mithra.cli.messages import Messages, messages
from mithra.cli.options import example, whole_number
from mithra.cli.output import print_table, text_output
from mithra.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    import mithra as mt
    from mithra.cli.picture import Ranked

__all__ = ["Demo", "add_to"]

MARKER = "demo.json"
FEEDS = ("pdns", "rdap", "networks", "popularity", "blocklists")
SHOWN = 15  # names in the table
REASONS = 2  # of each
WORST = 200  # names that the last line tells the truth about


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("mithra demo --out demo-out"))(demo)


@dataclass(frozen=True)
class Demo:
    """What the demo does, in days from the first of the world: train, watch names arrive, rank all."""

    out: Path
    domains: int = 20_000
    days: int = 45
    train_day: int = 24
    watch_days: int = 7  # arrivals that the report card judges
    seed: int = 7

    @property
    def parts(self) -> dict[str, Path]:
        """What lies in the folder, by what it is."""
        return {
            "raw feeds": self.out / "world",
            "workspace": self.out / "lake",
            "model": self.out / "model",
            "scores": self.out / "scores.parquet",
            "decisions": self.out / "decisions.parquet",
            "RPZ zone": self.out / "mithra.rpz",
            "report card": self.out / "report.txt",
            "report card, as a page": self.out / "report.html",
            "report card, for machines": self.out / "report.json",
            "picture": self.out / "picture.png",
        }


def demo(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where everything goes; a demo that is there is replaced.")
    ] = Path("demo-out"),
    domains: Annotated[str, typer.Option(metavar="N", help="Size of the simulated world.")] = "20000",
    seed: Annotated[int, typer.Option(metavar="S", help="Same seed, same result.")] = 7,
) -> None:
    """Show the whole way on a simulated world, offline, in minutes.

    Simulates feeds, reads them, trains, judges names as they arrive, ranks all names, writes a block list, a
    report card and a picture.
    """
    import mithra as mt
    from mithra.cli.picture import draw, ranked_names

    plan, talk = Demo(out, whole_number(domains, "--domains"), seed=seed), messages(ctx)
    _make_room(plan)
    world, workspace = _records(plan, talk)
    model, card = _model(plan, world, workspace, talk)
    scores, listed = _scores(plan, world, workspace, model, talk)
    decisions = _decisions(plan, world, scores, talk)
    with _step(talk, "report"):
        ranked = ranked_names(scores, world.truth(), listed)
        plan.parts["report card"].write_text(card.to_text(), encoding="utf-8")
        plan.parts["report card, as a page"].write_text(mt.report(card), encoding="utf-8")
        card.write(plan.parts["report card, for machines"])
        draw(card, ranked, scores.thresholds, plan.parts["picture"])
    with text_output(None) as stdout:
        stdout.write(card.to_text())
    _show(plan, scores, decisions, ranked, talk)


def _make_room(plan: Demo) -> None:
    """An empty folder with the marker of a demo; what is no demo is not touched."""
    if plan.out.is_dir() and any(plan.out.iterdir()):
        if not (plan.out / MARKER).is_file():
            raise UsageError("the folder is not empty and no demo", value=plan.out, hint="Give another --out")
        for path in plan.parts.values():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    plan.out.mkdir(parents=True, exist_ok=True)
    (plan.out / MARKER).write_text(json.dumps({"seed": plan.seed, "domains": plan.domains}) + "\n")


def _records(plan: Demo, talk: Messages) -> tuple[mt.World, mt.Workspace]:
    import mithra as mt

    parts = plan.parts
    with _step(talk, f"simulate {plan.domains:,} domains over {plan.days} days"):
        world = mt.simulate(
            parts["raw feeds"], domains=plan.domains, days=plan.days, seed=plan.seed, progress=talk.progress
        )
    workspace = mt.Workspace(parts["workspace"])
    with _step(talk, "ingest the feeds"):
        report = mt.ingest(workspace, *(world.path / feed for feed in FEEDS), progress=talk.progress)
    talk.say(f"  {report.rows:,} records, {report.rejected:,} set aside")
    return world, workspace


def _model(
    plan: Demo, world: mt.World, workspace: mt.Workspace, talk: Messages
) -> tuple[mt.Model, mt.ReportCard]:
    import mithra as mt

    trained, watched = _day(world, plan.train_day), _day(world, plan.train_day + plan.watch_days)
    with _step(talk, f"train as of {trained:%Y-%m-%d}"):
        settings = mt.TrainSettings(seed=plan.seed, members=1, epochs=60, waiting_days=7)
        model = mt.train(workspace, trained, settings=settings, owners=world.truth(), progress=talk.progress)
    with _step(talk, f"judge names that arrive until {watched:%Y-%m-%d}"):
        card = mt.evaluate(
            model, workspace, start=trained, end=watched, truth=world.truth(), progress=talk.progress
        )
        model = model.with_card({**model.card, "arrivals": card.to_dict()})
        model.save(plan.parts["model"])
    return model, card


def _scores(
    plan: Demo, world: mt.World, workspace: mt.Workspace, model: mt.Model, talk: Messages
) -> tuple[mt.Scores, pa.Array]:
    """Scores of all names at the end, and the names that a feed had listed by then."""
    import pyarrow.compute as pc

    import mithra as mt

    end = _day(world, plan.days)
    with _step(talk, f"rank all names as of {end:%Y-%m-%d}"):
        snapshot = mt.snapshot(workspace, end, progress=talk.progress)
        scores = mt.score(model, snapshot, progress=talk.progress)
        scores.write(plan.parts["scores"])
    bad = snapshot.labels.filter(pc.equal(snapshot.labels["verdict"], "nefarious"))
    return scores, snapshot.names.take(bad["domain"].combine_chunks())


def _decisions(plan: Demo, world: mt.World, scores: mt.Scores, talk: Messages) -> mt.Decisions:
    import mithra as mt

    end = _day(world, plan.days)
    with _step(talk, "decide and publish"):
        decisions = mt.decide(scores, now=end)
        decisions.write(plan.parts["decisions"])
        mt.publish(decisions, "rpz", plan.parts["RPZ zone"], now=end, allow_empty=True)
    return decisions


def _day(world: mt.World, day: int) -> datetime:
    """First moment of a day of the world."""
    return datetime(world.start.year, world.start.month, world.start.day, tzinfo=UTC) + timedelta(days=day)


def _show(plan: Demo, scores: mt.Scores, decisions: mt.Decisions, ranked: Ranked, talk: Messages) -> None:
    import numpy as np
    import pyarrow.compute as pc

    table = decisions.to_arrow()
    actions = dict(zip(table["name"].to_pylist(), table["action"].to_pylist(), strict=True))
    worst = scores.top(SHOWN).to_arrow().select(["rank", "name", "score", "reasons"]).to_pylist()
    print_table(
        ["rank", "name", "score", "action", "in truth", "reasons"],
        [
            [row["rank"], row["name"], row["score"], actions.get(row["name"], ""),
             "nefarious" if bad else "benign", "; ".join(row["reasons"][:REASONS])]
            for row, bad in zip(worst, ranked.nefarious, strict=False)
        ],
    )  # fmt: skip
    bad, new = ranked.nefarious[:WORST], ranked.nefarious[:WORST] & ~ranked.listed[:WORST]
    talk.say(
        f"By the world's hidden truth {bad.sum()} of the {len(bad)} worst names are nefarious, "
        f"{new.sum()} of them on no feed's list yet."
    )
    blocked = np.asarray(pc.is_in(ranked.name, value_set=decisions.blocks["name"].combine_chunks()))
    talk.say(
        f"{blocked.sum():,} names are blocked, {(blocked & ranked.nefarious).sum():,} of them nefarious. "
        "The list is marked as made from simulated data."
    )
    print_table(["what", "where"], [[what, str(path)] for what, path in plan.parts.items()])


@contextmanager
def _step(talk: Messages, what: str) -> Iterator[None]:
    talk.say(f"{what} …")
    begun = perf_counter()
    yield
    talk.say(f"  {perf_counter() - begun:.1f} s")
