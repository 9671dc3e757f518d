"""What counts as a lookup, and which responses are believed."""

from __future__ import annotations

import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rrset
import pytest

from mithra.observe.readers import lookups
from tests.observe.readers.captures import (
    AT,
    CLIENT,
    HASH,
    LOOKUP,
    ONE,
    QUERY,
    RESPONSE,
    SERVER,
    answered,
    asked,
    ipv4,
    ipv6,
    pcap,
    queries,
    query_packet,
    response_packet,
    rows,
    udp,
)


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
