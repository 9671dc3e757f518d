"""A plain list: a blocked name a line, comments behind `#`. Names below are for its reader to decide on."""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, header

__all__ = ["plain_lines"]


def plain_lines(entries: Entries) -> Iterator[str]:
    """The file, line by line."""
    yield from header(entries, "#")
    for name, action, _ in entries:
        if action == "block":
            yield f"{name}\n"
