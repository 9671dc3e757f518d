"""What had been decided of names at any moment, by the runs of a ledger or by one file of decisions.

At a moment the last run up to it counts, with what operators had allowed by then; a block counts until it
ends. A name is met by the decision on itself, or by a block or an allow of a subtree that it lies in. An
allow wins over a block, a block over a watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.decide.decisions import Decisions
from mithra.decide.ledger import Ledger
from mithra.observe.convert import to_seconds

__all__ = ["NOTHING", "Dispositions", "Met", "Standing"]

NOTHING = "none"
KEPT_RUNS = 4  # in memory
_ACTIONS = np.array([NOTHING, "watch", "block", "allow"])
_WATCH, _BLOCK, _ALLOW = 1, 2, 3


@dataclass(frozen=True, eq=False)
class Met:
    """What was in force for some names."""

    action: pa.Array  # [names] block, watch, allow or none
    by: pa.Array  # [names] the name that was decided on: itself or one above; null where nothing was


class Standing:
    """All that was in force between two changes."""

    def __init__(self, decided: pa.Table | None, allowed: Mapping[str, str]) -> None:
        """`decided` has the columns of decisions, `allowed` the reason for each name that operators allow."""
        rows = {each: _rows(decided, each) for each in ("allow", "block", "watch")}
        self._table, self._allowed, self._rows = decided, allowed, rows
        operators = pa.array(list(allowed), pa.string())
        self._operators = _Names(operators, np.ones(len(operators), dtype=bool))
        self._names = {each: _Names.of(table) for each, table in rows.items()}
        self._ends = _seconds(rows["block"]["expires"]) if decided is not None else np.zeros(0, np.int64)

    def find(self, names: pa.Array, seconds: NDArray[np.int64]) -> Met:
        """What was in force for each name at its moment, [names] epoch seconds."""
        action, by = np.zeros(len(names), dtype=np.int64), np.full(len(names), None, dtype=object)
        for code, held in ((_ALLOW, self._operators), (_ALLOW, self._names["allow"])):
            for row in held.candidates(names):
                _take(action, by, row, code, held.names, row >= 0)
        for row in self._names["block"].candidates(names):
            live = self._ends[np.maximum(row, 0)] > seconds if len(self._ends) else row >= 0
            _take(action, by, row, _BLOCK, self._names["block"].names, (row >= 0) & live)
        own = self._names["watch"].own(names)
        _take(action, by, own, _WATCH, self._names["watch"].names, own >= 0)
        return Met(pa.array(_ACTIONS[action]), pa.array(by, pa.string()))

    def touches(self, names: pa.Array) -> NDArray[np.bool_]:
        """Whether each name is blocked or watched, blocks that ended included, [names]."""
        found = self._names["watch"].own(names) >= 0
        for row in self._names["block"].candidates(names):
            found |= row >= 0
        return found

    def decisions(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """The decisions on exactly these names."""
        if self._table is None:
            return {}
        chosen = self._table.filter(pc.is_in(self._table["name"], value_set=pa.array(names, pa.string())))
        return {row["name"]: row for row in chosen.to_pylist()}

    def allowed(self, name: str) -> str | None:
        """The operator's reason for an allowed name."""
        return self._allowed.get(name)

    @property
    def names(self) -> pa.Array:
        """All names that are blocked or watched."""
        return pa.concat_arrays([self._names[each].names for each in ("block", "watch")])


