"""TCP streams and IP fragments: put together, in any order, within bounds."""

from __future__ import annotations

import pytest

from mithra.observe.readers import reassembly
from tests.observe.readers.captures import (
    AT,
    BIG,
    BOTH,
    CLIENT,
    ONE,
    RESPONSE,
    SECOND,
    SERVER,
    TWO,
    framed,
    ipv4,
    parts4,
    parts6,
    pcap,
    rows,
    stream,
    tcp,
    udp,
)


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
