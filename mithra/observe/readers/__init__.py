"""Readers, one file a format family. `READERS` is in the order in which sniffing asks them: formats with a
mark of their own first, tables by their header next, and plain lists last."""

from __future__ import annotations

from mithra.observe.readers import (
    alerts,
    blocklists,
    feeds,
    generic,
    honeypots,
    networks,
    pdns,
    popularity,
    querylog,
    rdap,
    zone,
)
from mithra.observe.source import Reader

__all__ = ["READERS"]

READERS: list[Reader] = [
    *pdns.READERS,
    *rdap.READERS,
    *honeypots.READERS,
    *alerts.READERS,
    *querylog.READERS,
    *popularity.READERS,
    *networks.READERS,
    *generic.READERS,
    *feeds.READERS,
    *zone.READERS,
    *blocklists.READERS,
]
