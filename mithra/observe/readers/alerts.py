"""Alerts of Suricata (EVE, event_type alert), as in T-Pot: the hosts that they name become `sightings`.

Hosts are those of the alert's own HTTP, TLS (by SNI, else by certificate), QUIC and DNS records. An alert
makes no label: rules fire on policy and on scans too. Clients' addresses are not kept: a host that is an
address counts only where no other end of the flow is public, so that it is a server reached from inside, not
the sensor itself (whose address scanners send as host).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile
from mithra.observe.readers.labels import host_of_url
from mithra.observe.readers.sightings import Sighting, sighting_rows
from mithra.observe.source import Options, Rejects, Rows, Source

__all__ = ["alert_hosts", "alert_sightings", "read_alerts"]

_COMMON_NAME = re.compile(r"(?:^|, ?)CN=((?:\*\.)?[\w-]+(?:\.[\w-]+)+)(?:,|$)")
_ENDS = ("src_ip", "dest_ip")


def alert_sightings(record: Mapping[str, Any]) -> list[Sighting]:
    """Hosts of an EVE record; none where it is no alert, or names no host.

    >>> event = {"event_type": "alert", "timestamp": "2026-06-01T12:00:00.1+0000", "host": "ids-1"}
    >>> event |= {"alert": {"gid": 1, "signature_id": 2027758}, "dns": {"query": [{"rrname": "c2.example"}]}}
    >>> [(s.indicator, s.technique) for s in alert_sightings(event)]
    [('c2.example', '1:2027758')]
    """
    alert = record.get("alert")
    if record.get("event_type") != "alert" or not isinstance(alert, dict):
        return []
    hosts = alert_hosts(record)
    if not hosts:
        return []
    time, sensor = record.get("timestamp"), record.get("host")
    seen_at = parse_date(time) if isinstance(time, str) else None
    technique = _technique(alert)
    return [
        Sighting(host, "alert", sensor if isinstance(sensor, str) else None, technique, seen_at)
        for host in hosts
    ]


def alert_hosts(record: Mapping[str, Any]) -> list[str]:
    """The hosts that an alert names, each once."""
    return [host for host in dict.fromkeys(_hosts(record)) if not _end_of_client(host, record)]


def read_alerts(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Sightings of a file's alerts. Other events, and lines that hold none, are the business of others."""
    for batch in jsonfile.records(source, lambda line: _PARSE(line) if b'"alert"' in line else {}):
        found = [
            (number, sighting)
            for number, record in zip(batch.numbers, batch.values, strict=True)
            for sighting in alert_sightings(record)
        ]
        yield from sighting_rows(found, Rejects(), source, options)


class _Rule(TypedDict, total=False):
    gid: Any
    signature_id: Any
    metadata: Any


class _Http(TypedDict, total=False):
    hostname: Any
    url: Any


class _Hello(TypedDict, total=False):
    sni: Any
    subject: Any


class _Event(TypedDict, total=False):
    timestamp: Any
    event_type: Any
    host: Any
    src_ip: Any
    dest_ip: Any
    alert: _Rule
    http: _Http
    tls: _Hello
    quic: _Hello
    dns: Any


_PARSE = jsonfile.only(_Event)


def _hosts(record: Mapping[str, Any]) -> Iterator[str]:
    found: list[Any] = []
    if http := _dict(record.get("http")):
        url = http.get("url")
        found.append(http.get("hostname"))
        if isinstance(url, str) and "://" in url:  # of a request to a proxy
            found.append(host_of_url(url))
    for hello in (_dict(record[layer]) for layer in ("tls", "quic") if layer in record):
        found.append(hello.get("sni") or _common_name(hello.get("subject")))
    if dns := _dict(record.get("dns")):
        found.append(dns.get("rrname"))
        found += [_dict(q).get("rrname") for key in ("query", "queries") for q in _list(dns.get(key))]
    return (host for host in found if isinstance(host, str) and host)


def _common_name(subject: object) -> str | None:
    """The host that a certificate is for, where the client did not say which it asked for."""
    found = _COMMON_NAME.search(subject) if isinstance(subject, str) else None
    return None if found is None else found[1]


def _end_of_client(host: str, record: Mapping[str, Any]) -> bool:
    """Whether the host is an address that may be a client's or the sensor's."""
    address = _address(host)
    if address is None:
        return False
    others = {_address(record.get(end)) for end in _ENDS} - {address, None}
    return not address.is_global or any(other.is_global for other in others if other is not None)


def _technique(alert: Mapping[str, Any]) -> str:
    """The ATT&CK technique that the rule names, else the rule: generator and signature."""
    named = _list(_dict(alert.get("metadata")).get("mitre_technique_id"))
    if named and isinstance(named[0], str):
        return named[0]
    return f"{alert.get('gid', 1)}:{alert.get('signature_id')}"


def _address(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(text, str) or not (":" in text or text[-1:].isdigit()):
        return None
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
