"""RDAP answers (RFC 9083): one a file, in search results, in arrays or one a line.

A domain makes a registration. A name server with addresses makes resolutions, dated by when it was captured.
Other classes (entities, networks), help, errors and reverse zones are set aside.

People are left at the door: of the entities only the registrar, and of the registrant only an organisation,
are read (see `contacts`); rejects do not show entities either. A redacted or empty value is null.
`captured_at` is what the server says of its database's last update, or what the caller states, else null.
"""

from __future__ import annotations

import json
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypedDict

import msgspec
import pyarrow as pa

from mithra.names import canonicalize
from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile
from mithra.observe.readers.contacts import iana_id, listed, organisation_of, registrar_name
from mithra.observe.source import Options, Reader, Rejects, Rows, Source
from mithra.schema import table_schema

__all__ = ["READERS"]

DATABASE_UPDATE = "last update of rdap database"
SEARCHES = ("domainSearchResults", "nameserverSearchResults", "entitySearchResults")
ITEMS_AT_ONCE = 1 << 14
FETCHED = ("captured_at", "fetched_at", "retrieved_at")  # as crawlers add it to the answer
_SHOWN = ("objectClassName", "ldhName", "unicodeName")

_HIDDEN = "not shown: it may hold a person's data"
_FAMILIES = {"v4": (socket.AF_INET, "A"), "v6": (socket.AF_INET6, "AAAA")}
_SNIFF = (b'"rdapConformance"', b'"objectClassName"', b'"ldhName"', b'"domainSearchResults"')


def sniff_rdap(sample: bytes) -> bool:
    """JSON with RDAP's own keys."""
    head = sample.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if head not in {b"{", b"["}:
        return False
    return (
        any(key in sample for key in _SNIFF)
        or {"errorCode", "title"} <= (jsonfile.first_record(sample) or {}).keys()
    )


