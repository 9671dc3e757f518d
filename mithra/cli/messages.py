"""What a command says on stderr, apart from its results: messages, errors, and whether to show progress."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import typer

__all__ = ["Messages", "messages", "shown"]


@dataclass(frozen=True)
class Messages:
    """Where a command talks to. Text is printed as it is: nothing in it is read as markup."""

    quiet: bool = False

    @property
    def progress(self) -> bool:
        """Whether progress bars are wanted: a person is watching and did not ask for quiet."""
        return not self.quiet and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """One message, unless quiet."""
        if not self.quiet:
            self._print(text)

    def error(self, text: str) -> None:
        """An error, in red where there are colours; never kept quiet."""
        self._print(f"error: {text}", style="red")

    def _print(self, text: str, style: str | None = None) -> None:
        from rich.console import Console

        line = shown(text)
        Console(stderr=True).print(
            line, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True
        )


def messages(ctx: typer.Context) -> Messages:
    """The messages of this run, as its options before the command's name want them."""
    return ctx.obj if isinstance(ctx.obj, Messages) else Messages()


def shown(text: str) -> str:
    """Text of unknown origin for a terminal: what could drive it, or hide in it, is escaped; lines stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
