"""The verb `campaigns`: suspects that belong together, by the rare things that they share.

In come scores (or a model) and the snapshot that they are of. Suspects are names of nefarious verdict, names
over the line for watching, and names that a source lists. What comes out suggests; only `decide` blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.decide.guards import guards, shared
from mithra.decide.limits import threshold_for
from mithra.decide.policy import Policy
from mithra.errors import UsageError
from mithra.explain.campaign_ids import Identity, before_of, identities
from mithra.explain.campaign_result import MEMBERS, Campaign, Campaigns, Tie
from mithra.explain.communities import LONE, communities
from mithra.explain.ties import Owners, Sharing, owners_of, sharings
from mithra.graph.snapshot import Snapshot
from mithra.names import SuffixList
from mithra.score.batch import score
from mithra.score.judge import moment_of
from mithra.score.ranker import Ranker
from mithra.score.scores import Scores
from mithra.score.shared import Listings, listings
from mithra.score.words import shown

__all__ = ["campaigns", "grouped", "suspects"]

MAX_TIES = 6  # told of a campaign
PER_RELATION = 2  # of them of one relation


def campaigns(
    found: Scores | Ranker,
    snapshot: Snapshot,
    *,
    previous: Campaigns | str | Path | None = None,
    policy: Policy | None = None,
    progress: bool = False,
) -> Campaigns:
    """Find the campaigns of a snapshot.

    Args:
        found: scores of the snapshot's names, or a model to score them all with. Names that a source lists
            are suspects even where they were not scored.
        snapshot: what is known; nothing later counts.
        previous: what was found before, or its JSON file: a campaign that goes on keeps its identifier.
        policy: where the line for watching is, and what is popular; default the default one.

    Raises:
        UsageError: scores, or a previous result, of a later moment than the snapshot.
        InputError: a previous file that cannot be read.

    Example:
        >>> print(campaigns(model, snapshot).to_text())  # doctest: +SKIP
    """
    before = before_of(previous, snapshot.as_of)
    scores = found if isinstance(found, Scores) else score(found, snapshot, progress=progress, reasons=False)
    _must_not_be_later(scores, snapshot)
    policy = policy or Policy()
    table = _by_domain(scores, snapshot)
    held = listings(snapshot, moment_of(snapshot))
    domains = _suspects(table, scores, held, policy)
    owners = owners_of(snapshot, domains)
    ties = list(sharings(snapshot, owners))
    community = communities(owners, ties)
    campaign = community[owners.of]
    rows = _rows(snapshot, table, held, domains, policy)
    names = rows["name"].to_pylist()
    groups = _groups(campaign, snapshot.first_seen[domains], names)
    known = identities([[names[row] for row in group] for group in groups], before)
    told = _told(owners, ties, community)
    at = "" if snapshot.as_of is None else snapshot.as_of.isoformat()
    made = [
        _campaign(identity, rows, group, told[int(campaign[group[0]])], at)
        for identity, group in zip(known, groups, strict=True)
    ]
    order = sorted(range(len(made)), key=lambda at: (-len(made[at].names), made[at].id))
    member = np.concatenate([np.empty(0, np.int64), *(groups[at] for at in order)])
    ids = [made[at].id for at in order for _ in groups[at]]
    members = rows.take(pa.array(member)).add_column(0, "campaign", pa.array(ids, pa.string()))
    return Campaigns(
        as_of=snapshot.as_of,
        simulated=scores.simulated,
        campaigns=tuple(made[at] for at in order),
        members=members.select(MEMBERS.names).cast(MEMBERS),
        lone=int((campaign == LONE).sum()),
    )


def suspects(scores: Scores, snapshot: Snapshot, policy: Policy | None = None) -> NDArray[np.int64]:
    """Domains of the snapshot of nefarious verdict, over the line for watching, or listed."""
    held = listings(snapshot, moment_of(snapshot))
    return _suspects(_by_domain(scores, snapshot), scores, held, policy or Policy())


def grouped(snapshot: Snapshot, domains: NDArray[np.int64]) -> NDArray[np.int64]:
    """The campaign of each of these domains, as a number, LONE for those in none; [domains]."""
    owners = owners_of(snapshot, domains)
    return communities(owners, list(sharings(snapshot, owners)))[owners.of]


def _must_not_be_later(scores: Scores, snapshot: Snapshot) -> None:
    at = scores.origin["as_of"]
    if at and snapshot.as_of is not None and datetime.fromisoformat(at) > snapshot.as_of:
        raise UsageError(
            "the scores are of a later moment than the snapshot",
            value=f"{at}, the snapshot is as of {snapshot.as_of.isoformat()}",
        )


def _by_domain(scores: Scores, snapshot: Snapshot) -> pa.Table:
    """The scores' rows of each domain of the snapshot, null where it was not scored, [domains]."""
    table = scores.to_arrow().combine_chunks()
    place = snapshot.index(table["name"].combine_chunks())
    row = np.full(len(snapshot), -1)
    row[place[place >= 0]] = np.flatnonzero(place >= 0)
    kept = ("score", "verdict", "popular_days", "popular_rank", "warning_list", "label_benign", "state")
    own = table.select(kept).take(pa.array(row, mask=row < 0))
    return own.add_column(0, "name", snapshot.names)


def _suspects(table: pa.Table, scores: Scores, held: Listings, policy: Policy) -> NDArray[np.int64]:
    """Domains of nefarious verdict, over the line for watching, or listed."""
    suspect = _flags(pc.equal(table["verdict"], "nefarious")) | held.listed
    line = threshold_for(policy.watch_fpr, scores.thresholds)
    if line is not None:
        suspect |= _flags(pc.greater_equal(table["score"], line))
    return np.flatnonzero(suspect & ~held.benign)


