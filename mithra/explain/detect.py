"""The verb `detect`: logs of queries and alerts of other tools against scores and decisions, as findings.

Logs are read through once and nothing of them is written anywhere; memory grows with the findings. A name
matches where it is nefarious by its score, or blocked or watched, now or when it was asked for, itself or by
the block of a subtree above it. Every alert comes out once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.decide.decisions import Decisions
from mithra.decide.ledger import Ledger
from mithra.decide.policy import Policy
from mithra.decide.scored import Scored, read_scores
from mithra.errors import FormatError, InputError, RefusedError, UsageError
from mithra.explain.alerts import Alert, alerts, has_alerts
from mithra.explain.dispositions import Dispositions, Standing
from mithra.explain.findings import SCHEMA, Findings
from mithra.explain.groups import Groups
from mithra.explain.querylog import Counts, log_reader, queries
from mithra.explain.tally import HOSTS, Tally
from mithra.explain.triage import Judgement, Triage
from mithra.graph.take import moment
from mithra.graph.take import snapshot as take_snapshot
from mithra.names import SuffixList
from mithra.observe.convert import to_seconds
from mithra.observe.inputs import FileInput, inputs, tracked
from mithra.observe.source import Options, Reader, Source
from mithra.observe.workspace import Workspace
from mithra.score.batch import score
from mithra.score.ranker import Ranker
from mithra.score.scores import Scores

__all__ = ["detect"]

_OBSERVATIONS = ("resolutions", "registrations", "certificates", "queries")
_SUSPECT = pa.array(["block", "watch"])
_RRTYPE = r"^[A-Z][A-Z0-9-]{0,15}$"


def detect(
    workspace: Workspace | str | Path,
    *files: Any,
    scores: Any = None,
    model: Ranker | None = None,
    decisions: Decisions | None = None,
    policy: Policy | None = None,
    campaigns: Any = None,
    columns: Mapping[str, str] | None = None,
    format: str = "auto",
    known_at: datetime | str | None = None,
    show_clients: bool = False,
    now: datetime | None = None,
    progress: bool = False,
) -> Findings:
    """Find who asked for names that need a look, and which of other tools' alerts do.

    Args:
        workspace: gives the key of clients, the recorded decisions and the allows, and for alerts its lists
            of popular and benign names. Nothing of a log is written to it.
        files: paths of logs and alerts, folders, patterns; what they are shows in their content.
        scores: `Scores`, their table, or a file of them.
        model: instead of scores: scores all names of the workspace, and those of the alerts.
        decisions: one run, instead of those that the workspace records.
        policy: what counts as popular and is allowed; default the default one.
        campaigns: a table, or a file of it, with columns name and campaign, to group by; else eTLD+1.
        columns: for alerts of any tool, our field to theirs: name, and client, seen_at, title, severity, id.
        format: of the logs, as `mithra formats` names it; default by content.
        known_at: gives the year to logs whose times have none.
        show_clients: addresses instead of keyed hashes.
        now: records dated later are set aside; default the clock.
        progress: show a progress bar on stderr.

    Raises:
        RefusedError: there is nothing to compare with.
        FormatError: a file is no log and holds no alerts, or is cut short.
        WorkspaceError: there is no workspace.

    Example:
        >>> mt.detect("lake", "query.log.gz", scores="scores.parquet").open  # doctest: +SKIP
    """
    if scores is not None and model is not None:
        raise UsageError("scores and a model are two answers to one question", hint="Give one of them")
    ledger = Ledger(workspace)
    space, at = ledger.workspace, _utc(now)
    options = Options(
        now=at,
        known_at=None if known_at is None else moment(known_at),
        client_key=space.client_key,
        exact=True,
        hash_clients=not show_clients,
    )
    decided = Dispositions(ledger, decisions)
    counts = Counts()
    logs, told = _sorted_out(files, format, columns, counts)
    raised = [
        (alert, source.stem)
        for source, kind in told
        for alert in alerts(source, kind, options, columns, counts)
    ]
    scored = _scored(scores, model, space, raised, progress)
    if scored is None and not decided:
        raise RefusedError(
            "there is nothing to compare with: no scores, and no decisions in this workspace",
            value=space.path,
            hint="Give --scores, --model or --decisions, or decide with --workspace",
        )
    rules, suffixes = policy or Policy(), SuffixList.bundled()
    judge = Triage(
        None if scored is None else scored.table,
        decided.at(at),
        at,
        policy=rules,
        suffixes=suffixes,
        workspace=space,
    )
    groups = Groups(campaigns, suffixes)
    tally = _tallied(logs, options, counts, decided, decided.at(at), judge.relevant(), progress)
    simulated = decided.simulated or (scored is not None and scored.origin()["simulated"] == "true")
    rows = [*_of_queries(tally.rows(), judge), *_of_alerts(raised, judge, decided)]
    return Findings(_ranked(rows, groups, simulated), counts)


def _utc(now: datetime | None) -> datetime:
    if now is not None and now.tzinfo is None:
        raise UsageError("now needs a time zone", value=now)
    return datetime.now(UTC) if now is None else now.astimezone(UTC)


def _sorted_out(
    files: tuple[Any, ...], format: str, columns: Mapping[str, str] | None, counts: Counts
) -> tuple[list[tuple[Source, Reader]], list[tuple[Source, str]]]:
    """The logs and the files of alerts; EVE may be both. What lies in a folder and is neither is left out."""
    logs, told = list[tuple[Source, Reader]](), list[tuple[Source, str]]()
    for item in inputs(files):
        if not isinstance(item, FileInput):
            raise UsageError("logs are files", value=item.name)
        try:
            source = Source.at(item.path)
            kind = has_alerts(source, columns)
            if kind is not None:
                told.append((source, kind))
            if kind in (None, "suricata"):
                logs.append((source, log_reader(source, format)))
            counts.files += 1
        except FormatError as error:
            if item.named:
                raise
            counts.left_out.append(str(error))
    if not (logs or told):
        raise InputError("no log and no alerts among these files", value=len(counts.left_out))
    return logs, told


def _scored(
    scores: Any, model: Ranker | None, space: Workspace, raised: list[tuple[Alert, str]], progress: bool
) -> Scored | None:
    """The scores given, or those of a model as of the workspace's last record."""
    if model is not None:
        last = space.last_record(_OBSERVATIONS)
        if last is None:
            raise InputError("the workspace holds no dated records", file=space.path)
        graph = take_snapshot(space, last.replace(microsecond=0) + timedelta(seconds=1), progress=progress)
        made = score(model, graph, progress=progress).to_arrow()
        named = pa.array(sorted({name for alert, _ in raised for name in alert.names}), pa.string())
        new = named.filter(pc.invert(pc.is_in(named, value_set=made["name"].combine_chunks())))
        if len(new):
            made = pa.concat_tables([made, score(model, graph, new).to_arrow()])
        return read_scores(made)
    if isinstance(scores, str | Path) and Path(scores).suffix != ".parquet":
        scores = Scores.read(scores)
    return None if scores is None else read_scores(scores)


