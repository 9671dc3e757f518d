"""`mithra`, the command: options that all commands share, and what an error or a closed pipe does to them.

Results go to stdout, everything else to stderr. A command raises what the library raises; the group turns it
into a message and an exit code in one place, so that no user error ends in a traceback.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mithra.cli import audit, bench, campaigns, demo, formats, lists, models, ranking, records, worlds
from mithra.cli.messages import Messages
from mithra.errors import MithraError

__all__ = ["app", "main"]

EPILOG = """\
Exit codes:

- 0: done
- 1: refused by a safety rule, or nothing to do
- 2: wrong usage
- 3: bad input
- 70: a defect in mithra
- 130: interrupted
- 141: the reader of a pipe went away

Results go to stdout, progress and messages to stderr; `-` stands for stdin or stdout."""
BAD_INPUT, DEFECT, INTERRUPTED, PIPE_CLOSED = 3, 70, 130, 141


class Commands(TyperGroup):
    """A group whose commands end in an exit code, whatever they raise."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except MithraError as error:
            Messages().error(str(error))
            code = error.exit_code
        except BrokenPipeError:
            _drop_stdout()
            code = PIPE_CLOSED
        except KeyboardInterrupt:
            Messages().error("interrupted")
            code = INTERRUPTED
        except OSError as error:
            Messages().error(_os_message(error))
            code = BAD_INPUT
        else:
            return result
        raise typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    help="Find nefarious domain names early: records in, a ranking and block lists out.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("mithra"))
        raise typer.Exit


@app.callback()
def shared(
    ctx: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no messages but errors.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on stderr what is being done.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command's name."""
    ctx.obj = Messages(quiet=quiet)
    _log_to_stderr(logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)


for _family in (demo, worlds, records, formats, models, ranking, campaigns, audit, lists):
    _family.add_to(app)
app.add_typer(bench.app, name="bench")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. A defect ends with a traceback and code 70."""
    try:
        app(arguments, prog_name="mithra")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception:
        logging.getLogger("mithra").critical("a defect in mithra; please report it", exc_info=True)
        return DEFECT
    return 0


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log = logging.getLogger("mithra")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level)


def _drop_stdout() -> None:
    """Python flushes stdout at exit; let that go nowhere instead of raising once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _os_message(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