def _rows(
    snapshot: Snapshot, table: pa.Table, held: Listings, domains: NDArray[np.int64], policy: Policy
) -> pa.Table:
    """The columns of MEMBERS for each suspect, but for the campaign; [suspects]."""
    chosen = pa.array(domains)
    rows = table.take(chosen).combine_chunks()
    listed = pa.array(held.listed[domains])
    unknown = pc.fill_null(pc.equal(rows["verdict"], "unknown"), True)
    benign = pc.fill_null(pc.equal(rows["verdict"], "benign"), False)
    doubt = pc.if_else(pc.and_(unknown, pc.invert(listed)), "unknown_verdict", None)
    reason = pc.coalesce(
        guards(rows, policy, SuffixList.bundled()), pc.if_else(benign, "benign_verdict", None), doubt
    )
    dated = snapshot.as_of is not None
    first = snapshot.first_seen[domains]
    last = np.asarray(pc.fill_null(snapshot.facts["last_seen"].take(chosen), 0), dtype=np.int64)
    level = pa.array(np.where(_whole(snapshot, table, domains), "subtree", "host"))
    columns = {
        "name": rows["name"],
        "owner": snapshot.groups.take(pa.array(snapshot.group[domains])),
        "score": rows["score"],
        "verdict": rows["verdict"],
        "listed": listed,
        "first_seen": _moments(first, dated),
        "last_seen": _moments(np.maximum(first, last), dated),
        "block": pc.if_else(pc.is_null(reason), level, None),
        "held": reason,
    }
    return pa.table(columns)


def _whole(snapshot: Snapshot, table: pa.Table, domains: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether all below a name is one owner's, and nothing known there is anything but suspect; [domains]."""
    groups = snapshot.groups.take(pa.array(snapshot.group[domains]))
    own = _flags(pc.equal(snapshot.names.take(pa.array(domains)), groups))
    bad = _flags(pc.equal(table["verdict"], "unknown"))
    bad[domains] = True
    mixed = np.bincount(snapshot.group[~bad], minlength=len(snapshot.groups)) > 0
    return np.asarray(own & ~mixed[snapshot.group[domains]] & ~shared(groups, SuffixList.bundled()))


def _groups(
    campaign: NDArray[np.int64], first_seen: NDArray[np.int64], names: list[str]
) -> list[NDArray[np.int64]]:
    """Rows of each campaign, in order of first sight, then by name."""
    rows = np.flatnonzero(campaign != LONE)
    by_name = np.argsort(np.argsort(np.array(names, dtype=object), kind="stable"))
    order = rows[np.lexsort((by_name[rows], first_seen[rows], campaign[rows]))]
    return np.split(order, np.flatnonzero(np.diff(campaign[order])) + 1) if len(order) else []


def _campaign(
    identity: Identity, rows: pa.Table, group: NDArray[np.int64], ties: Sequence[Tie], at: str
) -> Campaign:
    own = rows.take(pa.array(group))
    names, listed, block = (own[column].to_pylist() for column in ("name", "listed", "block"))
    day = pc.strftime(own["first_seen"], format="%Y-%m-%d")
    first = [each for each in day.to_pylist() if each is not None]
    last = pc.max(own["last_seen"]).as_py()
    return Campaign(
        id=identity.id,
        since=at if identity.before is None else identity.before.since,
        owners=pc.count_distinct(own["owner"]).as_py(),
        names=tuple(names),
        unlisted=tuple(name for name, known in zip(names, listed, strict=True) if not known),
        added=None if identity.before is None else len(set(names) - identity.before.names),
        ties=tuple(ties),
        first_seen=first[0] if first else None,
        last_seen=None if last is None else f"{last:%Y-%m-%d}",
        growth=tuple(sorted(Counter(first).items())),
        block=tuple((name, level) for name, level in zip(names, block, strict=True) if level is not None),
    )


def _told(owners: Owners, ties: Sequence[Sharing], community: NDArray[np.int64]) -> dict[int, list[Tie]]:
    """What ties each campaign, the most telling first: many of its owners at an entity of few others."""
    found: dict[int, list[tuple[float, Tie]]] = {int(each): [] for each in np.unique(community)}
    for sharing in ties:
        inside = community[sharing.owner] != LONE
        span = len(sharing.weight)
        pair, here = np.unique(
            community[sharing.owner[inside]] * span + sharing.entity[inside], return_counts=True
        )
        pair, here = pair[here > 1], here[here > 1]
        campaign, entity = pair // max(span, 1), pair % max(span, 1)
        value = (here - 1) * here * sharing.weight[entity]
        order = np.lexsort((entity, -value, campaign))
        place = np.arange(len(order)) - np.searchsorted(campaign[order], campaign[order])
        best = order[place < PER_RELATION]
        texts = shown(sharing.text(entity[best])).to_pylist()
        for at, text in zip(best.tolist(), texts, strict=True):
            tie = Tie(sharing.relation, text, int(here[at]), int(sharing.there[entity[at]]))
            found[int(campaign[at])].append((float(value[at]), tie))
    return {
        campaign: [tie for _, tie in sorted(each, key=lambda pair: -pair[0])[:MAX_TIES]]
        for campaign, each in found.items()
    }


def _moments(seconds: NDArray[np.int64], dated: bool) -> pa.Array:
    return pa.array(seconds, mask=np.full(len(seconds), not dated)).cast(pa.timestamp("s", "UTC"))


def _flags(flags: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=bool)
