"""Which records of a response are believed. The messages are dnspython's."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rrset
import pytest

from mithra.observe.readers.dnsmessage import parse_message, type_text
from mithra.observe.readers.responses import judge

EVIL = "6.6.6.6"


def response(name, rrtype="A", *, answer=(), authority=(), additional=(), **flags):
    """Sections as lines `name type rdata`."""
    made = dns.message.make_response(dns.message.make_query(name, rrtype, **flags))
    for section, lines in {"answer": answer, "authority": authority, "additional": additional}.items():
        for line in lines:
            owner, kind, rdata = line.split(" ", 2)
            getattr(made, section).append(dns.rrset.from_text(f"{owner}.", 60, "IN", kind, rdata))
    return parse_message(made.to_wire())


def kept(message, *, recursive=True, zone=None):
    judged = judge(message, recursive=recursive, zone=zone)
    return [f"{j.record.owner} {type_text(j.record.rrtype)} {j.rdata}" for j in judged if j.left_out is None]


def left_out(message, *, recursive=True, zone=None):
    return [j.left_out for j in judge(message, recursive=recursive, zone=zone) if j.left_out is not None]


CHAIN = ["x.cdn.net A 192.0.2.1", "www.shop.com CNAME x.cdn.net."]  # out of order, as some servers send it


def test_a_resolver_follows_aliases_everywhere():
    assert kept(response("www.shop.com", answer=CHAIN)) == [
        "x.cdn.net A 192.0.2.1",
        "www.shop.com CNAME x.cdn.net",
    ]


def test_a_name_server_tells_no_alias_target_of_strangers():
    message = response("www.shop.com", answer=CHAIN)
    assert kept(message, recursive=False) == ["www.shop.com CNAME x.cdn.net"]
    assert left_out(message, recursive=False) == ["out_of_bailiwick"]
    assert len(kept(message, recursive=False, zone=".")) == 2
    own = response("www.shop.com", answer=["www.shop.com CNAME a.shop.com.", "a.shop.com A 192.0.2.1"])
    assert len(kept(own, recursive=False)) == 2


def test_neighbours_under_a_private_suffix_are_strangers():
    answer = ["evil.github.io CNAME bank.github.io.", f"bank.github.io A {EVIL}"]
    assert kept(response("evil.github.io", answer=answer), recursive=False) == [
        "evil.github.io CNAME bank.github.io"
    ]


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize(
    "poison",
    [
        {"answer": [f"www.bank.com A {EVIL}"]},
        {"answer": ["www.evil.com TXT other"]},
        {"authority": ["bank.com NS ns.evil.com."]},
        {"authority": ["com NS ns.evil.com."]},
        {"authority": ["other.evil.com NS ns.evil.com."]},
        {"authority": ["evil.com TXT text"]},
        {"authority": ["evil.com NS www.bank.com."], "additional": [f"www.bank.com A {EVIL}"]},
        {"additional": [f"www.bank.com A {EVIL}"]},
        {"additional": [f"mail.evil.com A {EVIL}"]},
        {"answer": ["www.evil.com A 192.0.2.1"], "additional": ["evil.com NS ns.evil.com."]},
        {"answer": ["com DNAME evil.net."]},
    ],
)
def test_poison_does_not_come_in(poison, recursive):
    good = {"www.evil.com A 192.0.2.1", "evil.com NS www.bank.com"}
    assert set(kept(response("www.evil.com", **poison), recursive=recursive)) <= good
    assert left_out(response("www.evil.com", **poison), recursive=recursive)


def test_referral_with_glue():
    message = response(
        "www.shop.com",
        authority=["shop.com NS ns1.shop.com.", "shop.com NS ns.host.net.", "shop.com DS 1 8 2 " + "ab" * 32],
        additional=["ns1.shop.com A 192.0.2.1", "ns.host.net A 192.0.2.2"],
    )
    assert kept(message, recursive=False) == [
        "shop.com NS ns1.shop.com",
        "shop.com NS ns.host.net",
        "shop.com DS 1 8 2 " + "ab" * 32,
        "ns1.shop.com A 192.0.2.1",
    ]
    assert len(kept(message, recursive=False, zone="com")) == 4  # ns.host.net lies outside com
    assert len(kept(message, recursive=False, zone=".")) == 5


def test_the_zone_asked_is_the_bailiwick():
    up = response("a.b.shop.com", authority=["shop.com NS ns.evil.com.", "b.shop.com NS ns.evil.com."])
    assert kept(up, recursive=False, zone="b.shop.com") == ["b.shop.com NS ns.evil.com"]
    assert len(kept(up, recursive=False, zone="elsewhere.org")) == 2  # a zone that cannot be the one asked


def test_negative_answers_mail_and_services():
    nothing = response("www.shop.com", authority=["shop.com SOA ns.shop.com. h.shop.com. 1 2 3 4 5"])
    assert kept(nothing) == ["shop.com SOA ns.shop.com h.shop.com 1 2 3 4 5"]
    mail = response(
        "shop.com", "MX", answer=["shop.com MX 10 M.shop.com."], additional=["m.shop.com AAAA ::1"]
    )
    assert kept(mail) == ["shop.com MX 10 m.shop.com", "m.shop.com AAAA ::1"]
    service = response(
        "_sip._tcp.shop.com",
        "SRV",
        answer=["_sip._tcp.shop.com SRV 1 2 5060 sip.shop.com."],
        additional=["sip.shop.com A 192.0.2.1"],
    )
    assert kept(service)[1:] == ["sip.shop.com A 192.0.2.1"]


def test_any_and_dname():
    both = ["shop.com A 192.0.2.1", "shop.com TXT text"]
    assert len(kept(response("shop.com", "ANY", answer=both))) == 2
    moved = response(
        "www.old.com",
        answer=["old.com DNAME new.net.", "www.old.com CNAME www.new.net.", "www.new.net A 192.0.2.1"],
    )
    assert len(kept(moved)) == 3
    assert kept(moved, recursive=False) == ["old.com DNAME new.net", "www.old.com CNAME www.new.net"]


def test_signatures_and_pseudo_records():
    signed = response(
        "shop.com",
        answer=[
            "shop.com A 192.0.2.1",
            "shop.com RRSIG A 8 2 60 20300101000000 20200101000000 1 shop.com. AAAA",
        ],
        use_edns=True,
    )
    assert [record.rrtype for record in signed.additional] == [41]
    assert kept(signed) == ["shop.com A 192.0.2.1"]
    assert left_out(signed) == ["left_out_rrsig"]


def test_aliases_in_a_circle_and_without_end():
    circle = response("a.shop.com", answer=["a.shop.com CNAME b.shop.com.", "b.shop.com CNAME a.shop.com."])
    assert len(kept(circle)) == 2
    long = response("n0.shop.com", answer=[f"n{i}.shop.com CNAME n{i + 1}.shop.com." for i in range(40)])
    assert len(kept(long)) == 17
