"""Local zones for Unbound, to be included. A subtree answers NXDOMAIN.

No type of local zone answers NXDOMAIN for a name and leaves those below it alone. A single host is a
transparent zone with one text record instead: it has no address (NODATA), and names below it resolve. An
allowed name is transparent with all below it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]

_LINES = {
    ("block", "subtree"): 'local-zone: "{0}." always_nxdomain\n',
    ("block", "host"): 'local-zone: "{0}." transparent\nlocal-data: \'{0}. 60 TXT "blocked"\'\n',
    ("allow", "subtree"): 'local-zone: "{0}." transparent\n',
    ("allow", "host"): 'local-zone: "{0}." transparent\n',
}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A `server:` clause with the zones."""
    yield from header(entries, "#")
    yield "server:\n"
    for piece in entries.pieces():
        yield "".join(_LINES[action, level].format(name) for name, action, level in piece)
