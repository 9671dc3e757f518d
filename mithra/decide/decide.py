"""From scores to decisions: which names to block, which to watch, which the operator allows.

Only names at or over the watch threshold get a decision. A block needs the score, the verdict, two
independent kinds of evidence and no guard against it, and has to fit into what a run may add. What is held
back becomes a watch that names its guard; whatever is wrong with the run as a whole raises, changing nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide import guards as rules
from mithra.decide.decisions import SCHEMA, Decisions
from mithra.decide.ledger import Ledger
from mithra.decide.limits import (
    Radius,
    active,
    refuse_broken_scores,
    refuse_drift,
    refuse_growth,
    refuse_stale,
    threshold_for,
)
from mithra.decide.owners import block_days, only_host, owner_note
from mithra.decide.policy import Policy
from mithra.decide.scored import Scored, read_scores
from mithra.errors import RefusedError
from mithra.names import SuffixList
from mithra.observe.dates import utc_moment

__all__ = ["decide"]


def decide(
    scores: Any,
    policy: Policy | None = None,
    *,
    now: datetime | None = None,
    previous: Decisions | None = None,
    ledger: Ledger | None = None,
    author: str | None = None,
    suffixes: SuffixList | None = None,
) -> Decisions:
    """Decide on the scored names.

    Args:
        scores: `Scores`, their Arrow table, or a file of them.
        policy: the rules; the defaults where None.
        now: when the decisions are made, with a time zone; blocks end `policy.expire_days` later.
        previous: decisions in force. Their blocks of names that are not scored again stay until they expire;
            what they block already does not count as added. A blocked name that falls below the threshold but
            stays over the one for watching keeps its block, not renewed, so that names do not flap.
        ledger: of a workspace: gives the decisions in force and what operators allowed, and records the run.
        author: who decides, for the record; by default the user of the process.
        suffixes: the Public Suffix List to guard by; the bundled one where None.

    Returns:
        Decisions, worst name first.

    Raises:
        InputError: the table lacks a column or holds values that are no scores.
        RefusedError: the result is empty, constant, doubled or out of proportion, or states no threshold
            for the policy's false-positive rate, or is stale, or comes with a drift alarm that no card
            covers. Nothing is decided and the last list stays in force.
    """
    chosen = Policy() if policy is None else policy
    moment = utc_moment(now)
    if ledger is not None and previous is None:
        previous = ledger.last()
    scored = read_scores(scores)
    refuse_broken_scores(scored.table)
    refuse_stale(scored, chosen, moment, None if previous is None else previous.origin)
    refuse_drift(scored, chosen)
    before = None if previous is None else active(previous.blocks, moment)
    operators = {} if ledger is None else ledger.reasons(moment)
    run = _Run.of(scored, chosen, suffixes or SuffixList.bundled(), moment, before, operators)
    rows = run.rows()
    added = _hold_back(rows, run, [] if ledger is None else ledger.added())
    if before is not None:
        rows += run.kept(before)
    blocks = sum(row["action"] == "block" for row in rows)
    refuse_growth(blocks, len(scored.table), run.over, None if before is None else len(before), chosen)
    rows.sort(key=lambda row: (-(row["score"] or 0.0), row["name"]))
    made = Decisions.of({name: [row[name] for row in rows] for name in SCHEMA.names}, run.origin())
    if ledger is not None:
        ledger.record(made, chosen, added=added, author=author)
    return made


@dataclass(frozen=True, eq=False)
class _Run:
    """One run's inputs, and what is computed once over all rows."""

    scored: Scored
    policy: Policy
    suffixes: SuffixList
    now: datetime
    block_at: float
    watch_at: float
    allowed: dict[str, str]
    allowed_below: frozenset[str]
    guard: pa.StringArray  # [rows] code of the first guard met
    group: pa.StringArray  # [rows] eTLD+1
    mixed: frozenset[str]  # groups with a member that is guarded, benign or under block_at
    over: int  # names at or over block_at
    in_force: dict[str, datetime]  # names blocked until when

    @classmethod
    def of(
        cls,
        scored: Scored,
        policy: Policy,
        suffixes: SuffixList,
        now: datetime,
        before: pa.Table | None,
        operators: dict[str, str],
    ) -> _Run:
        table = scored.table
        block_at = _block_threshold(policy, scored)
        watch_at = min(block_at, threshold_for(policy.watch_fpr, scored.thresholds) or block_at)
        allowed = {**policy.allowed(), **operators}
        guard = rules.guards(table, policy, suffixes)
        in_force = (
            {}
            if before is None
            else dict(zip(before["name"].to_pylist(), before["expires"].to_pylist(), strict=True))
        )
        under = pc.and_(pc.not_equal(table["verdict"], "unknown"), pc.less(table["score"], block_at))
        if in_force:  # what keeps its block for a while longer speaks for nobody's innocence
            blocked = pc.is_in(table["name"], value_set=pa.array(list(in_force), pa.string()))
            under = pc.and_(under, pc.invert(pc.and_(blocked, pc.greater_equal(table["score"], watch_at))))
        benign = pc.or_(pc.equal(table["verdict"], "benign"), pc.fill_null(under, False))
        spared = pc.or_(pc.is_valid(guard), benign.combine_chunks())
        names = table["name"].combine_chunks()
        group = suffixes.cut(
            pc.if_else(pc.equal(pc.fill_null(guard, ""), "invalid_name"), None, names), extra=1
        )
        mixed = pc.drop_null(group.filter(pc.fill_null(spared, True)))
        over = pc.sum(pc.greater_equal(table["score"], block_at)).as_py() or 0
        return cls(
            scored,
            policy,
            suffixes,
            now,
            block_at,
            watch_at,
            allowed,
            rules.allowed_below(allowed),
            guard,
            group,
            frozenset(mixed.to_pylist()),
            over,
            in_force,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Rows for all names to decide on, worst first, before the limits of the run. Keys beside those of a
        decision are the columns of the scores."""
        at = pc.fill_null(pc.greater_equal(self.scored.table["score"], self.watch_at), False)
        table = self.scored.table.append_column("guard", self.guard).append_column("group", self.group)
        chosen = table.filter(at)
        shared = rules.shared(chosen["group"].combine_chunks(), self.suffixes)
        order = [("score", "descending"), ("name", "ascending")]
        rows = chosen.append_column("_shared", pa.array(shared)).sort_by(order).to_pylist()
        return [self._decided(row) for row in rows]

    def _decided(self, row: dict[str, Any]) -> dict[str, Any]:
        reason = rules.allow_reason(row["name"], self.allowed)
        if reason is not None:
            return self._row(row, "allow", "allowlist", [f"allowed: {reason}"])
        ends = self.in_force.get(row["name"])
        guard = row["guard"] or self._weak(row) or self._mode(row["name"])
        if row["score"] < self.block_at and (ends is None or guard):
            return self._row(
                row, "watch", row["guard"], ["over the threshold for watching, not for blocking"]
            )
        if row["score"] < self.block_at:
            note = (
                f"blocked before and not renewed: score {row['score']:.4f} is over {self.watch_at:.4f} still"
            )
            return self._row(row, "block", None, [note]) | {"expires": ends}
        if guard:
            note = f"not blocked: {rules.GUARDS[guard]}"
            detail = f" ({row['warning_list']})" if guard == "warning_list" else ""
            return self._row(row, "watch", guard, [note + detail])
        return self._row(row, "block", None, [f"score {row['score']:.4f} is at or over {self.block_at:.4f}"])

    def _weak(self, row: dict[str, Any]) -> str | None:
        if row["verdict"] != "nefarious":
            return "benign_verdict" if row["verdict"] == "benign" else "unknown_verdict"
        return None if rules.enough_evidence(row["evidence_kinds"], self.policy) else "one_kind"

    def _mode(self, name: str) -> str | None:
        if self.policy.mode == "monitor":
            return "monitor"
        if self.policy.mode == "canary" and _draw(name) >= self.policy.canary_share:
            return "canary"
        return None

    def _row(self, row: dict[str, Any], action: str, guard: str | None, notes: list[str]) -> dict[str, Any]:
        level, why = self._level(row) if action == "block" else ("host", None)
        if action == "allow" and row["name"] in self.allowed:
            level = "subtree"
        ends = self.now + timedelta(days=block_days(row, self.policy)) if action == "block" else None
        told = [owner_note(row), why] if action == "block" else []
        reasons = [*(row["reasons"] or []), *notes, *(note for note in told if note)]
        return row | {"action": action, "level": level, "reasons": reasons, "expires": ends, "guard": guard}

    def _level(self, row: dict[str, Any]) -> tuple[str, str | None]:
        """Subtree only where one owner holds all of it and nothing below is known to be good."""
        name = row["name"]
        if not self.policy.subtree or name != row["group"]:
            return "host", None
        if row["shared_suffix"] or row["_shared"]:
            return "host", "only this host: it lies under a shared suffix"
        if name in self.allowed_below:
            return "host", "only this host: a name below it is allowed"
        if name in self.mixed:
            return "host", "only this host: a name below it is benign or under the threshold"
        why = only_host(row, self.policy)
        return ("host", why) if why else ("subtree", None)

    def kept(self, before: pa.Table) -> list[dict[str, Any]]:
        """Blocks in force of names that were not scored again, past the guards that need no score."""
        missing = before.filter(pc.invert(pc.is_in(before["name"], value_set=self.scored.table["name"])))
        names = missing["name"].combine_chunks()
        bad = pc.or_(pc.is_null(names), pc.or_(self.suffixes.exact(names), self.suffixes.above(names)))
        rows = []
        for row, refused in zip(missing.to_pylist(), bad.to_pylist(), strict=True):
            if refused or rules.allow_reason(row["name"], self.allowed) or self._mode(row["name"]):
                continue
            if not self.policy.subtree or row["name"] in self.allowed_below or row["name"] in self.mixed:
                row["level"] = "host"
            rows.append(row)
        return rows

    def origin(self) -> dict[str, str]:
        """Metadata of the decisions."""
        return self.scored.origin() | {
            "policy_digest": self.policy.digest(),
            "decided_at": self.now.isoformat(),
            "mode": self.policy.mode,
            "threshold": repr(self.block_at),
            "suffix_list": self.suffixes.version,
        }


def _hold_back(rows: list[dict[str, Any]], run: _Run, usual: list[int]) -> int:
    """Turn blocks beyond what the run may add into watches, and say how many it adds; what is blocked already
    is no addition."""
    radius, added = Radius(run.policy, len(run.scored.table), usual), 0
    for row in rows:
        if row["action"] != "block" or row["name"] in run.in_force:
            continue
        refusal = radius.refusal(row)
        if refusal is None:
            added += 1
        else:
            guard, reason = refusal
            notes = [*row["reasons"], f"not blocked: {reason}"]
            row.update(action="watch", level="host", expires=None, guard=guard, reasons=notes)
    return added


def _block_threshold(policy: Policy, scored: Scored) -> float:
    if policy.threshold is not None:
        return policy.threshold
    found = threshold_for(policy.fpr(), scored.thresholds)
    if found is None:
        raise RefusedError(
            "the scores state no threshold for so low a false-positive rate",
            value=f"{policy.fpr():g}; stated: {', '.join(sorted(scored.thresholds)) or 'none'}",
            hint="Raise max_fpr, or set threshold in the policy; the last list stays in force",
        )
    return found


def _draw(name: str) -> float:
    """A number in [0, 1) that is the name's own, on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
