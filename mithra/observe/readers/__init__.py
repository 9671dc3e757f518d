"""Readers, one file a format family. `READERS` is in the order in which sniffing asks them: formats with a
mark of their own first, tables by their header next, and plain lists last."""

from __future__ import annotations

from mithra.observe.readers import (
    blocklists,
    feeds,
    generic,
    misp,
    mmdb,
    networks,
    pdns,
    popularity,
    querylog,
    rdap,
    rpz,
    stix,
    zone,
)
from mithra.observe.source import Reader

__all__ = ["READERS"]

READERS: list[Reader] = [
    *pdns.READERS,
    *rdap.READERS,
    *stix.READERS,
    *misp.READERS,
    *querylog.READERS,
    *popularity.READERS,
    *networks.READERS,
    *mmdb.READERS,
    *generic.READERS,
    *feeds.READERS,
    *rpz.READERS,
    *zone.READERS,
    *blocklists.READERS,
]
