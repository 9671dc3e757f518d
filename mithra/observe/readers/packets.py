"""Captured packets to DNS messages: link layer, IP, UDP and TCP.

Links: Ethernet (VLAN tags too), raw IP, Linux cooked (SLL, SLL2), BSD loopback. What goes to and from port 53
is DNS, over UDP also what reads as a lookup to its last octet, since resolvers behind others sit on any port.
mDNS, LLMNR and NetBIOS, which speak of local networks in the same format, are not taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mithra.observe.readers.dnsmessage import is_lookup
from mithra.observe.readers.lookups import Lookups
from mithra.observe.readers.reassembly import Fragments, Streams

__all__ = ["LINKS", "Datagram", "Packet", "Packets"]

DNS_PORT = 53
TCP, UDP = 6, 17
ALIKE_PORTS = {137, 5355}  # NetBIOS names, LLMNR

NULL, ETHERNET, LOOP, SLL, SLL2 = 0, 1, 108, 113, 276
RAW = {12, 14, 101, 228, 229}  # 12 and 14 as BSDs number it
LINKS = {NULL, ETHERNET, LOOP, SLL, SLL2, *RAW}

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN = {0x8100, 0x88A8, 0x9100, 0x9200}
_FRAGMENT = 44
_EXTENSIONS = {0, 43, 60, 135}  # hop by hop, routing, destination, mobility


class Packet(NamedTuple):
    """A packet as captured; `cut` where the capture kept less than was on the wire."""

    number: int  # from 1, as Wireshark counts
    seconds: int
    link: int
    data: bytes
    cut: bool


class Datagram(NamedTuple):
    """A DNS message and between whom it went."""

    number: int
    seconds: int
    source: bytes  # 4 or 16 octets
    source_port: int
    target: bytes
    target_port: int
    wire: bytes


class _Ip(NamedTuple):
    source: bytes
    target: bytes
    protocol: int
    payload: bytes
    whole: bool  # all of it was captured
    ident: int
    offset: int
    more: bool


class Packets:
    """Takes packets in the order of the file, and gives the messages that each completes."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._fragments = Fragments(lookups.set_aside)
        self._streams = Streams(lookups.set_aside)

    def take(self, packet: Packet) -> Iterator[Datagram]:
        """Messages of one packet; mostly one, over TCP any number."""
        try:
            ip = _ip(packet.data, _network(packet.link, packet.data))
            payload = None if ip is None else self._payload(packet, ip)
            if ip is not None and payload is not None:
                yield from self._messages(packet, ip, payload)
            elif ip is None:
                self._lookups.leave_out("not_dns", packet.number, "a packet that is not IP")
        except IndexError:  # a header that ends before its fields do
            cut = "packet_cut_short" if packet.cut else "bad_packet"
            self._lookups.set_aside(packet.number, cut, f"{len(packet.data)} octets")

    def finish(self) -> None:
        """The file is over."""
        self._fragments.finish()
        self._streams.finish()

    def _payload(self, packet: Packet, ip: _Ip) -> bytes | None:
        """What IP carries, if it is whole."""
        if not ip.offset and not ip.more:
            return ip.payload
        if ip.protocol not in {TCP, UDP}:
            return None
        key = (ip.source, ip.target, ip.protocol, ip.ident)
        wanted = len(ip.payload) < 4 or DNS_PORT in _ports(ip.payload)
        return self._fragments.add(packet.number, packet.seconds, key, ip.offset, ip.more, ip.payload, wanted)

    def _messages(self, packet: Packet, ip: _Ip, payload: bytes) -> Iterator[Datagram]:
        ports = _ports(payload) if ip.protocol in {TCP, UDP} else (0, 0)
        if DNS_PORT not in ports and not _elsewhere(ip, ports, payload):
            self._lookups.leave_out("not_dns", packet.number, f"IP protocol {ip.protocol}, ports {ports}")
            return
        found: list[bytes] = []
        if ip.protocol == TCP:
            data = payload[(payload[12] >> 4) * 4 :]
            key = (ip.source, ip.target, ports)
            if ip.whole:
                sequence = int.from_bytes(payload[4:8])
                found = self._streams.add(packet.number, key, sequence, payload[13], data)
            else:
                self._lookups.set_aside(packet.number, "packet_cut_short", f"{len(data)} octets captured")
        else:
            length = payload[4] << 8 | payload[5] or len(payload)
            if ip.whole and 8 <= length <= len(payload):
                found = [payload[8:length]]
            else:
                reason = "bad_udp_length" if ip.whole else "packet_cut_short"
                self._lookups.set_aside(packet.number, reason, f"{length} octets, {len(payload)} captured")
        for wire in found:
            yield Datagram(packet.number, packet.seconds, ip.source, ports[0], ip.target, ports[1], wire)


