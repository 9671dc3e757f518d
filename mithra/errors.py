"""Every error that mithra raises on purpose, in one tree with structured fields.

A message says what was wrong, the value, where it stood and what to do next. The command line turns the
class into an exit code: refused 1, wrong usage 2, bad input 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "FormatError",
    "InputError",
    "IntegrityError",
    "InvalidNameError",
    "LeakError",
    "MissingExtraError",
    "MithraError",
    "RefusedError",
    "SnapshotError",
    "UsageError",
    "WorkspaceError",
]

EXCERPT_CHARS = 120


def _excerpt(value: object) -> str:
    """A value shortened and escaped, so that a hostile one can neither flood nor drive a terminal."""
    text = str(value)
    shown = text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}… ({len(text)} characters)"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


class MithraError(Exception):
    """Root of the tree. `exit_code` is what the command line returns for it."""

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        value: object = None,
        file: str | Path | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.message, self.value, self.file, self.line, self.hint = message, value, file, line, hint
        super().__init__(message)

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        place = "" if self.file is None else f"{_excerpt(self.file)}{line}: "
        value = "" if self.value is None else f" (got {_excerpt(self.value)!r})"
        hint = "" if self.hint is None else f". {self.hint}"
        return f"{place}{self.message}{value}{hint}"


class UsageError(MithraError):
    """The call itself is wrong: an unknown option, a missing argument, arguments that do not fit."""

    exit_code = 2


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the message holds the exact install command."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", hint=f"Run: pip install 'mithra[{extra}]'")


class RefusedError(MithraError):
    """A safety rule said no, or there is nothing to do; the last good result stays in force."""

    exit_code = 1


class LeakError(RefusedError):
    """A split or an input would let the model see what it is to predict."""


class InputError(MithraError):
    """What was given to read is bad as a whole (single bad records become rejects instead).

    Of an ingest, `report` tells what came in all the same: a bad file keeps no other out.
    """

    report: Any = None


class InvalidNameError(InputError):
    """A string that is not a domain name; `reason` is one of the codes of `mithra.names`."""

    def __init__(self, name: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a domain name: {reason}", value=name)


class FormatError(InputError):
    """A file whose format is unknown, or not the one that was stated, or that ends too early."""


class WorkspaceError(InputError):
    """A folder that is no workspace, or one that cannot be used as asked."""


class SnapshotError(InputError):
    """A snapshot that is missing, incomplete or does not fit the request."""


class IntegrityError(InputError):
    """Stored bytes do not match their recorded digest."""
