"""Filter rules as AdGuard Home and AdGuard DNS read them: `||name^` is a subtree, `|name^` the host alone.

Browser extensions match URLs and read `||name^` alike, but `|name^` never matches there.
"""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]

_LINES = {
    ("block", "subtree"): "||{0}^\n",
    ("block", "host"): "|{0}^\n",
    ("allow", "subtree"): "@@||{0}^\n",
    ("allow", "host"): "@@|{0}^\n",
}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A rule a line."""
    yield from header(entries, "!")
    for piece in entries.pieces():
        yield "".join(_LINES[action, level].format(name) for name, action, level in piece)
