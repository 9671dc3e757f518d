"""A STIX 2.1 bundle: an identity and an indicator for each blocked name, valid until the block ends.

Ids come from the name, the level and the moment of the decision: the same decisions give the same bytes, and
a later decision is a new object, since the specification (3.6.2) lets `created` of an id never change. A
subtree's pattern also matches what ends in `.name`: by a regular expression, since in LIKE an underscore is
a wildcard.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from mithra.publish.entries import MARK, Entries, ListSettings

__all__ = ["chunks", "decided_at"]

NAMESPACE = UUID("6f2f0a3e-3a0b-5a57-8f0c-0d5b8b6f3a11")  # of everything that mithra names
_IDENTITY = "identity--" + str(uuid5(NAMESPACE, "mithra"))
_BORN = "2026-01-01T00:00:00.000Z"  # of the identity, which never changes
_PATTERN = {
    "host": "[domain-name:value = '{0}']",
    "subtree": "[domain-name:value = '{0}' OR domain-name:value MATCHES '\\\\.{1}$']",
}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """The bundle, an object a line."""
    made = decided_at(entries, settings.now)
    moment = _text(made)
    policy = entries.origin["policy_digest"]
    bundle = f"bundle--{uuid5(NAMESPACE, f'bundle {moment} {policy}')}"
    yield f'{{"type": "bundle", "id": "{bundle}", "objects": [\n{json.dumps(_identity(entries))}'
    for batch in entries.batches():
        yield "".join(",\n" + json.dumps(_indicator(row, moment, entries)) for row in batch.to_pylist())
    yield "\n]}\n"


def decided_at(entries: Entries, now: datetime) -> datetime:
    """When the decisions were made, or `now` where they do not say so or say something impossible."""
    try:
        made = datetime.fromisoformat(entries.origin["decided_at"])
    except ValueError:
        return now
    return made if made.tzinfo is not None and made <= now else now


def _identity(entries: Entries) -> dict[str, Any]:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": _IDENTITY,
        "created": _BORN,
        "modified": _BORN,
        "name": "mithra",
        "identity_class": "system",
    }


def _indicator(row: dict[str, Any], moment: str, entries: Entries) -> dict[str, Any]:
    name, level = row["name"], row["level"]
    found: dict[str, Any] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid5(NAMESPACE, f'{level} {name} {moment}')}",
        "created_by_ref": _IDENTITY,
        "created": moment,
        "modified": moment,
        "name": name,
        "indicator_types": ["malicious-activity"],
        "pattern": _PATTERN[level].format(name, name.replace(".", "\\\\.")),
        "pattern_type": "stix",
        "valid_from": moment,
        "valid_until": _text(row["expires"]),
    }
    if row["score"] is not None and 0 <= row["score"] <= 1:
        found["confidence"] = round(100 * row["score"])
    if entries.simulated:
        found |= {"description": MARK, "labels": ["simulated"]}
    return found


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
