"""What a run as a whole may do: broken results are refused, and the blast radius of a good one is bounded.

A refusal raises, so that whatever list is in force stays; a bound turns the blocks beyond it into watches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.policy import Policy
from mithra.decide.scored import Scored
from mithra.errors import RefusedError

__all__ = [
    "Radius",
    "active",
    "refuse_broken_scores",
    "refuse_drift",
    "refuse_growth",
    "refuse_stale",
    "threshold_for",
]

CARD_BEHIND = timedelta(days=1)
USUAL_RUNS = 5  # recorded runs from which on it is known what is usual
LAST_RUNS = 30  # those that say what is usual now
CONSTANT_ROWS = 10  # as many equal scores are no ranking
_KEEP = "Nothing was decided; the last list stays in force"


def refuse_broken_scores(table: pa.Table) -> None:
    """Refuse a result that no working model gives.

    Raises:
        RefusedError: no rows, no scores, or all scores the same.
    """
    rows = len(table)
    if rows == 0:
        raise RefusedError("the scores are empty", hint=_KEEP)
    held = pc.drop_null(table["score"]).to_numpy()
    held = held[~np.isnan(held)]
    if len(held) == 0:
        raise RefusedError("no name has a score", value=f"{rows} rows", hint=_KEEP)
    if len(held) >= CONSTANT_ROWS and held.min() == held.max():
        raise RefusedError("all scores are the same", value=f"{held[0]} for {len(held)} names", hint=_KEEP)


def refuse_stale(scored: Scored, policy: Policy, now: datetime, before: Mapping[str, str] | None) -> None:
    """Refuse scores of old records, and scores of records older than those behind the decisions in force.

    Scores of undated records, which state no moment, pass; the days of a simulated world are not today's.

    Raises:
        RefusedError: the scores are stale.
    """
    at = scored.metadata.get("as_of", "")
    if not at:
        return
    moment, oldest = datetime.fromisoformat(at), now - timedelta(days=policy.max_age_days)
    if moment < oldest and scored.origin()["simulated"] == "false":
        raise RefusedError(
            f"the scores are stale: as of {at}, more than {policy.max_age_days:g} days ago",
            hint=f"{_KEEP}. Score a later snapshot; to decide as of a past moment give it as now (--now)",
        )
    if before is not None and before["as_of"] and datetime.fromisoformat(before["as_of"]) > moment:
        raise RefusedError(
            f"the scores are older than the decisions in force: as of {at}, those {before['as_of']}",
            hint=_KEEP,
        )


def refuse_drift(scored: Scored, policy: Policy) -> None:
    """Refuse scores of a model whose inputs have drifted, unless a report card covers the time of the drift.

    A card may end a day before the last arrival that drifted: nobody evaluates up to the minute.

    Raises:
        RefusedError: a drift alarm, and no card, one of another model, or one that ends earlier.
        InputError: the policy's card cannot be read.
    """
    drift = scored.drift
    if drift is None or drift["level"] != "alarm":
        return
    accepted = policy.accepted()
    if accepted is None:
        problem = "no report card covers it"
    elif accepted["model_digest"] != scored.metadata.get("model_digest"):
        problem = "the policy's report card is of another model"
    elif datetime.fromisoformat(accepted["end"]) < datetime.fromisoformat(drift["end"]) - CARD_BEHIND:
        problem = f"the policy's report card ends {accepted['end']}"
    else:
        return
    raise RefusedError(
        f"what arrives since {drift['start']} has drifted from what the model was trained on, and {problem}",
        value=f"PSI of scores {drift['score']:.3f}",
        hint=f"{_KEEP}. Train again; or run mithra evaluate MODEL WORKSPACE --json card.json over that time, "
        'look at the card, and put card = "card.json" into the policy',
    )


def refuse_growth(blocks: int, scored: int, over: int, before: int | None, policy: Policy) -> None:
    """Refuse a result that is out of proportion.

    Args:
        blocks: blocks that would be in force; `before`: those that are, None where no list is known.
        scored, over: names scored, and of these the ones over the threshold.

    Raises:
        RefusedError: too many over the threshold, a list that grew too fast, or one that became empty.
    """
    if over > max(policy.small_list, policy.refuse_share * scored):
        raise RefusedError(
            f"more than {policy.refuse_share:.0%} of the names are over the threshold",
            value=f"{over} of {scored}",
            hint=f"{_KEEP}. If this is right, raise refuse_share in the policy",
        )
    if before is None or policy.mode != "full":
        return
    if before > policy.small_list and not blocks:
        raise RefusedError("the run blocks nothing", value=f"{before} names are blocked now", hint=_KEEP)
    if blocks > max(policy.small_list, policy.max_growth * before):
        raise RefusedError(
            f"the list would grow to more than {policy.max_growth:g} times its size",
            value=f"{before} to {blocks}",
            hint=f"{_KEEP}. If this is right, raise max_growth in the policy",
        )


def threshold_for(fpr: float, stated: Mapping[str, float | None]) -> float | None:
    """Score threshold of the largest stated false-positive rate that is not over `fpr`, or None."""
    usable = [
        (float(rate), score) for rate, score in stated.items() if score is not None and float(rate) <= fpr
    ]
    return None if not usable else max(usable)[1]


class Radius:
    """Counts of the blocks that a run adds, over all and behind each shared thing; asked best block first."""

    def __init__(self, policy: Policy, scored: int, usual: Sequence[int] = ()) -> None:
        """`usual`: blocks that the recorded runs added, oldest first."""
        self.left = max(policy.small_list, int(policy.max_share * scored))
        self.why = f"the run already adds its share of blocks ({policy.max_share:.1%} of the names)"
        if len(usual) >= USUAL_RUNS:
            added = np.array(usual[-LAST_RUNS:])
            most = max(policy.small_list, int(added.mean() + policy.max_sigma * added.std(ddof=1)))
            if most < self.left:
                self.left, self.why = most, f"the run already adds {most} blocks, more than usual"
        self.caps = {
            "address": policy.max_per_address,
            "name server": policy.max_per_name_server,
            "registrar": policy.max_per_registrar,
            "network": policy.max_per_asn,
        }
        self.counts: Counter[tuple[str, str]] = Counter()

    def refusal(self, row: Mapping[str, Any]) -> tuple[str, str] | None:
        """Count one more block in, or the guard and the reason that it is one too many."""
        keys = list(_keys(row))
        for kind, value in keys:
            if self.counts[kind, value] >= self.caps[kind]:
                return "blast_radius", f"{self.caps[kind]} new blocks behind {kind} {value} already"
        if self.left <= 0:
            return "run_share", self.why
        self.left -= 1
        self.counts.update(keys)
        return None


def _keys(row: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Shared things behind a name, each once."""
    lists = (("address", row["addresses"]), ("name server", row["name_servers"]), ("network", row["asn"]))
    for kind, values in lists:
        for value in sorted(set(values or ())):
            yield kind, value
    if row["registrar"]:
        yield "registrar", row["registrar"]


def active(blocks: pa.Table, now: datetime) -> pa.Table:
    """Blocks that have not ended by `now`."""
    return blocks.filter(
        pc.fill_null(pc.greater(blocks["expires"], pa.scalar(now, blocks["expires"].type)), False)
    )
