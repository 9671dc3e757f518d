"""Alerts of other tools, each once: Suricata's EVE, GuardDuty's findings, and objects of any tool with a map.

Of an alert counts which names it is about, who asked for them, when, and what the tool says of it. Ends of a
connection are told apart by address: the client is the one that is not public, else the sender. An alert that
names no host is an alert all the same.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from mithra.errors import FormatError, UsageError
from mithra.explain.querylog import Counts
from mithra.names import canonicalize
from mithra.observe.convert import MAX_EPOCH_SECONDS
from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile
from mithra.observe.readers.alerts import alert_hosts
from mithra.observe.readers.labels import host_of_url
from mithra.observe.source import Options, Source

__all__ = ["FIELDS", "Alert", "alerts", "has_alerts"]

FIELDS = ("name", "client", "seen_at", "title", "severity", "id")  # that a map may name
TEXT_CHARS = 500  # kept of what a tool says
MOST = 1 << 40  # that an alert may count
_LONG_ANSWER = re.compile(rb'\s*\{\s*"Findings"\s*:\s*\[')  # of which the first bytes hold no whole finding
_SEVERITIES = {1: "high", 2: "medium", 3: "low", 4: "informational"}  # of Suricata's classes


@dataclass(frozen=True)
class Alert:
    """One alert of another tool."""

    uid: str  # the tool's own, else a digest of the record
    tool: str
    title: str
    severity: str
    names: tuple[str, ...]  # canonical
    client: str | None
    at: int | None  # epoch seconds
    count: int = 1


def has_alerts(source: Source, columns: Mapping[str, str] | None) -> str | None:
    """What a file's first bytes show of alerts: `mapped`, `guardduty`, `suricata` (queries too), or nothing.

    Raises:
        UsageError: a map of other fields.
    """
    if columns is not None:
        odd = [name for name in columns if name not in FIELDS]
        if odd or "name" not in columns:
            hint = f"Map name, and as you like {', '.join(FIELDS[1:])}"
            raise UsageError("a map of alerts does not fit", value=odd or list(columns), hint=hint)
        return "mapped"
    for record in jsonfile.first_records(source.sample):
        if any(_is_finding(each) for each in _wrapped(record)):
            return "guardduty"
        if {"event_type", "timestamp"} <= record.keys():
            return "suricata"
    return "guardduty" if _LONG_ANSWER.match(source.sample) else None


def alerts(
    source: Source, kind: str, options: Options, columns: Mapping[str, str] | None, counts: Counts
) -> Iterator[Alert]:
    """The alerts of a file, in its order.

    Raises:
        FormatError: cut short, no JSON, or no record has the field that the map names.
    """
    seen, mapped = Counter[str](), False
    for record in _records(source, kind, counts):
        if kind == "mapped":
            found = _mapped(record, columns or {}, options, source.stem)
            mapped = mapped or bool(found.names)
        elif kind == "guardduty":
            if not _is_finding(record):
                counts.rejected["not_a_finding"] += 1
                continue
            found = _guardduty(record, options)
        elif record.get("event_type") == "alert" and isinstance(record.get("alert"), dict):
            found = _suricata(record, options)
        else:
            continue
        seen[found.uid] += 1
        counts.alerts += 1
        repeated = seen[found.uid] > 1
        yield found if not repeated else _numbered(found, seen[found.uid])
    if kind == "mapped" and seen and not mapped:
        raise FormatError(
            "no record has a domain name in the field that --map names",
            value=(columns or {})["name"],
            file=source.path,
        )


def _records(source: Source, kind: str, counts: Counts) -> Iterator[Mapping[str, Any]]:
    if kind == "mapped" and source.sample.removeprefix(jsonfile.BOM).lstrip()[:1] not in (b"{", b"["):
        with io.TextIOWrapper(source.open(), encoding="utf-8", errors="replace", newline="") as text:
            try:
                yield from csv.DictReader(text, restkey="")
            except csv.Error as error:
                raise FormatError(f"not a table of text ({error})", file=source.path) from error
        return
    parse = (lambda line: jsonfile.loads(line) if b'"alert"' in line else {}) if kind == "suricata" else None
    for batch in jsonfile.records(source, parse):
        counts.rejected.update(batch.rejects.reasons)
        for value in batch.values:
            yield from _wrapped(value)


def _wrapped(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """GuardDuty's findings out of the answer of its API and out of EventBridge; other records as they are."""
    listed, detail = record.get("Findings"), record.get("detail")
    if isinstance(listed, list):
        yield from (each for each in listed if isinstance(each, dict))
    elif isinstance(detail, dict) and _is_finding(detail):
        yield detail
    else:
        yield record


