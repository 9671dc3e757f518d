"""One relation's edges put in order: addresses by number and tenancy, hosts given their domain's, caps kept.

In come edges as the engine delivers them; out come distinct edges sorted by (domain, entity).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.addresses import AddressColumn
from mithra.graph.csr import (
    Edges,
    capped,
    dictionary,
    inherited,
    merged,
    sorted_dictionary,
    with_entities,
)
from mithra.graph.entities import Entities
from mithra.graph.groups import group_domains
from mithra.graph.records import Domains, Found
from mithra.graph.relations import Derived, Named, Observed
from mithra.graph.tenancy import split_tenancies
from mithra.names import registered_domain

__all__ = ["Assembled", "Family", "assemble", "derive", "edges_of", "family_of", "named"]


_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Family:
    """What names say about each other."""

    group: NDArray[np.int32]  # [domains]
    groups: pa.Array  # [groups]
    registered: pa.Array  # [domains] registered domain, null where there is none
    parent: NDArray[np.int64]  # [domains] id of the registered domain; -1 where it is none or itself

    @cached_property
    def group_names(self) -> pa.Array:
        """eTLD+1 of each domain, [domains]."""
        return self.groups.take(pa.array(self.group))


@dataclass(frozen=True, eq=False)
class Assembled:
    """A relation's edges and what was noted on the way."""

    edges: Edges  # distinct, sorted by domain then entity
    entities: Entities
    dropped: int  # edges over the cap
    malformed: int  # rows whose address is none
    observations: NDArray[np.int64]  # [domains] counts of the records that made the edges


def family_of(names: pa.Array) -> Family:
    """Groups and registered domains of the names, [domains]."""
    group, groups = group_domains(names)
    of_group, registered = dictionary(registered_domain(groups))
    of_name = of_group[group]
    registered_name = registered.take(pa.array(of_name, mask=of_name < 0))
    itself = pc.fill_null(pc.equal(names, registered_name), False).to_numpy(zero_copy_only=False)
    apex = np.full(len(registered) + 1, -1, dtype=np.int64)  # the last one serves names without
    apex[of_name[itself]] = np.flatnonzero(itself)
    parent = np.where(itself, -1, apex[of_name])
    return Family(group, groups, registered_name, parent)


def assemble(
    kind: Observed, found: Found, domains: Callable[[], Domains], family: Callable[[], Family]
) -> Assembled:
    """The edges of an observed relation.

    Args:
        kind: the relation.
        found: its edges, in any order, repeated ones allowed.
        domains: the domains, called when the entities are in order.
        family: who inherits from whom; called only for relations that are inherited.
    """
    raw, entities = _tenancies(found) if kind.tenancies else _in_byte_order(found)
    valid = raw if (raw.entity >= 0).all() else raw.take(raw.entity >= 0)
    distinct = merged(valid)
    observations = np.bincount(distinct.domain, distinct.count, len(domains().names)).astype(np.int64)
    edges, dropped = capped(distinct, kind.most)
    if kind.inherited:
        edges, over = capped(inherited(edges, family().parent, domains().first_seen), kind.most)
        dropped += over
    return Assembled(edges, entities, dropped, len(raw) - len(valid), observations)


def derive(kind: Derived, base: Assembled, keys: pa.Array) -> Assembled:
    """The edges of a derived relation: its base's, each moved to the key of its entity, [base entities]."""
    if len(keys) != len(base.edges.entities):
        raise UsageError(
            f"relation {kind.name!r} must give one key for each entity of {kind.of!r}",
            value=len(keys),
            hint=f"There are {len(base.edges.entities)} entities",
        )
    keys = _dictionary(keys)
    entity_of = pc.fill_null(keys.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    moved = with_entities(base.edges, entity_of, keys.dictionary)
    edges, dropped = capped(merged(moved), kind.most)
    return Assembled(edges, Entities(keys.dictionary), dropped, 0, _NOTHING)


def named(kind: Named, keys: pa.Array, since: NDArray[np.int64], last_seen: pa.Array) -> Assembled:
    """The edges of a relation that follows from names: one key a domain, null for none; all [domains]."""
    if len(keys) != len(since):
        raise UsageError(
            f"relation {kind.name!r} must give one key for each domain",
            value=len(keys),
            hint=f"There are {len(since)} domains",
        )
    keys = _dictionary(keys)
    domain = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
    last = pc.coalesce(last_seen, pa.array(since)).to_numpy()
    entity = pc.fill_null(keys.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    edges = Edges(domain.astype(np.int32), entity[domain], keys.dictionary, since[domain], last[domain])
    return Assembled(edges, Entities(keys.dictionary), 0, 0, _NOTHING)


def _dictionary(keys: pa.Array) -> pa.DictionaryArray:
    """The keys as a dictionary array, in byte order if they are not one already."""
    if pa.types.is_dictionary(keys.type):
        return keys
    ids, names = sorted_dictionary(keys)
    return pa.DictionaryArray.from_arrays(pa.array(ids, mask=ids < 0), names)


def edges_of(found: Found) -> Edges:
    """The edges with ids for entities, in byte order of their keys."""
    entity, keys = sorted_dictionary(found.entity)
    return Edges(found.domain(), entity, keys, found.first_seen, found.last_seen, found.count)


def _in_byte_order(found: Found) -> tuple[Edges, Entities]:
    edges = edges_of(found)
    return edges, Entities(edges.entities)


def _tenancies(found: Found) -> tuple[Edges, Entities]:
    """The edges with tenancies for entities, id -1 where the key is no address: IPv4, then IPv6, in order."""
    held = AddressColumn.of(found.entity)
    rows = np.flatnonzero(held.id >= 0)
    every = len(rows) == len(held.id)
    address, first_seen, last_seen = (
        column if every else column[rows] for column in (held.id, found.first_seen, found.last_seen)
    )
    tenancies = split_tenancies(address, first_seen, last_seen)
    entity = tenancies.of
    if not every:
        entity = np.full(len(held.id), -1, dtype=np.int32)
        entity[rows] = tenancies.of
    keys = tenancies.keys(held.text(tenancies.address))
    edges = Edges(found.domain(), entity, keys, found.first_seen, found.last_seen, found.count)
    return edges, Entities(keys, held.addresses(tenancies.address))
