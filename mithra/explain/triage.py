"""Whether a name needs a person's look, and what is known of it: score, evidence, what is decided now.

Closed with a reason is what operators allowed and what is well known: popular names, warning lists, benign
labels, public suffixes. Guards that keep a block off for other reasons close nothing: who asks for a parked
or sinkholed name may be infected all the same. A score alone closes nothing either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.guards import GUARDS, allow_reason, guards
from mithra.decide.policy import Policy
from mithra.decide.scored import COLUMNS
from mithra.explain.dispositions import Standing
from mithra.graph.verdicts import ANALYST
from mithra.names import SuffixList
from mithra.observe.workspace import Workspace

__all__ = ["CLOSING", "Judgement", "Triage", "well_known"]

CLOSING = ("allowlist", "warning_list", "popular", "benign_label", "public_suffix", "above_suffix")
_NOT_IN_FORCE = "no longer blocked or watched, and not nefarious by its score"

_WELL_KNOWN = f"""
WITH ranks AS (
    SELECT name, count(DISTINCT day) FILTER (WHERE rank IS NOT NULL) AS popular_days,
           min(rank) AS popular_rank, min(list_id) FILTER (WHERE rank IS NULL) AS warning_list
    FROM popularity WHERE (day IS NULL OR day <= $at) AND name IN (SELECT name FROM asked) GROUP BY name
), said AS (
    SELECT name, arg_max(verdict = 'benign', row(
        coalesce(starts_with(source, '{ANALYST}'), false), known_at, coalesce(confidence, 1.0),
        verdict = 'benign'
    )) AS label_benign
    FROM labels WHERE known_at <= $at AND (valid_until IS NULL OR valid_until > $at)
        AND name IN (SELECT name FROM asked) GROUP BY name
)
SELECT asked.name, popular_days, popular_rank, warning_list, coalesce(label_benign, false) AS label_benign,
       NULL::VARCHAR AS state
FROM asked LEFT JOIN ranks USING (name) LEFT JOIN said USING (name) ORDER BY asked.name
"""


@dataclass(frozen=True)
class Judgement:
    """What is known of a name, and why nobody needs to look at it."""

    score: float | None
    verdict: str | None
    kinds: list[str]
    reasons: list[str]
    guard: str | None
    now: str  # block, watch, allow or none
    because: str | None  # why it is closed; None while it is open


class Triage:
    """Judges names by scores, by what is decided now and, where given, by lists of well-known names."""

    def __init__(
        self,
        scored: pa.Table | None,
        standing: Standing,
        at: datetime,
        *,
        policy: Policy,
        suffixes: SuffixList,
        workspace: Workspace | None = None,
    ) -> None:
        """`scored` has the columns of `mithra.decide.scored`; `workspace` gives the lists."""
        self._scored = pa.schema(list(COLUMNS.items())).empty_table() if scored is None else scored
        self._standing, self._at, self._policy = standing, at, policy
        self._suffixes, self._workspace = suffixes, workspace
        self._allowed = policy.allowed()
        self.nefarious: pa.Array = self._scored.filter(pc.equal(self._scored["verdict"], "nefarious"))[
            "name"
        ].combine_chunks()

    def relevant(self) -> Triage:
        """The same with the scores of names alone that are nefarious, blocked or watched."""
        held = pa.concat_arrays([self.nefarious, self._standing.names])
        few = self._scored.filter(pc.is_in(self._scored["name"], value_set=held)).combine_chunks()
        return Triage(few, self._standing, self._at, policy=self._policy, suffixes=self._suffixes)

    def judge(self, names: list[str], *, alerts: bool = False) -> dict[str, Judgement]:
        """What is known of each name. One that has no score of its own takes its eTLD+1's.

        Args:
            names: canonical, each once.
            alerts: somebody else's suspicion: open whatever its score, unless it is allowed or well known.
        """
        if not names:
            return {}
        given = pa.array(names, pa.string())
        groups = dict(zip(names, self._suffixes.cut(given, extra=1).to_pylist(), strict=True))
        met = self._standing.find(given, np.full(len(names), int(self._at.timestamp())))
        by = dict(zip(names, zip(met.action.to_pylist(), met.by.to_pylist(), strict=True), strict=True))
        wanted = list(dict.fromkeys([*names, *(group for group in groups.values() if group)]))
        scores, decided = (
            self._scores(wanted),
            self._standing.decisions([*wanted, *filter(None, met.by.to_pylist())]),
        )
        known = self._known(wanted, scores) if self._workspace is not None else {}
        found = {}
        for name in names:
            action, decider = by[name]
            above = groups[name] or name
            own = scores.get(name) or scores.get(above) or {}
            decision = decided.get(decider or name) or {}
            guard = (scores.get(name) or {}).get("guard") or known.get(name) or decision.get("guard")
            if guard is None and (scores.get(name) or {}).get("verdict") != "nefarious":
                guard = known.get(above) or (scores.get(above) or {}).get("guard")
            suspect = alerts or action in ("block", "watch") or own.get("verdict") == "nefarious"
            found[name] = Judgement(
                score=own.get("score", decision.get("score")),
                verdict=own.get("verdict"),
                kinds=own.get("evidence_kinds") or [],
                reasons=own.get("reasons") or decision.get("reasons") or [],
                guard=guard,
                now=action,
                because=self._allowed_as(name, action, decider, decision)
                or (GUARDS[guard] if guard in CLOSING else None if suspect else _NOT_IN_FORCE),
            )
        return found

    def _allowed_as(
        self, name: str, action: str, decider: str | None, decision: dict[str, Any]
    ) -> str | None:
        """Why an operator allows the name, if one does."""
        reason = allow_reason(name, self._allowed)
        if reason is None and action == "allow":
            reason = self._standing.allowed(str(decider))
            if reason is None:
                return next(
                    (each for each in decision.get("reasons") or [] if each.startswith("allowed:")), "allowed"
                )
        return None if reason is None else f"allowed: {reason}"

    def _scores(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """Rows of the scores with the guard that each meets."""
        rows = self._scored.filter(pc.is_in(self._scored["name"], value_set=pa.array(names, pa.string())))
        rows = rows.combine_chunks()
        if not len(rows):
            return {}
        rows = rows.append_column("guard", guards(rows, self._policy, self._suffixes))
        wanted = rows.select(["name", "score", "verdict", "evidence_kinds", "reasons", "guard"])
        return {row["name"]: row for row in wanted.to_pylist()}

    def _known(self, names: list[str], scores: dict[str, dict[str, Any]]) -> dict[str, str]:
        """The guard that each name meets by the lists of the workspace, where it has no score."""
        assert self._workspace is not None
        table = well_known(self._workspace, [name for name in names if name not in scores], self._at)
        if not len(table):
            return {}
        met = guards(table, self._policy, self._suffixes)
        pairs = zip(table["name"].to_pylist(), met.to_pylist(), strict=True)
        return {name: guard for name, guard in pairs if guard is not None}


def well_known(workspace: Workspace, names: list[str], at: datetime) -> pa.Table:
    """What the workspace says of names: popularity, warning lists, and whether they are labelled benign."""
    asked = pa.table({"name": pa.array(names, pa.string())})
    with workspace.connect() as con:
        con.register("asked", asked)
        found: pa.Table = con.sql(_WELL_KNOWN, params={"at": at}).to_arrow_table()
    return found
