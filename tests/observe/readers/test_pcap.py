"""Captures built by hand: framing, links, IP, TCP and fragments; what counts as a lookup."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers import lookups, reassembly
from mithra.observe.records import client_hash
from mithra.observe.sniff import find_reader
from mithra.observe.source import Source

AT = 1_780_000_000  # 2026-05-28 20:26:40
CLIENT, SERVER = "192.0.2.7", "198.51.100.53"
CLIENT6, SERVER6 = "2001:db8::7", "2001:db8::53"
HASH = client_hash(CLIENT, b"k" * 32)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "formats" / "pcap"


def asked(name="www.example.com", rrtype="A", ident=7, rd=True):
    query = dns.message.make_query(name, rrtype)
    query.id = ident
    if not rd:
        query.flags &= ~dns.flags.RD
    return query


def answered(*records, query=None, ra=True, **sections):
    response = dns.message.make_response(query or asked())
    response.flags |= dns.flags.RA if ra else dns.flags.AA
    for section, lines in {"answer": records, **sections}.items():
        for line in lines:
            name, ttl, rrtype, rdata = line.split(" ", 3)
            rrset = dns.rrset.from_text(name, int(ttl), "IN", rrtype, rdata)
            getattr(response, section).append(rrset)
    return response


QUERY = asked().to_wire()
RESPONSE = answered("www.example.com. 300 A 203.0.113.9").to_wire()


def udp(data, source=40000, target=53):
    return struct.pack("!HHHH", source, target, 8 + len(data), 0) + data


def tcp(data, sequence, flags=0x10, source=40000, target=53):
    return struct.pack("!HHIIBBHHH", source, target, sequence, 1, 0x50, flags, 9, 0, 0) + data


def framed(wire):
    return struct.pack("!H", len(wire)) + wire


def ipv4(payload, source=CLIENT, target=SERVER, protocol=17, ident=1, offset=0, more=False):
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    fragment = offset // 8 | (0x2000 if more else 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0)
    return head + addresses + payload


def ipv6(payload, source=CLIENT6, target=SERVER6, protocol=17):
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    return struct.pack("!IHBB", 0x6 << 28, len(payload), protocol, 64) + addresses + payload


def query_packet(wire=QUERY):
    return ipv4(udp(wire))


def response_packet(wire=RESPONSE):
    return ipv4(udp(wire, 53, 40000), SERVER, CLIENT)


def pcap(*packets, link=101, order="<", magic=0xA1B2C3D4, at=AT):
    """A classic capture; a packet is bytes, or (bytes, seconds), or (bytes, seconds, length on the wire)."""
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    for packet in packets:
        data, seconds, length = (packet, at, None) if isinstance(packet, bytes) else (*packet, None)[:3]
        out += struct.pack(f"{order}IIII", seconds, 999, len(data), length or len(data)) + data
    return out


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link=101, options=b"", order="<"):
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def enhanced(packet, ticks=AT * 1_000_000, number=0, order="<"):
    head = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
    return block(6, head + packet, order)


def rows(got):
    return [(r["name"], r["rrtype"], r["rdata"], r["count"]) for r in got.tables["resolutions"]]


def queries(got):
    return [(r["name"], r["client"], r["count"]) for r in got.tables["queries"]]


ONE = [("www.example.com", "A", "203.0.113.9", 1)]
LOOKUP = [("www.example.com", HASH, 1)]


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


def stream(*segments, start=1000):
    """Packets of a response stream: (offset, data) each, after a SYN."""
    out = [ipv4(tcp(b"", start - 1, 0x12, 53, 40000), SERVER, CLIENT, 6)]
    for offset, data in segments:
        sequence = (start + offset) % (1 << 32)
        out.append(ipv4(tcp(data, sequence, 0x18, 53, 40000), SERVER, CLIENT, 6))
    return out


SECOND = answered("mail.example.com. 60 A 203.0.113.10", query=asked("mail.example.com", ident=8)).to_wire()
BOTH = framed(RESPONSE) + framed(SECOND)
TWO = [*ONE, ("mail.example.com", "A", "203.0.113.10", 1)]


@pytest.mark.parametrize("start", [1000, (1 << 32) - 20])
@pytest.mark.parametrize(
    "segments",
    [
        [(0, BOTH)],
        [(0, BOTH[:1]), (1, BOTH[1:9]), (9, BOTH[9:70]), (70, BOTH[70:])],
        [(70, BOTH[70:]), (9, BOTH[9:70]), (0, BOTH[:9])],
        [(0, BOTH[:30]), (0, BOTH[:30]), (20, BOTH[20:70]), (10, BOTH[10:])],
        [(30, BOTH[30:60]), (25, BOTH[25:]), (0, BOTH[:30]), (0, BOTH)],
        [(-1, b"\0"), (0, BOTH)],
    ],
)
def test_tcp_streams(read, segments, start):
    got = read(pcap(*stream(*segments, start=start)))
    assert rows(got) == TWO
    assert not got.rejects


def test_tcp_without_its_beginning(read):
    assert rows(read(pcap(*stream((0, BOTH))[1:]))) == TWO
    torn = read(pcap(*stream((40, BOTH[40:]), (len(BOTH), framed(RESPONSE)))[1:]))
    assert torn.rejects == [(1, "stream_incomplete")]
    assert not torn.tables


def test_tcp_with_a_lost_segment_costs_one_reject(read):
    fin = ipv4(tcp(b"", 1000 + len(BOTH), 0x11, 53, 40000), SERVER, CLIENT, 6)
    got = read(pcap(*stream((0, framed(RESPONSE)), (len(RESPONSE) + 20, BOTH[len(RESPONSE) + 20 :])), fin))
    assert rows(got) == ONE
    assert got.rejects == [(3, "stream_incomplete")]


def test_tcp_ports_used_again_and_data_sent_after_the_end(read):
    first = stream((0, framed(RESPONSE)))
    end = ipv4(tcp(b"", 1000 + len(RESPONSE) + 2, 0x11, 53, 40000), SERVER, CLIENT, 6)
    got = read(pcap(*first, end, first[1], *stream((0, framed(SECOND)), start=9_000_000)))
    assert rows(got) == TWO


def test_tcp_that_was_reset_ends_there(read):
    head, begun, rest = stream((0, BOTH[:30]), (30, BOTH[30:]))
    reset = ipv4(tcp(b"", 1030, 0x04, 53, 40000), SERVER, CLIENT, 6)
    got = read(pcap(head, begun, reset, rest))
    assert got.rejects == [(2, "stream_incomplete")]
    assert not got.tables


def test_streams_are_bounded(read, monkeypatch):
    def segment(port, part, sequence):
        return ipv4(tcp(framed(RESPONSE)[part], sequence, 0x18, 53, 4000 + port), SERVER, CLIENT, 6)

    halves = [segment(port, slice(20), 5) for port in range(4)]
    rests = [segment(port, slice(20, None), 25) for port in (3, 0)]
    assert rows(read(pcap(*halves, *rests))) == [(*ONE[0][:3], 2)]
    monkeypatch.setattr(reassembly, "MAX_STREAMS", 2)
    got = read(pcap(*halves, *rests))
    assert rows(got) == ONE
    assert got.rejects[:3] == [(n, "stream_incomplete") for n in (1, 2, 3)]
    monkeypatch.setattr(reassembly, "MAX_STREAMS", 9)
    monkeypatch.setattr(reassembly, "MAX_HELD_BYTES", 30)
    assert rows(read(pcap(*halves, *rests))) == ONE


def test_segments_behind_a_gap_are_bounded(read, monkeypatch):
    monkeypatch.setattr(reassembly, "MAX_HELD_SEGMENTS", 3)
    many = [(at, BOTH[at : at + 9]) for at in range(9, len(BOTH), 9)]
    got = read(pcap(*stream(*many, (0, BOTH[:9]))))
    assert got.rejects == [(2, "stream_incomplete")]
    assert not got.tables


BIG = udp(answered(*[f"www.example.com. 300 A 203.0.113.{n}" for n in range(40)]).to_wire(), 53, 40000)


def parts4(*ranges, ident=1):
    return [ipv4(BIG[a:b], SERVER, CLIENT, ident=ident, offset=a, more=b < len(BIG)) for a, b in ranges]


def parts6(*ranges):
    heads = [struct.pack("!BBHI", 17, 0, a | (b < len(BIG)), 77) for a, b in ranges]
    return [ipv6(head + BIG[a:b], SERVER6, CLIENT6, 44) for head, (a, b) in zip(heads, ranges, strict=True)]


@pytest.mark.parametrize("parts", [parts4, parts6])
@pytest.mark.parametrize("shuffle", [(0, 1, 2), (2, 0, 1), (1, 1, 2, 0, 0)])
def test_fragments(read, parts, shuffle):
    pieces = parts((0, 240), (240, 480), (480, len(BIG)))
    got = read(pcap(*[pieces[i] for i in shuffle]))
    assert [r["rdata"] for r in got.tables["resolutions"]] == [f"203.0.113.{n}" for n in range(40)]
    assert set(got.rejects) <= {(5, "fragment_timeout")}  # a copy that came after its datagram was whole


def test_fragments_that_do_not_come_together(read):
    late = [(parts4((0, 240))[0], AT), (parts4((240, len(BIG)))[0], AT + 61)]
    overlap = parts4((0, 240), (232, len(BIG)), ident=2)
    odd = parts4((0, 243), ident=3)
    both = parts4((0, 240), (232, 472), (480, len(BIG)), ident=4)  # overlap and gap, of one size
    got = read(pcap(*late, *[(p, AT + 61) for p in overlap + odd + both]))
    assert got.rejects == [
        (1, "fragment_timeout"),
        (2, "fragment_timeout"),
        (3, "fragment_overlap"),
        (5, "bad_fragment"),
        (6, "fragment_overlap"),
    ]
    assert not got.tables


def test_fragments_are_bounded(read, monkeypatch):
    firsts = [parts4((0, 240), ident=n)[0] for n in range(10)]
    rest = parts4((240, len(BIG)), ident=0)
    assert len(rows(read(pcap(*firsts, *rest)))) == 40
    for bound, value in (("MAX_DATAGRAMS", 3), ("MAX_HELD_BYTES", 900)):
        with monkeypatch.context() as patch:
            patch.setattr(reassembly, bound, value)
            got = read(pcap(*firsts, *rest))
        assert got.rejects == [(n, "fragment_timeout") for n in range(1, 12)]


def test_fragments_of_other_traffic_are_not_held(read):
    other = udp(bytes(600), 443, 40000)
    got = read(
        pcap(ipv4(other[:240], SERVER, CLIENT, more=True), ipv4(other[240:], SERVER, CLIENT, offset=240))
    )
    assert not got.rejects


def test_a_lookup_counts_once(read):
    once = [("www.example.com", HASH, 1)]
    for packets in (
        [query_packet()],
        [response_packet()],
        [query_packet(), response_packet()],
        [response_packet(), query_packet()],
    ):
        assert queries(read(pcap(*packets))) == once
    twice = [query_packet(), query_packet(), response_packet(), response_packet()]  # as `-i any` shows them
    assert queries(read(pcap(*twice))) == [("www.example.com", HASH, 2)]


def test_resolvers_on_other_ports(read):
    for port in (5335, 5353, 1053):
        packets = [ipv4(udp(QUERY, target=port)), ipv4(udp(RESPONSE, port, 40000), SERVER, CLIENT)]
        got = read(pcap(*packets))
        assert (rows(got), queries(got), got.rejects) == (ONE, LOOKUP, [])
        assert read(pcap(*packets[1:])).rejects == [(1, "unsolicited_response")]


def test_what_only_looks_like_dns(read):
    local = asked("printer.local").to_wire()
    cases = [
        ipv4(udp(QUERY, 5353, 5353), target="224.0.0.251"),
        ipv6(udp(QUERY, 5353, 5353), target="ff02::fb"),
        ipv4(udp(local, 40000, 5353)),
        ipv4(udp(QUERY, 137, 137)),
        ipv4(udp(QUERY, 40000, 5355)),
        ipv4(udp(QUERY + b"\0", target=5335)),
        ipv4(udp(QUERY[:2] + b"\1\x40" + QUERY[4:], target=5335)),
        ipv4(udp(QUERY[:2] + b"\x29\0" + QUERY[4:], target=5335)),
        ipv4(udp(QUERY[:2] + b"\1\3" + QUERY[4:], target=5335)),
        ipv4(udp(QUERY[:-1] + b"\3", target=5335)),
        ipv4(udp(QUERY[:-2], target=5335)),
        ipv4(udp(RESPONSE[:2] + b"\1\0" + RESPONSE[4:], target=5335)),
        ipv4(b"\x12\x34" + bytes(10) + b"\0\1" + bytes(30), protocol=17),
    ]
    for case in cases:
        got = read(pcap(case))
        assert got.rejects == [(1, "not_dns")]
        assert not got.tables


def test_what_a_resolver_asks_is_no_query_of_a_client(read):
    query = asked(rd=False)
    response = answered("www.example.com. 300 A 203.0.113.9", query=query, ra=False)
    got = read(pcap(query_packet(query.to_wire()), response_packet(response.to_wire())))
    assert rows(got) == ONE
    assert not got.tables["queries"]
    assert got.rejects == [(1, "iterative_query")]


def test_forged_responses_are_set_aside(read):
    forged = [
        answered("www.example.com. 9 A 192.0.2.66", query=asked(ident=8)),
        answered("bank.example. 9 A 192.0.2.66", query=asked("bank.example")),
        answered("www.example.com. 9 A 192.0.2.66", query=asked(rd=False)),
    ]
    got = read(
        pcap(
            query_packet(),
            *[response_packet(r.to_wire()) for r in forged],
            response_packet(),
            response_packet(),
        )
    )
    assert rows(got) == ONE
    assert queries(got) == LOOKUP
    assert got.rejects == [(n, "unsolicited_response") for n in (2, 3, 4, 6)]


def test_one_reject_for_one_bad_message(read):
    loop = QUERY[:12] + b"\xc0\x0c" + QUERY[-4:]
    late = (response_packet(), 1_900_000_000)
    short = (query_packet()[:-6], AT, len(query_packet()))
    lies = ipv4(struct.pack("!HHHH", 40000, 53, 500, 0) + QUERY)
    got = read(
        pcap(
            query_packet(QUERY[:11]),
            query_packet(QUERY[:-3]),
            query_packet(loop),
            late,
            short,
            lies,
            (query_packet(), 0),
            b"\x45\0",
            b"\x42" + query_packet()[1:],
            query_packet(),
        )
    )
    assert got.rejects == [
        (1, "message_too_short"),
        (2, "message_cut_short"),
        (3, "bad_compression_pointer"),
        (4, "date_in_future"),
        (5, "packet_cut_short"),
        (6, "bad_udp_length"),
        (7, "date_not_after_1970"),
        (8, "bad_packet"),
        (9, "bad_packet"),
    ]
    assert queries(got) == LOOKUP


def test_what_is_left_out_by_rule_is_told_once_for_each_reason(read):
    other = dns.message.make_query("version.bind", "TXT", "CH").to_wire()
    notify = bytearray(QUERY)
    notify[2] |= 0x20
    cut = bytearray(answered("www.example.com. 300 A 203.0.113.9").to_wire())
    cut[2] |= 0x02
    got = read(
        pcap(
            ipv4(udp(b"x", 1, 443)),
            ipv4(b"ping", protocol=1),
            query_packet(other),
            query_packet(bytes(notify)),
            response_packet(bytes(cut)),
            response_packet(QUERY[:4] + bytes(8)),
        )
    )
    assert got.rejects == [
        (1, "not_dns"),
        (3, "not_class_in"),
        (4, "not_a_lookup"),
        (5, "truncated_response"),
        (6, "not_one_question"),
    ]
    assert "2 left out, the first: IP protocol 17, ports (1, 443)" in got.excerpts
    assert not got.tables["resolutions"]


def test_failed_lookups_count_and_resolve_nothing(read):
    response = answered("www.example.com. 300 A 203.0.113.9")
    response.set_rcode(dns.rcode.NXDOMAIN)
    got = read(pcap(query_packet(), response_packet(response.to_wire())))
    assert queries(got) == LOOKUP
    assert not got.tables["resolutions"]


def test_names_that_are_refused_name_their_packet(read):
    root = answered(". 5 NS a.root-servers.net.", query=asked(".", "NS"))
    got = read(pcap(response_packet(), response_packet(root.to_wire())))
    assert rows(got) == ONE
    assert got.rejects == [(2, "root"), (2, "root")]  # as a record, and as a lookup


def test_equal_records_add_up(read):
    later = answered("WWW.example.com. 500 A 203.0.113.9", query=asked("WWW.EXAMPLE.com"))
    packets = [
        (response_packet(), AT),
        (response_packet(later.to_wire()), AT + 60),
        (response_packet(), AT + 5),
    ]
    row = read(pcap(*packets)).tables["resolutions"][0]
    assert (row["count"], row["ttl"]) == (3, 500)
    assert (row["first_seen"].timestamp(), row["last_seen"].timestamp()) == (AT, AT + 60)


def test_a_ttl_with_its_upper_bit_set_is_none(read):
    wire = RESPONSE.replace((300).to_bytes(4), b"\x80\0\0\0")
    assert read(pcap(response_packet(wire))).column("resolutions", "ttl") == [0]


@pytest.mark.parametrize("bound", ["ROWS_PER_BATCH", "CHARS_PER_BATCH"])
def test_batches_are_bounded_and_nothing_is_lost_between_them(read, monkeypatch, bound):
    later = answered("mail.example.com. 300 A 203.0.113.9", query=asked("mail.example.com"))
    packets = [query_packet(), response_packet(), response_packet(later.to_wire()), response_packet()]
    packets[2:2] = [query_packet(asked("mail.example.com").to_wire())]
    packets[3:3] = [query_packet()]
    assert rows(read(pcap(*packets))) == [(*ONE[0][:3], 2), ("mail.example.com", "A", "203.0.113.9", 1)]
    monkeypatch.setattr(lookups, bound, 1)
    got = read(pcap(*packets))
    assert sorted(rows(got)) == sorted([*ONE, *ONE, ("mail.example.com", "A", "203.0.113.9", 1)])
    assert sum(count for *_, count in queries(got)) == 3


def test_clients_do_not_come_in(read):
    subnet = dns.message.make_query(".", "A", options=[dns.edns.ECSOption(CLIENT, 32)]).to_wire()
    got = read(pcap(query_packet(subnet[:-1]), ipv4(udp(b"x", 1, 443)), response_packet()))
    assert got.rejects == [(1, "message_cut_short"), (2, "not_dns")]
    told = f"{got.tables['queries']} {got.excerpts}"
    assert CLIENT not in told
    assert socket.inet_aton(CLIENT).hex()[:6] not in told


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
