"""Findings as OCSF Detection Findings (class 2004 of the Open Cybersecurity Schema Framework 1.8).

One event a row: who asked is in `evidences`, what is known of the name in an enrichment, what was in force
then and is now in `unmapped`. A closed finding has the status Suppressed and its reason in `status_detail`.
https://schema.ocsf.io/1.8.0/classes/detection_finding
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

from mithra.explain.findings import Findings

__all__ = ["VERSION", "ocsf_events"]

VERSION = "1.8.0"
_CLASS, _CATEGORY, _CREATE = 2004, 2, 1
_NEW, _SUPPRESSED = 1, 3
_UNKNOWN, _INFORMATIONAL, _LOW, _MEDIUM, _HIGH = range(5)
_HOSTNAME, _ADDRESS, _RESOURCE = 1, 2, 10  # types of observables
_LEARNED = 4  # type of analytic: learning (ML/DL)
_EVIDENCE_HOSTS = 10


def ocsf_events(findings: Findings, now: datetime) -> Iterator[dict[str, Any]]:
    """The findings as events, in their order; `now` dates what has no time of its own."""
    product = {"name": "mithra", "vendor_name": "mithra", "version": version("mithra")}
    for batch in findings.table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield _event(row, now, product)


def _event(row: dict[str, Any], now: datetime, product: dict[str, str]) -> dict[str, Any]:
    is_open = row["status"] == "open"
    first, last = row["first"], row["last"] or now
    info: dict[str, Any] = {
        "uid": row["uid"],
        "title": _title(row),
        "types": ["dns"] if row["tool"] is None else ["alert", row["tool"]],
        "last_seen_time": _milliseconds(last),
        "analytic": {"name": "mithra detect", "type_id": _LEARNED},
    }
    metadata: dict[str, Any] = {"version": VERSION, "product": product, "log_name": ", ".join(row["sources"])}
    if row["group"] is not None:
        metadata["correlation_uid"] = row["group"]
    if row["simulated"]:
        metadata["labels"] = ["simulated"]
    event: dict[str, Any] = {
        "class_uid": _CLASS,
        "category_uid": _CATEGORY,
        "activity_id": _CREATE,
        "type_uid": _CLASS * 100 + _CREATE,
        "time": _milliseconds(last),
        "severity_id": _severity(row, is_open),
        "status_id": _NEW if is_open else _SUPPRESSED,
        "is_alert": is_open,
        "count": row["count"],
        "message": _message(row),
        "metadata": metadata,
        "finding_info": info,
    }
    if first is not None:
        info["first_seen_time"] = event["start_time"] = _milliseconds(first)
        event["end_time"] = _milliseconds(last)
    if row["because"] is not None:
        event["status_detail"] = row["because"]
    if row["score"] is not None:
        event["risk_score"] = round(100 * row["score"])
    if row["alert"] is not None:
        info["related_events"] = [{"uid": row["alert"], "title": row["title"] or row["tool"]}]
    told = {"then": row["then"], "now": row["now"], "asked_while_blocked": row["blocked"]}
    optional = {"rank": row["rank"], "guard": row["guard"], "tool_severity": row["severity"]}
    event["unmapped"] = told | {key: value for key, value in optional.items() if value is not None}
    return event | _about(row)


def _about(row: dict[str, Any]) -> dict[str, Any]:
    """Who asked for what, and what is known of the name."""
    about: dict[str, Any] = {}
    observables = []
    client = _endpoint(row["client"])
    if row["name"] is not None:
        observables.append({"name": "finding_info.title", "type_id": _HOSTNAME, "value": row["name"]})
        known = {key: row[key] for key in ("score", "verdict", "kinds", "reasons")}
        known |= {} if row["clients"] is None else {"clients": row["clients"]}
        about["enrichments"] = [
            {
                "name": "finding_info.title",
                "value": row["name"],
                "provider": "mithra",
                "type": "score",
                "data": known,
            }
        ]
    evidences = [_evidence(host, row["rrtypes"], client) for host in row["hosts"][:_EVIDENCE_HOSTS]]
    if not evidences and client is not None:
        evidences = [{"src_endpoint": client}]
    if client is not None:
        kind = _ADDRESS if "ip" in client else _RESOURCE
        name = f"evidences[0].src_endpoint.{'ip' if kind == _ADDRESS else 'uid'}"
        observables.append({"name": name, "type_id": kind, "value": row["client"]})
    if evidences:
        about["evidences"] = evidences
    if observables:
        about["observables"] = observables
    return about


def _evidence(host: str, rrtypes: list[str], client: dict[str, str] | None) -> dict[str, Any]:
    query: dict[str, Any] = {"hostname": host, "class": "IN"}
    if len(rrtypes) == 1:
        query["type"] = rrtypes[0]
    elif rrtypes:
        query["type"] = ", ".join(rrtypes)
    return {"query": query, **({} if client is None else {"src_endpoint": client})}


def _endpoint(client: str | None) -> dict[str, str] | None:
    """An address as such, a keyed hash as an identifier."""
    if client is None:
        return None
    try:
        return {"ip": str(ip_address(client))}
    except ValueError:
        return {"uid": client}


def _title(row: dict[str, Any]) -> str:
    if row["tool"] is not None:
        return f"{row['title'] or row['tool']}: {row['name'] or 'no domain name'}"
    return f"Queries for {row['name']}"


def _message(row: dict[str, Any]) -> str:
    score = "no score" if row["score"] is None else f"score {row['score']:.4f}"
    now = {"block": "blocked now", "watch": "watched now", "allow": "allowed now", "none": "not blocked now"}
    who = (
        ""
        if row["tool"] is not None
        else f", asked for {row['count']} times, by {row['clients']} clients in all"
    )
    closed = "" if row["because"] is None else f"; closed: {row['because']}"
    return f"{_title(row)}: {score}{who}, {now[row['now']]}{closed}"


def _severity(row: dict[str, Any], is_open: bool) -> int:
    if not is_open:
        return _INFORMATIONAL
    if row["now"] == "block":
        return _HIGH
    if row["verdict"] == "nefarious" or row["now"] == "watch":
        return _MEDIUM
    return _UNKNOWN if row["score"] is None else _LOW


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
