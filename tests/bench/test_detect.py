"""What detect finds in a simulated world is counted against its truth."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

import mithra as mt
from mithra.bench.detect import _FOUND, bench_detect
from mithra.errors import InputError


def test_findings_are_counted_against_the_truth():
    """Two bad names of two campaigns and three clients; found are one right pair and a wrong one."""
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE bad AS FROM (VALUES ('c1', 'a.bad.example', 1, 1), ('c1', 'a.bad.example', 2, 1),"
        " ('c2', 'a.bad.example', 3, 1), ('c3', 'b.example', 4, 2)) AS t(client, name, moment, campaign)"
    )
    con.execute(
        "CREATE TABLE found AS FROM (VALUES ('u1', 'c1', 'bad.example', 'a.bad.example'),"
        " ('u1', 'c1', 'bad.example', 'calm.bad.example'), ('u2', 'c2', 'wrong.example', 'wrong.example'))"
        " AS t(uid, client, name, host)"
    )
    [row] = con.sql(_FOUND).to_arrow_table().to_pylist()
    assert (row["findings"], row["names"], row["precision"], row["precision_of_names"]) == (2, 2, 0.5, 0.5)
    assert row["recall"] == pytest.approx(1 / 3)
    assert (row["recall_of_names"], row["recall_of_campaigns"]) == (0.5, 0.5)
    assert row["recall_of_clients"] == pytest.approx(1 / 3)


def test_a_small_world_is_measured(small_world, small_lake, small_model):
    start = datetime(2026, 6, 1, tzinfo=UTC)
    records = bench_detect(small_world, small_lake, mt.load(small_model), start, days=2)
    daily, after, lists, alerts = records
    assert [record["name"] for record in records] == [
        "day by day",
        "afterwards",
        "block lists alone",
        "alerts",
    ]
    for record in (daily, after, lists):
        assert 0 < record["recall"] <= 1
        assert 0 < record["precision"] <= 1
        assert record["queries"] == daily["queries"] > record["findings"]
    assert after["findings"] <= daily["findings"] * 2
    assert alerts["alerts"] == alerts["open"] + alerts["closed"]
    assert alerts["share_right_of_open"] >= alerts["share_right"]
    assert 0 < alerts["groups"] <= alerts["open"]


def test_days_without_logs_are_refused(small_world, small_lake, small_model):
    with pytest.raises(InputError, match="no query log of this day"):
        bench_detect(small_world, small_lake, mt.load(small_model), datetime(2030, 1, 1, tzinfo=UTC), days=1)
