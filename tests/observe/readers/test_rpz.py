"""Response policy zones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

DAY = datetime(2026, 3, 4, tzinfo=UTC)


def test_urlhaus_rpz_is_dated_by_its_comments(read):
    got = read(
        "$TTL 30\n"
        "@ SOA rpz.urlhaus.abuse.ch. hostmaster.urlhaus.abuse.ch. 2203170343 300 1800 604800 30\n"
        " NS localhost.\n"
        ";\n"
        "; abuse.ch URLhaus Response Policy Zones (RPZ)\n"
        "; Last updated: 2026-02-17 03:43:06 (UTC)\n"
        "testentry.rpz.urlhaus.abuse.ch CNAME . ; Test entry for testing URLhaus RPZ\n"
        "Bad.example CNAME . ; Malware download (2025-12-30), see https://urlhaus.abuse.ch/host/bad.example/\n"
    )
    assert got.reader == "rpz"
    assert [(row["name"], row["known_at"]) for row in got.tables["labels"]] == [
        ("testentry.rpz.urlhaus.abuse.ch", datetime(2026, 2, 17, 3, 43, 6, tzinfo=UTC)),
        ("bad.example", datetime(2025, 12, 30, tzinfo=UTC)),
    ]
    assert got.rejects == []


def test_actions_and_triggers(read):
    got = read(
        "$ORIGIN rpz.local.\n"
        "@ 3600 IN SOA ns.local. admin.local. ( 1 ; serial\n"
        "  2 3 4 5 )\n"
        "  IN NS ns.local.\n"
        "nxdomain.example 60 IN CNAME .\n"
        "*.wild.example CNAME .\n"
        "nodata.example CNAME *.\n"
        "drop.example.rpz.local. CNAME rpz-drop.\n"
        "null.example A 0.0.0.0\n"
        "null.example AAAA ::\n"
        "good.example CNAME rpz-passthru.\n"
        "tcp.example CNAME rpz-tcp-only.\n"
        "moved.example CNAME garden.example.\n"
        "garden.example A 192.0.2.7\n"
        'text.example TXT "blocked"\n'
        "24.0.2.0.192.rpz-ip CNAME .\n"
        "32.1.2.0.192.rpz-nsip CNAME .\n"
        "32.1.2.0.192.rpz-client-ip CNAME rpz-drop.\n"
        "ns.evil.example.rpz-nsdname CNAME .\n",
        known_at=DAY,
    )
    assert got.reader == "rpz"
    assert got.column("labels", "name") == [
        f"{name}.example" for name in ("nxdomain", "wild", "nodata", "drop", "null", "null")
    ]
    assert set(got.column("labels", "known_at")) == {DAY}
    assert got.rejects == [
        (11, "exception_rule"),
        (12, "tcp_only_rule"),
        (13, "redirect_rule"),
        (14, "not_a_sinkhole"),
        (15, "local_data"),
        (16, "address_trigger"),
        (17, "address_trigger"),
        (18, "address_trigger"),
        (19, "name_server_trigger"),
    ]


def test_an_absolute_apex_is_taken_off(read):
    got = read(
        "rpz.example. SOA a. b. 1 2 3 4 5\nrpz.example. NS a.\nbad.test.rpz.example. CNAME .\n", known_at=DAY
    )
    assert got.column("labels", "name") == ["bad.test"]


def test_records_without_a_date_of_their_own_take_the_files(read):
    text = "a.test CNAME . ; x (2026-01-01)\nb.test CNAME . ; x\nc.test CNAME . ; (2031-01-01)\n"
    assert read(text).rejects == [(2, "no_date"), (3, "date_in_future")]
    assert read(text, known_at=DAY).column("labels", "known_at") == [datetime(2026, 1, 1, tzinfo=UTC), DAY]


def test_an_empty_policy_zone(read):
    got = read("$TTL 30\n@ SOA a. b. 1 2 3 4 5\n NS localhost.\n; Response Policy Zone\n", known_at=DAY)
    assert (got.reader, got.tables["labels"], got.rejects) == ("rpz", [], [])


@pytest.mark.parametrize("line", ["www CNAME host.example.\n", "@ A 192.0.2.1\n"])
def test_other_zones_are_zones(read, line):
    assert read(f"$ORIGIN example.\n@ SOA a. b. 1 2 3 4 5\n{line}", known_at=DAY).reader == "zone"
