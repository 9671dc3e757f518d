"""dnsmasq's log: queries, answers, and the year that its times lack."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mithra.errors import InputError
from mithra.observe.readers import loglines

SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "formats" / "resolver_logs" / "dnsmasq_plain.log"
KNOWN = datetime(2026, 8, 24, tzinfo=UTC)


def log(*messages, head="Aug 24 02:46:53 dnsmasq[43]: "):
    return "".join(f"{head}{message}\n" for message in messages)


def answers(got):
    return [(r["name"], r["rrtype"], r["rdata"]) for r in got.tables["resolutions"]]


def test_queries_and_answers(read):
    got = read(
        log(
            "started, version 2.90 cachesize 150",
            "query[A] www.Example.com from 192.0.2.7",
            "forwarded www.Example.com to 192.0.2.53",
            "reply www.Example.com is <CNAME>",
            "reply edge.example.net is 198.51.100.1",
            "reply edge.example.net is 2001:DB8:0::1",
            "query[A] www.example.com from 192.0.2.7",
            "cached www.example.com is <CNAME>",
            "cached edge.example.net is 198.51.100.1",
        ),
        known_at=KNOWN,
    )
    moment = datetime(2026, 8, 24, 2, 46, 53, tzinfo=UTC)
    assert (got.reader, got.rejects) == ("dnsmasq-log", [])
    assert [(r["name"], r["count"]) for r in got.tables["queries"]] == [("www.example.com", 2)]
    assert sorted(answers(got)) == [
        ("edge.example.net", "A", "198.51.100.1"),
        ("edge.example.net", "AAAA", "2001:db8::1"),
        ("www.example.com", "CNAME", "edge.example.net"),
    ]
    (edge,) = (r for r in got.tables["resolutions"] if r["rrtype"] == "A")
    assert (edge["count"], edge["first_seen"], edge["captured_at"]) == (2, moment, moment)
    assert "192.0.2" not in str(got)


def test_answers_of_one_hour_are_one_row(read):
    lines = (
        f"Aug 24 0{h}:{m}:00 dnsmasq[1]: reply a.example is 198.51.100.1\n" for h in (2, 3) for m in (10, 50)
    )
    rows = read("".join(lines), known_at=KNOWN).tables["resolutions"]
    assert [(r["first_seen"].hour, r["last_seen"].minute, r["count"]) for r in rows] == [
        (2, 50, 2),
        (3, 50, 2),
    ]


def test_extra_lines(read):
    got = read(
        log(
            "1 192.0.2.7/5353 query[A] a.example from 192.0.2.7",
            "1 192.0.2.7/5353 reply a.example is <CNAME>",
            "2 192.0.2.8/5353 reply z.example is 198.51.100.2",
            "3 192.0.2.7/5353 reply b.example is <CNAME> (DNSSEC signed)",
            "3 192.0.2.7/5353 reply c.example is 198.51.100.3 (DNSSEC signed)",
            "4 UDP 192.0.2.7/5353 reply d.example is 198.51.100.4",
        ),
        known_at=KNOWN,
    )
    assert answers(got) == [
        ("z.example", "A", "198.51.100.2"),
        ("b.example", "CNAME", "c.example"),
        ("c.example", "A", "198.51.100.3"),
        ("d.example", "A", "198.51.100.4"),
    ]


@pytest.mark.parametrize(
    "between",
    [
        "forwarded x.example to 192.0.2.53",
        "query[A] y.example from 192.0.2.7",
        "cached other.example is 198.51.100.9",
        "reply 198.51.100.9 is host.example.com",
    ],
)
def test_a_target_is_the_very_next_answer_only(read, between):
    got = read(log("reply a.example is <CNAME>", between, "reply b.example is 198.51.100.1"), known_at=KNOWN)
    assert "CNAME" not in got.column("resolutions", "rrtype")


def test_a_target_of_another_process_is_none(read):
    other = log("reply b.example is 198.51.100.1", head="Aug 24 02:46:53 dnsmasq[44]: ")
    got = read(log("reply a.example is <CNAME>") + other, known_at=KNOWN)
    assert answers(got) == [("b.example", "A", "198.51.100.1")]


def test_a_chain_over_the_end_of_a_batch(read, monkeypatch):
    monkeypatch.setattr("mithra.observe.source.CHUNK_BYTES", 60)
    got = read(
        log("reply a.example is <CNAME>", "reply b.example is <CNAME>", "reply c.example is 198.51.100.1"),
        known_at=KNOWN,
    )
    assert answers(got) == [
        ("a.example", "CNAME", "b.example"),
        ("b.example", "CNAME", "c.example"),
        ("c.example", "A", "198.51.100.1"),
    ]
    assert answers(read(log("reply a.example is <CNAME>"), known_at=KNOWN)) == []


def test_only_true_answers_are_resolutions(read):
    got = read(
        log(
            "/etc/hosts nas.example is 192.168.0.2",
            "config blocked.example is 0.0.0.0",
            "gravity blocked ads.example is 0.0.0.0",
            "DHCP pc.example is 192.168.0.3",
            "reply none.example is NXDOMAIN",
            "reply some.example is NODATA-IPv6",
            "reply mail.example is <MX>",
            "query[TXT] text.example from 192.0.2.7",
            "reply text.example is 198.51.100.66",
            "reply text.example is v=spf1 ip4:198.51.100.66 is fine",
            "query[ANY] any.example from 192.0.2.7",
            "reply any.example is <CNAME>",
            "reply next.example is 198.51.100.7",
            "reply 198.51.100.9 is host.example.com",
            "cached 2001:db8::9 is six.example.com",
            "validation result is SECURE",
        ),
        known_at=KNOWN,
    )
    six = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    assert sorted(answers(got)) == [
        (six, "PTR", "six.example.com"),
        ("9.100.51.198.in-addr.arpa", "PTR", "host.example.com"),
        ("next.example", "A", "198.51.100.7"),
    ]
    assert got.rejects == []


def test_what_is_set_aside(read):
    got = read(
        log(
            "query[A] <name unprintable> from 192.0.2.7",
            "query[A] bank.example from 203.0.113.9 from 192.0.2.7",
            "query[A] cut.example fr",
            "reply bad_reply.example is 198.51.100.1",
            "reply -.*.example is 198.51.100.2",
        )
        + "no line of a log, 192.0.2.9\n"
        + log("query[A] late.example from 192.0.2.7", head="Xyz 24 02:46:53 dnsmasq[43]: ")
        + log("DHCPACK(br0) 192.0.2.9 00:00:5e:00:53:01", head="Aug 24 02:46:53 dnsmasq-dhcp[43]: "),
        known_at=KNOWN,
    )
    assert got.rejects == [
        (1, "bad_character"),
        (2, "whitespace"),
        (3, "bad_query"),
        (5, "bad_character"),
        (6, "not_a_log_line"),
        (7, "no_date"),
    ]
    assert answers(got) == [("bad_reply.example", "A", "198.51.100.1")]
    assert "192.0.2" not in str(got)


def test_syslog_forms(read):
    got = read(
        log("query[A] a.example from 192.0.2.7", head="2026-08-24T03:00:00.1+01:00 router dnsmasq[1]: ")
        + log("query[A] b.example from 192.0.2.7", head="<30>1 2026-08-24T03:00:00Z router dnsmasq 1 - - ")
        + log("query[A] c.example from 192.0.2.7", head="Mon Aug 24 04:00:00 2026 daemon.info dnsmasq[1]: ")
    )
    assert [(r["name"][0], r["hour"].hour) for r in got.tables["queries"]] == [("a", 2), ("b", 3), ("c", 4)]


@pytest.mark.parametrize(
    ("name", "known_at", "line", "year"),
    [
        ("dns.log", datetime(2026, 1, 2, tzinfo=UTC), "Dec 31 23:00:00", 2025),
        ("dns.log", datetime(2026, 1, 2, tzinfo=UTC), "Jan  2 23:00:00", 2026),
        ("dns.log", datetime(2025, 1, 2, tzinfo=UTC), "Feb 29 23:00:00", 2024),
        ("dns-2026-01-02.log", None, "Dec 31 23:00:00", 2025),
        ("dns-2026-01-02.log", None, "Jan 20 23:00:00", 2026),
    ],
)
def test_the_year_is_what_is_stated(read, name, known_at, line, year):
    got = read(log("query[A] a.example from ::1", head=f"{line} dnsmasq[1]: "), name=name, known_at=known_at)
    assert [r["hour"].year for r in got.tables["queries"]] == [year]


def test_a_year_that_nothing_states(read):
    with pytest.raises(InputError, match="no year") as caught:
        read(log("query[A] a.example from 192.0.2.7"), name="dnsmasq.log")
    assert "--known-at" in str(caught.value)
    assert "dnsmasq-2026-11-24.log" in str(caught.value)


def test_counts_are_told_before_they_fill_the_memory(read, monkeypatch):
    monkeypatch.setattr(loglines, "MAX_COUNTED", 2)
    monkeypatch.setattr("mithra.observe.readers.dnsmasq.MAX_COUNTED", 2)
    monkeypatch.setattr("mithra.observe.source.CHUNK_BYTES", 60)
    got = read(log(*[f"query[A] n{i % 3}.example from 192.0.2.7" for i in range(9)]), known_at=KNOWN)
    assert sum(got.column("queries", "count")) == 9
    assert len(got.tables["queries"]) > 3


@pytest.mark.skipif(not SAMPLE.exists(), reason="the samples of ../shared/data are not here")
def test_a_real_log(read):
    now = datetime(2026, 11, 25, tzinfo=UTC)
    got = read(SAMPLE.read_bytes(), now=now, known_at=datetime(2026, 11, 24, tzinfo=UTC))
    assert (got.reader, sum(got.column("queries", "count")), got.rejects) == ("dnsmasq-log", 600, [])
    assert sum(got.column("resolutions", "count")) == 1103 + 82 + 29 + 10
    assert ("ciis-cn.net", "CNAME", "77980.bodis.com") in answers(got)