def _is_finding(record: Mapping[str, Any]) -> bool:
    """Whether it has what GuardDuty's findings always have."""
    said = _at(record, "service", "action"), _at(record, "type"), _at(record, "schemaVersion")
    return isinstance(_at(record, "service"), dict) and None not in said


def _guardduty(record: Mapping[str, Any], options: Options) -> Alert:
    """A finding, with keys as the API writes them (`Service`) or as EventBridge does (`service`)."""
    action = _at(record, "service", "action")
    domains = [
        _at(action, "dnsRequestAction", "domain"),
        *(
            _at(action, kind, "domainDetails", "domain")
            for kind in ("awsApiCallAction", "kubernetesApiCallAction")
        ),
    ]
    instance = _at(record, "resource", "instanceDetails")
    cards = _at(instance, "networkInterfaces")
    address = _at(cards[0], "privateIpAddress") if isinstance(cards, list) and cards else None
    client = _client(address, options) or _text(_at(instance, "instanceId")) or None
    count = _at(record, "service", "count")
    at = next((_at(record, "service", key) for key in ("eventLastSeen", "eventFirstSeen")), None)
    return Alert(
        _text(_at(record, "id")) or _digest(record),
        "guardduty",
        _text(_at(record, "type")),
        _text(_at(record, "severity")),
        _names(domains),
        client,
        _moment(at or _at(record, "updatedAt")),
        count if isinstance(count, int) and 0 < count < MOST else 1,
    )


def _suricata(record: Mapping[str, Any], options: Options) -> Alert:
    alert = record["alert"]
    ends = [record.get(end) for end in ("src_ip", "dest_ip")]
    inside = [end for end in ends if _private(end)]
    severity = alert.get("severity")
    return Alert(
        _digest(record),
        "suricata",
        _text(alert.get("signature")) or f"{alert.get('gid', 1)}:{alert.get('signature_id')}",
        _SEVERITIES.get(severity, "") if isinstance(severity, int) else "",
        _names(alert_hosts(record)),
        _client((inside or ends)[0], options),
        _moment(record.get("timestamp")),
    )


def _mapped(record: Mapping[str, Any], columns: Mapping[str, str], options: Options, tool: str) -> Alert:
    told = {ours: _path(record, theirs) for ours, theirs in columns.items()}
    named = told["name"] if isinstance(told["name"], list) else [told["name"]]
    return Alert(
        _text(told.get("id")) or _digest(record),
        tool,
        _text(told.get("title")),
        _text(told.get("severity")),
        _names(host_of_url(each) if isinstance(each, str) and "://" in each else each for each in named),
        _client(told.get("client"), options),
        _moment(told.get("seen_at")),
    )


def _names(hosts: Any) -> tuple[str, ...]:
    """Those of the hosts that are names; addresses are none."""
    texts = list(dict.fromkeys(host for host in hosts if isinstance(host, str) and host))
    names = canonicalize(texts).names.to_pylist() if texts else []
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _client(value: object, options: Options) -> str | None:
    text = _text(value)
    return options.clients([text])[0] if text else None


def _private(address: object) -> bool:
    try:
        return not ip_address(str(address)).is_global
    except ValueError:
        return False


def _moment(value: object) -> int | None:
    """Epoch seconds of a date, or of seconds or milliseconds with a fraction or without."""
    text = _text(value)
    try:
        number = float(text)
        seconds = number / 1000 if number > MAX_EPOCH_SECONDS else number
    except ValueError:
        seconds = parse_date(text) or 0
    return int(seconds) if 0 < seconds < MAX_EPOCH_SECONDS else None


def _at(record: Any, *path: str) -> Any:
    """A value by its path, each key with a small or a capital first letter; None where there is none."""
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key, record.get(key[0].upper() + key[1:]))
    return record


def _path(record: Mapping[str, Any], path: str) -> Any:
    """The value of a key, or of a path of keys with dots between."""
    if path in record:
        return record[path]
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)[:TEXT_CHARS]


def _digest(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _numbered(alert: Alert, number: int) -> Alert:
    """One more of equal records."""
    return Alert(**{**alert.__dict__, "uid": f"{alert.uid}-{number}"})