def _elsewhere(ip: _Ip, ports: tuple[int, int], payload: bytes) -> bool:
    """Whether a datagram off port 53 is a lookup all the same."""
    if ip.protocol != UDP or not ip.whole or payload[12:14] != b"\0\1" or not ALIKE_PORTS.isdisjoint(ports):
        return False
    multicast = ip.target[0] == 0xFF if len(ip.target) == 16 else ip.target[0] >> 4 == 0xE
    return not multicast and is_lookup(payload[8:])


def _network(link: int, data: bytes) -> int | None:
    """Where the IP header begins, None where there is none."""
    if link == ETHERNET:
        at = 12
    elif link == SLL:
        at = 14
    elif link == SLL2:
        return _behind_tags(data[0] << 8 | data[1], 20, data)
    else:
        return 0 if link in RAW else 4
    return _behind_tags(data[at] << 8 | data[at + 1], at + 2, data)


def _behind_tags(ethertype: int, at: int, data: bytes) -> int | None:
    while ethertype in _VLAN:
        ethertype = data[at + 2] << 8 | data[at + 3]
        at += 4
    return at if ethertype in {_IPV4, _IPV6} else None


def _ip(data: bytes, at: int | None) -> _Ip | None:
    if at is None:
        return None
    version = data[at] >> 4
    if version == 4:
        return _ipv4(data, at)
    return _ipv6(data, at) if version == 6 else None


def _ipv4(data: bytes, at: int) -> _Ip:
    header = (data[at] & 15) * 4
    if header < 20:
        raise IndexError("an IPv4 header without its addresses")
    end = at + (data[at + 2] << 8 | data[at + 3])
    if end == at:  # left to the network card, which cuts the packet into segments
        end = len(data)
    fragment = data[at + 6] << 8 | data[at + 7]
    return _Ip(
        data[at + 12 : at + 16],
        data[at + 16 : at + 20],
        data[at + 9],
        data[at + header : end],
        end <= len(data),
        data[at + 4] << 8 | data[at + 5],
        (fragment & 0x1FFF) * 8,
        bool(fragment & 0x2000),
    )


def _ipv6(data: bytes, at: int) -> _Ip:
    source, target = data[at + 8 : at + 24], data[at + 24 : at + 40]
    length = data[at + 4] << 8 | data[at + 5]
    end = at + 40 + length if length else len(data)
    protocol, begin = data[at + 6], at + 40
    ident, offset, more = 0, 0, False
    while (protocol in _EXTENSIONS or protocol == _FRAGMENT) and not offset:
        if protocol == _FRAGMENT:
            field = data[begin + 2] << 8 | data[begin + 3]
            offset, more = field & 0xFFF8, bool(field & 1)
            ident = int.from_bytes(data[begin + 4 : begin + 8])
            protocol, begin = data[begin], begin + 8
        else:
            protocol, begin = data[begin], begin + 8 * (data[begin + 1] + 1)
    return _Ip(source, target, protocol, data[begin:end], end <= len(data), ident, offset, more)


def _ports(payload: bytes) -> tuple[int, int]:
    return payload[0] << 8 | payload[1], payload[2] << 8 | payload[3]
