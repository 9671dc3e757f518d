"""The verb `audit`: what a list of nefarious names is worth beside the others, and where it may be wrong.

In comes a workspace and the name of a source in it, out comes how it overlaps with the others and who is
earlier, which of its entries ought not to be blocked, and, given a model, what it lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.guards import guards
from mithra.decide.policy import Policy
from mithra.errors import InputError
from mithra.graph.take import moment
from mithra.graph.take import snapshot as take_snapshot
from mithra.names import SuffixList, etld_plus_one
from mithra.observe.workspace import Workspace
from mithra.score.batch import score
from mithra.score.ranker import Ranker

__all__ = ["Audit", "Overlap", "audit"]

MOST_NAMES = 1_000  # that it lacks, the worst first

_LISTED = """
CREATE TEMP TABLE listed AS
SELECT source, name, min(known_at) AS known_at, arg_min(category, known_at) AS category,
       bool_and(valid_until IS NOT NULL AND valid_until <= $at) AS ended
FROM labels WHERE verdict = 'nefarious' AND known_at <= $at GROUP BY source, name
"""
_OVERLAP = """
SELECT other.source, any_value(size.entries) AS entries, count(*) AS shared,
       count(*) FILTER (WHERE feed.known_at < other.known_at) AS earlier,
       count(*) FILTER (WHERE feed.known_at > other.known_at) AS later,
       median(epoch(other.known_at) - epoch(feed.known_at)) / 3600 AS median_lead_hours
FROM listed AS feed JOIN listed AS other ON feed.name = other.name AND other.source <> feed.source
JOIN (SELECT source, count(*) AS entries FROM listed GROUP BY source) AS size ON size.source = other.source
WHERE feed.source = $feed GROUP BY other.source ORDER BY shared DESC, other.source
"""
_ENTRIES = """
WITH known AS (
    SELECT name, count(DISTINCT day) FILTER (WHERE rank IS NOT NULL) AS popular_days,
           min(rank) AS popular_rank, min(list_id) FILTER (WHERE rank IS NULL) AS warning_list
    FROM popularity WHERE day IS NULL OR day <= $at GROUP BY name
), allowed AS (
    SELECT name, true AS label_benign FROM labels
    WHERE verdict = 'benign' AND known_at <= $at GROUP BY name
)
SELECT feed.name, feed.known_at, feed.category, feed.ended, popular_days, popular_rank, warning_list,
       coalesce(label_benign, false) AS label_benign, NULL::VARCHAR AS state,
       feed.name IN (SELECT name FROM listed WHERE source <> $feed) AS elsewhere,
       feed.name IN (SELECT name FROM resolutions WHERE first_seen <= $at) AS observed
FROM listed AS feed LEFT JOIN known USING (name) LEFT JOIN allowed USING (name)
WHERE feed.source = $feed ORDER BY feed.name
"""


@dataclass(frozen=True)
class Overlap:
    """What a list has in common with another one."""

    source: str
    entries: int  # of the other list
    shared: int
    earlier: int  # of the shared ones, those that the audited list had first
    later: int
    median_lead_hours: float  # of the audited list over the other, over the shared ones


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found, as of a moment."""

    source: str
    as_of: datetime
    entries: int
    ended: int  # of them delisted by then
    alone: int  # on no other list
    observed: int  # that the passive DNS of the workspace has seen
    overlap: tuple[Overlap, ...]  # the largest first
    disputed: pa.Table  # name, known_at, category, warning_list, reason (of `decide.guards.GUARDS`), score
    lacking: pa.Table  # name, score, reasons: nefarious to the model and not on the list, the worst first

    @property
    def disputes(self) -> Mapping[str, int]:
        """Disputed entries by reason, the most frequent first."""
        counts = pc.value_counts(self.disputed["reason"]).to_pylist()
        return {each["values"]: each["counts"] for each in sorted(counts, key=lambda each: -each["counts"])}

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        plain = {**self.__dict__, "as_of": self.as_of.isoformat()}
        plain["overlap"] = [asdict(each) for each in self.overlap]
        return {
            key: value.to_pylist() if isinstance(value, pa.Table) else value for key, value in plain.items()
        }


