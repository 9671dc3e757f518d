"""Ranks and warning lists."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError
from mithra.observe.readers.popularity import sniff_ranks

DAY = datetime(2026, 3, 4, tzinfo=UTC)


def test_ranks_without_a_header(read):
    got = read(
        "1,Google.com\n2\x1f,com\nx,bad.example\n3,192.0.2.1\n" + "4" * 2_000_000,
        known_at=DAY,
        name="tranco-2026-03-04.csv",
    )
    assert got.reader == "ranks-csv"
    assert got.tables["popularity"] == [
        {"name": "google.com", "rank": 1, "list_id": "tranco", "day": DAY, "source": "tranco"},
        {"name": "com", "rank": 2, "list_id": "tranco", "day": DAY, "source": "tranco"},
    ]
    assert got.rejects == [(3, "bad_rank"), (4, "ip_literal"), (5, "line_too_long")]


def test_ranks_by_header(read):
    got = read("GlobalRank,TldRank,Domain,TLD\n7,3,example.org,org\n", source="majestic")
    assert [(r["name"], r["rank"], r["list_id"], r["day"]) for r in got.tables["popularity"]] == [
        ("example.org", 7, "majestic", None)
    ]
    got = read("origin,rank\nhttps://www.example.com,1000\n")
    assert [(r["name"], r["rank"]) for r in got.tables["popularity"]] == [("www.example.com", 1000)]


def test_umbrella_majestic_and_crux(read):
    got = read("1,netflix.com\r\n2,com\r\n3,_sip._tcp.example.com\r\n", name="umbrella-2026-03-04.csv")
    assert (got.reader, got.column("popularity", "name")) == (
        "ranks-csv",
        ["netflix.com", "com", "_sip._tcp.example.com"],
    )
    got = read(
        "GlobalRank,TldRank,Domain,TLD,RefSubNets,RefIPs,IDN_Domain,IDN_TLD,PrevGlobalRank\n"
        "2,1,facebook.com,com,500,900,facebook.com,com,1\n"
    )
    assert [(r["name"], r["rank"]) for r in got.tables["popularity"]] == [("facebook.com", 2)]
    got = read("origin,rank\nhttps://a.example,1000\nhttp://b.example:8080,1000\nhttps://192.0.2.1,5000\n")
    assert [(r["name"], r["rank"]) for r in got.tables["popularity"]] == [
        ("a.example", 1000),
        ("b.example", 1000),
    ]
    assert got.rejects == [(4, "ip_literal")]


def test_warning_list(read):
    text = json.dumps(
        {
            "description": "d",
            "list": [".dyn.example", "plain.example", "192.0.2.0/24", "d41d8cd98f00b204e9800998ecf8427e", 5],
            "matching_attributes": ["domain"],
            "name": "Dynamic DNS",
            "type": "hostname",
            "version": 20260811,
        }
    )
    got = read(text)
    assert got.reader == "warninglist"
    assert [(r["name"], r["rank"], r["list_id"], r["day"]) for r in got.tables["popularity"]] == [
        ("dyn.example", None, "misp-warninglist:Dynamic DNS", datetime(2026, 8, 11, tzinfo=UTC)),
        ("plain.example", None, "misp-warninglist:Dynamic DNS", datetime(2026, 8, 11, tzinfo=UTC)),
    ]
    assert got.rejects == [(3, "ip_literal"), (4, "hash"), (5, "ip_literal")]


def test_a_version_that_is_no_date_leaves_the_day_to_the_caller(read):
    text = json.dumps({"name": "n", "version": 12, "list": ["a.example"], "type": "string"})
    assert read(text).column("popularity", "day") == [None]
    assert read(text, known_at=DAY).column("popularity", "day") == [DAY]


def test_patterns_are_told(read):
    got = read(json.dumps({"list": ["/x/"], "name": "n", "type": "regex", "matching_attributes": []}))
    assert (got.tables["popularity"], got.rejects) == ([], [(1, "pattern")])


def test_list_must_be_an_array(read):
    with pytest.raises(FormatError, match="array called list"):
        read('{"matching_attributes": [], "list": "x"}')


def test_numbers_out_of_order_are_no_ranks():
    assert sniff_ranks(b"7,a.example\n7,b.example\n9,c.example\n")
    assert not sniff_ranks(b"443,a.example\n80,b.example\n443,c.example\n")
