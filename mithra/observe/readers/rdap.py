"""RDAP domain objects (RFC 9083): one a file, in search results, in arrays or one a line.

People are left at the door: of the entities only the registrar, and of the registrant only an organisation,
are read; rejects do not show entities either. A redacted or empty value is null. What is no domain object
(other classes, help, errors, reverse zones) is set aside. `captured_at` is what the server says of its
database's last update, or what the caller states; null otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mithra.names import canonicalize
from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile
from mithra.observe.source import Options, Reader, Rejects, Rows, Source
from mithra.schema import table_schema

__all__ = ["READERS"]

DATABASE_UPDATE = "last update of rdap database"
SEARCHES = ("domainSearchResults", "nameserverSearchResults", "entitySearchResults")
FETCHED = ("captured_at", "fetched_at", "retrieved_at")  # as crawlers add it to the answer
_SHOWN = ("objectClassName", "ldhName", "unicodeName", "errorCode", "title")

_REDACTED = re.compile(
    r"redacted|not disclosed|data protected|withheld|statutory masking|privacy|^-+$|^n/?a$|^none$|^unknown$",
    re.IGNORECASE,
)
_SNIFF = (b'"rdapConformance"', b'"objectClassName"', b'"ldhName"', b'"domainSearchResults"')


def sniff_rdap(sample: bytes) -> bool:
    """JSON with RDAP's own keys."""
    head = sample.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return head in {b"{", b"["} and any(key in sample for key in _SNIFF)


