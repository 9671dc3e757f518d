"""What suspects share: entities at which more of them meet than chance would bring there, each with a weight.

Ties are between owners (eTLD+1), not names: that the hosts of one domain belong together needs no proof. An
entity with many owners ties none of them, and one whose owners are suspect no more often than usual ties none
either, so that shared hosting, registrars and common words drop out by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.snapshot import Relation, Snapshot
from mithra.graph.tenancy import plain_address
from mithra.names import SuffixList
from mithra.suffixes import string_buffers

__all__ = ["Owners", "Sharing", "owners_of", "sharings"]

WIDER = {"prefix", "asn", "name_server_domain", "registrar", "etld_plus_one"}  # relations too wide to tie
MAX_USUAL_SHARE = (
    0.1  # of owners that are suspect; beyond it a snapshot holds little else, and only rarity tells
)
CHANCE_SIGMAS = 2.0  # standard deviations over the expected number of suspects that chance may bring
LEAST = 1e-3  # weight below which an entity ties nobody: a thousand owners are there, or nearly all by chance
GRAM = 4  # letters in a row of an owner's own label
BATCH_SECONDS = 3600  # created at one registrar within it: one batch
LABELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class Owners:
    """The eTLD+1s of some domains of a snapshot."""

    group: NDArray[np.int64]  # [owners] id in the snapshot, ascending
    of: NDArray[np.int64]  # [domains asked for] owner of each
    first_seen: NDArray[np.int64]  # [owners] epoch seconds of the first sight of those domains

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, eq=False)
class Sharing:
    """One kind of tie: which owner is at which entity. Only entities that tie are left."""

    relation: str
    owner: NDArray[np.int64]  # [pairs] into Owners
    entity: NDArray[np.int64]  # [pairs]
    weight: NDArray[np.float64]  # [entities] 0 to 1/2
    there: NDArray[np.int64]  # [entities] owners of the whole snapshot, suspects included
    text: Callable[[NDArray[np.int64]], pa.Array]  # entities as text


def owners_of(snapshot: Snapshot, domains: NDArray[np.int64]) -> Owners:
    """The owners of these domains."""
    group, of = np.unique(snapshot.group[domains].astype(np.int64), return_inverse=True)
    first = np.full(len(group), np.iinfo(np.int64).max)
    np.minimum.at(first, of, snapshot.first_seen[domains])
    return Owners(group, of, first)


def sharings(snapshot: Snapshot, owners: Owners) -> Iterator[Sharing]:
    """Everything that ties these owners, by relation."""
    suffixes = SuffixList.bundled()
    for relation in snapshot.relations.values():
        if relation.name not in WIDER:
            yield _of_relation(snapshot, owners, relation)
    yield _batches(snapshot, owners, suffixes)
    yield _wording(snapshot, owners)
    yield _suffixes(snapshot, owners, suffixes)


def _of_relation(snapshot: Snapshot, owners: Owners, relation: Relation) -> Sharing:
    group = snapshot.group[relation.domain_of_edge()].astype(np.int64)
    entity = relation.indices.astype(np.int64)
    plain = plain_address if relation.name == "address" else lambda keys: keys
    return _sharing(
        relation.name,
        snapshot,
        owners,
        group,
        entity,
        lambda ids: plain(relation.entities.take(pa.array(ids))),
    )


def _batches(snapshot: Snapshot, owners: Owners, suffixes: SuffixList) -> Sharing:
    """Registrar and hour of creation, the hours counted from :00 and from :30, so that none is cut in two."""
    none = np.iinfo(np.int64).max
    created = np.full(len(snapshot.groups), none)
    told = np.asarray(pc.fill_null(snapshot.facts["created"], none), dtype=np.int64)
    np.minimum.at(created, snapshot.group, told)
    created[suffixes.depth(snapshot.groups) != suffixes.depth(snapshot.groups, private=False)] = none
    group = np.flatnonzero(created != none)  # a tenant of a private suffix was not registered with it
    registrar, keys = _registrars(snapshot)
    half = created[group] // (BATCH_SECONDS // 2)
    hour = np.concatenate([half - half % 2, half - (half + 1) % 2])
    group = np.concatenate([group, group])
    span = int(hour.max(initial=0)) + 1
    batch, entity = np.unique((registrar[group] + 1) * span + hour, return_inverse=True)

    def text(ids: NDArray[np.int64]) -> pa.Array:
        start = (batch[ids] % span) * (BATCH_SECONDS // 2)
        when = pc.strftime(pa.array(start.astype("datetime64[s]")), format="%Y-%m-%d %H:%M")
        by = keys.take(pa.array(batch[ids] // span - 1, mask=batch[ids] < span))
        return pc.binary_join_element_wise(pc.fill_null(by, "unknown registrar"), when, " ")

    return _sharing("registration_batch", snapshot, owners, group, entity, text)


def _registrars(snapshot: Snapshot) -> tuple[NDArray[np.int64], pa.Array]:
    """The registrar that each eTLD+1 has now, -1 where unknown, [groups], and their keys."""
    now = np.full(len(snapshot.groups), -1)
    relation = snapshot.relations.get("registrar")
    if relation is None:
        return now, pa.array([], pa.string())
    order = np.argsort(relation.first_seen, kind="stable")
    now[snapshot.group[relation.domain_of_edge()[order]]] = relation.indices[order]
    return now, relation.entities


def _wording(snapshot: Snapshot, owners: Owners) -> Sharing:
    """Letters in a row of the owner's own label, which families of names have in common."""
    wanted = np.unique(_grams(snapshot.groups.take(pa.array(owners.group)))[1])
    groups, grams = [], []
    for start in range(0, len(snapshot.groups), LABELS_AT_ONCE):
        group, gram = _grams(snapshot.groups.slice(start, LABELS_AT_ONCE))
        place = np.minimum(np.searchsorted(wanted, gram), max(len(wanted) - 1, 0))
        known = wanted[place] == gram if len(wanted) else np.zeros(len(gram), dtype=bool)
        groups.append(group[known] + start)
        grams.append(place[known])
    return _sharing(
        "wording",
        snapshot,
        owners,
        np.concatenate([np.empty(0, np.int64), *groups]),
        np.concatenate([np.empty(0, np.int64), *grams]),
        lambda ids: pa.array([int(gram).to_bytes(GRAM, "big").decode("latin-1") for gram in wanted[ids]]),
    )


