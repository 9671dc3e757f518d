"""The verb `explain`: what speaks for and against one name, what is missing, and its company."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mithra.graph.snapshot import Snapshot
from mithra.learn.owner_told import KIND_WORDS
from mithra.names import canonical, display
from mithra.score.evidence import Weighed
from mithra.score.facts import AGAINST, FOR, KINDS, MISSING, Subject
from mithra.score.judge import judge, verdict_threshold, words_for
from mithra.score.meetings import NOUNS, entity_texts, kind_of_relation
from mithra.score.ranker import Ranker
from mithra.score.shared import company_of

__all__ = ["Evidence", "Explanation", "SharedEntity", "explain"]

MAX_ENTITIES = 12  # shared entities told, the most telling first
MAX_COMPANY = 5  # names told of each


@dataclass(frozen=True)
class Evidence:
    """One sentence."""

    kind: str  # lexical, registration, resolution, name_server, certificate, label, sighting or popularity
    text: str
    weight: (
        float  # log-odds that the model gives it, positive towards nefarious; 0 where it does not count it
    )
    entity: str | None = None  # what it is shared with others, such as an address


@dataclass(frozen=True)
class SharedEntity:
    """Something that the name shares with names of other eTLD+1s."""

    kind: str
    relation: str
    entity: str
    names: int  # others there
    listed: int  # of them
    company: tuple[str, ...]  # some of them, those listed first leading


@dataclass(frozen=True)
class Explanation:
    """Why a name scores as it does, as of the snapshot."""

    name: str
    score: float
    verdict: str  # nefarious, benign or unknown
    threshold: float  # score from which on a name is called nefarious
    as_of: str  # ISO 8601, empty for undated records
    simulated: bool  # the model has seen simulated data only
    kinds: tuple[str, ...]  # kinds of evidence that speak for nefarious
    for_: tuple[Evidence, ...]
    against: tuple[Evidence, ...]
    missing: tuple[Evidence, ...]
    shared: tuple[SharedEntity, ...]
    owner_kind: str | None = None  # attacker, compromised or tenant; None unless nefarious and told
    owner_probability: float | None = None  # of that kind, if the name is nefarious

    @property
    def owner(self) -> str | None:
        """Whose the name is, in words."""
        return None if self.owner_kind is None else KIND_WORDS[self.owner_kind]

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `for_` is called `for`."""
        fields = asdict(self)
        return {key.rstrip("_"): value for key, value in fields.items()}

    def to_text(self) -> str:
        """A page for a terminal; all that records brought in is printable ASCII."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        at = f", as of {self.as_of}" if self.as_of else ""
        mark = " (model trained on simulated data)" if self.simulated else ""
        yield f"{display(self.name)}: {self.verdict}, score {self.score:.4f}{at}{mark}"
        kinds = ", ".join(self.kinds) or "none"
        yield f"  nefarious from {self.threshold:.4f} on; kinds of evidence for it: {kinds}"
        if self.owner is not None:
            yield f"  if so: {self.owner}, probability {self.owner_probability:.2f}"
        sides = (("For", self.for_), ("Against", self.against), ("Missing", self.missing))
        for title, told in sides:
            if told:
                yield title
            for item in told:
                weight = f"{item.weight:+.2f}" if item.weight else ""
                yield f"  {weight:>6}  {item.kind:<12}  {item.text}"
        if self.shared:
            yield "Shared with names of other owners"
        for place in self.shared:
            noun = NOUNS.get(place.relation, place.relation.replace("_", " "))
            company = ", ".join(map(display, place.company))
            more = ", ..." if place.names > len(place.company) else ""
            others = f"{place.names} other{'s' if place.names > 1 else ''}"
            yield f"  {noun} {place.entity}: {others}, {place.listed} listed ({company}{more})"


def explain(model: Ranker, snapshot: Snapshot, name: str) -> Explanation:
    """What the score of one name rests on.

    Args:
        model: from `train` or `load`.
        snapshot: what is known; its moment is the moment scored at.
        name: in any spelling; one that the snapshot does not hold is judged by its spelling alone.

    Raises:
        InvalidNameError: not a domain name.

    Example:
        >>> print(explain(model, snapshot, "login-example.test").to_text())  # doctest: +SKIP
    """
    names = pa.array([canonical(name)], pa.string())
    judged = judge(model, snapshot, names)
    (_, told), *_ = words_for(judged, names, np.zeros(1, dtype=np.int64))
    return Explanation(
        name=names[0].as_py(),
        score=float(judged.score[0]),
        verdict=str(judged.verdict[0]),
        threshold=verdict_threshold(model.thresholds),
        as_of="" if snapshot.as_of is None else snapshot.as_of.isoformat(),
        simulated=model.simulated,
        kinds=tuple(kind for kind, speaks in zip(KINDS, judged.speaks[0], strict=True) if speaks),
        for_=_side(told, judged.subject, FOR),
        against=_side(told, judged.subject, AGAINST),
        missing=_side(told, judged.subject, MISSING),
        shared=_shared(judged.subject),
        owner_kind=judged.owner_kind[0],
        owner_probability=None if judged.owner_kind[0] is None else float(judged.owner_probability[0]),
    )


def _side(told: Weighed, subject: Subject, side: int) -> tuple[Evidence, ...]:
    facts = told.facts
    return tuple(
        Evidence(
            kind=KINDS[facts.kind[at]],
            text=facts.text[int(at)].as_py(),
            weight=float(told.weight[at]),
            entity=_entity(subject, facts.relation[at], int(facts.entity[at])),
        )
        for at in np.flatnonzero(facts.side == side)
    )


def _entity(subject: Subject, relation: str, entity: int) -> str | None:
    if not relation:
        return None
    company = subject.shared[relation]
    return str(entity_texts(subject, company.take(company.entity == entity))[0].as_py())


def _shared(subject: Subject) -> tuple[SharedEntity, ...]:
    """Entities with others, those with the most telling company first."""
    found = [
        (-lift, others, relation, place)
        for relation, company in subject.shared.items()
        for place, (lift, others) in enumerate(zip(company.lift, company.others, strict=True))
        if others
    ]
    return tuple(_one(subject, relation, place) for *_, relation, place in sorted(found)[:MAX_ENTITIES])


def _one(subject: Subject, relation: str, place: int) -> SharedEntity:
    company = subject.shared[relation].take(np.array([place]))
    entity = int(company.entity[0])
    there = subject.snapshot.relations[relation]
    met = company_of(there, subject.snapshot, int(subject.ids[0]), entity, subject.at, subject.held)
    return SharedEntity(
        kind=kind_of_relation(relation),
        relation=relation,
        entity=str(entity_texts(subject, company)[0].as_py()),
        names=int(company.others[0]),
        listed=int(company.listed[0]),
        company=tuple(subject.snapshot.names.take(pa.array(met[:MAX_COMPANY])).to_pylist()),
    )
