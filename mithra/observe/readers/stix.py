"""STIX 2.1 (and 2.0) bundles: the names and URLs that indicators' patterns name become labels.

A pattern is taken when each of its alternatives by itself names a host: comparisons with `=` or `IN`, joined
by OR. One that holds only together with something else (AND, FOLLOWEDBY, NOT, LIKE, REPEATS …) does not say
that the name is bad and is set aside. So are domain names and URLs that were merely observed.
Known since the later of `created` and `valid_from`: nobody could use it before either. Revoked means ended.
The subset of the pattern grammar (STIX 2.1, section 9) is read here, since its full parser takes
milliseconds a pattern; tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypedDict

import msgspec

from mithra.observe.dates import Dates
from mithra.observe.readers import jsonstream
from mithra.observe.readers.jsonfile import JsonRecords
from mithra.observe.readers.labels import COMPROMISED, Listed, date_of_file, joined, label_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS", "hosts_of_pattern"]

NOT_MALICIOUS = {"benign", "anomalous-activity", "anonymization", "unknown"}  # indicator-type-ov
MISP = "misp:"  # labels in which MISP writes down its own fields
MAX_KINDS = 1 << 16
MALICIOUS = "malicious-activity"
RESOLVES = "domain-name:resolves_to_refs"  # the same name and what it led to: AND joins both
HOST_PATHS = {"domain-name:value", "url:value"}
ADDRESS_PATHS = {"ipv4-addr:value", "ipv6-addr:value"}
OBSERVED = {"domain-name", "url"}

_MARK = re.compile(rb'"id"\s*:\s*"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-', re.IGNORECASE)
_TOKEN = re.compile(
    r"""\s+|(?P<string>'(?:[^'\\]|\\['\\])*')|(?P<literal>[thb]'(?:[^'\\]|\\['\\])*'|[+-]?\d+(?:\.\d+)?|true|false)
    |(?P<word>AND|OR|NOT|IN|LIKE|MATCHES|ISSUBSET|ISSUPERSET|EXISTS|FOLLOWEDBY|START|STOP|WITHIN|SECONDS|REPEATS|TIMES)\b
    |(?P<path>[A-Za-z][\w-]*:(?:[\w-]+|'(?:[^'\\]|\\['\\])*')(?:\.(?:[\w-]+|'(?:[^'\\]|\\['\\])*')|\[(?:\*|\d+)\])*)
    |(?P<mark>==|!=|<>|<=|>=|[=<>()\[\],])""",
    re.VERBOSE,
)


# A pattern's tokens as letters, in which its subset is a regular language but for nesting.
_LETTERS = {
    "path": "p", "AND": "a", "string": "v", "literal": "v", "OR": "o", "IN": "i", "=": "e", "==": "e",
    "(": "(", ")": ")", "[": "[", "]": "]", ",": ",",
}  # fmt: skip
_SIMPLE = re.compile(r"\s*\[\s*(?:domain-name|url):value\s*=\s*'([^'\\]*)'\s*\]\s*")
_COMPARISON = re.compile(r"pev|pi\(v(?:,v)*\)")
_ADDRESSES = re.compile(r"rev|ri\(v(?:,v)*\)")
_ALTERNATIVES = re.compile(r"\(c\)|c(?:oc)+|car|rac")
_SEVERAL = re.compile(r"\[c\]|\(b\)|b(?:ob)+")


def sniff_stix(sample: bytes) -> bool:
    """JSON with an id of STIX's form: `"id": "bundle--…"`."""
    return sample.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["} and bool(_MARK.search(sample))


class _Object(TypedDict, total=False):
    """What is read of an object."""

    type: Any
    id: Any
    name: Any
    value: Any
    created: Any
    modified: Any
    valid_from: Any
    valid_until: Any
    revoked: Any
    confidence: Any
    indicator_types: Any
    labels: Any
    created_by_ref: Any
    pattern: Any
    pattern_type: Any


class _Bundle(TypedDict):
    objects: list[msgspec.Raw]  # each as its text


def read_stix(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of a bundle's indicators. Other kinds of objects say nothing about names and are passed over."""
    file_date = date_of_file(source, options)
    bundle = jsonstream.shaped(source, _Bundle, jsonstream.memory_of_texts)
    texts: list[Any] | None = bundle and bundle["objects"]

    def batches(some: list[Any] | None) -> Iterator[JsonRecords]:
        return jsonstream.objects(source) if some is None else jsonstream.made(some, _Object)

    identities = texts and [
        text for text in texts if b'"identity"' in (said := bytes(text)) or b"\\u" in said
    ]
    reading = _Reading(_authors(value for batch in batches(identities) for value in batch.values))
    for batch in batches(texts):
        listed = Listed(urls=True, rejects=batch.rejects)
        for number, value in zip(batch.numbers, batch.values, strict=True):
            if value.get("type") == "indicator":
                reading.indicator(listed, number, value)
            elif str(value.get("type")) in OBSERVED:
                listed.refuse(number, "observed_only", value)
        yield from label_rows(listed, source, options, date=file_date)


def hosts_of_pattern(pattern: str) -> list[str] | str:
    """Names and URLs each of which alone matches a pattern, or why there is none.

    >>> hosts_of_pattern("[domain-name:value = 'a.example' OR url:value = 'http://b.example/x']")
    ['a.example', 'http://b.example/x']
    >>> hosts_of_pattern("[domain-name:value = 'a.example' AND file:size = 3]")
    'conditional_pattern'
    """
    simple = _SIMPLE.fullmatch(pattern)
    if simple is not None:
        return [simple[1]]
    tokens = _tokens(pattern)
    if tokens is None:
        return "bad_pattern"
    letters = "".join(
        "r" if text.startswith(RESOLVES) else _LETTERS.get(kind) or _LETTERS.get(text, "x")
        for kind, text in tokens
    )
    form = _ADDRESSES.sub("r", _COMPARISON.sub("c", letters))
    while (shorter := _SEVERAL.sub("b", _ALTERNATIVES.sub("c", form))) != form:
        form = shorter
    if form != "b":
        return "conditional_pattern" if set(form) & set("xar") else "bad_pattern"
    hosts, paths, path = list[str](), set[str](), ""
    for kind, text in tokens:
        if kind == "path":
            path = text
            paths.add(path)
        elif kind == "string" and path in HOST_PATHS:
            hosts.append(re.sub(r"\\(.)", r"\1", text[1:-1]))
    if not hosts and all(path.startswith("file:hashes") for path in paths):
        return "hash"
    return hosts or ("ip_literal" if paths <= ADDRESS_PATHS else "not_a_name")


def _authors(values: Iterator[dict[str, Any]]) -> dict[str, str]:
    """Names of identities by their ids: they may stand behind the indicators that refer to them."""
    return {
        value["id"]: str(value["name"])
        for value in values
        if value.get("type") == "identity" and isinstance(value.get("id"), str) and value.get("name")
    }


class _Reading:
    """The reading of one bundle: who wrote what, and what its indicators repeat by the thousand."""

    def __init__(self, authors: dict[str, str]) -> None:
        self._authors, self._dates = authors, Dates()
        self._kinds: dict[str, tuple[bool, str | None]] = {}

    def indicator(self, listed: Listed, number: int, value: dict[str, Any]) -> None:
        """One or more labels, or a reject."""
        malicious, category = self._kind(value)
        pattern = value.get("pattern")
        if value.get("pattern_type", "stix") not in {"stix", "STIX"}:
            found: list[str] | str = "not_a_stix_pattern"
        elif not malicious:
            found = "not_called_malicious"
        else:
            found = hosts_of_pattern(pattern) if isinstance(pattern, str) else "no_pattern"
        if isinstance(found, str):
            listed.refuse(number, found, value)
            return
        created, valid_from = self._date(value.get("created")), self._date(value.get("valid_from"))
        end = self._date(value.get("valid_until"))
        if value.get("revoked") is True:
            end = min(filter(None, (end, self._date(value.get("modified")))), default=None)
        author = value.get("created_by_ref")
        for host in found:
            listed.add_dated(
                number,
                host,
                value,
                date=max(created or 0, valid_from or 0) or None,
                end=end,
                category=category,
                confidence=_share(value.get("confidence")),
                source=self._authors.get(author) if isinstance(author, str) else None,
            )

    def _date(self, text: Any) -> int | None:
        return self._dates.of(text) if isinstance(text, str) else None

    def _kind(self, value: dict[str, Any]) -> tuple[bool, str | None]:
        """Whether an indicator's types call it malicious, and its category."""
        given, labels = _list(value.get("indicator_types")), _list(value.get("labels"))
        key = f"{given}{labels}"
        if key not in self._kinds:
            if len(self._kinds) >= MAX_KINDS:
                self._kinds.clear()
            types = {str(word).lower() for word in given or labels}
            self._kinds[key] = not types or not types <= NOT_MALICIOUS, _category(types, labels)
        return self._kinds[key]


def _category(types: set[str], labels: list[Any]) -> str | None:
    """Labels and types, without the one that all have, unless there is nothing else."""
    words = [word for word in map(str, labels) if not word.startswith(MISP)] + sorted(types & {COMPROMISED})
    words = words or sorted(word for word in types if not word.startswith(MISP))
    return joined([word for word in words if word != MALICIOUS] or words)


def _tokens(pattern: str) -> list[tuple[str, str]] | None:
    """Kind and text of each token, white space left out; None where something is no token."""
    tokens, at = [], 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            return None
        if found.lastgroup is not None:
            tokens.append((found.lastgroup, found[0]))
        at = found.end()
    return tokens


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _share(percent: Any) -> float | None:
    number = isinstance(percent, int | float) and not isinstance(percent, bool)
    return percent / 100 if number and 0 <= percent <= 100 else None


_EXAMPLE = (
    '{"type":"bundle","id":"bundle--3b1a3c4e-0680-4097-928b-98940548c105","objects":[{"type":"indicator",'
    '"id":"indicator--19dbf62a-d916-46f7-8d00-f8737075f7d1","spec_version":"2.1","created":"2026-06-01T12:00:00Z",'
    '"modified":"2026-06-01T12:00:00Z","valid_from":"2026-06-01T12:00:00Z","indicator_types":["malicious-activity"],'
    '"pattern_type":"stix","pattern":"[domain-name:value = \'bad.example\']"}]}\n'
)
READERS = [
    Reader(
        "stix",
        1,
        ("labels",),
        sniff_stix,
        read_stix,
        about="STIX 2.1 bundles: names and URLs of indicators",
        example=_EXAMPLE,
        fields=(
            "pattern",
            "created",
            "valid_from",
            "valid_until",
            "revoked",
            "confidence",
            "indicator_types",
            "labels",
            "created_by_ref",
        ),
    )
]
