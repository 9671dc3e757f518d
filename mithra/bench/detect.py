"""What `detect` finds in the query logs of a simulated world, whose truth says who asked for what.

Day by day, as it is used: names are scored and decided on as of midnight, and the log of that day is
matched. Afterwards, as a hunt: all days at once, by what is known at their end. Beside both stands what the
block lists alone would have found. Alerts are those of a rule that fires on listed names, mistakes of the
lists included, and on a small share of all other queries.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.decide.decide import decide
from mithra.decide.decisions import Decisions
from mithra.decide.policy import Policy
from mithra.errors import InputError, RefusedError
from mithra.explain.detect import detect
from mithra.explain.findings import Findings
from mithra.explain.querylog import Counts, log_reader, queries
from mithra.graph.take import snapshot
from mithra.observe.engine import silence
from mithra.observe.inputs import tracked
from mithra.observe.source import Options, Source
from mithra.observe.workspace import Workspace
from mithra.score.batch import score
from mithra.score.ranker import Ranker
from mithra.score.scores import Scores

__all__ = ["bench_detect"]

NOISE = 0.005  # of queries for names that no list holds, on which the simulated rule fires
SEED = 17

_TABLES = """
CREATE TABLE bad AS
SELECT asked.*, truth.campaign FROM asked JOIN truth USING (name)
WHERE truth.verdict = 'nefarious' AND asked.moment >= truth.activated_at;
CREATE TABLE listed AS
SELECT DISTINCT asked.client, asked.name, asked.moment FROM asked JOIN listings USING (name)
WHERE asked.moment >= listed_at AND (delisted_at IS NULL OR asked.moment < delisted_at);
"""
_FOUND = """
WITH hits AS (
    SELECT uid, name, bool_or((client, host) IN (SELECT client, name FROM bad)) AS hit FROM found GROUP BY ALL
), by_name AS (
    SELECT name, bool_or(hit) AS hit FROM hits GROUP BY name
), asked AS (
    SELECT *, (client, name) IN (SELECT client, host FROM found) AS met FROM bad
)
SELECT (SELECT count(*) FROM hits) AS findings,
       (SELECT count(*) FROM by_name) AS names,
       (SELECT avg(hit::INT) FROM hits) AS precision,
       (SELECT avg(hit::INT) FROM by_name) AS precision_of_names,
       count(DISTINCT (client, name)) FILTER (WHERE met) / count(DISTINCT (client, name)) AS recall,
       count(DISTINCT name) FILTER (WHERE met) / count(DISTINCT name) AS recall_of_names,
       count(DISTINCT client) FILTER (WHERE met) / count(DISTINCT client) AS recall_of_clients,
       count(DISTINCT campaign) FILTER (WHERE met) / count(DISTINCT campaign) AS recall_of_campaigns
FROM asked
"""


def bench_detect(
    world: str | Path,
    workspace: Workspace | str | Path,
    model: Ranker,
    start: datetime,
    days: int = 7,
    *,
    policy: Policy | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Detect in the logs of `days` days from `start` on; a record each for day by day, afterwards, the lists
    alone, and alerts.

    Args:
        world: folder of `simulate`.
        workspace: that the world's feeds went into, its queries left out.
        model: trained on what was known before `start`.

    Raises:
        InputError: the world has no logs of these days.
    """
    space = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    logs = [
        Path(world) / "queries" / f"{start + timedelta(days=day):%Y-%m-%d}.query.log.gz"
        for day in range(days)
    ]
    missing = [log for log in logs if not log.is_file()]
    if missing:
        raise InputError("the world has no query log of this day", file=missing[0])
    con = silence(duckdb.connect(":memory:", config={"threads": 1}))
    con.execute("SET TimeZone = 'UTC'")
    total = _load(con, Path(world), logs)
    parts, before = list[Findings](), None
    for day, log in enumerate(tracked(logs, progress, "Detecting")):
        at = start + timedelta(days=day)
        scores = score(model, snapshot(space, at))
        before = _decided(scores, policy, at, before)
        until = at + timedelta(days=1)
        parts.append(detect(space, log, scores=scores, decisions=before, now=until, show_clients=True))
    end = start + timedelta(days=days)
    scores = score(model, snapshot(space, end))
    before = _decided(scores, policy, end, before)
    known: dict[str, Any] = {"scores": scores, "decisions": before, "now": end, "show_clients": True}
    return [
        _record(con, "day by day", [part.open for part in parts], total),
        _record(con, "afterwards", [detect(space, *logs, **known).open], total),
        _record(con, "block lists alone", [_listed(con)], total),
        _alerts(con, space, known),
    ]


