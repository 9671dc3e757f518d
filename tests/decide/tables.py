"""Tables of scores written by hand, and what is decided on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mithra.decide.decide import decide
from mithra.decide.decisions import Decisions
from mithra.decide.policy import Policy
from mithra.decide.scored import COLUMNS

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
THRESHOLDS = {"0.01": 0.5, "0.001": 0.8, "0.0001": 0.95}
METADATA = {
    "model_digest": "m1",
    "snapshot_digest": "s1",
    "as_of": "2026-07-01T00:00:00+00:00",
    "simulated": "false",
    "thresholds": json.dumps(THRESHOLDS),
}


def row(name: str = "evil.example", score: float | None = 0.9, **changes: Any) -> dict[str, Any]:
    """A name that nothing speaks for: blocked as it is."""
    plain = {
        "name": name,
        "score": score,
        "verdict": "nefarious",
        "rank": 1,
        "evidence_kinds": ["lexical", "resolution"],
        "reasons": ["shares an address with 3 listed names"],
        "shared_suffix": False,
        "popular_days": None,
        "popular_rank": None,
        "warning_list": None,
        "label_benign": False,
        "state": None,
        "owner_kind": None,
        "owner_probability": None,
        "addresses": [],
        "name_servers": [],
        "registrar": None,
        "asn": [],
    }
    assert not set(changes) - set(plain)
    return plain | changes


def scores(*rows: dict[str, Any], metadata: dict[str, str] | None = None) -> pa.Table:
    schema = pa.schema(list(COLUMNS.items())).with_metadata(METADATA if metadata is None else metadata)
    return pa.Table.from_pylist(list(rows), schema=schema)


def filler(count: int) -> list[dict[str, Any]]:
    return [row(f"calm{i}.example", 0.01 + i / 10**6, verdict="benign") for i in range(count)]


def found(decisions: Decisions) -> dict[str, tuple[str, str | None]]:
    table = decisions.table
    pairs = zip(table["action"].to_pylist(), table["guard"].to_pylist(), strict=True)
    return dict(zip(table["name"].to_pylist(), pairs, strict=True))


def one(changed: dict[str, Any], policy: Policy | None = None) -> dict[str, Any]:
    """The one decision on a row among calm others."""
    table = decide(scores(changed, *filler(20)), policy, now=NOW).table
    assert len(table) == 1
    return dict(table.to_pylist()[0])
