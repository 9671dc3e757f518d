"""What a replay of arrivals shows: decay over time, lead over feeds, false positives by kind, yield a day.

In come arrivals, their scores and which of them were flagged; out go rows for the report card. Every rate
carries an interval, and says that it is not measurable where the line it was flagged at allows fewer than ten
false positives on that many benign names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InputError
from mithra.features.registration import registration
from mithra.graph.company import companies
from mithra.graph.coverage import PARTS, covered, needed
from mithra.graph.snapshot import Snapshot
from mithra.learn.arrivals import NEVER, Arrivals
from mithra.learn.examples import BENIGN, NEFARIOUS, UNLABELLED, tenants
from mithra.metrics import average_precision, measurable, rate_interval, recall_at_fpr

__all__ = [
    "LeadTime",
    "Truth",
    "ages",
    "campaigns",
    "coverage",
    "daily",
    "decay",
    "false_positives",
    "hosting",
    "lead_times",
]

DAY_SECONDS = 86_400
AGES_DAYS = ((0, 30), (30, 365), (365, 1_000_000))
DAILY = (10, 100, 1_000)  # names that somebody could look at in a day
DAYS_BY_DAY = 14  # so long a replay is told by days, a longer one by weeks
CROWDED = 50  # other domains at the emptiest of a name's addresses that make it shared hosting

Mask = NDArray[np.bool_]
Row = dict[str, Any]


@dataclass(frozen=True)
class LeadTime:
    """How long before a feed a model could have blocked what it lists; negative where the feed was first."""

    source: str
    listed: int  # arrivals that the feed listed
    caught: int  # of these, scored at or above the threshold when they arrived
    median_hours: float | None  # from score to listing, over those caught
    share_day_ahead: float | None  # of those caught, listed at least 24 hours after the score
    never_listed: float | None = None  # of all flagged, not listed within the waiting window after the score


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of the arrivals, such as the hidden truth of a simulation."""

    y: NDArray[np.int8]  # [arrivals] 1 nefarious, 0 benign, -1 not in the table
    campaign: NDArray[np.int64] | None  # [arrivals] -1 outside; None where the table has none
    members: Mapping[str, int]  # name -> campaign, of all names that belong to one

    @classmethod
    def of(cls, table: pa.Table, names: pa.Array) -> Truth:
        """From columns `name`, `verdict` and, where there is one, `campaign`.

        Raises:
            InputError: a column is missing or of another type, or no arrivals of both verdicts are in it.
        """
        missing = {"name", "verdict"} - set(table.column_names)
        if missing:
            raise InputError("the table of the truth lacks columns", value=sorted(missing))
        try:
            listed, verdict = (table[name].cast(pa.string()).combine_chunks() for name in ("name", "verdict"))
            campaign = table["campaign"].cast(pa.int64()) if "campaign" in table.column_names else None
        except pa.ArrowException as error:
            raise InputError(f"a column of the truth has another type: {error}") from error
        row = np.asarray(pc.fill_null(pc.index_in(names, value_set=listed), -1))
        told = np.asarray(pc.fill_null(pc.index_in(verdict, value_set=pa.array(["benign", "nefarious"])), -1))
        known = row >= 0
        y = np.full(len(names), UNLABELLED, np.int8)
        y[known] = told[row[known]]
        counts = {"nefarious": int((y == NEFARIOUS).sum()), "benign": int((y == BENIGN).sum())}
        if not all(counts.values()):
            raise InputError("the truth must tell of nefarious and of benign arrivals", value=counts)
        if campaign is None:
            return cls(y, None, {})
        number = np.asarray(pc.fill_null(campaign, -1).combine_chunks())
        inside = listed.filter(pa.array(number >= 0))
        members = dict(zip(inside.to_pylist(), number[number >= 0].tolist(), strict=True))
        return cls(y, np.where(known, number[np.maximum(row, 0)], -1), members)


