"""The catalogue of relations: what domains share. One line, and where needed one function, makes a relation.

An observed relation takes the records of some types, or a function that turns what was known (`Visible`)
into a lazy frame of edges `domain, entity, first_seen, last_seen`; the entity is a text key. A derived
relation gives each entity of another relation the key of a wider one, as an address has its prefix. A named
relation follows from the domain's name. To add your own, hand an `Observed`, `Derived` or `Named` to
`snapshot(…, relations=[…])` or to `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph import networks
from mithra.graph.asof import Visible
from mithra.graph.entities import Entities
from mithra.graph.native import Frame, arrow
from mithra.names import registered_domain

__all__ = ["CATALOGUE", "Derived", "Entities", "Named", "Observed", "RelationKind", "catalogue", "register"]

MAX_EDGES_PER_DOMAIN = 256


@dataclass(frozen=True)
class Observed:
    """A relation whose edges are read from the tables: from record types, by a function, or both."""

    name: str
    edges: Callable[[Visible], Frame] | None = None
    rrtypes: tuple[str, ...] = ()  # every record of these types is an edge from its owner to its rdata
    tenancies: bool = False  # entities are addresses, to be split into tenancies
    inherited: bool = False  # a host has its registered domain's edges too
    most: int = MAX_EDGES_PER_DOMAIN  # edges a domain, those seen first; the rest is dropped and counted
    version: int = 1  # raise it when the meaning changes: stored snapshots are then built anew


@dataclass(frozen=True)
class Derived:
    """A relation whose entities contain those of another one.

    `key` takes the other's entities and what was known, and returns the wider entity of each, null for none:
    strings, or a dictionary array if the order of its dictionary is to be the order of the entities.
    """

    name: str
    of: str
    key: Callable[[Entities, Visible], pa.Array]
    most: int = MAX_EDGES_PER_DOMAIN
    version: int = 1


@dataclass(frozen=True)
class Named:
    """A relation that follows from the domain's name alone: an edge is known once the name is.

    `key` takes what was known and returns the entity of each domain, [domains], null for none: strings, or a
    dictionary array as with `Derived`. The names themselves are `visible.names`.
    """

    name: str
    key: Callable[[Visible], pa.Array]
    version: int = 1


RelationKind = Observed | Derived | Named


def delegation(visible: Visible) -> Frame:
    """Domain to the name servers that its registration names."""
    servers = visible.registrations.explode("name_servers").select(
        "domain", entity="name_servers", first_seen="captured_at", last_seen="captured_at"
    )
    return servers.filter(~nw.col("entity").is_null())


def registrar(visible: Visible) -> Frame:
    """Domain to its registrar: `iana:292`, or the name in lower case where there is no IANA id."""
    by_id = nw.concat_str(nw.lit("iana:"), nw.col("registrar_iana_id").cast(nw.String))
    by_name = nw.col("registrar").str.to_lowercase().str.strip_chars()
    key = nw.when(~nw.col("registrar_iana_id").is_null()).then(by_id).otherwise(by_name)
    held = visible.registrations.select(
        "domain", entity=key, first_seen="captured_at", last_seen="captured_at"
    )
    return held.filter(~nw.col("entity").is_null(), nw.col("entity") != "")


def etld_plus_one(visible: Visible) -> pa.Array:
    """Domain to its eTLD+1, private suffixes counted; a public suffix is its own."""
    return visible.groups


def prefix(held: Entities, visible: Visible) -> pa.Array:
    """/24 of an IPv4 address, /48 of an IPv6 address."""
    of, names = networks.prefixes(held.addresses)
    return _dictionary(of, names)


def asn(held: Entities, visible: Visible) -> pa.Array:
    """The autonomous system that announces an address: `AS64500`."""
    number = np.full(len(held.keys), -1, dtype=np.int64)
    for ranges in _network_tables(visible):
        missing = np.flatnonzero(number < 0)
        found = networks.network_of(held.addresses.take(missing), ranges)
        number[missing] = np.where(found < 0, -1, ranges.asn[found] if len(ranges.asn) else -1)
    numbers, of = np.unique(number, return_inverse=True)
    none = int(np.searchsorted(numbers, 0))
    names = pc.binary_join_element_wise("AS", pa.array(numbers[none:]).cast(pa.string()), "")
    return _dictionary((of - none).astype(np.int32), names)


def name_server_domain(name_servers: Entities, visible: Visible) -> pa.Array:
    """Registered domain of a name server."""
    return registered_domain(name_servers.keys)


CATALOGUE: tuple[RelationKind, ...] = (
    Observed("address", rrtypes=("A", "AAAA"), tenancies=True),
    Derived("prefix", "address", prefix),
    Derived("asn", "address", asn),
    Observed("name_server", delegation, rrtypes=("NS",), inherited=True),
    Derived("name_server_domain", "name_server", name_server_domain),
    Observed("mail_server", rrtypes=("MX",), inherited=True),
    Observed("cname_target", rrtypes=("CNAME",)),
    Observed("registrar", registrar, inherited=True),
    Named("etld_plus_one", etld_plus_one),
)
_registered: dict[str, RelationKind] = {}


def register(kind: RelationKind) -> RelationKind:
    """Add a relation to the catalogue of this process, so that snapshots can name it.

    Raises:
        UsageError: the name is one of the catalogue's, or no plain identifier.
    """
    if not kind.name.isidentifier():
        raise UsageError("a relation's name is letters, digits and underscores", value=kind.name)
    if any(kind.name == known.name for known in CATALOGUE):
        raise UsageError(
            "a relation of that name is in the catalogue", value=kind.name, hint="Choose another"
        )
    _registered[kind.name] = kind
    return kind


def catalogue() -> dict[str, RelationKind]:
    """Every relation by name: the built-in ones, then those that were registered."""
    return {kind.name: kind for kind in CATALOGUE} | _registered


def chosen(relations: Iterable[str | RelationKind] | None) -> list[RelationKind]:
    """The relations meant, what a derived one derives from always before it; None means all.

    Raises:
        UsageError: a name that is not in the catalogue, or two relations of one name.
    """
    known = catalogue()
    wanted: dict[str, RelationKind] = {}

    def add(kind: RelationKind) -> None:
        if wanted.setdefault(kind.name, kind) != kind:
            raise UsageError("two relations have the same name", value=kind.name)
        if isinstance(kind, Observed) and kind.edges is None and not kind.rrtypes:
            raise UsageError("an observed relation needs record types or a function", value=kind.name)
        if isinstance(kind, Derived) and kind.of not in wanted:
            add(_named(kind.of, known))

    for relation in known.values() if relations is None else relations:
        add(_named(relation, known) if isinstance(relation, str) else relation)
    return sorted(wanted.values(), key=lambda kind: _depth(kind, wanted))


def _named(name: str, known: dict[str, RelationKind]) -> RelationKind:
    if name not in known:
        raise UsageError("no such relation", value=name, hint=f"Relations: {', '.join(known)}")
    return known[name]


def _depth(kind: RelationKind, wanted: dict[str, RelationKind]) -> int:
    return 1 + _depth(wanted[kind.of], wanted) if isinstance(kind, Derived) else 0


def _network_tables(visible: Visible) -> list[networks.Ranges]:
    """The dated networks, and those without a day to fall back on."""
    columns = arrow(visible.networks.select("start", "end", "asn", "valid_from"))
    table = columns.filter(pc.and_(pc.is_valid(columns["start"]), pc.is_valid(columns["end"])))
    dated = pc.is_valid(table["valid_from"])
    return [
        networks.ranges_of(part["start"], part["end"], part["asn"])
        for part in (table.filter(dated), table.filter(pc.invert(dated)))
        if part.num_rows
    ]


def _dictionary(ids: NDArray[np.int32], names: pa.Array) -> pa.DictionaryArray:
    """A column of names by id, null where the id is -1."""
    return pa.DictionaryArray.from_arrays(pa.array(ids, mask=ids < 0), names)
