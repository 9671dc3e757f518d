"""Owner kinds that somebody told: a table such as a simulation's truth, or the categories of labels.

Out come nefarious names of a snapshot with their kind and since when they are nefarious; nothing that was not
so by the snapshot's time. Names that are not nefarious have no owner kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import InputError
from mithra.graph.snapshot import LABELS, Snapshot
from mithra.graph.verdicts import standing
from mithra.names import canonicalize
from mithra.schema import TIMESTAMP

__all__ = [
    "ATTACKER",
    "COMPROMISED",
    "KINDS",
    "KIND_WORDS",
    "TENANT",
    "Told",
    "told_by_labels",
    "told_by_table",
]

KINDS = ("attacker", "compromised", "tenant")
ATTACKER, COMPROMISED, TENANT = range(3)
KIND_WORDS = {
    "attacker": "the attacker's own",
    "compromised": "a site that was broken into",
    "tenant": "a tenant of shared hosting",
}
BROKEN_INTO = "compromised"  # word of a label's category
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Told:
    """Nefarious names of a snapshot whose owner kind is known, one a row."""

    domain: NDArray[np.int64]
    kind: NDArray[np.int8]  # position in KINDS
    since: NDArray[np.int64]  # epoch seconds from which on it is nefarious

    def __len__(self) -> int:
        return len(self.domain)

    def take(self, rows: NDArray[np.bool_]) -> Told:
        """The chosen rows."""
        return Told(self.domain[rows], self.kind[rows], self.since[rows])


def told_by_table(snapshot: Snapshot, table: pa.Table) -> Told:
    """What a table tells of names that were nefarious by the snapshot's time.

    Args:
        table: columns name (in any spelling) and owner (attacker, compromised or tenant; others are passed
            over). It may have verdict, whose rows that are not nefarious are passed over, and activated_at,
            since when; without, it is the moment at which a source first listed the name.

    Raises:
        InputError: a column is missing or of another type, or no row has an owner kind.
    """
    rows = _rows(table)
    domain = snapshot.index(rows["name"].combine_chunks())
    rows, domain = rows.filter(pa.array(domain >= 0)), domain[domain >= 0]
    since = np.asarray(pc.fill_null(rows["since"], -1))
    since = np.where(since < 0, _first_listed(snapshot)[domain], since)
    known = since <= (NEVER - 1 if snapshot.as_of is None else int(snapshot.as_of.timestamp()))
    return Told(domain, np.asarray(rows["kind"]), since).take(known)


def told_by_labels(snapshot: Snapshot) -> Told:
    """What categories of labels tell: `compromised`, and of a source that says so of some, the others.

    A source that never says so does not look; of its names nothing is told.
    """
    bad = _nefarious(snapshot)
    broken = pc.fill_null(pc.match_substring(bad["category"], BROKEN_INTO, ignore_case=True), False)
    looks = pc.is_in(bad["source"], value_set=pc.unique(bad["source"].filter(broken)))
    told, hit = np.asarray(bad["domain"].filter(looks)).astype(np.int64), np.asarray(broken.filter(looks))
    domain = np.unique(told)
    kind = np.where(np.isin(domain, told[hit]), COMPROMISED, ATTACKER)
    return Told(domain, kind.astype(np.int8), _first_listed(snapshot)[domain])


def _rows(table: pa.Table) -> pa.Table:
    """name, kind (position in KINDS) and since (epoch seconds, null where not told) of nefarious names."""
    missing = {"name", "owner"} - set(table.column_names)
    if missing:
        raise InputError("the table of owner kinds lacks columns", value=sorted(missing))
    try:
        kind = pc.index_in(table["owner"].cast(pa.string()), value_set=pa.array(KINDS))
        names = canonicalize(table["name"].cast(pa.string()).combine_chunks()).names
        columns = {"name": names, "kind": kind.cast(pa.int8())}
        told = pc.is_valid(kind)
        if "verdict" in table.column_names:
            bad = pc.equal(table["verdict"].cast(pa.string()), "nefarious")
            told = pc.and_(told, pc.fill_null(bad, False))
        if "activated_at" in table.column_names:
            seconds = pc.divide(table["activated_at"].cast(TIMESTAMP).cast(pa.int64()), 1_000_000)
        else:
            seconds = pa.nulls(len(table), pa.int64())
    except pa.ArrowException as error:
        raise InputError(f"a column of the owner kinds has another type: {error}") from error
    rows = pa.table({**columns, "since": seconds}).filter(pc.and_(told, pc.is_valid(names)))
    if not len(rows):
        raise InputError("the table tells no owner kind", hint=f"Kinds: {', '.join(KINDS)}")
    return rows


def _first_listed(snapshot: Snapshot) -> NDArray[np.int64]:
    """When a source first called each domain nefarious, or NEVER, [domains]."""
    first, bad = np.full(len(snapshot), NEVER), _nefarious(snapshot)
    known_at = np.asarray(pc.fill_null(bad["known_at"], NEVER))
    np.minimum.at(first, np.asarray(bad["domain"]).astype(np.int64), known_at)
    return first


def _nefarious(snapshot: Snapshot) -> pa.Table:
    """The labels that stand and call a name nefarious."""
    if not snapshot.labels.num_rows:
        return LABELS.empty_table()
    stands = pa.array(standing(snapshot.labels))
    return snapshot.labels.filter(
        pc.and_(stands, pc.equal(snapshot.labels["verdict"], "nefarious").combine_chunks())
    )
