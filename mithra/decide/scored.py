"""Scores as `decide` takes them: a table with every column that a guard needs, or a clear refusal.

A missing safety column must not pass as "no objection", so all are asked for; names that stand in the table
more than once with the same score are one name.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.errors import InputError, RefusedError, UsageError
from mithra.learn.owner_told import KINDS

__all__ = ["Scored", "read_scores"]

_STRINGS = pa.list_(pa.string())

COLUMNS = {
    "name": pa.string(),
    "score": pa.float64(),
    "verdict": pa.string(),
    "rank": pa.int64(),
    "evidence_kinds": _STRINGS,
    "reasons": _STRINGS,
    "shared_suffix": pa.bool_(),
    "popular_days": pa.int64(),
    "popular_rank": pa.int64(),
    "warning_list": pa.string(),
    "label_benign": pa.bool_(),
    "state": pa.string(),
    "owner_kind": pa.string(),
    "owner_probability": pa.float64(),
    "addresses": _STRINGS,
    "name_servers": _STRINGS,
    "registrar": pa.string(),
    "asn": _STRINGS,
}
DRIFT_LEVELS = ("calm", "watch", "alarm")
VERDICTS = ("nefarious", "benign", "unknown")


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores with the columns above, a name once, and what their metadata says."""

    table: pa.Table
    thresholds: dict[str, float | None]  # score by false-positive rate, null where it was not measurable
    drift: dict[str, Any] | None  # of what arrived last from what arrived before training, None where unknown
    metadata: dict[str, str]

    def origin(self) -> dict[str, str]:
        """What decisions keep of the metadata. Scores that do not deny being simulated count as simulated."""
        kept = {key: self.metadata.get(key, "") for key in ("model_digest", "snapshot_digest", "as_of")}
        return kept | {"simulated": "false" if self.metadata.get("simulated") == "false" else "true"}


def read_scores(scores: Any) -> Scored:
    """Check scores in any of the forms that they come in.

    Raises:
        UsageError: neither a table nor something with `to_arrow`, nor a Parquet file.
        InputError: a column is missing or of another type, or values are no scores or verdicts.
    """
    table = _table(scores)
    missing = [column for column in COLUMNS if column not in table.schema.names]
    if missing:
        raise InputError("the scores lack columns that guard decisions", value=missing)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    try:
        table = table.select(list(COLUMNS)).cast(pa.schema(list(COLUMNS.items())))
    except pa.ArrowException as error:
        raise InputError(f"a column of the scores has another type: {error}") from error
    table = table.combine_chunks()
    _check_values(table)
    return Scored(_once(table), _thresholds(metadata), _drift(metadata), metadata)


def _table(scores: Any) -> pa.Table:
    if isinstance(scores, (str, Path)):
        try:
            return pq.read_table(scores)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read scores: {error}", file=scores, hint="Expected Parquet") from error
    table = (
        scores if isinstance(scores, pa.Table) else scores.to_arrow() if hasattr(scores, "to_arrow") else None
    )
    if not isinstance(table, pa.Table):
        raise UsageError("expected scores or their table", value=type(scores).__name__)
    return table


def _check_values(table: pa.Table) -> None:
    score = table["score"]
    low, high = pc.less(score, 0), pc.greater(score, 1)
    odd = pc.fill_null(pc.or_(low, high), False)
    if pc.any(odd).as_py():
        raise InputError("a score is not between 0 and 1", value=score.filter(odd)[0])
    unknown = pc.invert(pc.is_in(table["verdict"], value_set=pa.array(VERDICTS)))
    if pc.any(unknown).as_py():
        raise InputError(
            "unknown verdict", value=table["verdict"].filter(unknown)[0], hint=f"Known: {VERDICTS}"
        )
    kind = pc.drop_null(table["owner_kind"])
    strange = kind.filter(pc.invert(pc.is_in(kind, value_set=pa.array(KINDS))))
    if len(strange):
        raise InputError("unknown owner kind", value=strange[0], hint=f"Known: {KINDS}")
    if table["name"].null_count:
        raise InputError("a row of the scores has no name", value=f"{table['name'].null_count} rows")


def _once(table: pa.Table) -> pa.Table:
    """A name that was asked for twice is decided once; two scores for it, or all names twice, are refused."""
    distinct = pc.count_distinct(table["name"]).as_py()
    if distinct == len(table):
        return table
    found = table.append_column("_at", pa.array(np.arange(len(table)))).group_by("name")
    found = found.aggregate([("score", "min"), ("score", "max"), ("score", "count"), ("_at", "min")])
    differ = found.filter(pc.fill_null(pc.not_equal(found["score_min"], found["score_max"]), False))
    if len(differ):
        raise RefusedError(
            "a name has two scores", value=differ["name"][0], hint="Decide on one run at a time"
        )
    if distinct > 1 and pc.min(found["score_count"]).as_py() > 1:
        raise RefusedError(
            "the scores are doubled: every name is in them twice or more",
            value=f"{len(table)} rows, {distinct} names",
            hint="Nothing was decided; the last list stays in force",
        )
    return table.take(found["_at_min"])


def _thresholds(metadata: dict[str, str]) -> dict[str, float | None]:
    try:
        stated = json.loads(metadata.get("thresholds", "{}"))
        found = {str(float(rate)): None if score is None else float(score) for rate, score in stated.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            "the scores' thresholds are no table of rates", value=metadata["thresholds"]
        ) from error
    if any(score is not None and not (math.isfinite(score) and score > 0) for score in found.values()):
        raise InputError("a threshold of the scores is no score", value=found)
    return found


def _drift(metadata: dict[str, str]) -> dict[str, Any] | None:
    text = metadata.get("drift", "")
    try:
        found = json.loads(text) if text else None
        if found is not None:
            if any(datetime.fromisoformat(found[each]).tzinfo is None for each in ("start", "end")):
                raise ValueError("a moment without a zone")
            if found["level"] not in DRIFT_LEVELS:
                raise ValueError("no such level")
            found = {
                **{each: found[each] for each in ("level", "start", "end")},
                "score": float(found["score"]),
            }
    except (ValueError, TypeError, KeyError) as error:
        raise InputError("the scores' drift cannot be read", value=text) from error
    return found
