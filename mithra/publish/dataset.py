"""A Suricata dataset of strings: a name in base64 a line. It has no comments and matches whole names only.

One rule reads it, which docs/publish.md shows; `to_lowercase` in it is what makes upper-case queries match.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from mithra.publish.entries import MARK, Entries, ListSettings

__all__ = ["chunks"]


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A name a line; the mark of simulated lists is a member that no query can equal."""
    if entries.simulated:
        yield f"{_encoded(MARK)}\n"
    for piece in entries.pieces():
        yield "".join(f"{_encoded(name)}\n" for name, _, _ in piece)


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
