"""Packets and captures built by hand, for the tests of what reads them."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rrset

from mithra.observe.records import client_hash

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
BIG = udp(answered(*[f"www.example.com. 300 A 203.0.113.{n}" for n in range(40)]).to_wire(), 53, 40000)


def parts4(*ranges, ident=1):
    return [ipv4(BIG[a:b], SERVER, CLIENT, ident=ident, offset=a, more=b < len(BIG)) for a, b in ranges]


def parts6(*ranges):
    heads = [struct.pack("!BBHI", 17, 0, a | (b < len(BIG)), 77) for a, b in ranges]
    return [ipv6(head + BIG[a:b], SERVER6, CLIENT6, 44) for head, (a, b) in zip(heads, ranges, strict=True)]