def _tallied(
    logs: list[tuple[Source, Reader]],
    options: Options,
    counts: Counts,
    decided: Dispositions,
    standing: Standing,
    judge: Triage,
    progress: bool,
) -> Tally:
    """All queries that match, added up."""
    tally, closed, now = Tally(), dict[str, bool](), options.now_seconds
    for source, reader in tracked(logs, progress, "Reading logs"):
        for batch in queries(source, reader, options, counts):
            matched = _matched(batch, decided, standing, judge.nefarious, now)
            if not len(matched):
                continue
            new = [name for name in pc.unique(matched["name"]).to_pylist() if name not in closed]
            closed |= {name: found.because is not None for name, found in judge.judge(new).items()}
            spared = pa.array([closed[name] for name in matched["name"].to_pylist()])
            client = pc.if_else(spared, pa.scalar(None, pa.string()), matched["client"].combine_chunks())
            tally.add(matched.set_column(matched.column_names.index("client"), "client", client))
    return tally


def _matched(
    batch: pa.Table, decided: Dispositions, standing: Standing, nefarious: pa.Array, now: int
) -> pa.Table:
    """The queries for names that are nefarious, blocked or watched: client, name (that was scored or decided
    on), disposition, host, rrtype, source, at, count."""
    coded = batch["name"].combine_chunks().dictionary_encode()
    names, seconds = coded.dictionary, np.asarray(to_seconds(batch["hour"].combine_chunks()), dtype=np.int64)
    wanted = np.asarray(pc.is_in(names, value_set=nefarious), dtype=bool)
    wanted |= standing.touches(names) | decided.touches(names, seconds)
    rows = np.flatnonzero(wanted[np.asarray(coded.indices, dtype=np.int64)])
    few, seconds = batch.take(pa.array(rows)), seconds[rows]
    host = few["name"].combine_chunks()
    then, today = decided.find(host, seconds), standing.find(host, np.full(len(few), now))
    null = pa.scalar(None, pa.string())
    name = pc.coalesce(
        pc.if_else(pc.is_in(today.action, value_set=_SUSPECT), today.by, null),
        pc.if_else(pc.is_in(then.action, value_set=_SUSPECT), then.by, null),
        pc.if_else(pc.is_in(host, value_set=nefarious), host, null),
    )
    rrtype = pc.utf8_upper(few["rrtype"].combine_chunks())
    matched = {
        "client": few["client"],
        "name": name,
        "disposition": then.action,
        "host": host,
        "rrtype": pc.if_else(pc.match_substring_regex(rrtype, _RRTYPE), rrtype, null),
        "source": few["source"],
        "at": pa.array(seconds),
        "count": few["count"],
    }
    return pa.table(matched).filter(pc.is_valid(name)).combine_chunks()


