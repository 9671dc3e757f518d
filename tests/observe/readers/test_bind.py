"""BIND's query log in all its forms: counted by hour, clients hashed."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "formats" / "resolver_logs" / "bind_query.log"
LINE = (
    "24-Aug-2026 02:{minute}:22.825 queries: info: client @0x7fdc5c0fb098 {client}#45830 ({name}): "
    "query: {name} IN A +E(0)K (127.0.0.1)\n"
)


def line(name="www.example.com", client="192.0.2.7", minute="47"):
    return LINE.format(name=name, client=client, minute=minute)


def test_counts_by_name_client_and_hour(read):
    got = read(line() + line(minute="59") + line(client="192.0.2.8") + line(name="Other.Example.org"))
    key = hmac.new(b"k" * 32, b"192.0.2.7", hashlib.sha256).hexdigest()[:32]
    assert got.reader == "bind-query-log"
    assert [(r["name"], r["count"], r["hour"]) for r in got.tables["queries"]] == [
        ("www.example.com", 2, datetime(2026, 8, 24, 2, tzinfo=UTC)),
        ("www.example.com", 1, datetime(2026, 8, 24, 2, tzinfo=UTC)),
        ("other.example.org", 1, datetime(2026, 8, 24, 2, tzinfo=UTC)),
    ]
    assert got.tables["queries"][0]["client"] == key
    assert "192.0.2" not in str(got)


def test_every_form_of_a_line(read):
    got = read(
        "24-Aug-2026 02:47:22.825 client 2001:db8::1#1 (a.example): view in: query: a.example IN A + (::1)\n"
        "2026-08-24T03:47:22.825Z queries: info: client 192.0.2.7#1 (b.example): query: b.example IN A +\n"
        "2026-08-24T03:47:22.825+02:00 client 192.0.2.7#1 (c.example): query: c.example IN A +\n"
        "2026-08-24T10:15:22.825+0530 info: client 192.0.2.7#1 (d.example): query: d.example IN A +\n"
        "24-Aug-2026 05:00:00.000 queries: client @0x7f 192.0.2.7#1/key tsig.key (e.example): query: "
        "e.example IN HTTPS +SE(0)TDCV (192.0.2.1) [ECS 203.0.113.0/24/0]\n"
        "2026-08-24T06:00:00.000 client @0x7f fe80::1%eth0#1 (f.example): query: f.example IN A -\n"
        "2026-08-24T07:00:00.1+00:00 ns1 named[31]: queries: info: client @0x7f 192.0.2.7#1 (g.example): "
        "query: g.example IN A +\n"
        "<30>Aug 24 01:00:00 ns1 named[31]: 24-Aug-2026 08:00:00.000 client @0x7f 192.0.2.7#1 (h.example): "
        "query: h.example IN A +\n"
        "<30>1 2026-08-24T09:00:00.1Z ns1 named 31 - - client @0x7f 192.0.2.7#1 (i.example): "
        "query: i.example IN A +\n"
    )
    assert got.rejects == []
    assert [(r["name"][0], r["hour"].hour) for r in got.tables["queries"]] == [
        ("a", 2),
        ("b", 3),
        ("c", 1),
        ("d", 4),
        ("e", 5),
        ("f", 6),
        ("g", 7),
        ("h", 8),
        ("i", 9),
    ]


def test_responses_count_only_without_queries(read):
    answer = line().replace("query: www", "response: www").replace("IN A +", "IN A NOERROR +")
    assert read(line() + answer).column("queries", "count") == [1]
    assert read(answer + answer).column("queries", "count") == [2]


def test_other_lines_are_told_without_addresses(read):
    got = read(
        line()
        + "24-Aug-2026 02:47:22.825 resolver: info: refused 192.0.2.99#53 and 2001:db8::99\n"
        + line(name=".")
        + line().replace("2026", "2031")
        + line().replace("24-Aug", "99-Aug")
        + line(name="version.bind").replace(" IN ", " CH ")
    )
    assert got.rejects == [
        (2, "not_a_query"),
        (3, "root"),
        (4, "date_in_future"),
        (5, "no_date"),
        (6, "class_not_in"),
    ]
    assert "192.0.2" not in str(got.excerpts)
    assert "db8" not in str(got.excerpts)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the samples of ../shared/data are not here")
def test_a_real_log(read):
    got = read(SAMPLE.read_bytes(), now=datetime(2026, 11, 25, tzinfo=UTC))
    assert (got.reader, sum(got.column("queries", "count")), got.rejects) == ("bind-query-log", 601, [])
