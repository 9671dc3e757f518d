"""Who uses a workspace: readers and writers share a lock on its marker, and `compact` asks for it alone.

The kernel frees it when a process ends, however it ends, so nothing stale is left behind. It only tells
`compact` whether unfinished files and replaced ones may be in use by anybody; nothing else waits for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform != "win32":  # there nobody is ever known to be alone
    import fcntl

__all__ = ["Lock"]


class Lock:
    """A lock on a file, held from its making until `close`, or until the process ends."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # on a file system without locks nobody is ever alone either
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    @classmethod
    def alone(cls, path: Path) -> Lock | None:
        """The lock for oneself; None where others hold it, or where it cannot be known."""
        if sys.platform == "win32":
            return None
        lock = cls.__new__(cls)
        lock._descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return None
        return lock

    def close(self) -> None:
        """Let go; harmless when done twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
