"""Hosts, Adblock, dnsmasq, unbound and plain lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError, InputError
from mithra.observe.readers.blocklists import sniff_hosts

DAY = datetime(2026, 3, 4, tzinfo=UTC)


def test_hosts(read):
    got = read(
        "# Date: 05 April 2024 08:08:30 (UTC)\n"
        "127.0.0.1 localhost\n"
        "::1 ip6-localhost\n"
        "0.0.0.0 Bad.example.  # comment\n"
        "127.0.0.1\tone.example two.example\n"
        "0.0.0.0 0.0.0.0\n"
        "192.0.2.7 router.example\n"
        "0.0.0.0\n"
    )
    assert got.reader == "hosts"
    assert got.column("labels", "name") == ["bad.example", "one.example", "two.example"]
    assert set(got.column("labels", "verdict")) == {"nefarious"}
    assert set(got.column("labels", "known_at")) == {datetime(2024, 4, 5, 8, 8, 30, tzinfo=UTC)}
    assert got.rejects == [
        (2, "local_name"),
        (3, "local_name"),
        (6, "ip_literal"),
        (7, "not_a_sinkhole"),
        (8, "no_name"),
    ]


def test_abp(read):
    got = read(
        "[Adblock Plus]\n"
        "! Last modified: Thu Mar 20 18:49:08 UTC 2025\n"
        "! comment\n"
        "||bad.example^\n"
        "||all.example^$important,third-party\n"
        "||*.wild.example^\n"
        "@@||good.example^\n"
        "||path.example/ads^\n"
        "||limited.example^$domain=other.example\n"
        "other.example##.banner\n"
        "/regex/\n"
        "plain.example\n"
    )
    assert got.reader == "abp"
    assert got.column("labels", "name") == ["bad.example", "all.example", "wild.example", "plain.example"]
    assert set(got.column("labels", "known_at")) == {datetime(2025, 3, 20, 18, 49, 8, tzinfo=UTC)}
    assert got.rejects == [
        (7, "exception_rule"),
        (8, "path_or_wildcard_rule"),
        (9, "conditional_rule"),
        (10, "cosmetic_rule"),
        (11, "unsupported_rule"),
    ]


def test_dnsmasq(read):
    got = read(
        "# Last modified: Fri Apr  5 08:08:30 UTC 2024\n"
        "local=/one.example/\n"
        "address=/two.example/0.0.0.0\n"
        "address=/three.example/four.example/\n"
        "address=/five.example/#\n"
        "server=/six.example/\n"
        "server=/corp.example/192.0.2.53\n"
        "address=/printer.example/192.0.2.9\n"
        "cache-size=1000\n"
    )
    assert got.reader == "dnsmasq"
    assert got.column("labels", "name") == [
        f"{n}.example" for n in ("one", "two", "three", "four", "five", "six")
    ]
    assert got.rejects == [(7, "forward_rule"), (8, "not_a_sinkhole"), (9, "not_a_blocking_directive")]


def test_dnsmasq_upstream_is_no_block(read):
    got = read("# Updated: 2026-01-01\nserver=/a.example/#\nserver=/b.example/\nlocal=/c.example/\n")
    assert (got.column("labels", "name"), got.rejects) == (["b.example", "c.example"], [(2, "forward_rule")])


def test_unbound(read):
    got = read(
        "# Last modified: Fri Apr  5 08:08:30 UTC 2024\n"
        "server:\n"
        '  local-zone: "One.example." always_nxdomain\n'
        "local-zone: two.example static\n"
        'local-zone: "three.example" redirect\n'
        'local-data: "three.example A 0.0.0.0"\n'
        "local-data: 'four.example. 3600 IN AAAA ::'   # comment\n"
        'local-zone: "home.example" transparent\n'
        'local-data: "printer.example A 192.0.2.9"\n'
        'local-data: "text.example TXT x"\n'
        "local-zone: five.example always_null\n"
        "  verbosity: 1\n"
        'local-zone: "unfinished\n'
    )
    assert got.reader == "unbound"
    assert got.column("labels", "name") == [f"{n}.example" for n in ("one", "two", "three", "four", "five")]
    assert set(got.column("labels", "known_at")) == {datetime(2024, 4, 5, 8, 8, 30, tzinfo=UTC)}
    assert got.rejects == [
        (8, "not_a_blocking_directive"),
        (9, "not_a_sinkhole"),
        (10, "not_an_address_record"),
        (12, "not_a_blocking_directive"),
        (13, "not_a_blocking_directive"),
    ]


@pytest.mark.parametrize("head", ["", "server:\n", "# x\nserver:\n"])
def test_unbound_is_found_by_one_line(read, head):
    got = read(f'{head}local-zone: "a.example" always_null\n', known_at=DAY)
    assert (got.reader, got.column("labels", "name"), got.rejects) == ("unbound", ["a.example"], [])


def test_hosts_under_shared_suffixes_stay_whole(read):
    got = read("bad.github.io\nlogin.bad.duckdns.org\n*.x.pages.dev\n", known_at=DAY)
    assert got.column("labels", "name") == ["bad.github.io", "login.bad.duckdns.org", "x.pages.dev"]


def test_openphish_and_ports(read):
    got = read(
        "http://a.example/x\nhttps://u:p@b.example:8443/y@z\nhttp://192.0.2.1:8080/z\nHTTP://c.example\\@d.example/\n"
        "https://[2001:db8::1]/x\nhttps://e.example?q=http://f.example/\n",
        known_at=DAY,
    )
    assert got.reader == "plain"
    assert got.column("labels", "name") == ["a.example", "b.example", "c.example", "e.example"]
    assert got.rejects == [(3, "ip_literal"), (5, "ip_literal")]


def test_plain_names_and_urls(read):
    got = read(
        "# list\nbad.example\n*.wild.example\n.dotted.example\nhttps://url.example:8080/x?y#z\nd41d8cd98f00b204e9800998ecf8427e\n",
        known_at=DAY,
        category="phishing",
        source="mine",
    )
    assert got.reader == "plain"
    assert got.column("labels", "name") == ["bad.example", "wild.example", "dotted.example", "url.example"]
    assert got.tables["labels"][0] == {
        "name": "bad.example",
        "verdict": "nefarious",
        "category": "phishing",
        "known_at": DAY,
        "source": "mine",
    }
    assert got.rejects == [(6, "hash")]


def test_verdict_is_the_callers(read):
    got = read("good.example\nfine.example\n", known_at=DAY, verdict="benign")
    assert got.column("labels", "verdict") == ["benign", "benign"]


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0 bad.example\n",
        "||bad.example^\n",
        "local=/bad.example/\n",
        'local-zone: "bad.example" static\n',
        "bad.example CNAME .\n",
        "bad.example\n",
    ],
)
def test_without_any_date_the_error_says_what_to_pass(read, text):
    with pytest.raises(InputError, match="--known-at"):
        read(text)


def test_the_files_own_date_wins_over_the_callers(read):
    got = read("# Updated: 2026-01-01T00:00:00Z\nbad.example\n", known_at=DAY)
    assert got.column("labels", "known_at") == [datetime(2026, 1, 1, tzinfo=UTC)]


def test_a_date_in_the_future_is_refused(read):
    got = read("# Updated: 2031-01-01\nbad.example\n")
    assert (got.tables["labels"], got.rejects) == ([], [(2, "date_in_future")])


def test_an_empty_list_is_a_list(read):
    got = read("# nothing today\n# Updated: 2026-01-01\n")
    assert (got.tables["labels"], got.rejects) == ([], [])


def test_long_lines_and_nul_are_told(read):
    got = read("bad.example\n" * 20 + "x" * 3_000_000 + "\na\0b.example\nlast.example\n", known_at=DAY)
    assert got.column("labels", "name")[-1] == "last.example"
    assert got.rejects == [(21, "line_too_long"), (22, "control_character")]


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", b"Dear all,\n\nplease find attached the list.\n", b"{\n"],
)
def test_other_content_is_refused(read, content):
    with pytest.raises(FormatError, match="no reader knows"):
        read(content, known_at=DAY)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["abp", "hosts", "dnsmasq", "unbound", "rpz", "plain"]), st.text(max_size=200))
def test_no_text_raises(read, format, text):
    got = read(f"{text}\n", format, known_at=DAY)
    assert all(name and name == name.lower() for name in got.column("labels", "name"))


def test_an_access_log_is_no_hosts_file():
    line = b'192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5\n'
    assert not sniff_hosts(2 * line)  # its clients' addresses would stand in the rejects
    assert sniff_hosts(b"0.0.0.0 -a.example\n0.0.0.0 b.example\n")
