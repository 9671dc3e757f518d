"""What a block covers and how long it holds, by whose the name is.

All below a name belongs to its owner only where the attacker holds the whole domain; a site that was broken
into is its owner's again once it is cleaned. A model that tells no kinds changes nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mithra.decide.policy import Policy
from mithra.learn.owner_told import ATTACKER, COMPROMISED, KIND_WORDS, KINDS

__all__ = ["block_days", "only_host", "owner_note"]


def only_host(row: Mapping[str, Any], policy: Policy) -> str | None:
    """Why nothing below the name may be blocked with it, None where the owner is no reason."""
    kind = row["owner_kind"]
    if kind is None:
        return None
    if kind != KINDS[ATTACKER]:
        return f"only this host: its owner is not the attacker ({_told(row)})"
    if not row["score"] * (row["owner_probability"] or 0.0) >= policy.owner_probability:
        return f"only this host: too uncertain that all of it is the attacker's ({_told(row)})"
    return None


def block_days(row: Mapping[str, Any], policy: Policy) -> float:
    """Days that a block of this name holds, and each renewal of it."""
    if row["owner_kind"] == KINDS[COMPROMISED]:
        return min(policy.expire_days, policy.compromised_expire_days)
    return policy.expire_days


def owner_note(row: Mapping[str, Any]) -> str | None:
    """Whose the name is, in words."""
    return None if row["owner_kind"] is None else f"owner: {_told(row)}"


def _told(row: Mapping[str, Any]) -> str:
    return f"{KIND_WORDS[row['owner_kind']]}, probability {row['owner_probability'] or 0.0:.2f}"