def decay(
    found: Arrivals, start: datetime, end: datetime, score: NDArray[np.float64], flagged: Mask, model: str
) -> list[Row]:
    """A row a day or a week: how well the arrivals of that time were ranked, and what was caught of them."""
    days = max(1, -(-int((end - start).total_seconds()) // DAY_SECONDS))
    step = 1 if days <= DAYS_BY_DAY else 7
    period = (found.first_seen - int(start.timestamp())) // (step * DAY_SECONDS)
    rows = []
    for k in range(-(-days // step)):
        here = period == k
        y = found.y[here]
        known = y != UNLABELLED
        both = (y == NEFARIOUS).any() and (y == BENIGN).any()
        rows.append(
            {
                "model": model,
                "start": datetime.fromtimestamp(start.timestamp() + k * step * DAY_SECONDS, UTC).isoformat(),
                "days": min(step, days - k * step),
                "arrivals": int(here.sum()),
                "nefarious": int((y == NEFARIOUS).sum()),
                "benign": int((y == BENIGN).sum()),
                "flagged": int(flagged[here].sum()),
                "caught": int((flagged[here] & (y == NEFARIOUS)).sum()),
                "ap": average_precision(y[known], score[here][known]) if both else None,
                "recall_1pct": recall_at_fpr(y[known], score[here][known], 0.01).to_dict() if both else None,
            }
        )
    return rows


def lead_times(found: Arrivals, flagged: Mask, waiting_days: int) -> list[LeadTime]:
    """By feed, and over whichever was first: how long before it the flagged arrivals were flagged."""
    window = waiting_days * DAY_SECONDS
    waited = flagged & (found.at + window <= found.labels_until.timestamp())
    rows = []
    for source, at in found.listed.items():
        listed = at != NEVER
        hours = (at[listed & flagged] - found.at[listed & flagged]) / 3600
        unlisted = at[waited] > found.at[waited] + window
        rows.append(
            LeadTime(
                source=source,
                listed=int(listed.sum()),
                caught=len(hours),
                median_hours=float(np.median(hours)) if len(hours) else None,
                share_day_ahead=float((hours >= 24).mean()) if len(hours) else None,
                never_listed=float(unlisted.mean()) if len(unlisted) else None,
            )
        )
    return rows


def ages(found: Arrivals) -> dict[str, Mask]:
    """Classes of arrivals by the age of their registration when they were judged."""
    age = registration(found.graph, found.domain, found.at).column("registration_age")
    rows = {
        f"{low} to {high} days" if high < 10_000 else f"over {low} days": (age >= low) & (age < high)
        for low, high in AGES_DAYS
    }
    return rows | {"unknown": np.isnan(age)}


def hosting(found: Arrivals) -> dict[str, Mask]:
    """Classes of arrivals by whom they live with: under a shared suffix, at crowded addresses, or neither."""
    tenant = tenants(found.names)
    fewest = np.full(len(found), np.inf)
    if "address" in found.graph.relations:
        met = companies(found.graph, found.examples)["address"]
        np.minimum.at(fewest, met.example, met.others.astype(np.float64))
    crowded, placed = fewest >= CROWDED, np.isfinite(fewest)
    return {
        "tenant of a shared suffix": tenant,
        f"address with {CROWDED} others": ~tenant & crowded & placed,
        "address of its own or with few": ~tenant & ~crowded,
        "no address known": ~tenant & ~placed,
    }


def false_positives(
    classes: Mapping[str, Mask],
    benign: Mask,
    score: NDArray[np.float64],
    lines: Mapping[str, float],
    column: str,
) -> list[Row]:
    """A row a class: of its benign names, how many lie at or over each line, by false-positive budget.

    `flagged` and `rate` are those of the strictest line.
    """
    rows = []
    for name, chosen in {**classes, "all": np.ones(len(benign), bool)}.items():
        own = score[chosen & benign]
        at = {
            budget: _share(int((own >= line).sum()), len(own), float(budget))
            for budget, line in lines.items()
        }
        last = list(at.values())[-1]
        rows.append(
            {column: name, "benign": len(own), "flagged": last["flagged"], "rate": last["rate"], "at": at}
        )
    return rows


def daily(found: Arrivals, start: datetime, score: NDArray[np.float64], truth: Truth | None) -> list[Row]:
    """Who looks at the k worst arrivals of every day: the share that is nefarious, and the share of all such.

    A name that no feed has listed counts as a miss here, so `precision` is a lower bound.
    """
    day = (found.first_seen - int(start.timestamp())) // DAY_SECONDS
    order = np.lexsort((-score, day))
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found)) - np.searchsorted(day[order], day[order])
    per_day = len(found) / len(np.unique(day))
    rows = []
    for k in (k for k in DAILY if k <= per_day):
        row = {"k": k, "names": int((place < k).sum()), **_yield(place < k, found.y == NEFARIOUS)}
        if truth is not None:
            row |= {f"true_{name}": value for name, value in _yield(place < k, truth.y == NEFARIOUS).items()}
        rows.append(row)
    return rows


def coverage(found: Arrivals, y: NDArray[np.int8], score: NDArray[np.float64], line: float) -> list[Row]:
    """By how many parts of the evidence are there: are scores right on average, what lies over the line."""
    parts = covered(found.graph, found.examples).sum(axis=1)
    enough = needed(found.graph)
    rows = []
    for count in range(len(PARTS)):
        known = (parts == count) & (y != UNLABELLED)
        bad = y[known] == NEFARIOUS
        if len(bad):
            rows.append(
                {
                    "parts": count,
                    "judged": count >= enough,
                    "names": len(bad),
                    "nefarious": float(bad.mean()),
                    "mean_score": float(score[known].mean()),
                    "flagged": int((score[known] >= line).sum()),
                    "ap": average_precision(bad, score[known]) if 0 < bad.sum() < len(bad) else None,
                }
            )
    return rows


def campaigns(
    found: Arrivals, truth: Truth, before: Snapshot, score: NDArray[np.float64], lines: Mapping[str, float]
) -> list[Row]:
    """Nefarious arrivals by what training could know of their campaign, and how many lie over each line."""
    if truth.campaign is None:
        return []
    bad = before.labels.filter(pc.equal(before.labels["verdict"], "nefarious"))
    listed = _campaigns_of(before.names.take(bad["domain"].combine_chunks()), truth)
    present = _campaigns_of(before.names, truth)
    inside = truth.campaign >= 0
    known, there = (np.isin(truth.campaign, sorted(some)) for some in (listed, present))
    classes = {
        "a member was listed": inside & known,
        "seen, none listed": inside & there & ~known,
        "unseen": inside & ~there & ~known,
        "no campaign": ~inside,
    }
    nefarious = truth.y == NEFARIOUS
    rows = []
    for name, chosen in classes.items():
        own = score[chosen & nefarious]
        caught = {budget: _share(int((own >= line).sum()), len(own)) for budget, line in lines.items()}
        rows.append({"campaign": name, "nefarious": len(own), "at": caught})
    return rows


def _campaigns_of(names: pa.Array, truth: Truth) -> set[int]:
    return {truth.members[name] for name in names.to_pylist() if name in truth.members}


def _yield(chosen: Mask, nefarious: Mask) -> Row:
    hits = int((chosen & nefarious).sum())
    return {
        "precision": hits / max(int(chosen.sum()), 1),
        "recall": hits / int(nefarious.sum()) if nefarious.any() else None,
    }


def _share(part: int, whole: int, budget: float | None = None) -> Row:
    """A share with its interval; with a budget, whether a rate so small can be told on so many names."""
    low, high = rate_interval(part, whole)
    row: Row = {"flagged": part, "rate": part / whole if whole else None, "low": low, "high": high}
    return row if budget is None else row | {"measurable": measurable(budget, whole)}
