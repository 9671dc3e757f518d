"""One zone on one server, over DNS: read it whole (AXFR), change it (RFC 2136), ask it. All signed with TSIG.

The server is an address that the user names, so that no lookup and no answer can send anything elsewhere. A
policy zone in memory is a dictionary of owners and the targets of their CNAME, absolute names in text form.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.tsig
import dns.update
import dns.xfr
import dns.zone

from mithra.errors import InputError, RefusedError, UsageError
from mithra.publish.rpz import ALLOWED, ANSWERS, TTL_SECONDS

__all__ = ["Change", "Place", "Records", "Zone", "difference", "place_of", "read_key"]

Records = dict[str, str]
DNS_PORT = 53
SECONDS_TO_ANSWER = 10
SECONDS_TO_TRANSFER = 600
MAX_MESSAGE_OCTETS = 32_000  # of the 65,535 that a message may have
_RECORD_OCTETS = 40  # of a change beside its owner, at most
_KEY = re.compile(
    r'\s*key\s+"?([\w.-]+)"?\s*\{\s*algorithm\s+"?([\w.-]+)"?\s*;\s*secret\s+"?([A-Za-z0-9+/=]+)"?\s*;\s*\}\s*;\s*'
)
_OF_MITHRA = {*ANSWERS.values(), ALLOWED}
_TARGETS = {target: dns.rdata.from_text("IN", "CNAME", target) for target in _OF_MITHRA}
_APEX = {dns.rdatatype.SOA, dns.rdatatype.NS, dns.rdatatype.TXT}


class Place(NamedTuple):
    """Where a server listens."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Change(NamedTuple):
    """An owner's target before and after; None where there is no record."""

    owner: str
    before: str | None
    after: str | None


def place_of(text: str) -> Place:
    """An address with or without a port: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`.

    Raises:
        UsageError: anything else, a host name too.
    """
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?|(.*:.*:.*)", text)
    address, port = (found[1] or found[3] or found[5], found[2] or found[4]) if found else (text, None)
    try:
        place = Place(str(ipaddress.ip_address(address)), int(port or DNS_PORT))
    except ValueError as error:
        hint = "Write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353; names are not looked up"
        raise UsageError("a server is an IP address", value=text, hint=hint) from error
    if not 0 < place.port < 65_536:
        raise UsageError("a port is between 1 and 65535", value=text)
    return place


def read_key(path: str | Path) -> dns.tsig.Key:
    """A TSIG key from a file as `tsig-keygen` writes it and `nsupdate -k` takes it.

    Raises:
        InputError: no such file, or no key in it. Its text is never shown.
    """
    try:
        found = _KEY.fullmatch(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the key: {type(error).__name__}", file=path) from error
    hint = "Make one with: tsig-keygen -a hmac-sha256 mithra"
    if found is None:
        raise InputError("no TSIG key in the file", file=path, hint=hint)
    try:
        key = dns.tsig.Key(found[1], found[3], found[2])
        dns.tsig.get_context(key)  # type: ignore[no-untyped-call]  # raises for an unknown algorithm
    except (dns.exception.DNSException, NotImplementedError, ValueError) as error:
        raise InputError("no usable TSIG key in the file", file=path, hint=hint) from error
    return key


def difference(held: Records, wanted: Records) -> Iterator[Change]:
    """What makes one into the other: first what passes or ends, then blocks, in the order of the names."""
    for owner in sorted(held.keys() - wanted.keys()):
        yield Change(owner, held[owner], None)
    for owner in sorted(wanted, key=lambda owner: (wanted[owner] != ALLOWED, owner)):
        if held.get(owner) != wanted[owner]:
            yield Change(owner, held.get(owner), wanted[owner])


@dataclass(frozen=True)
class Zone:
    """A policy zone on a server."""

    place: Place
    name: str  # canonical
    key: dns.tsig.Key

    def transfer(self) -> tuple[Records, dns.rdata.Rdata]:
        """What the zone holds, and its SOA.

        Raises:
            InputError: the server does not answer, or does not hand it out.
            RefusedError: the zone holds records that are none of mithra's.
        """
        zone = dns.zone.Zone(self.name, relativize=False)
        try:
            query, _ = dns.xfr.make_query(zone, keyring=self.key)
            dns.query.inbound_xfr(
                self.place.address,
                zone,
                query,
                self.place.port,
                timeout=SECONDS_TO_ANSWER,
                lifetime=SECONDS_TO_TRANSFER,
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            hint = "It must allow transfer and update of the zone with this key"
            raise InputError(f"no transfer of {self.name} from {self.place}: {error!r}", hint=hint) from error
        held: Records = {}
        for owner, _, rdata in zone.iterate_rdatas():
            if rdata.rdtype == dns.rdatatype.CNAME and rdata.to_text() in _OF_MITHRA:
                held[owner.to_text()] = rdata.to_text()
            elif owner != zone.origin or rdata.rdtype not in _APEX:
                found = f"{owner.to_text()} {dns.rdatatype.to_text(rdata.rdtype)}"
                raise RefusedError(
                    "the zone holds records of others", value=found, hint="Give mithra a zone of its own"
                )
        return held, zone.get_soa()

    def apply(self, changes: Iterable[Change], soa: dns.rdata.Rdata | None = None) -> int:
        """Send the changes in messages of bounded size, and say how many. Each counts whole or not at all.

        With `soa` the first is done only if the zone still has it: nobody else changed the zone meanwhile.

        Raises:
            RefusedError: the server did not do it.
        """
        sent = 0
        for message in self._messages(changes, soa):
            code = self._ask(message).rcode()
            if code == dns.rcode.NXRRSET:
                raise RefusedError(
                    "somebody else changed the zone meanwhile", value=self.name, hint="Try again"
                )
            if code != dns.rcode.NOERROR:
                raise RefusedError(f"{self.place} refused an update", value=dns.rcode.to_text(code))
            sent += 1
        return sent

    def target(self, owner: str) -> str | None:
        """What the server answers for an owner of the zone now.

        Raises:
            RefusedError: it does not answer.
        """
        query = dns.message.make_query(owner, "CNAME")
        query.use_tsig(self.key)
        query.flags &= ~dns.flags.RD
        answer = self._ask(query)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise RefusedError(f"{self.place} does not answer", value=dns.rcode.to_text(answer.rcode()))
        return answer.answer[0][0].to_text() if answer.answer else None

    def _ask(self, message: dns.message.Message) -> dns.message.Message:
        try:
            return dns.query.tcp(message, self.place.address, SECONDS_TO_ANSWER, self.place.port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise RefusedError(f"{self.place} does not answer: {error!r}") from error

    def _messages(
        self, changes: Iterable[Change], soa: dns.rdata.Rdata | None
    ) -> Iterator[dns.update.UpdateMessage]:
        message, octets = self._message(), 0
        if soa is not None:
            message.present(self.name + ".", soa)
        for owner, before, after in changes:
            size = (len(owner) + _RECORD_OCTETS) * (2 if before and after else 1)
            if octets and octets + size > MAX_MESSAGE_OCTETS:
                yield message
                message, octets = self._message(), 0
            if before is not None:
                message.delete(owner, "CNAME")
            if after is not None:
                message.add(owner, TTL_SECONDS, _TARGETS[after])
            octets += size
        if octets:
            yield message

    def _message(self) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(self.name, keyring=self.key)
