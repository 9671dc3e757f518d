"""The graph as of one moment: domains, what they share with others, and what is known of each by itself.

A snapshot never changes. Every relation is bipartite, domain to entity, in CSR form by domain; times are
epoch seconds, and an edge's `first_seen` is the moment from which it could be known. An undated graph has
all times 0 and `as_of` None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from mithra.graph.export import Subgraph

__all__ = ["FACTS", "LABELS", "Relation", "Snapshot", "completed"]

FACTS = pa.schema(  # one row a domain, null where unknown; times in epoch seconds
    [
        ("created", pa.int64()),  # registration; may come from a later capture, since it cannot change
        (
            "updated",
            pa.int64(),
        ),  # this and all down to registrar: the registration's last capture up to as_of
        ("expires", pa.int64()),
        ("registration_captured", pa.int64()),  # first capture that told these facts
        ("dnssec", pa.bool_()),
        ("status_count", pa.int32()),
        ("name_server_count", pa.int32()),
        ("registrar", pa.string()),  # as the registration writes it; the relation has the stable key
        ("last_seen", pa.int64()),  # of its own resolution records, as known at as_of
        ("count", pa.int64()),  # observations in them
        ("ttl_min", pa.int64()),  # seconds
        ("popular_days", pa.int32()),  # for labels and guards only, never a feature; so are the next two
        ("popular_rank", pa.int64()),
        ("warning_list", pa.string()),  # MISP warning list that holds the name
    ]
)
LABELS = pa.schema(
    [
        ("domain", pa.int32()),
        ("verdict", pa.string()),
        ("category", pa.string()),
        ("source", pa.string()),
        ("known_at", pa.int64()),  # epoch seconds
        ("confidence", pa.float64()),  # 0 to 1
    ]
)


def completed(columns: Mapping[str, pa.Array], schema: pa.Schema, rows: int) -> pa.Table:
    """A table in the schema's columns, null where a column is not given; others are kept behind them."""
    zeros = pa.py_buffer(np.zeros(8 * (rows + 1), dtype=np.uint8))  # shared, and untouched until read
    own = {
        f.name: columns[f.name].cast(f.type) if f.name in columns else _nulls(f.type, rows, zeros)
        for f in schema
    }
    return pa.table({**own, **{name: column for name, column in columns.items() if name not in own}})


def _nulls(kind: pa.DataType, rows: int, zeros: pa.Buffer) -> pa.Array:
    text = [zeros] if kind == pa.string() else []  # offsets, all 0, and no bytes
    return pa.Array.from_buffers(kind, rows, [zeros, zeros, *text])


@dataclass(frozen=True, eq=False)
class Relation:
    """Edges of one kind. `indices[indptr[d]:indptr[d + 1]]` are the entities of domain `d`."""

    name: str
    entities: pa.Array  # [entities] the key of each: "192.0.2.1", "ns1.example.net", "AS64500"
    indptr: NDArray[np.int64]  # [domains + 1]
    indices: NDArray[np.int32]  # [edges]
    first_seen: NDArray[np.int64]  # [edges] epoch seconds
    last_seen: NDArray[np.int64]  # [edges] epoch seconds, as known at as_of
    weight: NDArray[np.float32]  # [edges] 1 for a plain edge; damping of hubs is in here

    @property
    def edges(self) -> int:
        """Number of edges."""
        return len(self.indices)

    def domain_of_edge(self) -> NDArray[np.int32]:
        """Domain id of every edge, [edges]."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))

    def degree(self) -> NDArray[np.int64]:
        """Domains of each entity, [entities]."""
        return np.bincount(self.indices, minlength=len(self.entities)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The graph at time `as_of`; ids of domains are positions in `names`."""

    as_of: datetime | None
    names: pa.Array  # [domains] canonical, unique
    group: NDArray[np.int32]  # [domains] id of the domain's eTLD+1, into `groups`
    groups: pa.Array  # [groups] eTLD+1
    first_seen: NDArray[np.int64]  # [domains] epoch seconds of the first observation
    relations: Mapping[str, Relation]
    facts: pa.Table  # [domains] what is known of each by itself, see graph/build.py
    labels: pa.Table  # domain (int32), verdict, category, source, known_at; only known_at <= as_of
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def open(cls, path: str | Path, verify: bool = False) -> Snapshot:
        """The snapshot saved in a folder, memory-mapped: opening takes milliseconds and little memory.

        Args:
            path: the folder.
            verify: hash every file first and check all ids.

        Raises:
            SnapshotError: no snapshot there, or an incomplete one.
            IntegrityError: with `verify`, stored bytes that are not those that were written.
        """
        from mithra.graph.disk import open_snapshot

        return open_snapshot(Path(path), verify=verify)

    def save(self, path: str | Path) -> Snapshot:
        """Write the snapshot to a new folder, all or nothing, and return it memory-mapped from there.

        Raises:
            SnapshotError: something else is at the path, or it cannot be written.
        """
        from mithra.graph.disk import open_snapshot, save_snapshot

        save_snapshot(self, Path(path))
        return open_snapshot(Path(path))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, hex: equal for equal content, whatever it was built from."""
        from mithra.graph.parts import content_digest

        recorded = self.manifest.get("digest")
        return recorded if isinstance(recorded, str) else content_digest(self)

    def index(self, names: pa.Array) -> NDArray[np.int64]:
        """Ids of canonical names, -1 for those that the snapshot does not hold."""
        found = pc.index_in(names, value_set=self.names)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def to_pyg(self) -> HeteroData:
        """The graph for torch-geometric: node types `domain` and one for each relation, edges both ways.

        Domains carry `first_seen` and `group`; edges carry `edge_attr` [edges, 2], first and last seen in
        epoch seconds (int64), and `edge_weight` [edges].
        """
        from mithra.graph.export import to_pyg

        return to_pyg(self)

    def neighbourhood(self, name: str, hops: int = 1, limit: int = 500) -> Subgraph:
        """What lies within so many edges of a name, at most `limit` nodes, for small pictures.

        One hop leads to the entities of the name, a second to the domains that share them, rare entities
        first.

        Raises:
            SnapshotError: the snapshot does not hold the name.
            UsageError: hops or limit below 1.
        """
        from mithra.graph.export import neighbourhood

        return neighbourhood(self, name, hops, limit)
