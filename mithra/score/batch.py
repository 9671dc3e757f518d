"""The verb `score`: a model over the names of a snapshot, or over any list of names.

Every name asked for has a row, in the order asked: refused ones say why, names that the snapshot does not
hold are scored by their spelling alone and stay of unknown verdict. Each distinct name is scored once, as it
stood at the snapshot's own moment.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.graph.snapshot import Snapshot
from mithra.score.asked import read_asked
from mithra.score.columns import known_columns, own_columns
from mithra.score.judge import Judged, judge, words_for
from mithra.score.ranker import Ranker
from mithra.score.scores import SCHEMA, Scores

__all__ = ["score"]

log = logging.getLogger(__name__)


def score(
    model: Ranker,
    snapshot: Snapshot,
    names: Any = None,
    *,
    progress: bool = False,
    reasons: bool = True,
) -> Scores:
    """Score names as of the snapshot.

    Of more than a thousand names only the worst thousand and those over a threshold are looked at closer: the
    others have no reasons, and their kinds of evidence are what sources list, not what the model counts.

    Args:
        model: from `train` or `load`.
        snapshot: what is known; its moment is the moment scored at.
        names: a list, Arrow array, pandas or polars column, a frame with a column `name` (or a single one), a
            file (one name a line, or .csv or .parquet with such a column), or None for all of the snapshot.
        progress: show a progress bar on stderr.
        reasons: put evidence into words.

    Returns:
        One row for every name given, in that order.

    Raises:
        UsageError: names that are no column of names.
        InputError: a file that cannot be read.

    Example:
        >>> score(model, snapshot, ["login-example.test"]).to_pandas()  # doctest: +SKIP
    """
    asked = read_asked(names, snapshot)
    encoded = asked.names.dictionary_encode()
    distinct = encoded.dictionary.cast(pa.string())
    row = pc.fill_null(encoded.indices, len(distinct))  # the row behind the last is that of refused names
    with _bar(progress, len(distinct)) as advance:
        judged = judge(model, snapshot, distinct, advance=advance)
    words = _words(judged, distinct, model, reasons)
    by_name = pa.table({**own_columns(judged, distinct, words), **known_columns(judged, len(distinct))})
    given = pa.table({"name": asked.shown(), "given": asked.given})
    refused = pa.Table.from_pylist([_REFUSED], schema=by_name.schema)
    table = pa.concat_tables([by_name, refused]).combine_chunks().take(row)
    for name in given.column_names:
        table = table.append_column(name, given[name])
    table = table.set_column(
        table.schema.get_field_index("reasons"), "reasons", _with_refusals(table["reasons"], asked.refusal)
    )
    return Scores(table.select(SCHEMA.names).cast(SCHEMA.with_metadata(_origin(model, snapshot))))


def _words(judged: Judged, names: pa.Array, model: Ranker, wanted: bool) -> pa.Array:
    """Reasons of every name, [names]; empty where nobody will read them."""
    texts = pa.array([[]] * len(names), pa.list_(pa.string())) if not wanted else None
    if texts is not None or not len(names):
        return pa.array([], pa.list_(pa.string())) if texts is None else texts
    parts, order = [], []
    for rows, told in words_for(judged, names, judged.closer):
        parts.append(told.reasons(len(rows)))
        order.append(rows)
    place = np.full(len(names), -1, dtype=np.int64)
    place[np.concatenate(order)] = np.arange(sum(map(len, order)))
    found = pa.concat_arrays(parts).take(pa.array(place, mask=place < 0))
    return pc.coalesce(found, pa.scalar([], pa.list_(pa.string())))


def _with_refusals(reasons: pa.ChunkedArray, refusal: pa.Array) -> pa.Array:
    """The reasons, or why a name was refused."""
    at = np.arange(len(refusal))
    alone = pa.ListArray.from_arrays(pa.array(np.append(at, len(at)), pa.int32()), pc.fill_null(refusal, ""))
    return pc.if_else(pc.is_valid(refusal), alone, reasons.combine_chunks())


_REFUSED: dict[str, Any] = {
    "verdict": "unknown",
    "known": False,
    "shared_suffix": False,
    "label_benign": False,
    **{name: [] for name in ("evidence_kinds", "reasons", "addresses", "name_servers", "asn")},
}


def _origin(model: Ranker, snapshot: Snapshot) -> dict[str, str]:
    """Metadata of the table, by the keys of `mithra.score.scores.ORIGIN`."""
    thresholds = {
        rate: None if at is None or not math.isfinite(at) else float(at)
        for rate, at in model.thresholds.items()
    }
    drift = model.drift(snapshot)
    return {
        "simulated": "true" if model.simulated else "false",
        "model_digest": model.digest,
        "snapshot_digest": snapshot.digest,
        "as_of": "" if snapshot.as_of is None else snapshot.as_of.isoformat(),
        "base_rate": repr(float(model.base_rate)),
        "thresholds": json.dumps(thresholds),
        "drift": "" if drift is None else json.dumps(drift.to_dict()),
    }


@contextmanager
def _bar(progress: bool, names: int) -> Iterator[Callable[[int], object]]:
    """Told how many names are done: a bar on stderr, or the log."""
    if not progress:
        yield lambda done: log.debug("scored %d names", done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = "score", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("score", total=names)
        yield lambda done: bar.update(task, advance=done)
