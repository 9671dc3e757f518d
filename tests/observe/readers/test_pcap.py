"""Captures built by hand: framing, links, IP headers, damage; and a real server captured."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import time
from datetime import UTC, datetime

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.records import client_hash
from mithra.observe.sniff import find_reader
from mithra.observe.source import Source
from tests.observe.readers.captures import (
    AT,
    BOTH,
    CLIENT6,
    LOOKUP,
    ONE,
    QUERY,
    RESPONSE,
    SERVER6,
    SHARED,
    block,
    enhanced,
    interface,
    ipv6,
    parts6,
    pcap,
    queries,
    query_packet,
    response_packet,
    rows,
    section,
    stream,
    udp,
)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_classic_captures(read, order, magic):
    got = read(pcap(query_packet(), response_packet(), order=order, magic=magic))
    assert got.reader == "pcap"
    assert rows(got) == ONE
    assert queries(got) == LOOKUP
    row = got.tables["resolutions"][0]
    assert row["first_seen"] == row["last_seen"] == datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)
    assert (row["ttl"], row["source"]) == (300, "feed")
    assert got.tables["queries"][0]["hour"] == datetime(2026, 5, 28, 20, tzinfo=UTC)
    assert not got.rejects


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(read, order):
    nanos = struct.pack(f"{order}HHB3x", 9, 1, 9)
    halves = struct.pack(f"{order}HHB3xHHqHH", 9, 1, 0x81, 14, 8, 100, 0, 0)  # 2 ticks a second, 100 s late
    got = read(
        section(order)
        + interface(order=order)
        + interface(options=nanos, order=order)
        + interface(link=1, options=halves, order=order)
        + block(4, b"names", order)
        + enhanced(response_packet(), order=order)
        + enhanced(response_packet(), AT * 10**9, 1, order)
        + enhanced(b"\0" * 12 + b"\x08\0" + response_packet(), (AT - 99) * 2, 2, order)
    )
    assert got.reader == "pcapng"
    assert [(r["count"], r["last_seen"].timestamp() - AT) for r in got.tables["resolutions"]] == [(3, 1.0)]
    assert not got.rejects


def test_pcapng_sections_and_what_is_set_aside(read):
    old = struct.pack(">HHIIII", 0, 0, AT * 1_000_000 >> 32, AT * 1_000_000 & 0xFFFFFFFF, 9999, 9999)
    got = read(
        section("<")
        + interface(order="<")
        + enhanced(query_packet())
        + enhanced(query_packet(), number=5)
        + block(3, struct.pack("<I", len(QUERY)) + QUERY)
        + section(">")
        + interface(147, order=">")
        + enhanced(query_packet(), order=">")
        + block(2, old, ">")
    )
    assert queries(got) == LOOKUP
    assert got.rejects == [
        (2, "bad_packet_block"),
        (3, "no_date"),
        (4, "unsupported_link_type"),
        (5, "bad_packet_block"),
    ]


@pytest.mark.parametrize(
    ("link", "before"),
    [
        (1, b"\2" * 12 + b"\x08\0"),
        (1 | 0x24000000, b"\2" * 12 + b"\x08\0"),  # the upper bits say how long frame checks are
        (1, b"\2" * 12 + b"\x81\0\0\5\x08\0"),
        (1, b"\2" * 12 + b"\x88\xa8\0\5\x81\0\0\6\x08\0"),
        (0, struct.pack("<I", 2)),
        (108, struct.pack(">I", 2)),
        (113, b"\0\0\0\1\0\6" + b"\2" * 8 + b"\x08\0"),
        (276, b"\x08\0\0\0\0\0\0\1\0\1\0\6" + b"\2" * 8),
        (12, b""),
        (101, b""),
        (228, b""),
    ],
)
def test_links(read, link, before):
    padding = b"\0" * 6 if link & 1 else b""
    got = read(pcap(before + query_packet() + padding, before + response_packet(), link=link))
    assert rows(got) == ONE
    assert queries(got) == LOOKUP


def test_ipv6_behind_extension_headers(read):
    response = bytes([17, 0]) + b"\1\4" + bytes(4) + udp(RESPONSE, 53, 40000)
    got = read(pcap(ipv6(udp(QUERY)), ipv6(response, SERVER6, CLIENT6, 0), link=229))
    assert rows(got) == ONE
    assert queries(got) == [("www.example.com", client_hash(CLIENT6, b"k" * 32), 1)]


def test_lengths_left_to_the_network_card(read):
    packet = bytearray(response_packet())
    packet[2:4] = b"\0\0"
    assert rows(read(pcap(bytes(packet)))) == ONE


def test_what_is_no_capture_is_refused(read):
    with pytest.raises(FormatError, match="no classic packet capture"):
        read("first_seen,domain\n2026-01-01,a.example\n", "pcap")


def test_other_link_types_are_refused(read):
    with pytest.raises(FormatError, match="link type"):
        read(pcap(query_packet(), link=147))


@pytest.mark.parametrize("cut", [5, 23, 30, 45, -1])
def test_captures_cut_short_are_refused(read, cut):
    for content in (pcap(query_packet()), section() + interface() + enhanced(query_packet())):
        with pytest.raises(FormatError):
            read(content[:cut])


def test_damaged_captures_are_refused(read):
    good = section() + interface() + enhanced(query_packet())
    for content in (
        pcap(query_packet())[:24] + struct.pack("<IIII", AT, 0, 1 << 30, 1 << 30),
        good[:-4] + bytes(4),
        good + struct.pack("<II", 6, 1 << 31),
        good + struct.pack("<II", 6, 13),
        good + struct.pack("<III", 0x0A0D0D0A, 28, 5) + bytes(16),
        section() + block(1, b""),
    ):
        with pytest.raises(FormatError):
            read(content)


@settings(max_examples=150, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_raises_anything_else(read, data):
    packets = [query_packet(), response_packet(), *stream((0, BOTH[:50]), (50, BOTH[50:])), *parts6((0, 240))]
    whole = pcap(*packets) if data.draw(st.booleans()) else section() + interface() + enhanced(packets[1])
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FormatError):
        read(bytes(content), "pcap" if whole[:1] == b"\xd4" else "pcapng")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/formats/pcap")
def test_real_captures(read):
    over_udp = read((SHARED / "dnsdump_udp.pcap").read_bytes())
    assert ("mobile-gtalk.l.google.com", "A", "74.125.133.188", 1) in rows(over_udp)
    assert sum(count for *_, count in queries(over_udp)) == 17
    over_tcp = read((SHARED / "dnsdump_tcp.pcap").read_bytes())
    assert len(rows(over_tcp)) == 28
    assert sum(count for *_, count in queries(over_tcp)) == 5
    assert not over_udp.rejects + over_tcp.rejects


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("tcpdump") and shutil.which("dnsmasq")), reason="no tcpdump or dnsmasq")
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="capturing needs root")
def test_a_real_server_captured(read, tmp_path):
    server, file = "127.5.3.53", tmp_path / "lo.pcap"
    texts = [f"--txt-record=big.example.com,{'x' * 200}{n}" for n in range(12)]
    options = [f"--listen-address={server}", "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-daemon"]
    hosts = ["--host-record=www.example.com,203.0.113.9", "--edns-packet-max=8192", *texts]
    serve = subprocess.Popen(
        ["dnsmasq", "--conf-file=/dev/null", *options, *hosts], stderr=subprocess.DEVNULL
    )
    dump = subprocess.Popen(
        ["tcpdump", "-i", "lo", "-U", "-w", file, f"host {server}"], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(2)
        for ask in (dns.query.udp, dns.query.tcp):
            for name, rrtype in (
                ("www.example.com", "A"),
                ("big.example.com", "TXT"),
                ("no.example.com", "A"),
            ):
                query = dns.message.make_query(name, rrtype, use_edns=True, payload=8192)
                ask(query, server, timeout=5)
        time.sleep(2)
    finally:
        for process in (dump, serve):
            process.terminate()
            process.wait(10)
    got = read(file.read_bytes(), now=datetime.now(UTC))
    assert got.reader == "pcap"
    assert ("www.example.com", "A", "203.0.113.9", 2) in rows(got)
    assert [count for name, kind, _, count in rows(got) if kind == "TXT"] == [2] * 12
    assert {name: count for name, _, count in queries(got)} == {
        "www.example.com": 2,
        "big.example.com": 2,
        "no.example.com": 2,
    }
    assert find_reader(Source.at(file)).name == "pcap"
