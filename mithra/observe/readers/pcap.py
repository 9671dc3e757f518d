"""DNS in packet captures: classic pcap and pcapng (draft-ietf-opsawg-pcap, -pcapng).

A response counts only if its query was captured. Where nothing that its client asks of this server is
captured, as at sensors that see one direction only, it counts by itself if it comes from port 53. Rows of
queries come from lookups that ask for recursion: what a resolver asks name servers in turn is told in rejects
as `iterative_query`. Of a response, responses.py says what is kept. A file that ends inside a packet is
refused whole: its rest may yet come.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from mithra.errors import FormatError
from mithra.observe.readers import examples
from mithra.observe.readers.dnsmessage import QR, RA, RD
from mithra.observe.readers.lookups import Lookups, Recent
from mithra.observe.readers.packets import DNS_PORT, LINKS, Datagram, Packet, Packets
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

MAX_PACKET_OCTETS = 1 << 20  # tcpdump's own limit is 256 KiB
MAX_BLOCK_OCTETS = 1 << 24
MAX_INTERFACES = 1 << 12

_CLASSIC = {  # first four octets: byte order, for micro- and nanoseconds alike, since seconds are kept
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xd4\xc3\xb2\xa1": "<",
    b"\xa1\xb2\x3c\x4d": ">",
    b"\x4d\x3c\xb2\xa1": "<",
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14


class _Interface(NamedTuple):
    link: int
    units: int  # of its clock in a second
    offset: int  # seconds to add


_Framing = Callable[[BinaryIO, Source, Lookups], Iterator[Packet]]


def sniff_pcap(sample: bytes) -> bool:
    """The magic number of one of the four kinds."""
    return sample[:4] in _CLASSIC


def sniff_pcapng(sample: bytes) -> bool:
    """A section header block with its byte order."""
    return sample.startswith(_SECTION) and sample[8:12] in _ORDERS


def read_pcap(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions and queries of a classic capture.

    Raises:
        FormatError: cut short, damaged, or a link type that is not read.
    """
    return _read(source, options, _classic)