class Dispositions:
    """The runs and allows of a ledger as they followed each other."""

    def __init__(self, ledger: Ledger, decisions: Decisions | None = None) -> None:
        """`decisions`, where given, stand for the runs of the ledger."""
        if decisions is None:
            order = sorted(
                enumerate(ledger.runs()), key=lambda run: run[1]
            )  # a later record of equal ones last
            self._load: Callable[[int], Decisions] = ledger.run
        else:
            order = [(0, datetime.fromisoformat(decisions.origin["decided_at"]))]
            self._load = lambda _: decisions
        self._ledger = ledger
        self._places, self._decided = [place for place, _ in order], [moment for _, moment in order]
        changes = sorted({*self._decided, *ledger.allow_changes()})
        self._changes = np.array([_microseconds(change) for change in changes], dtype=np.int64)
        self._between = lru_cache(KEPT_RUNS)(lambda place: self._at(changes[place]))
        self._nothing = Standing(None, {})

    @property
    def simulated(self) -> bool:
        """Whether the last run rests on simulated data."""
        return bool(self._places) and self._load(self._places[-1]).simulated

    def __bool__(self) -> bool:
        """Whether anything was ever decided."""
        return bool(len(self._changes))

    def at(self, moment: datetime) -> Standing:
        """What was in force at a moment. Blocks that had ended by then are sorted out by `Standing.find`."""
        return self._standing(int(np.searchsorted(self._changes, _microseconds(moment), side="right")))

    def touches(self, names: pa.Array, seconds: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each name was blocked or watched at any of the moments, perhaps: [names]."""
        found = np.zeros(len(names), dtype=bool)
        for each in np.unique(self._places_at(seconds)):
            found |= self._standing(int(each)).touches(names)
        return found

    def find(self, names: pa.Array, seconds: NDArray[np.int64]) -> Met:
        """What was in force for each name at its moment; nothing decided later counts, [names]."""
        place = self._places_at(seconds)
        action, by = np.full(len(names), NOTHING, dtype=object), np.full(len(names), None, dtype=object)
        for each in np.unique(place):
            here = np.flatnonzero(place == each)
            met = self._standing(int(each)).find(names.take(pa.array(here)), seconds[here])
            action[here], by[here] = met.action.to_pylist(), met.by.to_pylist()
        return Met(pa.array(action, pa.string()), pa.array(by, pa.string()))

    def _places_at(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(self._changes, seconds * 1_000_000, side="right"), dtype=np.int64)

    def _standing(self, changes: int) -> Standing:
        return self._between(changes - 1) if changes else self._nothing

    def _at(self, moment: datetime) -> Standing:
        before = [place for place, at in zip(self._places, self._decided, strict=True) if at <= moment]
        return Standing(
            self._load(before[-1]).table if before else None, self._ledger.reasons(moment.astimezone(UTC))
        )


class _Names:
    """Names of decisions, each of which may stand for all names below it."""

    def __init__(self, names: pa.Array, subtree: NDArray[np.bool_]) -> None:
        self.names = names
        self._deep_row = np.flatnonzero(subtree)
        self._deep = names.take(pa.array(self._deep_row))
        labels = pc.add(pc.count_substring(self._deep, "."), 1)
        self._labels = sorted(set(labels.to_pylist()), reverse=True)

    @classmethod
    def of(cls, table: pa.Table) -> _Names:
        subtree = np.asarray(pc.equal(table["level"], "subtree"), dtype=bool)
        return cls(table["name"].combine_chunks(), subtree)

    def own(self, names: pa.Array) -> NDArray[np.int64]:
        """The row of each name itself, -1 where it has none, [names]."""
        return _index(names, self.names)

    def candidates(self, names: pa.Array) -> Iterator[NDArray[np.int64]]:
        """Rows that may stand for each name: its own, then of those above, the nearest first."""
        yield self.own(names)
        for count in self._labels:
            parts = pc.split_pattern(names, ".", max_splits=count, reverse=True)
            below = pc.greater(pc.list_value_length(parts), count)
            above = pc.binary_join(pc.list_slice(parts, 1, count + 1), ".")
            found = _index(pc.if_else(below, above, pa.scalar(None, pa.string())), self._deep)
            yield np.where(found >= 0, self._deep_row[found] if len(self._deep_row) else -1, -1)


def _take(
    action: NDArray[np.int64],
    by: NDArray[np.object_],
    row: NDArray[np.int64],
    code: int,
    names: pa.Array,
    valid: NDArray[np.bool_],
) -> None:
    """Where nothing was met yet and the row is valid, it is what is met."""
    new = np.flatnonzero(valid & (action == 0))
    action[new] = code
    by[new] = names.take(pa.array(row[new])).to_pylist()


def _rows(decided: pa.Table | None, action: str) -> pa.Table:
    if decided is None:
        return pa.table({"name": pa.array([], pa.string()), "level": pa.array([], pa.string())})
    return decided.filter(pc.equal(decided["action"], action))


def _index(names: pa.Array, held: pa.Array) -> NDArray[np.int64]:
    found = pc.index_in(names, value_set=held, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def _seconds(expires: pa.ChunkedArray) -> NDArray[np.int64]:
    """When blocks end; one without an end is in force at no time, as in no list."""
    return np.asarray(pc.fill_null(to_seconds(expires.combine_chunks()), 0), dtype=np.int64)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