def _grams(names: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(position of the name, letters as a number) of every few letters in a row of the first labels."""
    label = pc.list_element(pc.split_pattern(names, ".", max_splits=1), 0)
    offsets, data = string_buffers(label)
    count = np.maximum(np.diff(offsets) - (GRAM - 1), 0)
    name = np.repeat(np.arange(len(names)), count)
    start = np.arange(len(name)) - np.repeat(np.cumsum(count) - count, count) + offsets[name]
    gram = np.zeros(len(name), dtype=np.int64)
    for place in range(GRAM):
        gram = gram << 8 | data[start + place]
    return name, gram


def _suffixes(snapshot: Snapshot, owners: Owners, suffixes: SuffixList) -> Sharing:
    coded = suffixes.cut(snapshot.groups, extra=0).dictionary_encode()
    found = np.asarray(pc.fill_null(coded.indices, -1), dtype=np.int64)
    group = np.flatnonzero(found >= 0)
    return _sharing(
        "suffix", snapshot, owners, group, found[group], lambda ids: coded.dictionary.take(pa.array(ids))
    )


def _sharing(
    relation: str,
    snapshot: Snapshot,
    owners: Owners,
    group: NDArray[np.int64],
    entity: NDArray[np.int64],
    text: Callable[[NDArray[np.int64]], pa.Array],
) -> Sharing:
    """Of all pairs of an eTLD+1 and an entity those of suspects, at entities that tie."""
    place = np.full(len(snapshot.groups), -1)
    place[owners.group] = np.arange(len(owners))
    wanted = np.zeros(int(entity.max(initial=-1)) + 1, dtype=bool)
    wanted[entity[place[group] >= 0]] = True
    kept = wanted[entity]
    pair = np.unique(entity[kept] * len(snapshot.groups) + group[kept])
    entity, owner = pair // max(len(snapshot.groups), 1), place[pair % max(len(snapshot.groups), 1)]
    met, entity = np.unique(entity, return_inverse=True)
    there = np.bincount(entity, minlength=len(met))
    here = np.bincount(entity[owner >= 0], minlength=len(met))
    weight = _weight(here, there, min(len(owners) / max(len(snapshot.groups), 1), MAX_USUAL_SHARE))
    ties = (owner >= 0) & (weight[entity] > 0)
    return Sharing(relation, owner[ties], entity[ties], weight, there, lambda ids: text(met[ids]))


def _weight(here: NDArray[np.int64], there: NDArray[np.int64], usual: float) -> NDArray[np.float64]:
    """1 / owners there, less the share of its suspects that chance explains: [entities].

    Of two suspects at an entity, one is expected to meet `usual * (there - 1)` others by chance.
    """
    expected = usual * (there - 1)
    by_chance = expected + CHANCE_SIGMAS * np.sqrt(expected)
    weight = (1 - by_chance / np.maximum(here - 1, 1)) / np.maximum(there, 1)
    return np.asarray(np.where((here > 1) & (weight >= LEAST), weight, 0.0))
