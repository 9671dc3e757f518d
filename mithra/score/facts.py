"""True sentences about many names as columns: one row a sentence, with its kind of evidence and its side.

`spelling.py`, `records.py` and `meetings.py` find them in a `Subject` (many names, one moment); none of them
asks the model. `evidence.py` weighs them against what the model counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from mithra.graph.snapshot import Snapshot
from mithra.score.shared import Listings, Shared

__all__ = ["AGAINST", "FOR", "KINDS", "MISSING", "Facts", "Subject", "fact"]

KINDS = (  # the first seven can speak for a block, see mithra.decide
    "lexical",
    "registration",
    "resolution",
    "name_server",
    "certificate",
    "label",
    "sighting",
    "popularity",
)
FOR, AGAINST, MISSING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Subject:
    """Names of one snapshot at its moment."""

    snapshot: Snapshot
    ids: NDArray[np.int64]  # [rows] domain ids
    at: int  # epoch seconds
    held: Listings
    shared: Mapping[str, Shared]  # by relation; their rows are positions in `ids`

    @property
    def dated(self) -> bool:
        """Whether times mean anything."""
        return self.snapshot.as_of is not None

    def fact(self, column: str) -> pa.Array:
        """A column of the snapshot's facts, [rows]."""
        return self.snapshot.facts[column].take(pa.array(self.ids)).combine_chunks()

    def number(self, column: str) -> NDArray[np.float64]:
        """The same as numbers, NaN where unknown."""
        return np.asarray(pc.fill_null(self.fact(column).cast(pa.float64()), np.nan))

    def take(self, rows: NDArray[np.int64]) -> Subject:
        """These rows (ascending, each once) alone."""
        place = np.full(len(self.ids), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        kept = {name: _moved(shared, place) for name, shared in self.shared.items()}
        return Subject(self.snapshot, self.ids[rows], self.at, self.held, kept)


@dataclass(frozen=True, eq=False)
class Facts:
    """Sentences; all columns [facts]."""

    row: NDArray[np.int64]  # position in what was asked
    kind: NDArray[np.int64]  # position in KINDS
    side: NDArray[np.int64]  # FOR, AGAINST or MISSING
    strength: NDArray[
        np.float64
    ]  # how telling it is by itself, in log-odds at a guess; 0 for what the model never sees
    text: pa.Array
    backed: NDArray[np.bool_]  # to be told only where the model counts the kind to that side
    relation: NDArray[np.object_]  # of a shared entity, else ""
    entity: NDArray[np.int64]  # its id, else -1
    names: NDArray[np.int64]  # others there
    listed: NDArray[np.int64]  # listed ones among them

    def __len__(self) -> int:
        return len(self.row)

    def take(self, order: NDArray[np.int64] | NDArray[np.bool_]) -> Facts:
        """The facts at these positions."""
        columns = {name: column[order] for name, column in vars(self).items() if name != "text"}
        text = (
            self.text.filter(pa.array(order)) if order.dtype == np.bool_ else self.text.take(pa.array(order))
        )
        return Facts(text=text, **columns)

    @staticmethod
    def joined(parts: list[Facts]) -> Facts:
        """All facts of the parts."""
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in vars(parts[0])
            if name != "text"
        }
        return Facts(text=pa.concat_arrays([part.text for part in parts]), **columns)


def fact(
    row: NDArray[np.int64],
    kind: str,
    side: int,
    strength: ArrayLike,
    text: pa.Array | str,
    *,
    backed: bool = False,
    shared: Shared | None = None,
) -> Facts:
    """One sentence for each row; `shared` gives the entity of each that it is about."""
    size = len(row)
    nothing = np.zeros(size, dtype=np.int64)
    return Facts(
        row=row,
        kind=np.full(size, KINDS.index(kind)),
        side=np.full(size, side),
        strength=np.broadcast_to(np.asarray(strength, dtype=np.float64), size),
        text=pa.array([text] * size, pa.string()) if isinstance(text, str) else text,
        backed=np.full(size, backed),
        relation=np.full(size, shared.relation if shared else "", dtype=object),
        entity=shared.entity if shared else nothing - 1,
        names=shared.others if shared else nothing,
        listed=shared.listed if shared else nothing,
    )


def _moved(shared: Shared, place: NDArray[np.int64]) -> Shared:
    kept = shared.take(place[shared.row] >= 0)
    return Shared(
        kept.relation, place[kept.row], kept.entity, kept.others, kept.listed, kept.first, kept.lift
    )
