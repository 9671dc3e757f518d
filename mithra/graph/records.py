"""The resource records that could be known, in memory: who they are about, and what they say by type.

Giving names their ids (`number`) is the one slow step that edges need, so `Found` edges ask for the ids of
their domains only at the end, and addresses are sorted by another thread meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import dictionary

__all__ = ["Domains", "Found", "Names", "Records", "domains_of", "number"]

_NEVER = np.iinfo(np.int64).max
_BLOCK_ROWS = 1 << 15  # of names compared at once: temporaries stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Domains:
    """The domains of a snapshot, by id; all [domains] but the last one."""

    names: pa.Array  # in byte order
    first_seen: NDArray[np.int64]  # first observation
    last_seen: pa.Array  # of its traffic, null where there was none
    ttl_min: pa.Array  # of its records, null where no TTL is known
    of_record: NDArray[np.int32]  # [records] id of each record's owner


@dataclass(frozen=True, eq=False)
class Found:
    """Edges as they were found, in any order, repeated ones among them; all [rows]."""

    domain: Callable[[], NDArray[np.int32]]  # ids, which may have to be waited for
    entity: pa.ChunkedArray
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]
    count: NDArray[np.int64]  # observations, 0 where the edge is from no record

    @classmethod
    def of(cls, edges: pa.Table) -> Found:
        """The edges of a table `domain, entity, first_seen, last_seen` and, where it has it, `count`."""
        domain = edges["domain"].to_numpy().astype(np.int32, copy=False)
        return cls(
            domain=lambda: domain,
            entity=edges["entity"],
            first_seen=edges["first_seen"].to_numpy(),
            last_seen=edges["last_seen"].to_numpy(),
            count=(
                edges["count"].to_numpy()
                if "count" in edges.column_names
                else np.zeros(edges.num_rows, dtype=np.int64)
            ),
        )

    def __len__(self) -> int:
        return len(self.first_seen)

    def with_more(self, more: Found) -> Found:
        """These edges and those."""
        return Found(
            domain=lambda: np.concatenate([self.domain(), more.domain()]),
            entity=pa.chunked_array([*self.entity.chunks, *more.entity.chunks], self.entity.type),
            first_seen=np.concatenate([self.first_seen, more.first_seen]),
            last_seen=np.concatenate([self.last_seen, more.last_seen]),
            count=np.concatenate([self.count, more.count]),
        )


class Records:
    """Rows name, rrtype, rdata, first_seen, last_seen, count, ttl and maybe hashed; times in seconds."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.first_seen = table["first_seen"].to_numpy()
        self.last_seen = table["last_seen"].to_numpy()
        self.count = table["count"].to_numpy()
        self._type, self._types = dictionary(table["rrtype"])

    def of_types(self, rrtypes: Iterable[str], domains: Callable[[], Domains]) -> Found:
        """Edges from the owners of the records of these types to their rdata."""
        chosen = self._chosen(rrtypes)
        return self._found(np.flatnonzero(chosen), _filtered(self.table["rdata"], chosen), domains)

    def of_other_types(self, rrtypes: Iterable[str], domains: Callable[[], Domains]) -> Found:
        """Edges from the owners of all other records to what they say, type and rdata."""
        chosen = self._chosen(set(self._types.to_pylist()) - set(rrtypes))
        said = [_filtered(self.table[column], chosen) for column in ("rrtype", "rdata")]
        return self._found(np.flatnonzero(chosen), pc.binary_join_element_wise(*said, " "), domains)

    def with_ids(self, domains: Domains) -> pa.Table:
        """The rows with `domain`, the id, in place of `name`."""
        told = self.table.select([name for name in self.table.column_names if name not in ("name", "hashed")])
        return told.append_column("domain", pa.array(domains.of_record))

    def owners(self) -> tuple[NDArray[np.int32], pa.Array]:
        """Id of each row's name, [rows], and the distinct names, both in order of appearance."""
        names = self.table["name"]
        if "hashed" not in self.table.column_names or not len(names):
            return dictionary(names)
        ids, _ = dictionary(self.table["hashed"])  # numbers take a third of the time of text
        highest = np.maximum.accumulate(ids)
        appears = np.flatnonzero(np.diff(highest, prepend=np.int32(-1)))
        distinct = names.take(pa.array(appears)).combine_chunks()
        for start in range(0, len(names), _BLOCK_ROWS):
            block = ids[start : start + _BLOCK_ROWS]
            same = pc.equal(names.slice(start, _BLOCK_ROWS), distinct.take(pa.array(block)))
            if not pc.all(same).as_py():
                return dictionary(names)  # two names with one hash: chance, or somebody's doing
        return ids, distinct

    def _chosen(self, rrtypes: Iterable[str]) -> NDArray[np.bool_]:
        wanted = pc.is_in(self._types, value_set=pa.array(list(rrtypes), pa.string())).to_numpy(False)
        chosen = np.append(wanted, False)[self._type]
        if self.table["rdata"].null_count:
            chosen &= self.table["rdata"].is_valid().to_numpy()
        return chosen

    def _found(
        self, rows: NDArray[np.int64], entity: pa.ChunkedArray, domains: Callable[[], Domains]
    ) -> Found:
        return Found(
            domain=lambda: domains().of_record[rows],
            entity=entity,
            first_seen=self.first_seen[rows],
            last_seen=self.last_seen[rows],
            count=self.count[rows],
        )


