"""MISP events, as a feed publishes them (one a file, beside manifest.json) or an instance exports them.

Attributes of the event and of its objects that are meant for detection (`to_ids`) and name a host become
labels. Known since the attribute's `timestamp`, when it was written down: `first_seen` and the event's
`date` tell when something happened, often long before anybody knew. A sighting that reports an expiry or a
false positive ends the label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypedDict

from mithra.errors import FormatError
from mithra.observe.dates import parse_date
from mithra.observe.readers import jsonfile, jsonstream
from mithra.observe.readers.jsonfile import JsonRecords
from mithra.observe.readers.labels import Listed, date_of_file, joined, label_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

HOST_TYPES = {"domain", "hostname", "url", "uri", "domain|ip", "hostname|port"}
ADDRESS_TYPES = {"ip-src", "ip-dst", "ip-src|port", "ip-dst|port"}
HASHES = ("md5", "sha", "ssdeep", "imphash", "filename|", "tlsh", "authentihash", "vhash", "pehash")
ENDING_SIGHTINGS = {"1", "2"}  # false positive, expiration
# Namespaces of tags that tell how an event may be used, and not what it is about.
HANDLING_TAGS = {"tlp", "pap", "type", "osint", "admiralty-scale", "estimative-language", "workflow"}

_WRAPPED = re.compile(rb'\s*(?:\[\s*\{|\{\s*"response"\s*:\s*[\[{]|\{\s*"Event"\s*:)')
_MANIFEST = re.compile(rb'^\s*\{\s*"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"\s*:\s*\{')


def sniff_misp(sample: bytes) -> bool:
    """JSON with `Event` or `Attribute`, and `to_ids` or `threat_level_id`; or a feed's manifest."""
    text = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    named = b'"Event"' in text or b'"Attribute"' in text
    said = named and (b'"to_ids"' in text or b'"threat_level_id"' in text)
    return (text[:1] in {b"{", b"["} and said) or bool(_MANIFEST.match(text) and b'"info"' in text)