def read_pcapng(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions and queries of a pcapng capture.

    Raises:
        FormatError: cut short or damaged.
    """
    return _read(source, options, _blocks)


def _read(source: Source, options: Options, packets_of: _Framing) -> Iterator[Rows | Rejects]:
    lookups = Lookups(source, options)
    packets, talks = Packets(lookups), Recent[bool]()
    with source.open() as stream:
        for packet in packets_of(stream, source, lookups):
            for datagram in packets.take(packet):
                _take(datagram, lookups, talks)
            if lookups.full:
                yield from lookups.rows()
    packets.finish()
    yield from lookups.end()


def _take(message_of: Datagram, lookups: Lookups, talks: Recent[bool]) -> None:
    number, seconds, source, source_port, target, target_port, wire = message_of
    message = lookups.read(number, seconds, wire)
    if message is None:
        return
    asks = bool(message.flags & RD)
    question = (asks, message.id, message.qname, message.qtype)
    known = DNS_PORT in (source_port, target_port)
    if not message.flags & QR:
        if known and target_port != DNS_PORT:
            lookups.leave_out("query_to_other_port", number, message.qname)
            return
        if not asks:
            lookups.leave_out("iterative_query", number, message.qname)
        if (source, target) not in talks:
            talks.put((source, target), True)
        lookups.query(number, seconds, message, source, (source, source_port, target, *question), asks)
        return
    if known and source_port != DNS_PORT:
        lookups.leave_out("response_from_other_port", number, message.qname)
        return
    key = (target, target_port, source, *question)
    alone = known and (target, source) not in talks
    if not lookups.asked(number, seconds, message, target, key, alone=alone, counts=asks):
        lookups.set_aside(number, "unsolicited_response", message.qname)
        return
    lookups.response(number, seconds, message, recursive=asks and bool(message.flags & RA))


def _classic(stream: BinaryIO, source: Source, lookups: Lookups) -> Iterator[Packet]:
    head = _exactly(stream, 24, source)
    order = _CLASSIC.get(head[:4])
    if order is None:
        raise FormatError("no classic packet capture", value=head[:4], file=source.path)
    link = struct.unpack(f"{order}I", head[20:])[0] & 0xFFFF  # above are flags
    if link not in LINKS:
        hint = "Capture on an Ethernet, IP, cooked or loopback interface"
        raise FormatError("packets of a link type that is not read", value=link, file=source.path, hint=hint)
    record = struct.Struct(f"{order}IIII")
    number = 0
    while head := stream.read(16):
        if len(head) < 16:
            raise _cut(source)
        number += 1
        seconds, _, captured, length = record.unpack(head)
        if captured > MAX_PACKET_OCTETS:
            raise FormatError("a packet of an impossible length", value=captured, file=source.path)
        yield Packet(number, seconds, link, _exactly(stream, captured, source), captured < length)


def _blocks(stream: BinaryIO, source: Source, lookups: Lookups) -> Iterator[Packet]:
    order, number = ">", 0
    interfaces: list[_Interface] = []
    while head := stream.read(8):
        if len(head) < 8:
            raise _cut(source)
        begun = b""
        if head[:4] == _SECTION:
            begun = _exactly(stream, 4, source)
            if begun not in _ORDERS:
                raise FormatError("a pcapng section without its byte order", value=begun, file=source.path)
            order, interfaces = _ORDERS[begun], []
        kind, length = struct.unpack(f"{order}II", head)
        if not 12 + len(begun) <= length <= MAX_BLOCK_OCTETS or length % 4:
            raise FormatError("a block of an impossible length", value=length, file=source.path)
        body = _exactly(stream, length - 8 - len(begun), source)
        if body[-4:] != head[4:]:
            raise FormatError("a block whose two lengths differ", file=source.path)
        if kind == _INTERFACE:
            interfaces.append(_interface(body[:-4], order, source))
            if len(interfaces) > MAX_INTERFACES:
                raise FormatError("more interfaces than there can be", file=source.path)
        elif kind in {_PACKET, _OLD_PACKET, _SIMPLE_PACKET}:
            number += 1
            packet = _packet(number, kind, body[:-4], order, interfaces, lookups)
            if packet is not None:
                yield packet


def _packet(
    number: int, kind: int, body: bytes, order: str, interfaces: list[_Interface], lookups: Lookups
) -> Packet | None:
    """A packet of a block, None where it is set aside."""
    if kind == _SIMPLE_PACKET:
        lookups.set_aside(number, "no_date", "a simple packet block, which has no time")
        return None
    try:
        layout = f"{order}IIIII" if kind == _PACKET else f"{order}HxxIIII"
        at, high, low, captured, length = struct.unpack_from(layout, body)
        interface = interfaces[at]
    except (struct.error, IndexError):
        lookups.set_aside(number, "bad_packet_block", f"{len(body)} octets")
        return None
    data = body[20 : 20 + captured]
    if len(data) < captured:
        lookups.set_aside(number, "bad_packet_block", f"{len(data)} of {captured} octets")
        return None
    if interface.link not in LINKS:
        lookups.leave_out("unsupported_link_type", number, f"link type {interface.link}")
        return None
    seconds = (high << 32 | low) // interface.units + interface.offset
    return Packet(number, seconds, interface.link, data, captured < length)


def _interface(body: bytes, order: str, source: Source) -> _Interface:
    """Link type, and of the options those about time."""
    units, offset, at = 1_000_000, 0, 8
    try:
        (link,) = struct.unpack_from(f"{order}H", body)
        while at + 4 <= len(body):
            code, length = struct.unpack_from(f"{order}HH", body, at)
            if code == 0:
                break
            if code == _TSRESOL:
                exponent = body[at + 4]
                units = 2 ** (exponent & 0x7F) if exponent & 0x80 else 10 ** (exponent & 0x7F)
            elif code == _TSOFFSET:
                (offset,) = struct.unpack_from(f"{order}q", body, at + 4)
            at += 4 + length + -length % 4
    except (struct.error, IndexError) as error:
        raise FormatError("an interface block that is too short", file=source.path) from error
    return _Interface(link, units, offset)


def _exactly(stream: BinaryIO, octets: int, source: Source) -> bytes:
    data = stream.read(octets)
    if len(data) < octets:
        raise _cut(source)
    return data


def _cut(source: Source) -> FormatError:
    return FormatError(
        "the capture ends inside a packet",
        file=source.path,
        hint="Wait until it is complete, or fetch it again",
    )


_FIELDS = ("time of the packet", "client", "question", "answer, authority and additional sections")

READERS = [
    Reader(
        "pcap",
        1,
        ("resolutions", "queries"),
        sniff_pcap,
        read_pcap,
        about="DNS in packet captures: over UDP and TCP, IPv4 and IPv6, fragments put together",
        example=examples.pcap,
        fields=_FIELDS,
    ),
    Reader(
        "pcapng",
        1,
        ("resolutions", "queries"),
        sniff_pcapng,
        read_pcapng,
        about="DNS in packet captures of the newer format",
        example=examples.pcapng,
        fields=_FIELDS,
    ),
]
