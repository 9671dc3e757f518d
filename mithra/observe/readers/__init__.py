"""Readers, one file a format family. `READERS` is in the order in which sniffing asks them: formats with a
mark of their own first, tables by their header next, and plain lists last."""

from __future__ import annotations

from mithra.observe.readers import (
    bind,
    blocklists,
    certificates,
    dnsmasq,
    dnstap,
    feeds,
    generic,
    honeypots,
    misp,
    mmdb,
    networks,
    pcap,
    pdns,
    popularity,
    rdap,
    route53,
    rpz,
    stix,
    suricata,
    unbound,
    windowsdns,
    zeek,
    zone,
)
from mithra.observe.source import Reader

__all__ = ["READERS"]

READERS: list[Reader] = [
    *pcap.READERS,
    *dnstap.READERS,
    *pdns.READERS,
    *zeek.READERS,
    *suricata.READERS,
    *certificates.READERS,
    *rdap.READERS,
    *route53.READERS,
    *bind.READERS,
    *unbound.READERS,
    *dnsmasq.READERS,
    *windowsdns.READERS,
    *stix.READERS,
    *misp.READERS,
    *honeypots.READERS,
    *popularity.READERS,
    *networks.READERS,
    *mmdb.READERS,
    *generic.READERS,
    *feeds.READERS,
    *rpz.READERS,
    *zone.READERS,
    *blocklists.READERS,
]