def read_misp(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of events. A manifest holds none: it lists the events, which are files of their own beside it.

    Raises:
        FormatError: not JSON, or no event in it.
    """
    if _MANIFEST.match(source.sample.removeprefix(b"\xef\xbb\xbf")):
        jsonfile.load(source)
        return
    file_date, number = date_of_file(source, options), 0
    for batch in _documents(source):
        listed = Listed(urls=True, rejects=batch.rejects)
        for item in batch.values:
            item = item.get("response", item)
            event = item.get("Event", item) if isinstance(item, dict) else None
            if not isinstance(event, dict) or not {"Attribute", "Object", "info"} & event.keys():
                raise FormatError("an event needs attributes", file=source.path)
            said = _said(event)
            for attribute in _attributes(event):
                number += 1
                _attribute(listed, number, attribute, said)
        yield from label_rows(listed, source, options, date=file_date)


def _documents(source: Source) -> Iterator[JsonRecords]:
    """Events as they are wrapped; an event by itself is read whole, as its attributes stand in arrays too."""
    shaped = jsonstream.shaped(source, _File)
    if shaped is not None:
        yield from jsonstream.batches([shaped])
    elif _WRAPPED.match(source.sample.removeprefix(b"\xef\xbb\xbf")):
        yield from jsonstream.objects(source)
    else:
        batch = JsonRecords()
        batch.add(1, jsonfile.load(source))
        yield batch


class _Attribute(TypedDict, total=False):
    """What is read of an attribute."""

    type: Any
    value: Any
    to_ids: Any
    timestamp: Any
    deleted: Any
    warnings: Any
    Tag: Any
    Sighting: Any
    Event: Any


class _Object(TypedDict, total=False):
    deleted: Any
    Attribute: list[_Attribute]


class _Event(TypedDict, total=False):
    info: Any
    timestamp: Any
    Orgc: Any
    Tag: Any
    Attribute: list[_Attribute]
    Object: list[_Object]


class _File(TypedDict):
    Event: _Event


class _Said(NamedTuple):
    """What an event says of its attributes."""

    date: int | None
    category: str | None
    source: str | None


def _said(event: dict[str, Any]) -> _Said:
    orgc = event.get("Orgc")
    return _Said(
        _date(event.get("timestamp")),
        joined(_tags(event, plain=False)),
        str(orgc["name"]) if isinstance(orgc, dict) and orgc.get("name") else None,
    )


def _attributes(event: dict[str, Any]) -> Iterator[Any]:
    yield from _list(event.get("Attribute"))
    for item in _list(event.get("Object")):
        if not isinstance(item, dict):
            yield item
        elif _is_true(item.get("deleted")):
            yield from (
                {**each, "deleted": True} for each in _list(item.get("Attribute")) if isinstance(each, dict)
            )
        else:
            yield from _list(item.get("Attribute"))


def _attribute(listed: Listed, number: int, attribute: Any, said: _Said) -> None:
    reason = _refusal(attribute)
    if reason is not None:
        listed.refuse(number, reason, attribute)
        return
    if isinstance(attribute.get("Event"), dict):
        said = _said(attribute["Event"])
    sightings = attribute.get("Sighting")
    listed.add_dated(
        number,
        str(attribute["value"]).partition("|")[0],
        attribute,
        date=_date(attribute.get("timestamp")) or said.date,
        end=min(filter(None, map(_end, _list(sightings))), default=None) if sightings else None,
        category=joined(_tags(attribute, plain=True)) or said.category,
        source=said.source,
    )


def _refusal(attribute: Any) -> str | None:
    """Why an attribute is no label, if it is none."""
    if not isinstance(attribute, dict):
        return "not_an_object"
    kind = str(attribute.get("type"))
    if kind in ADDRESS_TYPES:
        return "ip_literal"
    if kind not in HOST_TYPES:
        return "hash" if kind.startswith(HASHES) else "not_a_name"
    if _is_true(attribute.get("deleted")):
        return "deleted"
    if not _is_true(attribute.get("to_ids")):
        return "not_for_detection"
    if attribute.get("warnings"):  # what MISP adds when asked to check its warning lists
        return "on_a_warning_list"
    return None if attribute.get("value") else "empty"


def _tags(owner: dict[str, Any], *, plain: bool) -> list[str]:
    """Names of tags that say what something is about; those without a namespace only if `plain`."""
    if not owner.get("Tag"):
        return []
    names = [
        str(tag.get("name") or "") if isinstance(tag, dict) else str(tag) for tag in _list(owner.get("Tag"))
    ]
    spaces = [name.partition(":")[0].lower() if ":" in name else None for name in names]
    return [
        name
        for name, space in zip(names, spaces, strict=True)
        if space not in HANDLING_TAGS and (plain or space is not None)
    ]


def _end(sighting: Any) -> int | None:
    if not isinstance(sighting, dict) or str(sighting.get("type")) not in ENDING_SIGHTINGS:
        return None
    return _date(sighting.get("date_sighting"))


def _date(value: Any) -> int | None:
    """Epoch seconds as MISP writes them, in a string; 0 stands for none."""
    return parse_date(str(value)) or None


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() in {"1", "true"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_EXAMPLE = (
    '{"Event":{"info":"Phishing","date":"2026-06-01","timestamp":"1780315200","threat_level_id":"3",'
    '"Orgc":{"name":"Example"},"Attribute":[{"type":"domain","value":"bad.example","to_ids":true,'
    '"timestamp":"1780315200","Tag":[{"name":"phishing"}]}]}}\n'
)
READERS = [
    Reader(
        "misp",
        1,
        ("labels",),
        sniff_misp,
        read_misp,
        about="MISP events, of a feed (whose manifest is passed over) or as an instance exports them",
        example=_EXAMPLE,
        fields=(
            "type",
            "value",
            "to_ids",
            "timestamp",
            "deleted",
            "warnings",
            "Tag",
            "Sighting",
            "Orgc.name",
        ),
    )
]
