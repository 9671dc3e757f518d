"""dnstap streams built by hand: frames, message types, what counts as a query."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.records import client_hash
from tests.observe.readers.captures import LOOKUP, ONE, queries, rows

AT = 1_780_000_000
CONTENT = b"protobuf:dnstap.Dnstap"
CLIENT = "192.0.2.7"
HASH = client_hash(CLIENT, b"k" * 32)
AQ, AR, RQ, RR, CQ, CR, FQ, FR = range(1, 9)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "formats" / "resolver_logs"


def control(kind, content=CONTENT):
    body = struct.pack("!I", kind)
    if content is not None:
        body += struct.pack("!II", 1, len(content)) + content
    return struct.pack("!II", 0, len(body)) + body


START, STOP = control(2), control(3, None)


def data(frame):
    return struct.pack("!I", len(frame)) + frame


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def fields(**values):
    """A protobuf message; keys are `_` and the field's number."""
    out = b""
    for key, value in values.items():
        number = int(key[1:])
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(number << 3) + varint(value)
    return out


QUERY = dns.message.make_query("www.example.com", "A")
QUERY.id = 7


def answer(*addresses, query=QUERY):
    made = dns.message.make_response(query)
    made.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "A", *addresses))
    return made


ASKED, RESPONSE = QUERY.to_wire(), answer("203.0.113.9").to_wire()


def tapped(kind, *, client=CLIENT, at=AT, query=ASKED, response=RESPONSE, **more):
    """A frame, with the fields that BIND and Unbound fill in."""
    values = {"_1": kind, "_2": 1, "_3": 1}
    if client:
        family = socket.AF_INET6 if ":" in client else socket.AF_INET
        values |= {"_4": socket.inet_pton(family, client), "_6": 40000}
    values |= {"_8": at, "_10": query} if kind % 2 else {"_8": at, "_12": at, "_14": response}
    return data(fields(_1=b"identity", _2=b"version", _14=fields(**values, **more), _15=1))


def test_a_file(read):
    got = read(START + tapped(CQ) + tapped(CR) + STOP)
    assert got.reader == "dnstap"
    assert rows(got) == ONE
    assert queries(got) == LOOKUP
    row = got.tables["resolutions"][0]
    assert (row["first_seen"], row["ttl"]) == (datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC), 300)
    assert not got.rejects
    assert "192.0.2" not in str(got)


@pytest.mark.parametrize(
    ("kind", "resolved", "counted"),
    [
        (AQ, False, True),
        (AR, True, True),
        (RQ, False, False),
        (RR, True, False),
        (CQ, False, True),
        (CR, True, True),
        (FQ, False, False),
        (FR, True, False),
        (9, False, True),
        (10, True, True),
        (11, False, True),
        (12, True, True),
    ],
)
def test_types(read, kind, resolved, counted):
    got = read(START + tapped(kind) + STOP)
    assert rows(got) == (ONE if resolved else [])
    assert queries(got) == (LOOKUP if counted else [])
    assert not got.rejects


def test_one_lookup_through_a_resolver_counts_once(read):
    path = [tapped(CQ), tapped(RQ, client=None), tapped(RR, client=None), tapped(CR)]
    got = read(START + b"".join(path) + STOP)
    assert queries(got) == LOOKUP
    assert rows(got) == [(*ONE[0][:3], 2)]  # seen from the name server, and told to the client
    assert queries(read(START + tapped(CR) + tapped(CQ) + STOP)) == LOOKUP  # another thread was faster
    assert queries(read(START + tapped(CR) + tapped(CR) + STOP)) == [("www.example.com", HASH, 2)]