def audit(
    workspace: Workspace | str | Path,
    source: str,
    as_of: datetime | str | None = None,
    *,
    model: Ranker | None = None,
    policy: Policy | None = None,
    progress: bool = False,
) -> Audit:
    """Look at one list of a workspace: overlap, delay, entries in dispute and, with a model, names it lacks.

    An entry is disputed where a policy would never block it (a public suffix, a popular name, one on a
    warning list or labelled benign), and where the model, with evidence enough, finds it benign.

    Args:
        source: the list's source; `mithra status` names those of the table `labels`.
        as_of: nothing known later counts; default just after the last record of any table.
        policy: what counts as popular; default the default one.

    Raises:
        InputError: no such list by then.
        WorkspaceError: `compact` has removed records of that time.

    Example:
        >>> mt.audit(ws, "urlhaus", model=model).disputes  # doctest: +SKIP
    """
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    workspace.must_exist()
    at = _last(workspace) if as_of is None else moment(as_of)
    workspace.must_be_whole(at)
    with workspace.connect() as con:
        con.execute(_LISTED, {"at": at})
        entries: Any = con.sql(_ENTRIES, params={"at": at, "feed": source}).to_arrow_table()
        found = con.execute(_OVERLAP, {"feed": source}).fetchall()
        known = [row[0] for row in con.execute("SELECT DISTINCT source FROM listed ORDER BY 1").fetchall()]
    if not len(entries):
        raise InputError(
            f"no names were listed by that source up to {at:%Y-%m-%d}",
            value=source,
            hint=f"There are: {', '.join(known)}" if known else "Ingest a block list first",
        )
    policy = policy or Policy()
    reason = guards(entries, policy, SuffixList.bundled())
    rated = pa.nulls(len(entries), pa.float64())
    lacking = pa.table({"name": pa.array([], pa.string()), "score": [], "reasons": []})
    if model is not None:
        graph = take_snapshot(workspace, at, progress=progress)
        judged = score(model, graph, entries["name"], reasons=False).to_arrow()
        rated = judged["score"].combine_chunks()
        calm = pc.equal(judged["verdict"], "benign").combine_chunks()
        reason = pc.if_else(pc.and_(pc.is_null(reason), calm), "benign_verdict", reason)
        ranked = score(model, graph, progress=progress).to_arrow()
        lacking = _lacking(ranked, entries["name"].combine_chunks(), policy)
    columns = {name: entries[name] for name in ("name", "known_at", "category", "warning_list")}
    columns["reason"] = reason
    disputed = pa.table({**columns, "score": rated}).filter(pc.is_valid(reason))
    return Audit(
        source=source,
        as_of=at,
        entries=len(entries),
        ended=_count(entries["ended"]),
        alone=len(entries) - _count(entries["elsewhere"]),
        observed=_count(entries["observed"]),
        overlap=tuple(Overlap(*row) for row in found),
        disputed=disputed,
        lacking=lacking,
    )


def _lacking(ranked: pa.Table, listed: pa.Array, policy: Policy) -> pa.Table:
    """What the model calls nefarious, no guard holds back and the list has neither by name nor by eTLD+1."""
    bad = ranked.filter(pc.equal(ranked["verdict"], "nefarious")).combine_chunks()
    names = bad["name"].combine_chunks()
    free = pc.is_null(guards(bad, policy, SuffixList.bundled()))
    for each in (names, etld_plus_one(names)):
        free = pc.and_(free, pc.invert(pc.is_in(each, value_set=listed)))
    kept = bad.filter(free).select(["name", "score", "reasons"])
    return kept.sort_by([("score", "descending"), ("name", "ascending")]).slice(0, MOST_NAMES)


def _last(workspace: Workspace) -> datetime:
    """Just after the last record of any table."""
    last = [table.last for table in workspace.status().tables.values() if table.last is not None]
    return max(last, default=datetime.now(UTC)) + timedelta(seconds=1)


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.fill_null(flags, False)).as_py() or 0)
