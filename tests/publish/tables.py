"""Decisions written by hand, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from mithra.decide.decisions import ORIGIN, SCHEMA, Decisions

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SUBTREE = {"level": "subtree"}
ALLOW = {"action": "allow", "expires": None, "guard": "allowlist"}
WATCH = {"action": "watch", "expires": None}


def decision(name: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "name": name,
        "action": "block",
        "level": "host",
        "reasons": [],
        "score": 0.9,
        "rank": 1,
        "expires": NOW + timedelta(days=1),
        "guard": None,
    }
    return plain | changes


def decisions(rows: Iterable[dict[str, Any]], **origin: str) -> Decisions:
    held = list(rows)
    where = dict.fromkeys(ORIGIN, "x") | {"simulated": "false"} | origin
    return Decisions.of({column: [row.get(column) for row in held] for column in SCHEMA.names}, where)
