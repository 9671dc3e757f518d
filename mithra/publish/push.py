"""Push decisions to a live policy zone, and see that they are in force. A failed push is rolled back.

What goes over the wire is the difference to the zone as it is. Afterwards a sample of the blocked names must
be in the zone, freed and unrelated names must not, and a resolver, where one is named, must block the former
and resolve what has to. A list from simulated data goes to this machine only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from uuid import uuid4

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pyarrow as pa

from mithra.decide.decisions import Decisions
from mithra.errors import InvalidNameError, MithraError, RefusedError, UsageError
from mithra.names import SuffixList, canonical
from mithra.observe.dates import utc_moment
from mithra.observe.workspace import Workspace
from mithra.publish.dnsupdate import Change, Place, Records, Zone, difference, place_of, read_key
from mithra.publish.entries import ListSettings
from mithra.publish.publish import prepared, refuse_empty
from mithra.publish.rpz import ALLOWED, check_zone, records

__all__ = ["Push", "push"]

SAMPLE = 20  # names of each kind that are asked for
SECONDS_TO_BLOCK = 90  # until a resolver must have loaded its zone anew: BIND waits for 60 unless told not to
SECONDS_BETWEEN = 0.05


@dataclass(frozen=True)
class Push:
    """What was changed on the server. `skipped` and `narrowed` are as in a publication."""

    server: str
    zone: str
    added: int  # records: a subtree has two
    removed: int
    changed: int
    kept: int
    messages: int
    seconds: float  # from the transfer to the end of verification
    resolver: str | None  # that was asked
    skipped: Mapping[str, int]
    narrowed: Mapping[str, int]
    simulated: bool


def push(
    decisions: Decisions | Workspace | pa.Table | str | Path,
    server: str,
    zone: str,
    key_file: str | Path,
    *,
    resolver: str | None = None,
    must_resolve: Sequence[str] = (),
    answer: str = "nxdomain",
    now: datetime | None = None,
    allow_empty: bool = False,
    suffixes: SuffixList | None = None,
) -> Push:
    """Bring the zone up to the decisions by dynamic update, verify, and roll back what fails.

    Args:
        decisions: from `decide`, their table, or a file of them; or a workspace that records runs: its last
            one with what was allowed since.
        server: address of the zone's primary server, with or without a port. Nothing else is contacted.
        zone: its policy zone, which must hold nothing but what mithra put there.
        key_file: the TSIG key that may transfer and update it, as `tsig-keygen` writes it.
        resolver: address of a resolver that uses the zone; asked whether it blocks.
        must_resolve: names that this resolver must still resolve afterwards.
        answer: to a blocked name, `nxdomain` or `nodata`.
        now: the moment by which blocks have ended, with a time zone.
        allow_empty: push a list that blocks nothing.

    Raises:
        UsageError: a server, zone, name or answer that is none.
        InputError: decisions or a key that cannot be read, no transfer from the server.
        RefusedError: nothing to block, simulated decisions for another machine, or a push that failed; the
            zone is then as it was.
    """
    where, asked = place_of(server), None if resolver is None else _Resolver(place_of(resolver), answer)
    if must_resolve and asked is None:
        raise UsageError(
            "which resolver must resolve them?", value=list(must_resolve), hint="Name a resolver"
        )
    needed = [_name(name) for name in must_resolve]
    settings = ListSettings(utc_moment(now), check_zone(zone), 0, answer, ())
    entries, narrowed = prepared(decisions, "rpz", settings, suffixes=suffixes)
    if entries.simulated and not (where.is_loopback and (asked is None or asked.place.is_loopback)):
        raise RefusedError(
            "made from simulated data: not for a resolver",
            value=server,
            hint="Only loopback takes such a list",
        )
    refuse_empty(entries, allow_empty)
    there = Zone(where, settings.zone, read_key(key_file))
    start = time.perf_counter()
    wanted = {
        f"{owner}.{settings.zone}.": target
        for piece in records(entries, settings.zone, answer)
        for owner, target in piece
    }
    held, soa = there.transfer()
    changes = list(difference(held, wanted))
    if asked is not None:
        asked.must_resolve(needed)
    try:
        messages = there.apply(changes, soa)
        _verify_zone(there, wanted, changes)
        if asked is not None:
            _verify_resolver(asked, there, changes, needed)
    except BaseException as error:  # also an interruption: half a zone must not stay
        _roll_back(there, held, error)
        raise
    kinds = Counter((change.before is None, change.after is None) for change in changes)
    return Push(
        server=str(where),
        zone=settings.zone,
        added=kinds[True, False],
        removed=kinds[False, True],
        changed=kinds[False, False],
        kept=len(wanted) - kinds[True, False] - kinds[False, False],
        messages=messages,
        seconds=time.perf_counter() - start,
        resolver=None if asked is None else str(asked.place),
        skipped=dict(sorted(entries.skipped.items())),
        narrowed=narrowed,
        simulated=entries.simulated,
    )


def _name(name: str) -> str:
    try:
        return canonical(name)
    except InvalidNameError as error:
        raise UsageError(f"no domain name ({error.reason})", value=name) from error


def _verify_zone(there: Zone, wanted: Records, changes: Sequence[Change]) -> None:
    """A sample of what was changed, and of what stays, is there; a name that nobody wrote is not."""
    sample = _spread([change.owner for change in changes]) + _spread(list(wanted))
    expected = {
        owner: wanted.get(owner) for owner in sample if owner in wanted or not _covered(owner, wanted)
    }
    expected[f"unrelated-{uuid4().hex}.invalid.{there.name}."] = None
    for owner, target in expected.items():
        found = there.target(owner)
        if found != target:
            raise RefusedError(f"{there.place} does not have what was sent", value=f"{owner} is {found}")


def _covered(owner: str, wanted: Records) -> bool:
    """Whether a wildcard may answer for an owner that is not there itself."""
    while owner := owner.partition(".")[2]:
        if f"*.{owner}" in wanted:
            return True
    return False


def _verify_resolver(asked: _Resolver, there: Zone, changes: Sequence[Change], needed: Sequence[str]) -> None:
    """New blocks are in force, and what must resolve does."""
    new = [change.owner for change in changes if change.after not in (None, ALLOWED)]
    hosts = [owner.removesuffix(f".{there.name}.") for owner in new if not owner.startswith("*.")]
    until = time.monotonic() + SECONDS_TO_BLOCK
    for name in _spread(hosts):
        _wait(until, lambda name=name: asked.blocks(name), f"{asked.place} does not block", name)  # type: ignore[misc]
    asked.must_resolve(needed, until)


def _roll_back(there: Zone, held: Records, why: BaseException) -> None:
    """Make the zone what it was; what is there now is asked, not remembered.

    Raises:
        RefusedError: that failed too.
    """
    try:
        there.apply(difference(there.transfer()[0], held))
    except MithraError as error:
        raise RefusedError(
            f"a push failed ({why}), and so did rolling it back ({error})",
            hint=f"Look at zone {there.name} on {there.place}: it may hold half of the list",
        ) from why


@dataclass(frozen=True)
class _Resolver:
    place: Place
    answer: str

    def blocks(self, name: str) -> bool:
        """Whether the name gets the answer of the policy."""
        got = self._ask(name)
        if self.answer == "nxdomain":
            return got.rcode() == dns.rcode.NXDOMAIN
        return got.rcode() == dns.rcode.NOERROR and not got.answer

    def must_resolve(self, names: Sequence[str], until: float = 0.0) -> None:
        """Raise RefusedError if one of the names has no answer by then."""
        for name in names:
            _wait(until, lambda name=name: bool(self._ask(name).answer), "no longer resolves", name)  # type: ignore[misc]

    def _ask(self, name: str) -> dns.message.Message:
        query = dns.message.make_query(f"{name}.", "A")
        try:
            return dns.query.udp_with_fallback(query, self.place.address, 5, self.place.port)[0]
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise RefusedError(f"resolver {self.place} does not answer: {error!r}") from error


def _wait(until: float, holds: Callable[[], bool], message: str, name: str) -> None:
    while not holds():
        if time.monotonic() >= until:
            raise RefusedError(message, value=name)
        time.sleep(SECONDS_BETWEEN)


def _spread(owners: Sequence[str]) -> list[str]:
    """At most SAMPLE of them, from the first to the last."""
    return list(islice(owners, 0, None, max(1, len(owners) // SAMPLE)))[:SAMPLE]
