"""A file is there whole or not at all: written beside its place, then renamed into it.

Whoever reads the file (a resolver, a person) sees the old one until the new one is complete; when anything
fails on the way the old one stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from mithra.errors import InputError

__all__ = ["atomic_path", "atomic_text"]


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A path to write to that becomes `path` at the end of the block; links are followed, modes kept.

    What is there and no file, such as /dev/stdout or a named pipe, is written to as it is: renaming something
    into its place would remove a device.

    Raises:
        InputError: the folder cannot be written to.
    """
    if _is_special(Path(path)):
        try:
            yield Path(path)
        except BrokenPipeError:
            raise  # whoever read has gone, which is no bad path
        except OSError as error:
            raise InputError(f"cannot write: {error.strerror or error}", file=path) from error
        return
    target = Path(path).resolve()
    temporary = target.with_name(f".{target.name[:100]}.{uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        _sync(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot write: {error.strerror or error}", file=target) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: str | Path) -> Iterator[IO[str]]:
    """The same as an open UTF-8 file with newlines as given."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _sync(path: Path) -> None:
    """On the disk before the rename, or a crash could leave an empty file under the good name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