def _load(con: duckdb.DuckDBPyConnection, world: Path, logs: list[Path]) -> int:
    """Tables asked, truth, listings, bad and listed; how many queries were asked."""
    counts = Counts()
    asked = pa.concat_tables(part for log in logs for part in _asked(log, counts))
    con.register("asked_", asked)
    con.execute("CREATE TABLE asked AS SELECT name, client, hour AS moment, count FROM asked_")
    for table in ("truth", "listings"):
        con.register(f"{table}_", pq.read_table(world / "truth" / f"{table}.parquet"))
        con.execute(f"CREATE TABLE {table} AS FROM {table}_")
    con.execute(_TABLES)
    return counts.queries


def _asked(log: Path, counts: Counts) -> Iterator[pa.Table]:
    source, options = Source.at(log), Options(exact=True, hash_clients=False)
    for part in queries(source, log_reader(source, "auto"), options, counts):
        yield part.select(["name", "client", "hour", "count"])


def _decided(
    scores: Scores, policy: Policy | None, at: datetime, before: Decisions | None
) -> Decisions | None:
    """The decisions of a day, those of the day before where none could be made."""
    try:
        return decide(scores, policy, now=at, previous=before)
    except RefusedError:
        return before


def _listed(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Who asked for a name that was listed by then, in the columns of findings."""
    found: pa.Table = con.sql(
        "SELECT client || ' ' || name AS uid, client, name, [name] AS hosts FROM listed GROUP BY ALL"
    ).to_arrow_table()
    return found


def _record(con: duckdb.DuckDBPyConnection, name: str, parts: list[pa.Table], total: int) -> dict[str, Any]:
    found = pa.concat_tables([part.select(["uid", "client", "name", "hosts"]) for part in parts])
    con.register("found_", found)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE found AS SELECT uid, client, name, unnest(hosts) AS host FROM found_"
    )
    [row] = con.sql(_FOUND).to_arrow_table().to_pylist()
    asked = con.execute("SELECT count(DISTINCT (client, name)), count(DISTINCT name) FROM bad").fetchall()[0]
    return {
        "name": name,
        "queries": total,
        "nefarious_pairs": asked[0],
        "nefarious_names": asked[1],
        **row,
        "queries_per_finding": total / row["findings"] if row["findings"] else None,
    }


def _alerts(con: duckdb.DuckDBPyConnection, space: Workspace, known: dict[str, Any]) -> dict[str, Any]:
    """What triage makes of the alerts of a rule that is right now and then."""
    asked = con.sql(
        "SELECT asked.client, asked.name, epoch(asked.moment) AS seen_at, listed.name IS NOT NULL AS listed,"
        " bad.name IS NOT NULL AS bad FROM asked LEFT JOIN listed USING (client, name, moment)"
        " LEFT JOIN (SELECT DISTINCT client, name, moment FROM bad) AS bad USING (client, name, moment)"
        " ORDER BY ALL"
    ).to_arrow_table()
    drawn = np.random.default_rng(SEED).random(len(asked)) < NOISE
    raised = asked.filter(pc.or_(asked["listed"].combine_chunks(), pa.array(drawn)))
    with tempfile.TemporaryDirectory(prefix="mithra-") as folder:
        file = Path(folder) / "alerts.jsonl"
        file.write_text(
            "".join(json.dumps({**row, "id": i}) + "\n" for i, row in enumerate(raised.to_pylist()))
        )
        columns = {"name": "name", "client": "client", "seen_at": "seen_at", "id": "id"}
        found = detect(space, file, columns=columns, **known)
    truth = np.asarray(raised["bad"], dtype=bool)
    table = found.to_arrow()
    right = truth[np.asarray(table["alert"].cast(pa.int64()), dtype=np.int64)]
    opened = len(found.open)
    return {
        "name": "alerts",
        "alerts": len(raised),
        "right": int(truth.sum()),
        "share_right": float(truth.mean()),
        "open": opened,
        "groups": pc.count_distinct(found.open["group"]).as_py(),
        "share_right_of_open": float(right[:opened].mean()) if opened else None,
        "closed": len(table) - opened,
        "closed_though_right": int(right[opened:].sum()),
        "share_right_of_first_100": float(right[: min(opened, 100)].mean()) if opened else None,
        "share_right_of_first_half": float(right[: opened // 2].mean()) if opened > 1 else None,
        "reasons": found.closed,
    }
