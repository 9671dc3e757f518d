"""What the caller hands to `ingest`, taken apart: files of paths, folders and patterns, and frames."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from mithra.errors import InputError, UsageError
from mithra.observe.frames import arrow_of_frame

__all__ = ["FileInput", "FrameInput", "inputs", "tracked"]

T = TypeVar("T")


@dataclass(frozen=True)
class FileInput:
    """A file. One that was not named itself, but lay in a folder, may be of no known format."""

    path: Path
    named: bool
    again: str | None = None  # the ingest whose place it takes, where it is read once more for its rejects
    stated: Mapping[str, Any] = field(default_factory=dict)  # about the file, when it was read before

    @property
    def name(self) -> str:
        """The path as text."""
        return str(self.path)


@dataclass(frozen=True)
class FrameInput:
    """A frame as an Arrow table."""

    data: pa.Table
    name: str


def inputs(sources: Sequence[Any]) -> list[FileInput | FrameInput]:
    """All files and frames, in the order given; a folder's files sorted, hidden ones left out.

    Raises:
        InputError: no such file, or an empty folder.
        UsageError: something that is neither a path nor a frame.
    """
    found: list[FileInput | FrameInput] = []
    for given in sources:
        if isinstance(given, str | os.PathLike):
            found += _files(given)
        elif isinstance(given, list | tuple | dict | int | float | bytes | None):
            hint = "Give paths or frames one by one, not in a list"
            raise UsageError("not a path and not a frame", value=type(given).__name__, hint=hint)
        else:
            found.append(FrameInput(arrow_of_frame(given), f"<{type(given).__module__.split('.')[0]} frame>"))
    return found


def tracked(items: Sequence[T], progress: bool, doing: str = "Ingesting") -> Iterator[T]:
    """The items, behind a progress bar on stderr if wanted."""
    if not progress:
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, doing, console=Console(stderr=True), transient=True)


def _files(given: str | os.PathLike[str]) -> Iterator[FileInput]:
    path = Path(given)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
        if not inside:
            raise InputError("there is no file in this folder", file=path)
        yield from (FileInput(found, named=False) for found in inside)
    elif path.exists():
        yield FileInput(path, named=True)
    else:
        matches = sorted(glob.glob(str(given), recursive=True))
        if not matches:
            raise InputError(
                "no such file", file=path, hint="Give a file, a folder or a pattern that matches"
            )
        for match in matches:
            if Path(match).is_dir():
                yield from _files(match)
            else:
                yield FileInput(Path(match), named=False)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
