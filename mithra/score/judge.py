"""Score, verdict and kinds of evidence of distinct names: where the model is asked.

Names that the snapshot holds are scored at its own moment, the others by their spelling alone; the latter,
and those of which fewer than two parts of the evidence are there, stay of unknown verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.company import Examples
from mithra.graph.coverage import covered, needed
from mithra.graph.snapshot import Snapshot
from mithra.score.evidence import SPEAKS, Weighed, by_kind, speaking, weighed
from mithra.score.facts import KINDS, Subject
from mithra.score.ranker import Ranker
from mithra.score.shared import listings, shared

__all__ = ["DEFAULT_THRESHOLD", "Judged", "judge", "verdict_threshold", "words_for"]

CHUNK_NAMES = 100_000
ALL_CLOSER = (
    1_000  # so many names are all looked at closer; of more, so many worst and those over a threshold
)
MAX_CLOSER = 50_000
DEFAULT_THRESHOLD = 0.5  # of a model that states none
THRESHOLD_RATES = ("0.01", "0.001", "0.0001")  # the first that the model could measure draws the line
_LEXICAL = KINDS.index("lexical")


@dataclass(frozen=True, eq=False)
class Judged:
    """Distinct names scored; all columns [names]."""

    score: NDArray[np.float64]
    closer: NDArray[np.int64]  # positions of the names that the model was asked to account for, ascending
    counted: NDArray[np.float64]  # [names, KINDS] log-odds by kind, 0 for the names that it was not asked for
    speaks: NDArray[np.bool_]  # [names, KINDS] kinds that speak for nefarious
    verdict: NDArray[np.object_]
    known: NDArray[np.int64]  # positions of the names that the snapshot holds
    subject: Subject  # those, in the same order
    owner_kind: NDArray[np.object_]  # of nefarious names, where the model tells it; else None
    owner_probability: NDArray[np.float64]  # of that kind, else NaN


def judge(
    model: Ranker,
    snapshot: Snapshot,
    names: pa.Array,
    *,
    advance: Callable[[int], object] = lambda names: None,
) -> Judged:
    """Score distinct canonical names; `advance` is told of every chunk how many names it had."""
    ids = snapshot.index(names)
    known = np.flatnonzero(ids >= 0)
    subject = subject_of(snapshot, ids[known])
    found = np.full(len(names), np.nan)
    counted = np.zeros((len(names), len(KINDS)))
    for rows in _chunks(known):
        examples = Examples(ids[rows], np.full(len(rows), subject.at, dtype=np.int64))
        found[rows] = model.predict(snapshot, examples).score
        advance(len(rows))
    prior = math.log(model.base_rate / (1 - model.base_rate)) if 0 < model.base_rate < 1 else 0.0
    for rows in _chunks(np.flatnonzero(ids < 0)):
        spelled = model.predict_names(names.take(pa.array(rows)))
        found[rows] = spelled.score
        counted[rows, _LEXICAL] = np.asarray(spelled.logit) - prior
        advance(len(rows))
    closer = _closer(found, model.thresholds)
    for rows in _chunks(closer[ids[closer] >= 0]):
        examples = Examples(ids[rows], np.full(len(rows), subject.at, dtype=np.int64))
        counted[rows] = by_kind(model.contributions(snapshot, examples), len(rows))
    speaks = counted > SPEAKS
    speaks[known] = speaking(counted[known], subject)
    verdict = np.where(found >= verdict_threshold(model.thresholds), "nefarious", "benign").astype(object)
    verdict[(ids < 0) | ~np.isfinite(found)] = "unknown"
    everything = Examples(subject.ids, np.full(len(known), subject.at, dtype=np.int64))
    verdict[known[covered(snapshot, everything).sum(axis=1) < needed(snapshot)]] = "unknown"
    kind, sure = _owners(model, snapshot, ids, verdict == "nefarious", subject.at)
    return Judged(found, closer, counted, speaks, verdict, known, subject, kind, sure)


def _owners(
    model: Ranker, snapshot: Snapshot, ids: NDArray[np.int64], asked: NDArray[np.bool_], at: int
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Owner kind and its probability, both [names]."""
    kind, sure = np.full(len(ids), None, dtype=object), np.full(len(ids), np.nan)
    for rows in _chunks(np.flatnonzero(asked)):
        told = model.owners(snapshot, Examples(ids[rows], np.full(len(rows), at, dtype=np.int64)))
        if told is not None:
            kind[rows], sure[rows] = told.names(), told.probability
    return kind, sure


def subject_of(snapshot: Snapshot, ids: NDArray[np.int64]) -> Subject:
    """These domains with their company and the labels, as of the snapshot."""
    at = moment_of(snapshot)
    held = listings(snapshot, at)
    company = {
        name: shared(relation, snapshot, ids, at, held) for name, relation in snapshot.relations.items()
    }
    return Subject(snapshot, ids, at, held, company)


def moment_of(snapshot: Snapshot) -> int:
    """Epoch seconds of the snapshot's moment, 0 for undated ones."""
    return 0 if snapshot.as_of is None else int(snapshot.as_of.timestamp())


def verdict_threshold(thresholds: Mapping[str, float | None]) -> float:
    """The score from which on a name is called nefarious: the widest false-positive rate that was measured.

    What of these is blocked is for a policy to say, which may allow up to that rate.
    """
    stated = (thresholds.get(rate) for rate in THRESHOLD_RATES)
    return next((at for at in stated if at is not None and math.isfinite(at)), DEFAULT_THRESHOLD)


def _closer(found: NDArray[np.float64], thresholds: Mapping[str, float | None]) -> NDArray[np.int64]:
    """The names that may be acted on: all if they are few, else the worst and those that a threshold flags.

    To account for a score costs a model many times what the score itself does.
    """
    if len(found) <= ALL_CLOSER:
        return np.arange(len(found))
    worst = np.argsort(-np.nan_to_num(found), kind="stable")
    stated = [at for at in thresholds.values() if at is not None and math.isfinite(at)]
    over = int((found >= min(stated, default=DEFAULT_THRESHOLD)).sum())
    return np.sort(worst[: min(max(ALL_CLOSER, over), MAX_CLOSER)])


def words_for(
    judged: Judged, names: pa.Array, rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Weighed]]:
    """Sentences for some of the names: those that the snapshot holds, then the others, with their rows."""
    place = np.full(len(names), -1, dtype=np.int64)
    place[judged.known] = np.arange(len(judged.known))
    inside, outside = rows[place[rows] >= 0], rows[place[rows] < 0]
    for part, subject in ((inside, judged.subject.take(place[inside])), (outside, None)):
        if len(part):
            yield part, weighed(judged.counted[part], names.take(pa.array(part)), subject)


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CHUNK_NAMES):
        yield rows[start : start + CHUNK_NAMES]
