"""What of the decisions goes into a published list, checked once more, for every target alike.

A decisions file may be old, edited or made elsewhere, so the last step before a resolver trusts nothing:
names that are not canonical, public suffixes, blocks that have ended and blocks without an end are left out
and counted. Where a name is both allowed and blocked it is allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.decisions import Decisions
from mithra.names import SuffixList, canonicalize

__all__ = ["Entries", "Entry", "entries_of", "header"]

Entry = tuple[str, str, str]  # name, action (block or allow), level
_BATCH_ROWS = 10_000
_MARK = "SIMULATED: made with a model that has seen simulated data only; not for use on a resolver"


@dataclass(frozen=True, eq=False)
class Entries:
    """Names to publish, sorted and each once, and how many decisions were left out by reason."""

    table: pa.Table  # name, action, level
    skipped: Counter[str]
    origin: Mapping[str, str]
    simulated: bool

    def __iter__(self) -> Iterator[Entry]:
        for batch in self.table.to_batches(max_chunksize=_BATCH_ROWS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def without(self, drop: pa.BooleanArray, reason: str) -> Entries:
        """The same without some rows, counted under `reason`."""
        gone = pc.sum(drop).as_py() or 0
        skipped = self.skipped + Counter({reason: gone})
        return Entries(self.table.filter(pc.invert(drop)), skipped, self.origin, self.simulated)

    def count(self, column: str, value: str) -> int:
        """Rows with that value."""
        return int(pc.sum(pc.equal(self.table[column], value)).as_py() or 0)


def entries_of(decisions: Decisions, now: datetime, suffixes: SuffixList) -> Entries:
    """Blocks in force at `now` and allowed names; watches are no part of any list."""
    table = decisions.table.select(["name", "action", "level", "expires"])
    table = table.filter(pc.not_equal(table["action"], "watch")).combine_chunks()
    names = table["name"].combine_chunks()
    canonical = canonicalize(names).names
    blocked = pc.equal(table["action"], "block").combine_chunks()
    ended = pc.less_equal(table["expires"], pa.scalar(now, table["expires"].type)).combine_chunks()
    checks = {
        "invalid_name": pc.invert(pc.fill_null(pc.equal(canonical, names), False)),
        "public_suffix": pc.and_(blocked, suffixes.exact(canonical)),
        "above_suffix": pc.and_(blocked, suffixes.above(canonical)),
        "no_expiry": pc.and_(blocked, pc.is_null(table["expires"]).combine_chunks()),
        "expired": pc.and_(blocked, ended),
    }
    struct = pa.StructArray.from_arrays([pc.fill_null(c, False) for c in checks.values()], names=list(checks))
    why = pc.case_when(struct, *[pa.scalar(reason) for reason in checks])
    kept = table.select(["name", "action", "level"]).filter(pc.is_null(why))
    skipped = Counter(pc.drop_null(why).to_pylist())
    once = _once(kept)
    skipped["repeated"] += len(kept) - len(once)
    return Entries(once, +skipped, decisions.origin, decisions.simulated)


def header(entries: Entries, comment: str) -> Iterator[str]:
    """Lines that say what a list is and where it came from, each behind `comment`."""
    origin = entries.origin
    if entries.simulated:
        yield f"{comment} {_MARK}\n"
    yield f"{comment} mithra block list: {entries.count('action', 'block')} names\n"
    for key in (
        "decided_at",
        "as_of",
        "mode",
        "threshold",
        "model_digest",
        "snapshot_digest",
        "policy_digest",
    ):
        yield f"{comment} {key}: {_safe(origin[key])}\n"


def mark() -> str:
    """The words that mark a list as made from simulated data."""
    return _MARK


def _once(table: pa.Table) -> pa.Table:
    """Each name once, sorted: allow before block, subtree before host."""
    order = [("name", "ascending"), ("action", "ascending"), ("level", "descending")]
    ordered = table.sort_by(order).combine_chunks()
    if len(ordered) < 2:
        return ordered
    names = ordered["name"].combine_chunks()
    first = pc.not_equal(names.slice(1), names.slice(0, len(names) - 1))
    return ordered.filter(pa.concat_arrays([pa.array([True]), first]))


def _safe(text: str) -> str:
    """One line of printable ASCII, whatever a file's metadata holds."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:200]
