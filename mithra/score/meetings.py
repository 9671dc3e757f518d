"""Whom names meet at the entities that they share, as sentences: how many others, and how many are listed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.tenancy import plain_address
from mithra.score.facts import AGAINST, FOR, KINDS, Facts, Subject, fact
from mithra.score.shared import Shared
from mithra.score.words import counted, days, sentence, shown

__all__ = ["NOUNS", "entity_texts", "facts_of_company", "kind_of_relation", "telling"]

LIFT_SPEAKS = 1.0  # log of (listed share over the usual share) from which on company is evidence by itself,
SHARE_SPEAKS = 0.1  # if as much of it is listed: at a large host a few always are
FEW_OTHERS = 50  # a meeting of so few is worth telling though none of them is listed
MANY_OTHERS = 100  # a place of so many, listed no more than usual, is shared hosting and the like
PER_KIND = 2  # sentences of a kind about company of listed names

_KIND_OF_RELATION = {
    "address": "resolution",
    "prefix": "resolution",
    "asn": "resolution",
    "cname_target": "resolution",
    "mail_server": "resolution",
    "name_server": "name_server",
    "name_server_domain": "name_server",
    "registrar": "registration",
    "registrant": "registration",
    "registration_batch": "registration",
    "certificate": "certificate",
    "similar_name": "lexical",
    "etld_plus_one": "lexical",
    # kinds of a model's contributions that are called otherwise
    "names": "lexical",
}
NOUNS = {
    "address": "address",
    "prefix": "network",
    "asn": "autonomous system",
    "cname_target": "alias target",
    "mail_server": "mail server",
    "name_server": "name server",
    "name_server_domain": "name servers under",
    "registrar": "registrar",
}


def kind_of_relation(relation: str) -> str:
    """Kind of evidence of a relation; one that is not known counts as hosting, not as a kind of its own."""
    return relation if relation in KINDS else _KIND_OF_RELATION.get(relation, "resolution")


def facts_of_company(subject: Subject) -> list[Facts]:
    """Sentences of all relations, no more than a few a name and kind."""
    told = [part for shared in subject.shared.values() for part in _told(subject, shared)]
    return [_most_telling(Facts.joined(told))] if told else []


def telling(shared: Shared) -> NDArray[np.bool_]:
    """Pairs whose company is evidence by itself, [pairs]."""
    enough = (shared.listed > 0) & (shared.listed >= SHARE_SPEAKS * shared.others)
    return np.asarray(enough & (shared.lift >= LIFT_SPEAKS))


def entity_texts(subject: Subject, shared: Shared) -> pa.Array:
    """The entities as people read them, [pairs]: addresses without tenancy, registrars by name."""
    keys = subject.snapshot.relations[shared.relation].entities.take(pa.array(shared.entity))
    if shared.relation == "address":
        return plain_address(keys)
    if shared.relation == "registrar":
        by_name = subject.fact("registrar").take(pa.array(shared.row))
        keys = pc.coalesce(by_name, keys)
    return shown(keys)


def _told(subject: Subject, shared: Shared) -> list[Facts]:
    """Company that speaks for, that is few or listed more than usual, and that is a crowd."""
    kind = kind_of_relation(shared.relation)
    bad = telling(shared)
    few = ~bad & (shared.others > 0) & ((shared.others <= FEW_OTHERS) | (shared.lift > 0))
    crowd = ~bad & (shared.others >= MANY_OTHERS) & (shared.lift < 0)
    parts = (
        (bad, FOR, shared.lift, False),
        (few, FOR, np.maximum(shared.lift, 0.2 / np.maximum(shared.others, 1)), True),
        (crowd, AGAINST, np.log10(np.maximum(shared.others, 1)) / 10, True),
    )
    return [
        _sentences(subject, shared.take(where), kind, side, strength[where], backed)
        for where, side, strength, backed in parts
    ]


def _sentences(
    subject: Subject, shared: Shared, kind: str, side: int, strength: NDArray[np.float64], backed: bool
) -> Facts:
    noun = NOUNS.get(shared.relation, shared.relation.replace("_", " "))
    text = sentence(
        f"shares {noun} ",
        entity_texts(subject, shared),
        " with ",
        counted(shared.others, "other name"),
        ", ",
        _listed(subject, shared),
    )
    return fact(shared.row, kind, side, strength, text, backed=backed, shared=shared)


def _listed(subject: Subject, shared: Shared) -> pa.Array:
    """`3 of them listed (first 2026-05-03 by S)`, [pairs]."""
    one, some = pa.array(shared.others == 1), pa.array(shared.listed > 0)
    every = pa.array(shared.listed == shared.others)
    many = pc.if_else(every, "all of them listed", sentence(pa.array(shared.listed), " of them listed"))
    none = pc.if_else(one, "not listed", "none of them listed")
    first = _first_listing(subject, shared.first[shared.first >= 0])
    said = pc.replace_with_mask(pa.array([""] * len(shared.row), pa.string()), some, first)
    return sentence(pc.if_else(some, pc.if_else(one, "which is listed", many), none), said)


def _first_listing(subject: Subject, domains: NDArray[np.int64]) -> pa.Array:
    """` (first 2026-05-03 by S)` for listed domains, as far as known."""
    label = subject.held.label[domains]
    source = shown(subject.snapshot.labels["source"].take(pa.array(label)))
    by = pc.fill_null(pc.binary_join_element_wise("by ", source, ""), "")
    if not subject.dated:
        return pc.if_else(pc.equal(by, ""), "", sentence(" (first ", by, ")"))
    return sentence(
        " (first ", days(subject.held.known_at[domains]), pc.if_else(pc.equal(by, ""), "", " "), by, ")"
    )


def _most_telling(facts: Facts) -> Facts:
    """Of each name, kind and side the strongest few; those that need the model's backing one at most."""
    key = ((facts.row * len(KINDS) + facts.kind) * 3 + facts.side) * 2 + facts.backed
    order = np.lexsort((-facts.strength, key))
    sorted_key = key[order]
    new = np.ones(len(key), dtype=bool)
    new[1:] = sorted_key[1:] != sorted_key[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(key)), 0))
    place = np.arange(len(key)) - start
    return facts.take(np.sort(order[place < np.where(facts.backed[order], 1, PER_KIND)]))
