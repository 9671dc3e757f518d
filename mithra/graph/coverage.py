"""Which parts of the evidence on a name are there: its addresses, its name servers, its registration.

A part counts where a record of it was known by the moment asked about; that a name was registered by then
may be told by a later capture, since it cannot have changed. What the whole snapshot
lacks, such as registrations in a workspace of DNS records alone, nobody can be short of.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.company import Examples, visible_edges
from mithra.graph.snapshot import Snapshot

__all__ = ["ENOUGH_PARTS", "PARTS", "covered", "needed"]

PARTS = ("resolution", "name servers", "registration", "other")
ENOUGH_PARTS = 2  # with fewer, evidence is too thin for a verdict
PART_OF_RELATION = {"name_server": 1, "name_server_domain": 1, "registrar": 2} | dict.fromkeys(
    ("address", "prefix", "asn", "cname_target", "mail_server"), 0
)
NO_RECORD = ("etld_plus_one",)  # the name itself tells it
REGISTERED = ("created", "registration_captured")  # facts; either tells that a registration is known


def covered(snapshot: Snapshot, examples: Examples) -> NDArray[np.bool_]:
    """Which of PARTS are known of each example, [examples, PARTS]."""
    found = np.zeros((len(examples), len(PARTS)), dtype=bool)
    for name, relation in snapshot.relations.items():
        if name not in NO_RECORD:
            example, _ = visible_edges(relation, examples.domain, examples.at)
            found[example, PART_OF_RELATION.get(name, 3)] = True
    for name in REGISTERED:
        known = np.asarray(pc.fill_null(_fact(snapshot, name).take(pa.array(examples.domain)), np.nan))
        found[:, 2] |= known <= examples.at
    return found


def needed(snapshot: Snapshot) -> int:
    """How many parts a verdict takes: two, or fewer where the snapshot has no more."""
    parts = {
        PART_OF_RELATION.get(name, 3)
        for name, relation in snapshot.relations.items()
        if name not in NO_RECORD and relation.edges
    }
    if any(_fact(snapshot, name).null_count < len(snapshot) for name in REGISTERED):
        parts.add(2)
    return max(1, min(ENOUGH_PARTS, len(parts)))


def _fact(snapshot: Snapshot, name: str) -> pa.Array:
    """A fact as numbers, null where unknown, [domains]."""
    if name not in snapshot.facts.column_names:
        return pa.nulls(len(snapshot), pa.float64())
    column = snapshot.facts[name]
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return flat.cast(pa.float64())
