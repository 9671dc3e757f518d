"""What no score can pass: names that are never blocked, and evidence that is never enough.

In comes the table of scores, out goes for every row the code of the first guard that holds it back, or null.
Guards look at the name itself and at what defines benign labels (popularity, warning lists), not at features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.decide.policy import Policy
from mithra.names import SuffixList, canonicalize
from mithra.score.states import STATES

__all__ = [
    "EVIDENCE_KINDS",
    "GUARDS",
    "Mask",
    "allow_reason",
    "allowed_below",
    "enough_evidence",
    "guards",
    "shared",
]

Mask = NDArray[np.bool_]

GUARDS = {
    "invalid_name": "not a canonical domain name",
    "public_suffix": "a public suffix: whoever registers below it would be hit",
    "above_suffix": "public suffixes lie below it: its subtree belongs to strangers",
    "warning_list": "on a warning list of known benign or special names",
    "popular": "popular: listed for long, or ranked high",
    "benign_label": "labelled benign",
    "parked": "parked for sale: nothing is served there now",
    "sinkholed": "in the hands of a sinkhole, which needs to be reached",
    "expired": "its registration has expired",
    "allowlist": "allowed by the operator",
    "unknown_verdict": "too little is known of it",
    "benign_verdict": "the verdict is not nefarious",
    "one_kind": "fewer independent kinds of evidence than the policy asks for",
    "monitor": "the policy only monitors",
    "canary": "outside the canary share",
    "run_share": "the run would add more blocks than its share, or than usual",
    "blast_radius": "too many blocks behind one address, name server, registrar or network",
}

EVIDENCE_KINDS = ("lexical", "registration", "resolution", "name_server", "certificate", "label", "sighting")
_COHOSTING = frozenset({"resolution", "name_server"})


def guards(table: pa.Table, policy: Policy, suffixes: SuffixList) -> pa.StringArray:
    """Code of the first guard that the name of each row meets, null where none does: [rows].

    Columns used: name, popular_days, popular_rank, warning_list, label_benign, state. The allowlist comes
    later, for the few rows that need it.
    """
    names = table["name"].combine_chunks()
    canonical = canonicalize(names)
    proper = pc.fill_null(pc.equal(canonical.names, names), False)
    clean = pc.if_else(proper, names, None)
    checks = [
        ("invalid_name", pc.invert(proper)),
        ("public_suffix", pc.or_(suffixes.exact(clean), suffixes.exact(clean, private=False))),
        ("above_suffix", suffixes.above(clean)),
        ("warning_list", pc.is_valid(table["warning_list"])),
        ("popular", _popular(table, policy)),
        ("benign_label", table["label_benign"]),
        *((state, pc.equal(table["state"], state)) for state in STATES),
    ]
    conditions = pa.StructArray.from_arrays(
        [pc.fill_null(_flat(check), False) for _, check in checks], names=[code for code, _ in checks]
    )
    return pc.case_when(conditions, *[pa.scalar(code) for code, _ in checks])


def shared(names: pa.Array, suffixes: SuffixList) -> Mask:
    """Whether each canonical name lies under a private suffix, where neighbours are strangers: [rows]."""
    return np.asarray(suffixes.depth(names) != suffixes.depth(names, private=False))


def enough_evidence(kinds: Sequence[str] | None, policy: Policy) -> bool:
    """Whether enough independent kinds speak for a block; address and name server both say "hosted there"."""
    known = {kind for kind in kinds or () if kind in EVIDENCE_KINDS}
    count = len(known)
    if policy.cohosting_is_one_kind and known >= _COHOSTING:
        count -= 1
    return count >= policy.min_evidence_kinds


def allow_reason(name: str, allowed: Mapping[str, str]) -> str | None:
    """The operator's reason if the name or one above it is allowed."""
    if not allowed:
        return None
    tail = name
    while tail:
        if tail in allowed:
            return allowed[tail]
        tail = tail.partition(".")[2]
    return None


def allowed_below(allowed: Mapping[str, str]) -> frozenset[str]:
    """All names that have an allowed one below them, so that their subtree cannot be blocked."""
    above: set[str] = set()
    for name in allowed:
        while name := name.partition(".")[2]:
            above.add(name)
    return frozenset(above)


def _popular(table: pa.Table, policy: Policy) -> pa.ChunkedArray:
    days = pc.greater_equal(table["popular_days"], policy.popular_days)
    rank = pc.less_equal(table["popular_rank"], policy.popular_rank)
    return pc.or_(pc.fill_null(days, False), pc.fill_null(rank, False))


def _flat(check: pa.Array | pa.ChunkedArray) -> pa.BooleanArray:
    flat = check.combine_chunks() if isinstance(check, pa.ChunkedArray) else check
    return flat.cast(pa.bool_())
