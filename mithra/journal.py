"""Records as JSON lines that are only ever added, by one process at a time, and survive a crash.

A record counts from the moment that its whole line is on the disk; a line that was cut short never counted,
and the next one takes it off.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mithra.errors import InputError

__all__ = ["append", "read"]


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        whole, newline, _ = file.read().rpartition(b"\n")
        file.truncate(len(whole) + len(newline))
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """All records, oldest first; none where the file is not there.

    Raises:
        InputError: a line is damaged.
    """
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    found = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            found.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError("a line of the record is damaged", file=path, line=number) from error
    return found
