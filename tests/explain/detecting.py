"""Scores, decisions, logs and alerts written by hand, for the tests of detect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from mithra.decide.decisions import Decisions
from mithra.decide.scored import COLUMNS

NOW = datetime(2026, 7, 10, tzinfo=UTC)
DECIDED = datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)
ORIGIN = {
    "simulated": "false",
    "model_digest": "m1",
    "snapshot_digest": "s1",
    "policy_digest": "p1",
    "as_of": "2026-07-01T00:00:00+00:00",
    "decided_at": DECIDED.isoformat(),
    "mode": "full",
    "threshold": "0.8",
    "suffix_list": "1",
}
HOSTILE = "registrar \x1b[31m=cmd()\u202e</script>"


def scores(**changes):
    """Scores by name: (score, verdict) and what else a row says."""
    rows = []
    for name, (score, verdict, *more) in changes.items():
        row = {
            "name": name.replace("_", "."),
            "score": score,
            "verdict": verdict,
            "rank": 1,
            "evidence_kinds": ["lexical", "resolution"],
            "reasons": [HOSTILE],
            "shared_suffix": False,
            "label_benign": False,
            "state": None,
            "addresses": [],
            "name_servers": [],
            "asn": [],
        }
        rows.append(row | (more[0] if more else {}))
    metadata = {"model_digest": "m1", "snapshot_digest": "s1", "as_of": ORIGIN["as_of"], "simulated": "false"}
    return pa.Table.from_pylist(rows, schema=pa.schema(list(COLUMNS.items())).with_metadata(metadata))


def decisions(*rows, at=DECIDED, **changes):
    """Decisions: (name, action, level), blocks until ten days later."""
    made = [
        {
            "name": name,
            "action": action,
            "level": level,
            "reasons": [f"{action} it"],
            "score": 0.9,
            "rank": 1,
            "expires": at + timedelta(days=10) if action == "block" else None,
            "guard": None,
        }
        | changes
        for name, action, level in rows
    ]
    columns = {key: [row[key] for row in made] for key in made[0]}
    return Decisions.of(columns, ORIGIN | {"decided_at": at.isoformat()})


def bind(*queries):
    """Lines of BIND's log: (time of day or date and time, client, name, type)."""
    return "".join(
        f"{_date(at)}.900 queries: info: client @0x7f 10.0.0.{client}#4000 (x): query: {name} IN {kind} +\n"
        for at, client, name, kind in queries
    )


def _date(at):
    day = at if len(at) > 8 else f"02-Jul-2026 {at}"
    return day


def finding(domain, **changes):
    action = {"actionType": "DNS_REQUEST", "dnsRequestAction": {"domain": domain, "protocol": "UDP"}}
    return {
        "schemaVersion": "2.0",
        "id": f"id-{domain}",
        "type": "Backdoor:EC2/C&CActivity.B!DNS",
        "severity": 8,
        "resource": {"instanceDetails": {"networkInterfaces": [{"privateIpAddress": "10.0.0.1"}]}},
        "service": {"action": action, "count": 5, "eventLastSeen": "2026-07-02T10:00:00Z"},
    } | changes  # fmt: skip
