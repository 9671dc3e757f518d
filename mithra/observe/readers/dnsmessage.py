"""DNS messages from wire format (RFC 1035, section 4): header, question and records, rdata left undecoded.

dnspython parses 22,000 bare queries a second and far fewer answers, where only few rdata are needed in the
end. So headers, names and the common rdata are read here, and dnspython decodes the rdata of all other types.
"""

from __future__ import annotations

import functools
import socket
import struct
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

__all__ = [
    "IN",
    "BadMessageError",
    "Message",
    "Record",
    "is_lookup",
    "name_at",
    "parse_message",
    "rdata_text",
    "type_text",
]

IN = 1
A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME, OPT = 1, 2, 5, 6, 12, 15, 28, 33, 39, 41
QR, TC, RD, RA, RESERVED = 0x8000, 0x0200, 0x0100, 0x0080, 0x0040
MAX_NAME_OCTETS = 255
MAX_POINTERS = 127  # as many as a name can have labels

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_SOA_NUMBERS = struct.Struct("!5I")


class BadMessageError(Exception):
    """Why a message cannot be read, as a reason for rejects."""


class Record(NamedTuple):
    """A resource record; its rdata are `length` octets from `start` of the message."""

    owner: str
    rrtype: int
    rrclass: int
    ttl: int
    start: int
    length: int


class Message(NamedTuple):
    """A DNS message with one question at most; names in lower case, without the final dot."""

    wire: bytes
    id: int
    flags: int
    questions: int
    qname: str
    qtype: int
    qclass: int
    answer: list[Record]
    authority: list[Record]
    additional: list[Record]
    end: int  # octets read

    @property
    def opcode(self) -> int:
        return self.flags >> 11 & 15

    @property
    def rcode(self) -> int:
        """With the upper bits that OPT carries (RFC 6891)."""
        upper = (record.ttl >> 20 & 0xFF0 for record in self.additional if record.rrtype == OPT)
        return self.flags & 15 | next(upper, 0)


def parse_message(wire: bytes) -> Message:
    """A message read to its end.

    Raises:
        BadMessageError: cut short, or names that no decoder could follow.
    """
    if len(wire) < _HEADER.size:
        raise BadMessageError("message_too_short")
    ident, flags, questions, *counts = _HEADER.unpack_from(wire)
    names: dict[int, str] = {}
    qname, qtype, qclass, at = "", 0, 0, _HEADER.size
    try:
        for number in range(questions):
            name, at = name_at(wire, at, names)
            if not number:
                qname, (qtype, qclass) = name, _QUESTION.unpack_from(wire, at)
            at += _QUESTION.size
        sections = []
        for count in counts:
            section = []
            for _ in range(count):
                owner, at = name_at(wire, at, names)
                rrtype, rrclass, ttl, length = _RECORD.unpack_from(wire, at)
                at += _RECORD.size
                section.append(Record(owner, rrtype, rrclass, ttl, at, length))
                at += length
            sections.append(section)
    except (IndexError, struct.error) as error:
        raise BadMessageError("message_cut_short") from error
    if at > len(wire):
        raise BadMessageError("message_cut_short")
    answer, authority, additional = sections
    return Message(wire, ident, flags, questions, qname, qtype, qclass, answer, authority, additional, at)


def is_lookup(wire: bytes) -> bool:
    """Whether octets of unknown kind are a whole query or response of class IN, and nothing else.

    Names under `local` are those of multicast DNS (RFC 6762).
    """
    try:
        message = parse_message(wire)
    except BadMessageError:
        return False
    if message.opcode or message.flags & RESERVED or message.qclass != IN or message.questions != 1:
        return False
    if not message.flags & QR and (message.answer or message.authority or message.flags & (TC | 15)):
        return False
    return message.end == len(wire) and not f".{message.qname}".endswith(".local")


def name_at(wire: bytes, at: int, known: dict[int, str]) -> tuple[str, int]:
    """The name that begins at an octet, and the octet after it.

    Raises:
        BadMessageError: a compression pointer that does not lead back, a label of no known kind, too long.
        IndexError: it leads past the end.
    """
    begin = limit = at
    after, pointers, octets = 0, 0, 1
    labels = []
    while length := wire[at]:
        if length < 64:
            labels.append(wire[at + 1 : at + 1 + length])
            at += 1 + length
            octets += 1 + length
            if octets > MAX_NAME_OCTETS:
                raise BadMessageError("name_too_long")
        elif length >= 192:
            target = (length & 63) << 8 | wire[at + 1]
            after = after or at + 2
            if target in known and not labels:
                known[begin] = known[target]
                return known[target], after
            pointers += 1
            if target >= limit or pointers > MAX_POINTERS:
                raise BadMessageError("bad_compression_pointer")
            at = limit = target
        else:
            raise BadMessageError("bad_label")
    known[begin] = name = _name_text(labels)
    return name, after or at + 1


def rdata_text(message: Message, record: Record) -> str:
    """The rdata as text: names without the final dot, the rest as in a zone file.

    Raises:
        BadMessageError: the rdata are not of their type's form.
    """
    wire, at, end = message.wire, record.start, record.start + record.length
    try:
        match record.rrtype:
            case 1 if record.length == 4:
                return socket.inet_ntoa(wire[at:end])
            case 28 if record.length == 16:
                return socket.inet_ntop(socket.AF_INET6, wire[at:end])
            case 2 | 5 | 12 | 39:
                text, at = name_at(wire, at, {})
            case 15:
                host, after = name_at(wire, at + 2, {})
                text, at = f"{wire[at] << 8 | wire[at + 1]} {host}", after
            case 6:
                server, at = name_at(wire, at, {})
                contact, at = name_at(wire, at, {})
                numbers = " ".join(map(str, _SOA_NUMBERS.unpack_from(wire, at)))
                text, at = f"{server} {contact} {numbers}", at + _SOA_NUMBERS.size
            case kind:
                rdtype = dns.rdatatype.RdataType.make(kind)
                return dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, at, record.length).to_text()
    except (IndexError, struct.error, dns.exception.DNSException, ValueError) as error:
        raise BadMessageError("bad_rdata") from error
    if at != end:
        raise BadMessageError("bad_rdata")
    return text


@functools.cache
def type_text(rrtype: int) -> str:
    """A type's name, `TYPE65280` where it has none."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rrtype))


def _name_text(labels: list[bytes]) -> str:
    """Lower case; octets that would read as something else come out escaped, and are refused later."""
    joined = b".".join(labels)
    if joined.isascii() and joined.count(b".") == len(labels) - 1 and b"\\" not in joined:
        return joined.decode("ascii").lower()
    return dns.name.Name([*labels, b""]).to_text(omit_final_dot=True).lower() if labels else "."
