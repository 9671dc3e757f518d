"""A MISP event: an attribute for each blocked name, which MISP's exports turn into rules.

A subtree is of type `domain`, which those exports match with all below it, a single host of type `hostname`.
MISP has no field for the end of a block: it stands in the comment. Only a list from real data is for export
(`to_ids`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid5

from mithra.publish.entries import MARK, Entries, ListSettings, safe
from mithra.publish.stix import NAMESPACE, decided_at

__all__ = ["chunks"]

_TYPE = {"host": "hostname", "subtree": "domain"}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """The event, an attribute a line."""
    made = decided_at(entries, settings.now)
    stamp, origin = str(int(made.timestamp())), safe(entries.origin["policy_digest"])
    event = {
        "uuid": str(uuid5(NAMESPACE, f"event {stamp} {origin}")),
        "info": MARK if entries.simulated else "mithra block list",
        "date": made.date().isoformat(),
        "timestamp": stamp,
        "threat_level_id": "2",  # medium
        "analysis": "2",  # complete
        "distribution": "0",  # your organisation only, until somebody shares it
        "Orgc": {"name": "mithra", "uuid": str(uuid5(NAMESPACE, "mithra"))},
    }
    yield f'{{"Event": {json.dumps(event)[:-1]}, "Attribute": [\n'
    comma = ""
    for batch in entries.batches():
        told = [json.dumps(_attribute(row, stamp, entries.simulated)) for row in batch.to_pylist()]
        yield comma + ",\n".join(told)
        comma = ",\n"
    yield "\n]}}\n"


def _attribute(row: dict[str, Any], stamp: str, simulated: bool) -> dict[str, Any]:
    name, level = row["name"], row["level"]
    score = "" if row["score"] is None else f"score {row['score']:.4f}, "
    return {
        "uuid": str(uuid5(NAMESPACE, f"attribute {level} {name} {stamp}")),
        "type": _TYPE[level],
        "category": "Network activity",
        "value": name,
        "to_ids": not simulated,
        "timestamp": stamp,
        "distribution": "5",  # as the event
        "comment": f"{score}until {row['expires'].isoformat()}",
    }