def _of_queries(found: pa.Table, judge: Triage) -> Iterator[dict[str, Any]]:
    judged = judge.judge(pc.unique(found["name"]).to_pylist())
    for row in found.to_pylist():
        uid = _uid("query", row["client"] or "", row["name"])
        yield {**row, **_told(judged[row["name"]]), "uid": uid}


def _of_alerts(
    raised: list[tuple[Alert, str]], judge: Triage, decided: Dispositions
) -> Iterator[dict[str, Any]]:
    """A row an alert, about the name that is worst among those that it names."""
    judged = judge.judge(sorted({name for alert, _ in raised for name in alert.names}), alerts=True)
    chosen = [max(alert.names, key=lambda name: _weight(judged[name]), default=None) for alert, _ in raised]
    clients = defaultdict[str | None, set[str | None]](set)
    for (alert, _), name in zip(raised, chosen, strict=True):
        clients[name].add(alert.client)
    at = np.array([alert.at or 0 for alert, _ in raised], dtype=np.int64)
    then = decided.find(pa.array(chosen, pa.string()), at).action.to_pylist() if raised else []
    for (alert, source), name, action in zip(raised, chosen, then, strict=True):
        known = {} if name is None else _told(judged[name])
        dated = alert.at is not None and name is not None
        yield {
            "status": "open",
            "now": "none",
            **known,
            "name": name,
            "client": alert.client,
            "clients": len(clients[name] - {None}) if name is not None else None,
            "first": alert.at,
            "last": alert.at,
            "count": alert.count,
            "hosts": list(alert.names[:HOSTS]),
            "then": [f"{action} {alert.count}"] if dated else [],
            "blocked": alert.count if dated and action == "block" else 0,
            "tool": alert.tool,
            "title": alert.title or None,
            "severity": alert.severity or None,
            "alert": alert.uid,
            "sources": [source],
            "uid": _uid("alert", alert.tool, alert.uid),
        }


def _weight(found: Judgement) -> tuple[bool, float]:
    """The worst of an alert's names is open before it is closed."""
    return found.because is None, -1.0 if found.score is None else found.score


def _told(found: Judgement) -> dict[str, Any]:
    return {
        "status": "open" if found.because is None else "closed",
        "because": found.because,
        "score": found.score,
        "verdict": found.verdict,
        "now": found.now,
        "guard": found.guard,
        "kinds": found.kinds,
        "reasons": found.reasons,
    }


def _ranked(rows: list[dict[str, Any]], groups: Groups, simulated: bool) -> pa.Table:
    """The open ones first, group by group, that with the worst score first; then the closed ones."""
    of = groups.of([row["name"] for row in rows])
    worst = defaultdict[str | None, float](lambda: -1.0)
    for row, group in zip(rows, of, strict=True):
        row |= {"group": group, "simulated": simulated}
        if row["status"] == "open":
            worst[group] = max(worst[group], _score(row))
    rows.sort(key=_order(worst))
    open_rows = sum(row["status"] == "open" for row in rows)
    for place, row in enumerate(rows):
        row["rank"] = place + 1 if place < open_rows else None
        for key in ("first", "last"):
            row[key] = None if row[key] is None else datetime.fromtimestamp(row[key], UTC)
        for key in ("rrtypes", "hosts", "then", "kinds", "reasons", "sources"):
            row.setdefault(key, [])
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _order(worst: Mapping[str | None, float]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        group = row["group"]
        return (
            row["status"] != "open",
            -worst[group],
            group is None,
            group or "",
            -_score(row),
            row["name"] or "",
            -row["count"],
            row["uid"],
        )

    return key


def _score(row: Mapping[str, Any]) -> float:
    score = row.get("score")
    return -1.0 if score is None else float(score)


def _uid(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