def read_rdap(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Registrations of RDAP answers."""
    schema = table_schema("registrations")
    for batch in jsonfile.records(source):
        found = [
            (number, domain)
            for number, record in zip(batch.numbers, batch.values, strict=True)
            for domain in _objects(record)
        ]
        names = _canonical(text for _, domain in found for text in [_name(domain), *_hosts(domain)])
        rows = list[dict[str, Any]]()
        for number, domain in found:
            try:
                rows.append(_row(domain, names, options))
            except _RefusedError as refused:
                batch.rejects.add(number, str(refused), _shown(domain))
                continue
            for host in _hosts(domain):
                if names[host][0] is None:
                    batch.rejects.add(number, f"name_server_{names[host][1]}", host)
        for row in rows:
            row["source"] = options.source or "rdap"
        yield Rows(
            "registrations", pa.Table.from_pylist(rows, schema.remove(schema.get_field_index("ingest_id")))
        )
        if batch.rejects.lines:
            yield batch.rejects


def _shown(record: dict[str, Any]) -> str:
    """What a reject shows of an object: never its cards, which hold people's data."""
    dates = [
        [e.get("eventAction"), e.get("eventDate")] for e in _list(record.get("events")) if isinstance(e, dict)
    ]
    return json.dumps({**{key: record[key] for key in _SHOWN if key in record}, "events": dates})


class _RefusedError(Exception):
    """Why an object makes no registration."""


def _objects(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of an answer: itself, or the results of a search."""
    for key in SEARCHES:
        if isinstance(record.get(key), list):
            return [found for found in record[key] if isinstance(found, dict)]
    return [record]


def _row(domain: dict[str, Any], names: _Names, options: Options) -> dict[str, Any]:
    if "errorCode" in domain:
        raise _RefusedError(f"rdap_error_{domain['errorCode']}"[:40])
    kind = domain.get("objectClassName", "domain" if "ldhName" in domain else None)
    if kind != "domain":
        raise _RefusedError("not_a_domain")
    name, reason = names[_name(domain)]
    if name is None:
        raise _RefusedError(reason or "no_name")
    if name.endswith((".in-addr.arpa", ".ip6.arpa")):
        raise _RefusedError("reverse_zone")
    events, now = _events(domain), options.now_seconds
    captured = _captured(domain, events, options)
    created, updated = events.get("registration"), events.get("last changed")
    if any(moment is not None and moment > now for moment in (created, updated, captured)):
        raise _RefusedError("date_in_future")
    entities = list(_entities(domain))
    registrar = next((e for e in entities if "registrar" in _roles(e)), {})
    registrant = next((e for e in entities if "registrant" in _roles(e)), {})
    return {
        "domain": name,
        "registrar": next(filter(None, map(_word, _names_of_registrar(registrar))), None),
        "registrar_iana_id": _iana_id(registrar),
        "registrant": _organisation(registrant),
        "created": _time(created),
        "updated": _time(updated),
        "expires": _time(events.get("expiration", events.get("registrar expiration"))),
        "name_servers": sorted({name for host in _hosts(domain) if (name := names[host][0]) is not None}),
        "status": [s for s in _list(domain.get("status")) if isinstance(s, str)],
        "dnssec": _dnssec(domain),
        "captured_at": _time(captured),
    }


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
    servers = [server for server in _list(domain.get("nameservers")) if isinstance(server, dict)]
    hosts = [server.get("ldhName") or server.get("unicodeName") for server in servers]
    return [host for host in hosts if isinstance(host, str)]


def _events(domain: dict[str, Any]) -> dict[str, int]:
    """Epoch seconds by action. Of several registrations the first counts, else the last."""
    moments: dict[str, int] = {}
    for event in _list(domain.get("events")):
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


def _entities(domain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entity in _list(domain.get("entities")):
        if isinstance(entity, dict):
            yield entity


def _roles(entity: dict[str, Any]) -> list[str]:
    return [str(role).lower() for role in _list(entity.get("roles"))]


def _card(entity: dict[str, Any]) -> dict[str, Any]:
    """Values of a jCard (RFC 7095) by property, the first of each."""
    card = entity.get("vcardArray")
    properties = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else []
    values: dict[str, Any] = {}
    for item in properties:
        if isinstance(item, list) and len(item) >= 4 and isinstance(item[0], str):
            values.setdefault(item[0].lower(), item[3])
    return values


def _organisation(entity: dict[str, Any]) -> str | None:
    """The organisation of an entity; of a card that is about a person or does not say, only `org`."""
    card = _card(entity)
    organisation = card.get("org")
    if isinstance(organisation, list):
        organisation = organisation[0] if organisation else None
    if _text(organisation) is None and str(card.get("kind", "")).lower() == "org":
        organisation = card.get("fn")
    return _text(organisation)


def _names_of_registrar(registrar: dict[str, Any]) -> list[Any]:
    card = _card(registrar)
    return [card.get("fn"), card.get("org"), registrar.get("handle")]


def _text(value: Any) -> str | None:
    """Text that stands for something, so not `REDACTED FOR PRIVACY` and the like."""
    word = _word(value)
    return None if word is None or _REDACTED.search(word) else word


def _word(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _iana_id(registrar: dict[str, Any]) -> int | None:
    for public in _list(registrar.get("publicIds")):
        if isinstance(public, dict) and "iana registrar id" in str(public.get("type", "")).lower():
            number = str(public.get("identifier", "")).strip()
            return int(number) if number.isdecimal() and len(number) < 10 else None
    return None


def _dnssec(domain: dict[str, Any]) -> bool | None:
    signed = domain.get("secureDNS")
    value = signed.get("delegationSigned") if isinstance(signed, dict) else None
    return value if isinstance(value, bool) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


READERS = [
    Reader(
        "rdap",
        1,
        ("registrations",),
        sniff_rdap,
        read_rdap,
        about="RDAP answers about domains (RFC 9083): one a file, one a line, in arrays or search results",
        example='{"objectClassName":"domain","ldhName":"EXAMPLE.com","status":["active"],'
        '"events":[{"eventAction":"registration","eventDate":"2020-01-02T03:04:05Z"}],'
        '"nameservers":[{"ldhName":"ns1.example.net"}]}\n',
        fields=(
            *("ldhName", "status", "events", "nameservers", "secureDNS.delegationSigned"),
            *("entities (registrar, organisation of the registrant)", "captured_at"),
        ),
    )
]
