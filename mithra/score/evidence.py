"""Why names score as they do: kinds of evidence that speak for nefarious, and sentences for both sides.

A kind speaks for nefarious where the model's contribution of it is clear, where a source lists the name, or
where much of the name's company is listed. Sentences come from the records; what speaks for is told only
where the model counts its kind so (or where it is evidence by itself), what speaks against always. A
sentence's weight is its share of the model's log-odds for that kind, 0 where the model does not count it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.score.facts import AGAINST, FOR, KINDS, MISSING, Facts, Subject, fact
from mithra.score.meetings import facts_of_company, kind_of_relation, telling
from mithra.score.records import facts_of_records
from mithra.score.spelling import facts_of_spelling
from mithra.score.states import facts_of_state
from mithra.score.words import sentence, times

__all__ = ["SPEAKING_KINDS", "SPEAKS", "Weighed", "by_kind", "speaking", "weighed"]

SPEAKS = 0.2  # log-odds from which on a kind counts to a side: the odds change by more than a fifth
SPEAKING_KINDS = KINDS[:7]
MAX_FOR, MAX_AGAINST = 4, 2  # sentences among a name's reasons

_GENERIC = {
    "lexical": "its spelling",
    "registration": "its registration",
    "resolution": "its addresses and records",
    "name_server": "its name servers",
    "certificate": "its certificates",
    "label": "what is listed",
    "sighting": "where it was sighted",
    "popularity": "its popularity",
}


@dataclass(frozen=True, eq=False)
class Weighed:
    """Facts to tell, the most important of each name and side first."""

    facts: Facts
    weight: NDArray[np.float64]  # [facts] log-odds of the model

    def reasons(self, rows: int) -> pa.Array:
        """The sentences of each name in short, what speaks against marked: list<string>, [rows]."""
        side = self.facts.side
        key = self.facts.row * 3 + side
        place = np.arange(len(key)) - np.searchsorted(key, key)
        kept = np.flatnonzero(place < np.array([MAX_FOR, MAX_AGAINST, 1])[side])
        mark = pa.array(["", "against: ", "missing: "]).take(pa.array(side[kept]))
        return lists(self.facts.row[kept], sentence(mark, self.facts.text.take(pa.array(kept))), rows)


def by_kind(contributions: Mapping[str, NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    """A model's contributions summed into the kinds of evidence, [rows, KINDS]."""
    total = np.zeros((rows, len(KINDS)))
    for kind, log_odds in contributions.items():
        total[:, KINDS.index(kind_of_relation(kind))] += log_odds
    return total


def speaking(counted: NDArray[np.float64], subject: Subject) -> NDArray[np.bool_]:
    """Which kinds speak for nefarious, [rows, KINDS]; `counted` as from `by_kind`."""
    speaks = counted > SPEAKS
    speaks[:, KINDS.index("label")] |= subject.held.label[subject.ids] >= 0
    for relation, shared in subject.shared.items():
        speaks[shared.row[telling(shared)], KINDS.index(kind_of_relation(relation))] = True
    return speaks


def weighed(counted: NDArray[np.float64], names: pa.Array, subject: Subject | None) -> Weighed:
    """Sentences for every name, sorted by row, side and importance.

    Args:
        counted: the model's log-odds by kind, [rows, KINDS].
        names: canonical, [rows].
        subject: the same names in a snapshot; None where nothing is known but the spelling.
    """
    parts = facts_of_spelling(names)
    if subject is None:
        parts.append(
            fact(
                np.arange(len(names)),
                "resolution",
                MISSING,
                0,
                "no records of it: only its spelling is known",
            )
        )
    else:
        parts += [*facts_of_records(subject), *facts_of_state(subject), *facts_of_company(subject)]
    facts = Facts.joined(parts)
    counts_for = counted > SPEAKS
    counts_against = counted < -SPEAKS
    agrees = np.where(
        facts.side == FOR, counts_for[facts.row, facts.kind], counts_against[facts.row, facts.kind]
    )
    agrees &= facts.side != MISSING
    kept = agrees | ~facts.backed
    facts, agrees = facts.take(kept), agrees[kept]
    unsaid = [
        _generic(counted, counts & ~_told(facts, side, counted.shape), side)
        for side, counts in ((FOR, counts_for), (AGAINST, counts_against))
    ]
    agrees = np.concatenate([agrees, np.ones(sum(map(len, unsaid)), dtype=bool)])
    facts = Facts.joined([facts, *unsaid])
    weight = _weights(facts, agrees, counted)
    importance = np.maximum(np.abs(weight), facts.strength)
    order = np.lexsort((facts.kind, -importance, facts.side, facts.row))
    return Weighed(facts.take(order), weight[order])


def lists(row: NDArray[np.int64], values: pa.Array, rows: int) -> pa.Array:
    """A list a row from values in order of their row, [rows]."""
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(row, minlength=rows), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _told(facts: Facts, side: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where a kind has a sentence on that side that can carry its weight, [rows, KINDS]."""
    told = np.zeros(shape, dtype=bool)
    chosen = (facts.side == side) & (facts.strength > 0)
    told[facts.row[chosen], facts.kind[chosen]] = True
    return told


def _generic(counted: NDArray[np.float64], where: NDArray[np.bool_], side: int) -> Facts:
    """What the model counts and no sentence covers."""
    parts = []
    for place, kind in enumerate(KINDS):
        rows = np.flatnonzero(where[:, place])
        change = "raise" if side == FOR else "lower"
        verb = change if kind in ("resolution", "name_server", "certificate") else f"{change}s"
        text = sentence(f"{_GENERIC[kind]} {verb} the odds ", times(counted[rows, place]), "-fold")
        parts.append(fact(rows, kind, side, 0.01, text))
    return Facts.joined(parts)


def _weights(facts: Facts, agrees: NDArray[np.bool_], counted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-odds of each kind shared among its sentences on the side that it counts to, by strength."""
    part = np.where(agrees, facts.strength, 0.0)
    key = (facts.row * len(KINDS) + facts.kind) * 3 + facts.side
    total = np.bincount(key, part)
    share = np.zeros(len(part))
    np.divide(part, total[key], out=share, where=total[key] > 0)
    return share * counted[facts.row, facts.kind]
