"""What of the decisions goes into a published list, checked once more, for every target alike.

A decisions file may be old, edited or made elsewhere, so the last step before a resolver trusts nothing:
names that are not canonical, public suffixes, blocks that have ended and blocks without an end are left out
and counted. Where a name is both allowed and blocked it is allowed, and so is what lies below an allowed
subtree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.decisions import Decisions
from mithra.names import SuffixList, canonicalize

__all__ = ["MARK", "Entries", "Entry", "ListSettings", "entries_of", "header", "safe"]

Entry = tuple[str, str, str]  # name, action (block or allow), level
_COLUMNS = ["name", "action", "level", "score", "expires"]
_BATCH_ROWS = 10_000
MARK = "SIMULATED: made with a model that has seen simulated data only; not for use on a resolver"
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.:/+-]")


@dataclass(frozen=True)
class ListSettings:
    """What a list is written with; each target uses what it has a use for."""

    now: datetime
    zone: str
    serial: int
    answer: str
    sinkholes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Entries:
    """Names to publish, sorted and each once, and how many decisions were left out by reason."""

    table: pa.Table  # name, action, level, score, expires
    skipped: Counter[str]
    origin: Mapping[str, str]
    simulated: bool

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The table a bounded piece at a time."""
        yield from self.table.to_batches(max_chunksize=_BATCH_ROWS)

    def pieces(self) -> Iterator[Iterator[Entry]]:
        """The same as entries."""
        for batch in self.batches():
            yield zip(*(batch[column].to_pylist() for column in ("name", "action", "level")), strict=True)

    def __iter__(self) -> Iterator[Entry]:
        for piece in self.pieces():
            yield from piece

    def without(self, drop: pa.BooleanArray, reason: str) -> Entries:
        """The same without some rows, counted under `reason`."""
        gone = pc.sum(drop).as_py() or 0
        if not gone:
            return self
        skipped = self.skipped + Counter({reason: gone})
        return Entries(self.table.filter(pc.invert(drop)), skipped, self.origin, self.simulated)

    def below(self, action: str, reason: str) -> Entries:
        """The same without blocks that lie below a subtree with that action."""
        found = pc.and_(pc.equal(self.table["action"], action), pc.equal(self.table["level"], "subtree"))
        roots = set(self.table["name"].filter(found).to_pylist())
        if not roots:
            return self
        drop = [act == "block" and _lies_below(name, roots) for name, act, _ in self]
        return self.without(pa.array(drop, pa.bool_()), reason)

    def count(self, column: str, value: str) -> int:
        """Rows with that value."""
        return int(pc.sum(pc.equal(self.table[column], value)).as_py() or 0)


def entries_of(decisions: Decisions, now: datetime, suffixes: SuffixList) -> Entries:
    """Blocks in force at `now` and allowed names; watches are no part of any list."""
    table = decisions.table.select(_COLUMNS)
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
    kept = table.filter(pc.is_null(why)).replace_schema_metadata(None)
    skipped = Counter(pc.drop_null(why).to_pylist())
    once = _once(kept)
    skipped["repeated"] += len(kept) - len(once)
    made = Entries(once, +skipped, decisions.origin, decisions.simulated)
    return made.below("allow", "below_allowed")


def header(entries: Entries, comment: str) -> Iterator[str]:
    """Lines that say what a list is and where it came from, each behind `comment`."""
    origin = entries.origin
    if entries.simulated:
        yield f"{comment} {MARK}\n"
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
        yield f"{comment} {key}: {safe(origin[key])}\n"


def safe(text: str) -> str:
    """One line of letters, digits and signs that mean nothing anywhere, whatever a file's metadata holds."""
    return _UNSAFE.sub("?", text)[:200].lstrip("+-")


def _once(table: pa.Table) -> pa.Table:
    """Each name once, sorted: allow before block, subtree before host."""
    order = [("name", "ascending"), ("action", "ascending"), ("level", "descending")]
    ordered = table.sort_by(order).combine_chunks()
    if len(ordered) < 2:
        return ordered
    names = ordered["name"].combine_chunks()
    first = pc.not_equal(names.slice(1), names.slice(0, len(names) - 1))
    return ordered.filter(pa.concat_arrays([pa.array([True]), first]))


def _lies_below(name: str, roots: set[str]) -> bool:
    while name := name.partition(".")[2]:
        if name in roots:
            return True
    return False
