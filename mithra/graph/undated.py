"""A snapshot from plain edge lists without dates, held in memory.

For labelled graphs that come as files of nodes and edges. Domains keep the order in which they are given,
all times are 0 and `as_of` is None.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import UsageError
from mithra.graph.csr import relation_from_edges
from mithra.graph.groups import group_domains
from mithra.graph.snapshot import FACTS, LABELS, Relation, Snapshot, completed

__all__ = ["NAME_RELATIONS", "snapshot_from_edges"]

NAME_RELATIONS = ("apex", "similar")  # the entity is a name: an edge leads from domain to domain


def snapshot_from_edges(
    names: pa.Array,
    relations: Mapping[str, tuple[NDArray[np.int32], pa.Array]],
    *,
    facts: pa.Table | None = None,
    labels: pa.Table | None = None,
) -> Snapshot:
    """An undated snapshot: `relations[kind] = (domain, key)`, one item an edge.

    Args:
        names: canonical names, distinct, [domains]; their order is kept.
        relations: for each relation the positions in `names`, [edges], and the entity keys, [edges].
        facts: columns of `FACTS`, one row a domain; columns left out are unknown.
        labels: columns `domain` (position) and `verdict`, others of `LABELS` where there are any.

    Raises:
        UsageError: names that repeat, arrays of different length, or a domain outside of `names`.
    """
    names = _flat(names).cast(pa.string())
    if names.null_count or pc.count_distinct(names).as_py() != len(names):
        raise UsageError(
            "names of a snapshot must be distinct and not null", hint="Canonicalise and deduplicate them"
        )
    group, groups = group_domains(names)
    return Snapshot(
        as_of=None,
        names=names,
        group=group,
        groups=groups,
        first_seen=np.zeros(len(names), dtype=np.int64),
        relations={
            kind: _undated(kind, domain, _flat(keys), len(names))
            for kind, (domain, keys) in relations.items()
        },
        facts=_facts(facts, len(names)),
        labels=_labels(labels, len(names)),
    )


def _undated(kind: str, domain: NDArray[np.int32], keys: pa.Array, domains: int) -> Relation:
    no_time = np.zeros(len(keys), dtype=np.int64)
    return relation_from_edges(
        kind, np.asarray(domain, dtype=np.int32), keys, no_time, no_time, domains=domains
    )


def _facts(facts: pa.Table | None, domains: int) -> pa.Table:
    if facts is not None and facts.num_rows != domains:
        raise UsageError(f"facts need one row for each of {domains} domains", value=facts.num_rows)
    return completed({} if facts is None else _columns(facts), FACTS, domains)


def _labels(labels: pa.Table | None, domains: int) -> pa.Table:
    if labels is None:
        return LABELS.empty_table()
    missing = {"domain", "verdict"} - set(labels.column_names)
    if missing:
        raise UsageError("labels lack a column", value=", ".join(sorted(missing)))
    ids = labels["domain"].to_numpy()
    if len(ids) and (ids.min() < 0 or ids.max() >= domains):
        raise UsageError("a label names a domain that does not exist", value=int(ids.max()))
    filled = completed(_columns(labels), LABELS, len(labels))
    known_at = pc.fill_null(filled["known_at"], 0)
    return filled.set_column(filled.schema.get_field_index("known_at"), LABELS.field("known_at"), known_at)


def _flat(array: pa.Array) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _columns(table: pa.Table) -> dict[str, pa.Array]:
    return {name: _flat(table[name]) for name in table.column_names}
