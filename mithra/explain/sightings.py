"""Open findings as a STIX 2.1 bundle of sightings: an indicator for each name, observed data with the name,
and a sighting that says when, how often and, where there is one, by which client.

Ids are made from what they name, so that the same findings give the same objects.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from mithra.errors import MissingExtraError
from mithra.explain.findings import Findings

__all__ = ["stix_bundle"]

NAMESPACE = UUID("6f2f0a3e-3a0b-5a57-8f0c-0d5b8b6f3a11")  # of everything that mithra names
_BORN = "2026-01-01T00:00:00.000Z"  # of the identity, which never changes
_MOST = 999_999_999  # sightings that one object may count (STIX 2.1, 5.2)


def stix_bundle(findings: Findings, now: datetime) -> str:
    """The bundle as JSON text; closed findings, and alerts that name no domain, are no sightings.

    Raises:
        MissingExtraError: stix2 is not installed.
    """
    try:
        import stix2
    except ImportError as error:
        raise MissingExtraError("stix2", "share") from error
    moment = now.replace(microsecond=0)
    me = stix2.Identity(
        id=_id("identity", "mithra"), name="mithra", identity_class="system", created=_BORN, modified=_BORN
    )
    objects: dict[str, Any] = {me.id: me}
    for row in findings.open.to_pylist():
        if row["name"] is None:
            continue
        for each in _objects(stix2, row, me.id, moment):
            objects.setdefault(each.id, each)
    bundle = stix2.Bundle(id=_id("bundle", moment.isoformat(), *objects), objects=list(objects.values()))
    return str(bundle.serialize(indent=1, ensure_ascii=True)) + "\n"


def _objects(stix2: Any, row: dict[str, Any], me: str, moment: datetime) -> list[Any]:
    common = {"created_by_ref": me, "created": moment, "modified": moment}
    if row["simulated"]:
        common["labels"] = ["simulated"]
    name, score = row["name"], row["score"]
    told = {} if score is None else {"confidence": round(100 * score)}
    indicator = stix2.Indicator(
        id=_id("indicator", name, moment.isoformat()),
        name=name,
        description="; ".join(row["reasons"]),
        pattern=f"[domain-name:value = '{name}']",
        pattern_type="stix",
        valid_from=row["first"] or moment,
        **common,
        **told,
    )
    domain = stix2.DomainName(value=name)
    found = [indicator]
    about: dict[str, Any] = {}
    if row["first"] is not None:
        count = min(row["count"], _MOST)
        data = stix2.ObservedData(
            id=_id("observed-data", row["uid"], moment.isoformat()),
            first_observed=row["first"],
            last_observed=row["last"],
            number_observed=count,
            object_refs=[domain.id],
            **common,
        )
        about = {"first_seen": row["first"], "last_seen": row["last"], "count": count}
        about["observed_data_refs"] = [data.id]
        found += [domain, data]
    sighting = stix2.Sighting(
        sighting_of_ref=indicator.id,
        id=_id("sighting", row["uid"], moment.isoformat()),
        description=json.dumps(
            {key: row[key] for key in ("client", "rrtypes", "then", "now", "tool", "title")}
        ),
        where_sighted_refs=[me],
        **about,
        **common,
        **told,
    )
    return [*found, sighting]


def _id(kind: str, *parts: str) -> str:
    return f"{kind}--{uuid5(NAMESPACE, ' '.join((kind, *parts)))}"
