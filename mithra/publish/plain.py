"""A plain list: a blocked name a line, comments behind `#`. Names below are for its reader to decide on."""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A name a line."""
    yield from header(entries, "#")
    for piece in entries.pieces():
        yield "".join(f"{name}\n" for name, _, _ in piece)