@dataclass(frozen=True, eq=False)
class Names:
    """Every observed name with its id."""

    names: pa.Array  # [domains] in byte order
    of_record: NDArray[np.int32]  # [records] id of each record's owner
    of_other: NDArray[np.int32]  # [others] id of each name seen in other ways


def number(records: Records, others: pa.Table) -> Names:
    """Give every observed name its id, in byte order of the names.

    Args:
        records: the resource records.
        others: names seen in other ways, once each, in a column `name`.
    """
    owner, distinct = records.owners()
    other = np.zeros(0, dtype=np.int32)
    if others.num_rows:
        known = len(distinct)
        ids, distinct = dictionary(pa.chunked_array([distinct, *others["name"].chunks], pa.string()))
        owner, other = ids[:known][owner], ids[known:]
    order = pc.array_sort_indices(distinct).to_numpy()
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return Names(distinct.take(pa.array(order)), rank[owner], rank[other])


def domains_of(names: Names, records: Records, others: pa.Table) -> Domains:
    """The domains: when each was seen in records, and in other ways (name, first_seen, last_seen or null)."""
    first_seen = np.full(len(names.names), _NEVER, dtype=np.int64)
    last_seen = np.full(len(names.names), -_NEVER, dtype=np.int64)
    np.minimum.at(first_seen, names.of_record, records.first_seen)
    np.maximum.at(last_seen, names.of_record, records.last_seen)
    if others.num_rows:
        np.minimum.at(first_seen, names.of_other, others["first_seen"].to_numpy())
        np.maximum.at(last_seen, names.of_other, pc.fill_null(others["last_seen"], -_NEVER).to_numpy())
    return Domains(
        names=names.names,
        first_seen=first_seen,
        last_seen=pa.array(last_seen, mask=last_seen == -_NEVER),
        ttl_min=_lowest_ttl(records.table["ttl"], names.of_record, len(names.names)),
        of_record=names.of_record,
    )


def _filtered(column: pa.ChunkedArray, chosen: NDArray[np.bool_]) -> pa.ChunkedArray:
    parts, start = [], 0
    for chunk in column.chunks:
        parts.append(chunk.filter(pa.array(chosen[start : start + len(chunk)])))
        start += len(chunk)
    return pa.chunked_array(parts, column.type)


def _lowest_ttl(ttl: pa.ChunkedArray, owner: NDArray[np.int32], domains: int) -> pa.Array:
    lowest = np.full(domains, _NEVER, dtype=np.int64)
    if ttl.null_count < len(ttl):
        known = np.flatnonzero(ttl.is_valid().to_numpy())
        np.minimum.at(lowest, owner[known], ttl.take(pa.array(known)).to_numpy())
    return pa.array(lowest, mask=lowest == _NEVER)
