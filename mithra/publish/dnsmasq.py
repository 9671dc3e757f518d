"""Lines for dnsmasq: NXDOMAIN for a name, which there always means all names below it too.

A single host therefore has a second line that sends what lies below it upstream again; the wildcard in it
needs dnsmasq 2.86. An allowed name is sent upstream with all below it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]

_LINES = {
    ("block", "subtree"): "address=/{0}/\n",
    ("block", "host"): "address=/{0}/\nserver=/*.{0}/#\n",
    ("allow", "subtree"): "server=/{0}/#\n",
    ("allow", "host"): "server=/{0}/#\n",
}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """One line a name, two for a single host."""
    yield from header(entries, "#")
    for piece in entries.pieces():
        yield "".join(_LINES[action, level].format(name) for name, action, level in piece)
