"""Zone files, streamed line by line; dnspython is the oracle for what a line means."""

from __future__ import annotations

from datetime import UTC, datetime

import dns.zone
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError, InputError

ZONE = """\
;; Domain:     example.
;; Exported:   2026-08-22 07:39:20
;;
$TTL 1h
@           IN SOA ns1.example. host.example. ( 2026082201 ; serial
                3600 900
                604800 300 )
            IN NS ns1
            IN NS ns2.Other.NET.
ns1   300   IN A     192.0.2.1
      300      AAAA  2001:DB8::1
IN          1d A     192.0.2.9
www         IN 2h CNAME web.example.   ; comment
mail        MX 10 mx1
txt         TXT "a; b" "c(d)"
$ORIGIN sub.example.
@           NS ns.sub
host        A 192.0.2.3
"""
EXPORTED = datetime(2026, 8, 22, 7, 39, 20, tzinfo=UTC)


def test_every_form_of_a_record(read):
    got = read(ZONE, name="example.zone")
    assert got.reader == "zone"
    assert got.rejects == []
    rows = [(r["name"], r["rrtype"], r["rdata"], r["ttl"]) for r in got.tables["resolutions"]]
    assert rows == [
        ("example", "SOA", "ns1.example host.example 2026082201 3600 900 604800 300", 3600),
        ("example", "NS", "ns1.example", 3600),
        ("example", "NS", "ns2.other.net", 3600),
        ("ns1.example", "A", "192.0.2.1", 300),
        ("ns1.example", "AAAA", "2001:db8::1", 300),
        ("in.example", "A", "192.0.2.9", 86400),
        ("www.example", "CNAME", "web.example", 7200),
        ("mail.example", "MX", "mx1.example", 3600),
        ("txt.example", "TXT", '"a; b" "c(d)"', 3600),
        ("sub.example", "NS", "ns.sub.sub.example", 3600),
        ("host.sub.example", "A", "192.0.2.3", 3600),
    ]
    assert {
        (r["first_seen"], r["last_seen"], r["captured_at"], r["count"]) for r in got.tables["resolutions"]
    } == {(EXPORTED, EXPORTED, EXPORTED, 1)}
    assert set(got.column("resolutions", "source")) == {"example"}


def test_agrees_with_dnspython(read):
    got = read(ZONE)
    zone = dns.zone.from_text(ZONE, origin="example.", relativize=False)
    oracle = {
        (str(name).rstrip(".").lower(), ttl, str(rdata.rdtype.name))
        for name, ttl, rdata in zone.iterate_rdatas()
    }
    assert {(r["name"], r["ttl"], r["rrtype"]) for r in got.tables["resolutions"]} == oracle


def test_the_day_is_needed(read):
    text = "example. 60 IN SOA a. b. 1 2 3 4 5\nexample. 60 IN NS a.example.\n"
    with pytest.raises(InputError, match="--known-at"):
        read(text)
    day = datetime(2026, 1, 2, tzinfo=UTC)
    assert read(text, known_at=day).column("resolutions", "first_seen") == [day, day]


def test_bad_lines_are_told(read):
    text = (
        "; Exported: 2026-01-01\n"
        "example. 60 IN NS a.example.\n"  # 2
        "relative 60 IN A 192.0.2.1\n"  # 3
        "example. 60 IN A 999.0.0.1\n"  # 4
        "example. 60 CH TXT x\n"  # 5
        "$INCLUDE other.zone\n"  # 6
        "example. 60 IN BOGUS x\n"  # 7
        "example. 60 IN A\n"  # 8
        "a\\032b.example. 60 IN A 192.0.2.1\n"  # 9
        "\x00.example. 60 IN A 192.0.2.1\n"  # 10
        "example. 60 IN RRSIG A 8 1 60 x\n"  # 11
        "b.example. 60 IN RRSIG A 8 1 60 x\n"  # 12
        "example. 60 IN A ( 192.0.2.1\n"  # 13
    )
    got = read(text)
    assert got.column("resolutions", "rdata") == ["a.example"]
    assert got.rejects == [
        (3, "no_origin"),
        (4, "bad_ipv4"),
        (5, "not_class_in"),
        (6, "unsupported_directive"),
        (7, "no_rrtype"),
        (8, "no_rdata"),
        (9, "escape"),
        (10, "control_character"),
        (11, "left_out_rrsig"),
        (13, "unclosed_parenthesis"),
    ]
    assert "2 records" in got.excerpts[-2] or any("2 records" in text for text in got.excerpts)


def test_a_date_in_the_future_keeps_nothing(read):
    got = read("; Exported: 2031-01-01\nexample. 60 IN NS a.example.\n")
    assert got.tables["resolutions"] == []
    assert got.rejects == [(2, "date_in_future")]


def test_gzip_cut_short(read, packed):
    data = packed(ZONE + "".join(f"h{i * 7919} A 192.0.2.1\n" for i in range(20_000)))
    with pytest.raises(FormatError, match="cut short"):
        read(data[: len(data) - 20])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40), max_size=8))
def test_no_text_raises(read, texts):
    got = read("; Exported: 2026-01-01\n$TTL 60\nexample. NS a.example.\n" + "\n".join(texts), "zone")
    assert got.tables["resolutions"][0]["rdata"] == "a.example"
