"""Unbound's log: queries, or replies where there are no queries."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mithra.errors import InputError

SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "formats" / "resolver_logs" / "unbound.log"
START = "[1787536800] unbound[4390:0] info: start of service (unbound 1.17.1).\n"  # 2026-08-24T02:00Z
QUERY = "[1787536800] unbound[4390:a] info: 192.0.2.7 www.Example.com. A IN\n"
REPLY = QUERY.replace(" IN\n", " IN NOERROR 0.000346 0 60\n")


def test_queries_once_though_replies_are_logged_too(read):
    got = read(START + QUERY + REPLY + QUERY + REPLY)
    assert (got.reader, got.rejects) == ("unbound-log", [])
    assert [(r["name"], r["hour"], r["count"]) for r in got.tables["queries"]] == [
        ("www.example.com", datetime(2026, 8, 24, 2, tzinfo=UTC), 2)
    ]
    assert "192.0.2" not in str(got)


def test_replies_where_no_queries_are_logged(read):
    assert read(START + REPLY + REPLY).column("queries", "count") == [2]


def test_every_form_of_a_line(read):
    got = read(
        "[1787536800.123] unbound[1:0] query: 192.0.2.7 a.example. A IN\n"
        "Aug 24 03:00:00 unbound[1:0] info: 192.0.2.7 b.example. A IN\n"
        "Aug 24 04:00:00 host unbound: [1:0] info: 2001:db8::1 c.example. TYPE65 IN\n"
        "2026-08-24T07:00:00.123+02:00 host unbound[1]: [1:0] info: 192.0.2.7 d.example. A IN\n"
        "<30>1 2026-08-24T06:00:00Z host unbound 1 - - [1:0] query: 192.0.2.7 e.example. A IN\n"
        "Aug 24 2026 07:00:00 host unbound[1]: [1:0] info: 192.0.2.7 f.example. A IN\n",
        known_at=datetime(2026, 8, 24, tzinfo=UTC),
    )
    assert got.rejects == []
    assert [(r["name"][0], r["hour"].day, r["hour"].hour) for r in got.tables["queries"]] == [
        ("a", 24, 2),
        ("b", 24, 3),
        ("c", 24, 4),
        ("d", 24, 5),
        ("e", 24, 6),
        ("f", 24, 7),
    ]


def test_times_without_a_year_need_one(read):
    with pytest.raises(InputError, match="no year") as caught:
        read("Aug 24 03:00:00 unbound[1:0] info: 192.0.2.7 b.example. A IN\n")
    assert "--known-at" in str(caught.value)


def test_what_is_set_aside(read):
    got = read(
        START
        + QUERY
        + "[1787536800] unbound[1:0] info: resolving other.example. A IN\n"
        + "[1787536800] unbound[1:0] info: 192.0.2.9 cut.exam\n"
        + "something else from 192.0.2.9\n"
        + QUERY.replace(" IN", " CH")
        + QUERY.replace("[17875", "[19875")
    )
    assert got.column("queries", "count") == [1]
    assert got.rejects == [
        (4, "bad_query"),
        (5, "not_a_log_line"),
        (6, "class_not_in"),
        (7, "date_in_future"),
    ]
    assert "192.0.2" not in str(got)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the samples of ../shared/data are not here")
def test_a_real_log(read):
    got = read(SAMPLE.read_bytes(), now=datetime(2026, 11, 25, tzinfo=UTC))
    assert (got.reader, sum(got.column("queries", "count")), got.rejects) == ("unbound-log", 602, [])