def test_the_hour_is_that_of_the_query(read):
    late = fields(_1=CR, _4=socket.inet_aton(CLIENT), _8=1_779_997_599, _12=1_779_998_401, _14=RESPONSE)
    row = read(START + data(fields(_14=late, _15=1)) + STOP).tables["queries"][0]
    assert row["hour"] == datetime.fromtimestamp(1_779_997_599 // 3600 * 3600, UTC)


def test_the_zone_asked_is_the_bailiwick(read):
    made = answer("203.0.113.9")
    made.authority.append(dns.rrset.from_text("example.com.", 60, "IN", "NS", "ns.evil.net."))
    wire = made.to_wire()
    whole = read(START + tapped(RR, response=wire, _11=dns.name.from_text("com").to_wire()) + STOP)
    part = read(START + tapped(RR, response=wire, _11=dns.name.from_text("www.example.com").to_wire()) + STOP)
    assert len(rows(whole)) == 2
    assert rows(part) == ONE
    assert part.rejects == [(1, "out_of_bailiwick")]


def test_aliases_count_from_resolvers_only(read):
    made = dns.message.make_response(QUERY)
    made.answer.append(dns.rrset.from_text("www.example.com.", 60, "IN", "CNAME", "x.cdn.net."))
    made.answer.append(dns.rrset.from_text("x.cdn.net.", 60, "IN", "A", "192.0.2.1"))
    assert len(rows(read(START + tapped(CR, response=made.to_wire()) + STOP))) == 2
    assert len(rows(read(START + tapped(FR, response=made.to_wire()) + STOP))) == 2
    assert len(rows(read(START + tapped(AR, response=made.to_wire()) + STOP))) == 1
    assert len(rows(read(START + tapped(RR, response=made.to_wire()) + STOP))) == 1


def test_answers_made_up_by_a_policy_are_left_out(read):
    local, passed = (fields(_1=b"RPZ", _3=action) for action in (6, 3))
    got = read(START + tapped(CR, _15=local) + tapped(CR, _15=passed) + STOP)
    assert rows(got) == ONE
    assert queries(got) == [("www.example.com", HASH, 2)]
    assert got.rejects == [(1, "rewritten_by_policy")]


def test_bad_frames(read):
    got = read(
        START
        + data(b"\xff\xff\xff")
        + tapped(CQ, query=b"junk")
        + tapped(CQ, at=1_900_000_000)
        + tapped(CQ, client=None)
        + data(fields(_14=fields(_1=13), _15=1))
        + data(fields(_15=2))
        + data(bytes(3 << 20))
        + tapped(CQ, at=0)
        + tapped(CQ)
        + STOP
    )
    assert got.rejects == [
        (1, "bad_dnstap_frame"),
        (2, "message_too_short"),
        (3, "date_in_future"),
        (4, "no_client"),
        (5, "other_dnstap_type"),
        (7, "frame_too_long"),
        (8, "date_not_after_1970"),
    ]
    assert queries(got) == LOOKUP


def test_streams_one_after_the_other_and_handshakes(read):
    ready, accept, finish = control(4), control(1), control(5, None)
    two = ready + accept + START + tapped(CQ) + STOP + finish + START + tapped(CQ) + STOP
    assert queries(read(two)) == [("www.example.com", HASH, 2)]
    assert queries(read(control(2, None) + tapped(CQ) + STOP)) == LOOKUP


def test_a_stream_without_its_end_is_refused_and_can_be_ended_by_hand(read):
    still_written = START + tapped(CQ)
    with pytest.raises(FormatError, match="no end") as refused:
        read(still_written)
    end = refused.value.hint.split("'")[1].encode().decode("unicode_escape").encode("latin-1")
    assert queries(read(still_written + end)) == LOOKUP


@pytest.mark.parametrize("cut", [36, 40, 60, -13, -1])
def test_streams_cut_short_are_refused(read, cut):
    with pytest.raises(FormatError):
        read((START + tapped(CQ) + STOP)[:cut])


def test_damaged_streams_are_refused(read):
    for content in (
        START + data(bytes(2 << 20))[:-5],
        START + struct.pack("!II", 0, 600) + bytes(600),
        START + STOP + tapped(CQ),
        START + control(9) + STOP,
        control(4) + control(2, b"protobuf:other"),
    ):
        with pytest.raises(FormatError):
            read(content, "dnstap")


def test_other_streams_are_not_taken(read):
    for content in (control(2, b"protobuf:other"), bytes(100), b"\0\0\0\0\0"):
        with pytest.raises(FormatError, match="no reader"):
            read(content)


@settings(max_examples=150, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_raises_anything_else(read, data):
    content = bytearray(START + tapped(CQ) + tapped(RR, _11=b"\3com\0") + tapped(CR) + STOP)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FormatError):
        read(bytes(content), "dnstap")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/formats/resolver_logs")
def test_a_real_file(read):
    got = read((SHARED / "bind.dnstap").read_bytes(), now=datetime(2027, 1, 1, tzinfo=UTC))
    assert sum(count for *_, count in queries(got)) == 2392
    assert not got.rejects


CONFIG = """
options {{ directory "{0}"; listen-on port {1} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none;
  recursion no; session-keyfile "{0}/k"; dnssec-validation no;
  dnstap {{ all; }}; dnstap-output file "{0}/tap"; }};
controls {{ }};
zone "example.com" {{ type primary; file "{0}/zone"; }};
"""
ZONE = """$TTL 300
@ SOA ns1 host 1 7200 900 1209600 300
@ NS ns1
ns1 A 192.0.2.1
www A 203.0.113.9
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("named") is None, reason="no BIND (named)")
@pytest.mark.skipif(os.name != "posix", reason="BIND runs on POSIX")
def test_a_real_server(read, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "conf").write_text(CONFIG.format(tmp_path, port))
    (tmp_path / "zone").write_text(ZONE)
    serve = subprocess.Popen(["named", "-f", "-c", tmp_path / "conf"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        for ask, name in (
            (dns.query.udp, "www.example.com"),
            (dns.query.tcp, "www.example.com"),
            (dns.query.udp, "example.com"),
        ):
            ask(dns.message.make_query(name, "A"), "127.0.0.1", port=port, timeout=5)
    finally:
        serve.terminate()
        serve.wait(20)
    got = read((tmp_path / "tap").read_bytes(), now=datetime.now(UTC))
    assert Counter({name: count for name, _, count in queries(got)}) == {
        "www.example.com": 2,
        "example.com": 1,
    }
    assert ("www.example.com", "A", "203.0.113.9", 2) in rows(got)
    assert ("example.com", "SOA", "ns1.example.com host.example.com 1 7200 900 1209600 300", 1) in rows(got)
