"""An intelligence file for Zeek: `Intel::DOMAIN` indicators, which match a whole name, not those below it."""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """Fields set apart by tabs; lines that begin with # and are no header are comments to Zeek."""
    yield from header(entries, "#")
    yield "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n"
    for piece in entries.pieces():
        yield "".join(f"{name}\tIntel::DOMAIN\tmithra\tblocked {level}\n" for name, _, level in piece)
