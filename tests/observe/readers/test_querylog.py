"""BIND's query log: counted by hour, clients hashed."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

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


def test_older_and_iso_forms(read):
    got = read(
        "24-Aug-2026 02:47:22.825 client 2001:db8::1#1 (a.example): view in: query: a.example IN A + (::1)\n"
        "2026-08-24T03:47:22.825Z queries: info: client 192.0.2.7#1 (b.example): query: b.example IN A +\n"
        "2026-08-24T03:47:22.825+02:00 client 192.0.2.7#1 (c.example): query: c.example IN A +\n"
    )
    assert [(r["name"], r["hour"].hour) for r in got.tables["queries"]] == [
        ("a.example", 2),
        ("b.example", 3),
        ("c.example", 1),
    ]


def test_other_lines_are_told_without_addresses(read):
    got = read(
        line()
        + "24-Aug-2026 02:47:22.825 resolver: info: refused 192.0.2.99#53 and 2001:db8::99\n"
        + line(name=".")
        + line().replace("2026", "2031")
        + line().replace("24-Aug", "99-Aug")
    )
    assert got.rejects == [(2, "not_a_query"), (3, "root"), (4, "date_in_future"), (5, "no_date")]
    assert "192.0.2" not in str(got.excerpts)
    assert "db8" not in str(got.excerpts)
