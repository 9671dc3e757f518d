"""The columns of scores beside the given names: what the model and the snapshot say of each distinct name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.graph.tenancy import plain_address
from mithra.names import SuffixList
from mithra.score.evidence import SPEAKING_KINDS, lists
from mithra.score.facts import Subject
from mithra.score.judge import Judged
from mithra.score.states import states_of
from mithra.score.words import shown

__all__ = ["known_columns", "own_columns"]


def own_columns(judged: Judged, names: pa.Array, reasons: pa.Array) -> dict[str, Any]:
    """What every name has, whether or not the snapshot holds it."""
    finite = np.isfinite(judged.score)
    column = pa.array(judged.score, mask=~finite)
    by_score = pc.sort_indices(
        pa.table({"score": column, "name": names}),
        sort_keys=[("score", "descending"), ("name", "ascending")],
    )
    rank = np.empty(len(names), dtype=np.int64)
    rank[by_score.to_numpy()] = np.arange(1, len(names) + 1)
    kind_row, kind = np.nonzero(judged.speaks[:, : len(SPEAKING_KINDS)])
    suffixes = SuffixList.bundled()
    known = np.zeros(len(names), dtype=bool)
    known[judged.known] = True
    return {
        "score": column,
        "verdict": pa.array(judged.verdict, pa.string()),
        "owner_kind": pa.array(judged.owner_kind, pa.string()),
        "owner_probability": pa.array(judged.owner_probability, mask=np.isnan(judged.owner_probability)),
        "rank": pa.array(rank, mask=~finite),
        "evidence_kinds": lists(kind_row, pa.array(SPEAKING_KINDS).take(pa.array(kind)), len(names)),
        "reasons": reasons,
        "group": pc.coalesce(suffixes.cut(names, extra=1), names),
        "known": pa.array(known),
        "shared_suffix": pa.array(suffixes.depth(names) != suffixes.depth(names, private=False)),
    }


def known_columns(judged: Judged, names: int) -> dict[str, pa.Array]:
    """What the snapshot tells, null or empty for names that it does not hold."""
    subject = judged.subject
    registrar = subject.fact("registrar")
    if "registrar" in subject.shared:
        registrar = pc.coalesce(registrar, _first_entity(subject, "registrar"))
    columns = {
        "popular_days": subject.fact("popular_days").cast(pa.int64()),
        "popular_rank": subject.fact("popular_rank"),
        "warning_list": shown(subject.fact("warning_list")),
        "label_benign": pa.array(subject.held.benign[subject.ids]),
        "state": pa.array(states_of(subject), pa.string()),
        "addresses": _entities(subject, "address"),
        "name_servers": _entities(subject, "name_server"),
        "registrar": shown(registrar),
        "asn": _entities(subject, "asn"),
    }
    place = np.full(names, -1, dtype=np.int64)
    place[judged.known] = np.arange(len(judged.known))
    spread = {name: column.take(pa.array(place, mask=place < 0)) for name, column in columns.items()}
    spread["label_benign"] = pc.fill_null(spread["label_benign"], False)
    for name in ("addresses", "name_servers", "asn"):
        spread[name] = pc.coalesce(spread[name], pa.scalar([], pa.list_(pa.string())))
    return spread


def _entities(subject: Subject, relation: str) -> pa.Array:
    """Keys of each name's entities in a relation, each once: list<string>, [rows]."""
    size = len(subject.ids)
    if relation not in subject.shared:
        return lists(np.zeros(0, dtype=np.int64), pa.array([], pa.string()), size)
    company = subject.shared[relation]
    keys = subject.snapshot.relations[relation].entities.take(pa.array(company.entity))
    coded = (plain_address(keys) if relation == "address" else keys).dictionary_encode()
    words = max(len(coded.dictionary), 1)
    pairs = np.unique(company.row * words + np.asarray(coded.indices, dtype=np.int64))
    return lists(pairs // words, coded.dictionary.take(pa.array(pairs % words)), size)


def _first_entity(subject: Subject, relation: str) -> pa.Array:
    """Key of the first of each name's entities, null where it has none, [rows]."""
    company = subject.shared[relation]
    rows, first = np.unique(company.row, return_index=True)
    entity = np.full(len(subject.ids), -1, dtype=np.int64)
    entity[rows] = company.entity[first]
    return subject.snapshot.relations[relation].entities.take(pa.array(entity, mask=entity < 0))
