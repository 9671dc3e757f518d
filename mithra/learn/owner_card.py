"""How well a model tells owner kinds: names that turned nefarious after training, against the truth.

Names of an eTLD+1 of which one was nefarious before are left out, so that no name of training is judged.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.learn.model import Model
from mithra.learn.owner_told import ATTACKER, KINDS, TENANT, told_by_table

__all__ = ["owner_kinds"]

Kinds = NDArray[np.int8]


def owner_kinds(
    model: Model, graph: Snapshot, truth: pa.Table, start: datetime, end: datetime
) -> dict[str, Any] | None:
    """Confusion, precision and recall by kind, and the macro F1 beside two floors.

    Each name is judged as it stood a while after it arrived and turned nefarious. None where the model or the
    truth tells no kinds, or nothing turned nefarious.
    """
    if model.owner is None or "owner" not in truth.column_names:
        return None
    told = told_by_table(graph, truth)
    before = graph.group[told.domain[told.since < start.timestamp()]]
    fresh = (told.since >= start.timestamp()) & (told.since < end.timestamp())
    told = told.take(fresh & ~np.isin(graph.group[told.domain], before))
    if not len(told):
        return None
    begun = np.maximum(graph.first_seen[told.domain], told.since)
    at = np.minimum(begun + model.settings.arrival_hours * 3600, int(end.timestamp()))
    found = model.owner.owners(graph, Examples(told.domain, at))
    by_suffix = np.where(found.kind == TENANT, TENANT, ATTACKER).astype(np.int8)
    guesses = {
        "mithra": found.kind,
        "suffix list alone": by_suffix,
        "always the attacker": np.full(len(told), ATTACKER, np.int8),
    }
    return {
        "names": len(told),
        "kinds": [_row(kind, told.kind, found.kind) for kind in range(len(KINDS))],
        "macro_f1": {name: _macro_f1(told.kind, guess) for name, guess in guesses.items()},
        "right": float((told.kind == found.kind).mean()),
        "mean_probability": float(found.probability.mean()),
    }


def _row(kind: int, true: Kinds, told: Kinds) -> dict[str, Any]:
    right = int(((true == kind) & (told == kind)).sum())
    names, called = int((true == kind).sum()), int((told == kind).sum())
    return {
        "kind": KINDS[kind],
        "names": names,
        "told": {name: int(((true == kind) & (told == k)).sum()) for k, name in enumerate(KINDS)},
        "precision": right / called if called else None,
        "recall": right / names if names else None,
    }


def _macro_f1(true: Kinds, told: Kinds) -> float:
    """Mean F1 of the kinds that there are in truth."""
    return float(
        np.mean(
            [
                2 * ((true == k) & (told == k)).sum() / ((true == k).sum() + (told == k).sum())
                for k in np.unique(true)
            ]
        )
    )
