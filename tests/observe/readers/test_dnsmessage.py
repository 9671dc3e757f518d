"""The reader of wire format: the same as dnspython's on what both read, and no other error on anything."""

from __future__ import annotations

import contextlib
import time

import dns.exception
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra.observe.readers.dnsmessage import BadMessageError, name_at, parse_message, rdata_text, type_text

RECORDS = [
    "A 192.0.2.1",
    "AAAA 2001:db8::1",
    "NS ns1.example.com.",
    "CNAME Other.Example.net.",
    "PTR host.example.com.",
    "DNAME example.org.",
    "MX 10 mail.example.com.",
    "SOA ns1.example.com. host.example.com. 2026010101 7200 900 1209600 300",
    'TXT "one" "two; \\"three\\""',
    "SRV 0 5 5060 sip.example.com.",
    'CAA 0 issue "ca.example"',
    "HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
    "TYPE65280 \\# 2 abcd",
]


def test_reads_what_dnspython_writes():
    made = dns.message.make_response(dns.message.make_query("WWW.example.com.", "ANY", use_edns=True))
    for record in RECORDS:
        kind, text = record.split(" ", 1)
        made.answer.append(dns.rrset.from_text("www.example.com.", 300, "IN", kind, text))
    message = parse_message(made.to_wire())
    assert (message.id, message.qname, message.qtype, message.qclass) == (made.id, "www.example.com", 255, 1)
    assert [record.rrtype for record in message.additional] == [41]
    for record, line, rrset in zip(message.answer, RECORDS, made.answer, strict=True):
        kind, _ = line.split(" ", 1)
        assert (record.owner, record.ttl, type_text(record.rrtype)) == ("www.example.com", 300, kind)
        ours, theirs = rdata_text(message, record).lower(), rrset[0].to_text().lower()
        assert ours in {theirs, theirs.replace(". ", " ").removesuffix(".")}


def test_the_upper_bits_of_the_response_code():
    made = dns.message.make_response(dns.message.make_query("example.com.", "A", use_edns=True))
    made.set_rcode(dns.rcode.BADVERS)
    assert parse_message(made.to_wire()).rcode == 16


def test_names_that_would_read_as_others_are_escaped():
    assert name_at(b"\7www.foo\3com\0", 0, {})[0] == "www\\.foo.com"
    assert name_at(b"\3a\\b\3com\0", 0, {})[0] == "a\\\\b.com"
    assert name_at(b"\2\xc3\xa4\3com\0", 0, {})[0] == "\\195\\164.com"
    assert name_at(b"\0", 0, {}) == (".", 1)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\xc0\0", "bad_compression_pointer"),
        (b"\1a\xc0\0", "bad_compression_pointer"),
        (b"\xc0\2\1a\0", "bad_compression_pointer"),
        (b"\x40a\0", "bad_label"),
        (
            b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\0",
            "name_too_long",
        ),
    ],
)
def test_bad_names(wire, reason):
    with pytest.raises(BadMessageError, match=reason):
        name_at(wire, 0, {})


@pytest.mark.parametrize(
    ("kind", "rdata"),
    [
        (1, b"\1\2\3"),
        (28, b"\0" * 15),
        (2, b"\1a\0x"),
        (15, b"\0"),
        (6, b"\0\0\0"),
        (2, b"\xc0\xff"),
        (33, b""),
    ],
)
def test_bad_rdata(kind, rdata):
    head = b"\0\1\x84\0\0\0\0\1\0\0\0\0"
    record = b"\0" + kind.to_bytes(2) + b"\0\1" + bytes(4) + len(rdata).to_bytes(2) + rdata
    message = parse_message(head + record)
    with pytest.raises(BadMessageError, match=r"bad_rdata|bad_compression_pointer"):
        rdata_text(message, message.answer[0])


def test_hostile_messages_take_no_time():
    """Counts that lie, and thousands of names at the end of a chain of pointers, each to the one before."""
    chain = b"\0\0" + b"".join((22 + 2 * i | 0xC000).to_bytes(2) for i in range(8000))
    ends = [(22 + 2 * i | 0xC000).to_bytes(2) + b"\0\x10\0\1" + bytes(6) for i in range(5000, 8000)]
    holder = b"\0\0\x10\0\1" + bytes(4) + len(chain).to_bytes(2) + chain
    begun = time.perf_counter()
    for wire in (
        b"\0\1\x84\0\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(65000),
        b"\0\1\x84\0\0\0\x0b\xb9\0\0\0\0" + holder + b"".join(reversed(ends)),
    ):
        with pytest.raises(BadMessageError):
            parse_message(wire)
    assert time.perf_counter() - begun < 1
    with pytest.raises(BadMessageError, match="bad_compression_pointer"):
        name_at(b"\0\0" + b"".join((2 * i | 0xC000).to_bytes(2) for i in range(200)), 400, {})


@given(st.binary(max_size=300), st.integers(0, 40))
def test_anything_else_is_a_bad_message(wire, cut):
    sample = dns.message.make_response(dns.message.make_query("www.example.com.", "A")).to_wire()
    for content in (wire, sample[:cut] + wire):
        with contextlib.suppress(BadMessageError):
            message = parse_message(content)
            for record in [*message.answer, *message.authority, *message.additional]:
                rdata_text(message, record)


@given(st.data())
def test_agrees_with_dnspython_on_damaged_messages(data):
    made = dns.message.make_response(dns.message.make_query("www.example.com.", "A"))
    made.answer.append(dns.rrset.from_text("www.example.com.", 60, "IN", "A", "192.0.2.1", "192.0.2.2"))
    wire = bytearray(made.to_wire())
    wire[data.draw(st.integers(12, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        theirs = dns.message.from_wire(bytes(wire))
    except dns.exception.DNSException:
        return
    ours = parse_message(bytes(wire))
    qname = theirs.question[0].name.to_text(omit_final_dot=True).lower()
    assert ours.qname == qname or "\\" in qname
    assert sum(len(rrset) for rrset in theirs.answer) <= len(ours.answer)
