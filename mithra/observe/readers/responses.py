"""Which records of a DNS response are believed: those that its server can have been asked to tell.

A name server may say anything about anyone, and the classic cache poisonings are answers with records about
names that nobody asked for. A resolver knows whose zone it asked about; a sensor often does not. Kept are:

- answer: records of the type asked for, CNAME and DNAME, at the name asked for and along its aliases. What
  another server than a resolver says of an alias's target counts only inside the bailiwick.
- authority: NS, SOA and DS of a zone that holds a name of that chain, inside the bailiwick.
- additional: addresses of hosts that a kept NS, MX or SRV names, inside the bailiwick (glue).

The bailiwick is the zone that dnstap states (`query_zone`), else the eTLD+1 of the names in the chain, with
private suffixes: below it one registrant speaks of itself, above it are strangers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mithra.observe.readers.dnsmessage import (
    AAAA,
    CNAME,
    DNAME,
    IN,
    MX,
    NS,
    SOA,
    SRV,
    A,
    Message,
    Record,
    rdata_text,
)

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["Judged", "judge"]

ANY = 255
MAX_ALIASES = 16  # as far as resolvers follow them
PSEUDO = {41, 249, 250}  # OPT, TKEY, TSIG: of the message, not of a name
PROOFS = {24: "sig", 46: "rrsig", 47: "nsec", 50: "nsec3"}  # they sign or deny, and say nothing about hosts

_DS = 43
_NAMES_HOSTS = {NS, MX, SRV}


class Judged(NamedTuple):
    """A record, and why it is left out; None where it is kept."""

    record: Record
    rdata: str
    left_out: str | None


def judge(message: Message, *, recursive: bool, zone: str | None = None) -> Iterator[Judged]:
    """Every record of a NOERROR response to one question of class IN, pseudo records aside.

    Args:
        message: the response.
        recursive: a resolver answers, which follows aliases through all zones.
        zone: for which zone the server was asked, where that is known.

    Raises:
        BadMessageError: the rdata of a record that would be kept are malformed.
    """
    if zone is not None and not _under(message.qname, zone):
        zone = None
    chain = _chain(message, recursive, zone)
    hosts: set[str] = set()
    for record in message.answer:
        yield _judged(message, record, _answer_fault(message, record, chain), hosts)
    for record in message.authority:
        yield _judged(message, record, _authority_fault(record, chain, zone), hosts)
    for record in message.additional:
        if record.rrtype not in PSEUDO:
            yield _judged(message, record, _additional_fault(record, chain, zone, hosts), hosts)


def _judged(message: Message, record: Record, fault: str | None, hosts: set[str]) -> Judged:
    if fault is not None or record.rrclass != IN:
        proof = PROOFS.get(record.rrtype)
        return Judged(record, "", f"left_out_{proof}" if proof else fault or "not_class_in")
    rdata = rdata_text(message, record)
    if record.rrtype in _NAMES_HOSTS:
        hosts.add(rdata.rpartition(" ")[2].rstrip(".").lower())
    return Judged(record, rdata, None)


def _chain(message: Message, recursive: bool, zone: str | None) -> dict[str, None]:
    """The name asked for and what it is an alias of, in order, as far as the server may tell."""
    chain = dict.fromkeys([message.qname])
    if message.qtype == CNAME or not any(record.rrtype == CNAME for record in message.answer):
        return chain
    aliases: dict[str, Record] = {}
    for record in message.answer:
        if record.rrtype == CNAME and record.rrclass == IN:
            aliases.setdefault(record.owner, record)
    alias = aliases.get(message.qname)
    while alias is not None and len(chain) <= MAX_ALIASES:
        target = rdata_text(message, alias)
        if target in chain or not (recursive or _inside(target, chain, zone)):
            break
        chain[target] = None
        alias = aliases.get(target)
    return chain


def _answer_fault(message: Message, record: Record, chain: dict[str, None]) -> str | None:
    if record.rrtype == DNAME and record.owner not in chain:
        below = any(_under(name, record.owner) for name in chain)
        return None if below and _inside(record.owner, chain, None) else "out_of_bailiwick"
    if record.owner not in chain:
        return "out_of_bailiwick"
    if record.rrtype in PROOFS or (message.qtype not in {record.rrtype, ANY} and record.rrtype != CNAME):
        return "not_asked_for"
    return None


def _authority_fault(record: Record, chain: dict[str, None], zone: str | None) -> str | None:
    if record.rrtype not in {NS, SOA, _DS}:
        return "not_asked_for"
    holds = any(_under(name, record.owner) for name in chain)
    return None if holds and _inside(record.owner, chain, zone) else "out_of_bailiwick"


def _additional_fault(
    record: Record, chain: dict[str, None], zone: str | None, hosts: set[str]
) -> str | None:
    if record.rrtype not in {A, AAAA} or record.owner not in hosts:
        return "not_asked_for"
    return None if _inside(record.owner, chain, zone) else "out_of_bailiwick"


def _inside(name: str, chain: dict[str, None], zone: str | None) -> bool:
    if zone is not None:
        return _under(name, zone)
    return any(_under(name, _edge(asked)) for asked in chain)


def _under(name: str, zone: str) -> bool:
    """Whether a name is the zone's own or below it."""
    return name == zone or zone == "." or name.endswith(f".{zone}")


@functools.lru_cache(1 << 15)
def _edge(name: str) -> str:
    """The eTLD+1, or the name itself where it is a public suffix."""
    return _suffixes().privatesuffix(name) or name


@functools.cache
def _suffixes() -> PublicSuffixList:
    """The library itself: `mithra.names` is for whole columns, and takes a millisecond for one name."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
