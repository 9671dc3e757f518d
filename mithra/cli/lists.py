"""`mithra decide`, `allow`, `publish`, `push` and `restore`: from scores to decisions, from decisions to a
list or a running resolver, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mithra.cli.messages import Messages, messages, shown
from mithra.cli.options import WorkspaceFolder, as_moment, example
from mithra.cli.output import (
    STDOUT,
    Format,
    chosen_format,
    print_table,
    stdin_bytes,
    text_output,
    write_records,
)
from mithra.errors import InputError, UsageError
from mithra.names import canonical
from mithra.publish.targets import TARGETS

if TYPE_CHECKING:
    import pyarrow as pa

    from mithra.decide.decisions import Decisions
    from mithra.observe.workspace import Workspace
    from mithra.publish.publish import Publication
    from mithra.publish.push import Push
    from mithra.score.scores import Scores

__all__ = ["add_to"]

PARQUET_MAGIC = b"PAR1"
DecisionsGiven = Annotated[
    Path,
    typer.Argument(
        metavar="DECISIONS|WORKSPACE|-",
        help="From `mithra decide`: Parquet, CSV or JSON lines; or the workspace that records the "
        "runs: its last one, with what was allowed since.",
    ),
]
T = TypeVar("T")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command(epilog=example("mithra decide scores.parquet --policy policy.toml --out decisions.parquet"))(
        decide
    )
    app.command(epilog=example('mithra allow lake shop.example --reason "our own shop"'))(allow)
    listed = "\n".join(f"- `{name}`: {target.about}" for name, target in TARGETS.items())
    end = example("mithra publish decisions.parquet --format rpz --out mithra.rpz")
    app.command(epilog=f"Formats:\n\n{listed}\n\n{end}")(publish)
    shown = "mithra push decisions.parquet --server 127.0.0.1:5353 --zone rpz.mithra.invalid --key mithra.key"
    app.command(epilog=example(shown))(push)
    app.command(epilog=example("mithra restore lake mithra.rpz"))(restore)


def decide(
    ctx: typer.Context,
    scores: Annotated[
        Path, typer.Argument(metavar="SCORES|-", help="From `mithra score`: Parquet, JSON lines or CSV.")
    ],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The rules, as TOML; default the safe ones.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decisions in force, as this command wrote them.")
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(
            metavar="WORKSPACE",
            help="Record the run there; what was decided and allowed there before counts.",
        ),
    ] = None,
    author: Annotated[str | None, typer.Option(metavar="WHO", help="For the record; default you.")] = None,
    now: Annotated[
        str | None, typer.Option(metavar="T", help="Decide as of a past moment; default the clock.")
    ] = None,
    format: Annotated[
        Format | None, typer.Option(help="Default: by the ending of --out, else a table.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help=".parquet, .csv or .jsonl; - is stdout.")
    ] = None,
) -> None:
    """Decide what to block, what to watch and what the operator allows.

    Nothing is decided (exit code 1) where scores look broken: empty, constant, doubled, stale, out of
    proportion.
    """
    import mithra as mt

    chosen = chosen_format(format, out)
    rules = None if policy is None else mt.Policy.from_toml(policy)
    before = None if previous is None else mt.Decisions.read(previous)
    made = mt.decide(
        _read(scores, _scores),
        rules,
        now=as_moment(now, "--now"),
        previous=before,
        ledger=None if workspace is None else mt.Ledger(workspace),
        author=author,
    )
    _write(made, chosen, out)
    talk = messages(ctx)
    talk.say(", ".join(f"{count:,} {action}" for action, count in made.counts().items()) or "no decisions")
    if made.simulated:
        talk.say("simulated: the model behind these decisions has seen simulated data only")


def _known_format(name: str) -> str:
    if name not in TARGETS:
        raise typer.BadParameter(f"{shown(name)} is none of {', '.join(TARGETS)}")
    return name


def publish(
    ctx: typer.Context,
    decisions: DecisionsGiven,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="What the list is for, as below.", callback=_known_format)
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Replaced in one step; - is stdout.")],
    zone: Annotated[str | None, typer.Option(metavar="NAME", help="Name of an RPZ.")] = None,
    serial: Annotated[
        int | None, typer.Option(metavar="N", help="Serial of an RPZ; default the time.")
    ] = None,
    answer: Annotated[
        str | None, typer.Option(metavar="nxdomain|nodata", help="What a blocked name gets, of an RPZ.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="host|subtree", help="Only blocks of this level, for two lists.")
    ] = None,
    sinkhole: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="What a hosts file answers with; may repeat.")
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Write a list that blocks nothing.")
    ] = False,
) -> None:
    """Write the blocks in force as a list; without one (exit code 1) the list in place stays."""
    import mithra as mt

    options: dict[str, Any] = {"zone": zone, "serial": serial, "answer": answer, "sinkholes": sinkhole}
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_unused(given, format)
    made = _decided(decisions)
    with _place(out, format) as place:
        done = mt.publish(made, format, place, level=level, allow_empty=allow_empty, **given)
    talk = messages(ctx)
    talk.say(f"{done.blocked:,} names blocked, {done.allowed:,} allowed, {done.lines:,} lines")
    _say_left_out(talk, done)
    if done.simulated:
        talk.say("simulated: this list is marked as made from simulated data; do not load it into a resolver")


def push(
    ctx: typer.Context,
    decisions: DecisionsGiven,
    server: Annotated[
        str, typer.Option(metavar="ADDRESS[:PORT]", help="The zone's primary server; no name is looked up.")
    ],
    zone: Annotated[str, typer.Option(metavar="NAME", help="Its policy zone, for mithra alone.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="TSIG key, as tsig-keygen writes it.")],
    resolver: Annotated[
        str | None, typer.Option(metavar="ADDRESS[:PORT]", help="Ask this resolver whether it blocks.")
    ] = None,
    must_resolve: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="What it must still resolve; may repeat.")
    ] = None,
    answer: Annotated[
        str, typer.Option(metavar="nxdomain|nodata", help="What a blocked name gets.")
    ] = "nxdomain",
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Push a list that blocks nothing.")
    ] = False,
) -> None:
    """Bring a policy zone on a live server up to the decisions, by dynamic update (BIND, Knot DNS).

    Only the difference is sent; then the server, and the resolver where one is named, are asked whether the
    blocks are in force. If not, the zone is made what it was and the exit code is 1.
    """
    import mithra as mt

    done = mt.push(
        _decided(decisions),
        server,
        zone,
        key,
        resolver=resolver,
        must_resolve=must_resolve or (),
        answer=answer,
        allow_empty=allow_empty,
    )
    talk = messages(ctx)
    talk.say(
        f"{done.zone} on {done.server}: {done.added:,} records added, {done.removed:,} removed, "
        f"{done.changed:,} changed, {done.kept:,} kept; in force after {done.seconds:.2f} s"
    )
    _say_left_out(talk, done)


def _say_left_out(talk: Messages, done: Publication | Push) -> None:
    for what, counts in (("left out", done.skipped), ("narrowed", done.narrowed)):
        if counts:
            talk.say(f"{what}: {', '.join(f'{count:,} {reason}' for reason, count in counts.items())}")


def allow(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="Default: list what is allowed.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="WHY", help="For the record.")] = None,
    author: Annotated[str | None, typer.Option(metavar="WHO", help="For the record; default you.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="When it ends; default never.")] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the allow back.")] = False,
) -> None:
    """Allow names and all below them: from the next publish of the workspace on they are not blocked."""
    import mithra as mt

    ledger, talk = mt.Ledger(workspace), messages(ctx)
    if not names:
        rows = [[one.name, one.reason, one.author, one.at, one.until] for one in ledger.allows().values()]
        print_table(["name", "reason", "author", "since", "until"], rows)
        return
    if reason is None:
        raise UsageError("an allow needs a reason", value=names[0], hint='Say why: --reason "our own site"')
    for name in names:
        canonical(name)  # all are names, or none is allowed
    for name in names:
        made = ledger.allow(name, reason, author=author, until=as_moment(until, "--until"), revoke=revoke)
        talk.say(f"{made.name} is {'no longer ' if revoke else ''}allowed, from the next publish on")


def restore(
    ctx: typer.Context,
    workspace: WorkspaceFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `mithra publish WORKSPACE` wrote.")],
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="How many publications back.")] = 1,
) -> None:
    """Put a published list back as it was before, byte for byte."""
    import mithra as mt

    found, later = mt.Ledger(workspace).restore(file, steps)
    messages(ctx).say(f"{file} is as it was published at {found['at']} ({found['blocked']:,} names blocked)")
    if later:
        names = ", ".join(later[:10]) + (", …" if len(later) > 10 else "")
        messages(ctx).say(
            f"allowed since and blocked again where it blocked them: {names}; publish to free them"
        )


def _decided(path: Path) -> Workspace | Decisions:
    import mithra as mt

    return mt.Workspace(path) if path.is_dir() else _read(path, mt.Decisions.read)


def _refuse_unused(given: dict[str, Any], format: str) -> None:
    """An option that the format has no use for is a mistake, not a detail."""
    for name in given:
        users = [user for user, target in TARGETS.items() if name in target.options]
        if format not in users:
            raise UsageError(f"--{name.removesuffix('s')} is for --format {', '.join(users)}", value=format)


@contextmanager
def _place(out: Path, format: str) -> Iterator[Path | IO[Any]]:
    """The path, which appears whole or not at all, or stdout."""
    if out != STDOUT:
        yield out
        return
    with text_output(out) as file:
        if format == "parquet" and file.isatty():
            raise UsageError("Parquet is not for a terminal", hint="Give --out FILE, or pipe it")
        yield sys.stdout.buffer if format == "parquet" else file


def _scores(path: Path) -> Scores | pa.Table:
    """Scores of a file. Parquet may hold columns beside those of `mithra score`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import mithra as mt

    if path.suffix != ".parquet":
        return mt.Scores.read(path)
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read scores: {error}", file=path) from error


def _read(path: Path, read: Callable[[Path], T]) -> T:
    """What a reader of files makes of a file, or of stdin in any of the three formats."""
    if path != STDOUT:
        return read(path)
    import tempfile

    data = stdin_bytes()
    ending = "parquet" if data.startswith(PARQUET_MAGIC) else "jsonl" if data[:1] == b"{" else "csv"
    with tempfile.TemporaryDirectory(prefix="mithra-") as folder:
        file = Path(folder) / f"stdin.{ending}"
        file.write_bytes(data)
        try:
            return read(file)
        except InputError as error:
            error.file = "stdin"
            raise


def _write(made: Decisions, format: Format, out: Path | None) -> None:
    if format is Format.TABLE:
        rows = (
            [
                row["name"],
                row["action"],
                row["level"],
                row["score"],
                row["guard"],
                "; ".join(row["reasons"] or []),
            ]
            for row in made.to_arrow().to_pylist()
        )
        print_table(["name", "action", "level", "score", "guard", "reasons"], rows, out=out)
    elif format is Format.PARQUET:
        write_records(made.to_arrow(), format, out)
    else:
        with text_output(out) as file:
            made.write_text(file, format.value)