def read_rdap(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Registrations of RDAP answers, and resolutions of name servers."""

    def parse(line: bytes) -> Any:
        value = _PARSE(line)
        return _Answer(value, options) if isinstance(value, dict) else value

    for batch in jsonfile.records(source, parse):
        batch.rejects.excerpts[:] = [_HIDDEN] * len(batch.rejects.excerpts)
        found = (
            (number, item)
            for number, value in zip(batch.numbers, batch.values, strict=True)
            for item in (value.found if isinstance(value, _Answer) else _items(value, options))
        )
        rejects = batch.rejects
        while items := list(islice(found, ITEMS_AT_ONCE)):
            yield from _tables(items, rejects, options)
            if rejects.lines:
                yield rejects
            rejects = Rejects()
        if rejects.lines:
            yield rejects


def _tables(items: list[tuple[int, _Item]], rejects: Rejects, options: Options) -> Iterator[Rows]:
    """Rows of some items, whose names are made canonical; those refused are added to the rejects."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    names = _canonical(text for _, item in items for text in [item.name, *item.hosts])
    for number, item in items:
        name, reason = names[item.name]
        if item.refused or name is None:
            rejects.add(number, item.refused or reason or "no_name", item.shown or item.name)
        elif name.endswith((".in-addr.arpa", ".ip6.arpa")):
            rejects.add(number, "reverse_zone", name)
        elif item.table == "resolutions":
            rows[item.table] += [{**row, "name": name} for row in item.rows]
        else:
            hosts = {host: names[host] for host in item.hosts}
            servers = sorted({host for host, _ in hosts.values() if host is not None})
            rows[item.table] += [{**row, "domain": name, "name_servers": servers} for row in item.rows]
            for host, (kept, why) in hosts.items():
                if kept is None:
                    rejects.add(number, f"name_server_{why}", host)
    for table, kept_rows in rows.items():
        yield _rows(table, kept_rows, options)


@dataclass(slots=True)
class _Item:
    """What one object says, with names as written; or why it is refused."""

    name: str = ""
    hosts: list[str] = field(default_factory=list)
    table: str = "registrations"
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: str | None = None
    shown: str = ""


class _Answer(dict[str, Any]):
    """What an answer says. The answer itself is let go at once: live objects cost the garbage collector more
    than reading them."""

    def __init__(self, answer: dict[str, Any], options: Options) -> None:
        super().__init__()
        self.found = list(_items(answer, options))


def _items(answer: dict[str, Any], options: Options) -> Iterator[_Item]:
    return (_item(found, options) for found in _objects(answer))


def _item(found: dict[str, Any], options: Options) -> _Item:
    try:
        if found.get("objectClassName") == "nameserver":
            return _Item(_name(found), table="resolutions", rows=_addresses(found, options))
        return _Item(_name(found), _hosts(found), rows=[_row(found, options)])
    except _RefusedError as refused:
        return _Item(refused=str(refused), shown=_shown(found))


def _rows(table: str, rows: list[dict[str, Any]], options: Options) -> Rows:
    schema = table_schema(table)
    for row in rows:
        row["source"] = options.source or "rdap"
    return Rows(table, pa.Table.from_pylist(rows, schema.remove(schema.get_field_index("ingest_id"))))


def _shown(record: dict[str, Any]) -> str:
    """What a reject shows of an object: never its cards, which hold people's data."""
    dates = [
        [e.get("eventAction"), e.get("eventDate")]
        for e in listed(record.get("events"))
        if isinstance(e, dict)
    ]
    shown = ("errorCode", "title") if "errorCode" in record else _SHOWN
    return json.dumps({**{key: record[key] for key in shown if key in record}, "events": dates})


class _RefusedError(Exception):
    """Why an object makes no registration."""


def _objects(record: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The objects of an answer: itself, or the results of a search, of whose fetching the answer tells."""
    for key in SEARCHES:
        if isinstance(record.get(key), list):
            fetched = {name: record[name] for name in FETCHED if name in record}
            return ({**fetched, **found} if isinstance(found, dict) else {} for found in record[key])
    return [record]


def _row(domain: dict[str, Any], options: Options) -> dict[str, Any]:
    if "errorCode" in domain:
        raise _RefusedError(f"rdap_error_{domain['errorCode']}"[:40])
    kind = domain.get("objectClassName", "domain" if "ldhName" in domain else None)
    if kind != "domain":
        raise _RefusedError("not_a_domain")
    events = _events(domain)
    captured = _captured(domain, events, options)
    created, updated = events.get("registration"), events.get("last changed")
    _check_dates(created, updated, captured, options=options)
    registrar = _entity(domain, "registrar")
    return {
        "registrar": registrar_name(registrar),
        "registrar_iana_id": iana_id(registrar),
        "registrant": organisation_of(domain, _entity(domain, "registrant"), options),
        "created": _time(created),
        "updated": _time(updated),
        "expires": _time(events.get("expiration", events.get("registrar expiration"))),
        "status": [s for s in listed(domain.get("status")) if isinstance(s, str)],
        "dnssec": _dnssec(domain),
        "captured_at": _time(captured),
    }


def _addresses(server: dict[str, Any], options: Options) -> list[dict[str, Any]]:
    """Resolutions of a name server object: its glue, as of when it was captured."""
    captured = _captured(server, _events(server), options)
    glue = server.get("ipAddresses")
    found = [
        (kind, _address(text, family))
        for key, (family, kind) in _FAMILIES.items()
        for text in listed(glue.get(key) if isinstance(glue, dict) else None)
    ]
    if not found:
        raise _RefusedError("no_addresses")
    if captured is None:
        raise _RefusedError("no_date")
    _check_dates(captured, options=options)
    if any(address is None for _, address in found):
        raise _RefusedError("bad_address")
    moment = _time(captured)
    return [
        {
            "rrtype": kind,
            "rdata": address,
            **dict.fromkeys(("first_seen", "last_seen", "captured_at"), moment),
        }
        for kind, address in dict.fromkeys(found)
    ]


def _address(text: object, family: socket.AddressFamily) -> str | None:
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, str(text).strip()))
    except (OSError, ValueError):
        return None


def _check_dates(*moments: int | None, options: Options) -> None:
    if any(moment is not None and moment > options.now_seconds for moment in moments):
        raise _RefusedError("date_in_future")


# By name as written: its canonical form, or the reason why it is refused.
_Names = dict[str, tuple[str | None, str | None]]


def _canonical(texts: Iterable[str]) -> _Names:
    words = list(dict.fromkeys(texts))
    found = canonicalize(pa.array(words, pa.string()))
    return dict(zip(words, zip(found.names.to_pylist(), found.reason.to_pylist(), strict=True), strict=True))


def _name(domain: dict[str, Any]) -> str:
    """The name as written, empty where there is none."""
    text = domain.get("ldhName") or domain.get("unicodeName")
    return text if isinstance(text, str) else ""


def _hosts(domain: dict[str, Any]) -> list[str]:
    """The name servers as written."""
    servers = [server for server in listed(domain.get("nameservers")) if isinstance(server, dict)]
    hosts = [server.get("ldhName") or server.get("unicodeName") for server in servers]
    return [host for host in hosts if isinstance(host, str)]


def _events(domain: dict[str, Any]) -> dict[str, int]:
    """Epoch seconds by action. Of several registrations the first counts, else the last."""
    moments: dict[str, int] = {}
    for event in listed(domain.get("events")):
        if not isinstance(event, dict):
            continue
        action, date = str(event.get("eventAction", "")).lower(), event.get("eventDate")
        seconds = parse_date(date) if isinstance(date, str) else None
        if seconds is not None:
            pick = min if action == "registration" else max
            moments[action] = pick(seconds, moments.get(action, seconds))
    return moments


def _captured(domain: dict[str, Any], events: dict[str, int], options: Options) -> int | None:
    stated = next((domain[key] for key in FETCHED if isinstance(domain.get(key), str)), None)
    if stated is not None:
        return parse_date(stated)
    if DATABASE_UPDATE in events:
        return events[DATABASE_UPDATE]
    return None if options.known_at is None else int(options.known_at.timestamp())


def _entity(domain: dict[str, Any], role: str) -> dict[str, Any]:
    """The first entity of a role, empty where there is none."""
    for entity in listed(domain.get("entities")):
        if isinstance(entity, dict) and role in _roles(entity):
            return entity
    return {}


def _roles(entity: dict[str, Any]) -> list[str]:
    return [str(role).lower() for role in listed(entity.get("roles"))]


def _dnssec(domain: dict[str, Any]) -> bool | None:
    signed = domain.get("secureDNS", domain.get("secureDns"))  # the latter is AFNIC's
    value = signed.get("delegationSigned") if isinstance(signed, dict) else None
    return value if isinstance(value, bool) else None


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class _Entity(TypedDict, total=False):
    roles: Any
    handle: Any
    publicIds: Any
    remarks: msgspec.Raw
    vcardArray: msgspec.Raw
    jscontact_card: msgspec.Raw


class _Server(TypedDict, total=False):
    ldhName: Any
    unicodeName: Any


class _Event(TypedDict, total=False):
    eventAction: Any
    eventDate: Any


class _Object(TypedDict, total=False):
    """What is read of an object, or of a search's answer; the rest is not unpacked."""

    objectClassName: Any
    ldhName: Any
    unicodeName: Any
    captured_at: Any
    fetched_at: Any
    retrieved_at: Any
    errorCode: Any
    title: Any
    events: list[_Event]
    status: Any
    nameservers: list[_Server]
    ipAddresses: Any
    secureDNS: Any
    secureDns: Any
    entities: list[_Entity]
    redacted: msgspec.Raw
    domainSearchResults: list[_Object]
    nameserverSearchResults: list[_Object]
    entitySearchResults: list[_Object]


_PARSE = jsonfile.only(_Object)

READERS = [
    Reader(
        "rdap",
        2,
        ("registrations", "resolutions"),
        sniff_rdap,
        read_rdap,
        about="RDAP answers about domains and name servers (RFC 9083): one a file, one a line, in arrays or "
        "search results",
        example='{"objectClassName":"domain","ldhName":"EXAMPLE.com","status":["active"],'
        '"events":[{"eventAction":"registration","eventDate":"2020-01-02T03:04:05Z"}],'
        '"nameservers":[{"ldhName":"ns1.example.net"}]}\n',
        fields=(
            *("ldhName", "status", "events", "nameservers", "secureDNS.delegationSigned", "redacted"),
            *("entities (registrar, organisation of the registrant)", "ipAddresses", "captured_at"),
        ),
    )
]
