"""The tables of a replay, on a dozen arrivals written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import InputError
from mithra.graph.coverage import needed
from mithra.graph.csr import relation_from_edges
from mithra.graph.snapshot import FACTS, LABELS, Snapshot
from mithra.learn import replay
from mithra.learn.arrivals import ANY_FEED, NEVER, Arrivals
from mithra.learn.parts import without_registrations, without_resolutions
from mithra.learn.replay import LeadTime, Truth

DAY, HOUR = 86_400, 3_600
START = datetime(2026, 6, 1, tzinfo=UTC)
T0 = int(START.timestamp())


def graph(names: list[str], days: list[float], addresses: dict[str, list[str]] | None = None) -> Snapshot:
    """Domains first seen that many days after START; `addresses` maps an address to its domains."""
    size = len(names)
    seen = np.array([T0 + int(day * DAY) for day in days], np.int64)
    edges = [(names.index(name), key) for key, held in (addresses or {}).items() for name in held]
    domain = np.array([at for at, _ in edges], np.int32)
    relations = {
        "address": relation_from_edges(
            "address", domain, pa.array([key for _, key in edges], pa.string()), seen[domain], seen[domain],
            domains=size,
        )
    }  # fmt: skip
    facts = pa.table({f.name: pa.nulls(size, f.type) for f in FACTS})
    group = np.arange(size, dtype=np.int32)
    labels = LABELS.empty_table()
    array = pa.array(names)
    return Snapshot(START + timedelta(days=60), array, group, array, seen, relations, facts, labels)


def arrived(
    snapshot: Snapshot, y: list[int], listed: dict[str, list[int]] | None = None, until: float = 60
) -> Arrivals:
    return Arrivals(
        snapshot,
        START + timedelta(days=until),
        np.arange(len(snapshot)),
        snapshot.first_seen + DAY,
        np.array(y, np.int8),
        {name: np.array(at, np.int64) for name, at in (listed or {}).items()},
    )


def test_each_period_is_ranked_by_itself() -> None:
    """Within each week the nefarious name is on top; over both weeks it would not be."""
    found = arrived(graph(list("abcdef"), [0, 1, 6.9, 7, 8, 20]), [1, 0, -1, 1, 0, 0])
    score = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.95])
    rows = replay.decay(found, START, START + timedelta(days=21), score, score >= 0.75, "mithra")
    assert [(row["start"][:10], row["days"]) for row in rows] == [
        ("2026-06-01", 7),
        ("2026-06-08", 7),
        ("2026-06-15", 7),
    ]
    told = [(row["arrivals"], row["nefarious"], row["flagged"], row["caught"], row["ap"]) for row in rows]
    assert told == [(3, 1, 2, 1, 1.0), (2, 1, 0, 0, 1.0), (1, 0, 1, 0, None)]
    assert rows[0]["recall_1pct"]["measurable"] is False
    short = replay.decay(found, START, START + timedelta(hours=60), score, score > 1, "mithra")
    assert [(row["days"], row["arrivals"]) for row in short] == [(1, 1), (1, 1), (1, 0)]


def test_lead_is_told_of_each_feed_and_of_the_first_of_them() -> None:
    hours = {"slow": [72, 12, None, 90 * 24], "quick": [48, None, None, None]}
    found = arrived(graph(list("abcd"), [0, 0, 0, 0]), [1, 1, -1, -1])
    at = {
        feed: [NEVER if hour is None else T0 + DAY + hour * HOUR for hour in row]
        for feed, row in hours.items()
    }
    first = np.min([at["slow"], at["quick"]], axis=0).tolist()
    found = arrived(found.graph, [1, 1, 0, 0], {ANY_FEED: first, **at}, until=40)
    rows = replay.lead_times(found, np.array([True, True, True, False]), waiting_days=14)
    assert rows == [
        LeadTime(ANY_FEED, 3, 2, 30.0, 0.5, pytest.approx(1 / 3)),
        LeadTime("slow", 3, 2, 42.0, 0.5, pytest.approx(1 / 3)),
        LeadTime("quick", 1, 1, 48.0, 1.0, pytest.approx(2 / 3)),
    ]


def test_never_listed_waits_for_the_window() -> None:
    """Flagged three days before the labels end: nobody can say yet that it is never listed."""
    found = arrived(graph(["a"], [36]), [-1], {ANY_FEED: [NEVER]}, until=40)
    flagged = np.array([True])
    assert replay.lead_times(found, flagged, waiting_days=14)[0].never_listed is None
    assert replay.lead_times(found, flagged, waiting_days=3)[0].never_listed == 1.0


def test_false_positives_are_told_by_hosting_with_intervals() -> None:
    crowd = [f"c{i}.test" for i in range(replay.CROWDED)]
    names = ["one.github.io", "lone.test", "none.test", *crowd, "last.test"]
    snapshot = graph(
        names,
        [0.0] * (len(names) - 1) + [1.0],
        {"192.0.2.1": [*crowd, "last.test"], "192.0.2.2": ["lone.test"], "192.0.2.3": ["one.github.io"]},
    )
    found = arrived(snapshot, [0] * len(names))
    classes = replay.hosting(found)
    assert [name for name, one in classes.items() if one[-1]] == [f"address with {replay.CROWDED} others"]
    chosen = {name: [names[i] for i in np.flatnonzero(one)] for name, one in classes.items()}
    assert chosen["tenant of a shared suffix"] == ["one.github.io"]
    assert chosen["no address known"] == ["none.test"]
    assert "lone.test" in chosen["address of its own or with few"]
    score = np.where(np.array(names) == "lone.test", 0.9, 0.1)
    lines = {"0.01": 0.5, "0.001": 0.95}
    rows = {
        row["hosting"]: row
        for row in replay.false_positives(classes, np.ones(len(names), bool), score, lines, "hosting")
    }
    assert rows["all"]["at"]["0.01"]["flagged"] == 1
    assert rows["all"]["flagged"] == 0  # at the strictest line
    assert rows["all"]["at"]["0.01"]["measurable"] is False
    assert rows["no address known"]["at"]["0.01"] == {
        "flagged": 0, "rate": 0.0, "low": 0.0, "high": pytest.approx(0.793, abs=1e-3), "measurable": False,
    }  # fmt: skip


def test_the_worst_of_every_day_are_looked_at() -> None:
    names = [f"n{i}" for i in range(40)]
    found = arrived(graph(names, [0.5] * 20 + [1.5] * 20), [1] * 5 + [-1] * 15 + [1] * 20)
    score = np.concatenate([np.linspace(1, 0.9, 20), np.linspace(0.5, 0.4, 20)])
    truth = Truth(np.ones(40, np.int8), None, {})
    assert replay.daily(found, START, score, truth) == [
        {"k": 10, "names": 20, "precision": 0.75, "recall": 0.6, "true_precision": 1.0, "true_recall": 0.5}
    ]


def test_coverage_is_counted_at_the_moment_of_judging() -> None:
    """Both have a registration and an address; that of the second is captured after it is judged."""
    whole = graph(["a.test", "b.test", "c.test"], [0.0] * 3, {"192.0.2.1": ["a.test", "b.test"]})
    captured = pa.array([T0, T0 + 2 * DAY, None], pa.int64())
    at = whole.facts.schema.get_field_index("registration_captured")
    whole = replace(whole, facts=whole.facts.set_column(at, "registration_captured", captured))
    found = arrived(whole, [1, 0, 0])
    rows = replay.coverage(found, found.y, np.array([0.9, 0.8, 0.1]), 0.5)
    assert [(row["parts"], row["judged"], row["names"], row["flagged"]) for row in rows] == [
        (0, False, 1, 0),
        (1, False, 1, 1),
        (2, True, 1, 1),
    ]
    assert needed(without_registrations(whole)) == 1  # nobody is short of what nobody has


def test_campaigns_are_told_by_what_training_could_know() -> None:
    names = ["new1.test", "new2.test", "new3.test", "lone.test", "good.test"]
    table = pa.table(
        {
            "name": [*names, "old1.test", "old2.test"],
            "verdict": ["nefarious"] * 4 + ["benign", "nefarious", "nefarious"],
            "campaign": [1, 2, 3, None, None, 1, 2],
        }
    )
    found = arrived(graph(names, [0.0] * 5), [-1] * 5)
    before = graph(["old1.test", "old2.test"], [-5.0, -5.0])
    label = {"domain": 0, "verdict": "nefarious", "source": "f", "known_at": T0 - DAY}
    before = Snapshot(
        START, before.names, before.group, before.groups, before.first_seen, {}, before.facts,
        pa.Table.from_pylist([label], schema=LABELS),
    )  # fmt: skip
    told = Truth.of(table, found.names)
    assert told.y.tolist() == [1, 1, 1, 1, 0]
    score = np.array([0.9, 0.1, 0.8, 0.7, 0.99])
    rows = replay.campaigns(found, told, before, score, {"0.01": 0.75})
    assert {row["campaign"]: (row["nefarious"], row["at"]["0.01"]["flagged"]) for row in rows} == {
        "a member was listed": (1, 1),
        "seen, none listed": (1, 0),
        "unseen": (1, 1),
        "no campaign": (1, 0),
    }
    with pytest.raises(InputError, match="lacks columns"):
        Truth.of(table.select(["name"]), found.names)
    odd = table.set_column(1, "verdict", pa.array(["malicious"] * 7))
    with pytest.raises(InputError, match="nefarious and of benign"):
        Truth.of(odd, found.names)
    with pytest.raises(InputError, match="another type"):
        Truth.of(table.set_column(2, "campaign", pa.array(["x"] * 7)), found.names)


def test_a_missing_part_is_gone_from_the_whole_snapshot() -> None:
    whole = graph(["a.test"], [0.0], {"192.0.2.1": ["a.test"]})
    created = pa.array([T0 - DAY], pa.int64())
    whole = Snapshot(
        whole.as_of, whole.names, whole.group, whole.groups, whole.first_seen,
        {**whole.relations, "registrar": whole.relations["address"]},
        whole.facts.set_column(0, "created", created), whole.labels,
    )  # fmt: skip
    less = without_registrations(whole)
    assert less.facts["created"].to_pylist() == [None]
    assert set(less.relations) == {"address"}
    less = without_resolutions(whole)
    assert less.facts["created"].to_pylist() == [T0 - DAY]
    assert set(less.relations) == {"registrar"}
