"""Names that are nobody's weapon now: parked for sale, taken over by a sinkhole, or expired.

The state is told from records alone and only where it is sure: every name server known belongs to a parking
service or a sinkhole, or the registration was captured after it had ended. Name servers that a registrar also
gives to sites in use (dnsowl.com, say) are no sign of parking and are not listed.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.score.facts import AGAINST, Facts, Subject, fact

__all__ = ["STATES", "facts_of_state", "states_of"]

STATES = ("parked", "sinkholed", "expired")

# Services that serve nothing but parked names.
PARKING = frozenset(
    {
        "above.com",
        "afternic.com",
        "bodis.com",
        "brainydns.com",
        "cashparking.com",
        "dan.com",
        "domainparking.ru",
        "dsredirection.com",
        "eftydns.com",
        "fabulous.com",
        "internettraffic.com",
        "namedrive.com",
        "namefind.com",
        "parkingcrew.net",
        "parkingpage.com",
        "parklogic.com",
        "rookdns.com",
        "sedoparking.com",
        "smartname.com",
        "trafficz.com",
        "undeveloped.com",
        "uniregistrymarket.link",
        "voodoo.com",
        "ztomy.com",
    }
)
# Operators that take names over from attackers.
SINKHOLES = frozenset(
    {
        "conficker-sinkhole.com",
        "conficker-sinkhole.net",
        "conficker-sinkhole.org",
        "csof.net",
        "kryptoslogicsinkhole.com",
        "kryptoslogicsinkhole.net",
        "kryptoslogicsinkhole.org",
        "microsoftinternetsafety.net",
        "sinkhole.shadowserver.org",
        "torpig-sinkhole.org",
    }
)
_WORDS = {
    "parked": "parked: all its name servers are of a parking service",
    "sinkholed": "sinkholed: all its name servers are of a sinkhole",
    "expired": "its registration has expired",
}


def states_of(subject: Subject) -> NDArray[np.object_]:
    """`parked`, `sinkholed`, `expired` or None for each name, [rows]."""
    state = np.full(len(subject.ids), None, dtype=object)
    for name, services in (("parked", PARKING), ("sinkholed", SINKHOLES)):
        state[_all_served_by(subject, services)] = name
    captured, expires = subject.number("registration_captured"), subject.number("expires")
    state[(expires <= captured) & (expires <= subject.at)] = "expired"
    return state


def facts_of_state(subject: Subject) -> list[Facts]:
    """The state in words: it speaks against a block, whatever the name did before."""
    state = states_of(subject)
    kinds = {"parked": "name_server", "sinkholed": "name_server", "expired": "registration"}
    return [fact(np.flatnonzero(state == name), kinds[name], AGAINST, 3.0, _WORDS[name]) for name in STATES]


def _all_served_by(subject: Subject, services: frozenset[str]) -> NDArray[np.bool_]:
    """Whether a name has name servers and all lie at or below one of these domains."""
    size = len(subject.ids)
    if "name_server" not in subject.shared:
        return np.zeros(size, dtype=bool)
    company = subject.shared["name_server"]
    entity, place = np.unique(company.entity, return_inverse=True)
    servers = subject.snapshot.relations["name_server"].entities.take(pa.array(entity)).to_pylist()
    theirs = np.array([_below(server, services) for server in servers], dtype=bool)[place]
    known = np.bincount(company.row, minlength=size)
    return np.asarray((known > 0) & (np.bincount(company.row, weights=theirs, minlength=size) == known))


def _below(name: str, domains: frozenset[str]) -> bool:
    while name:
        if name in domains:
            return True
        name = name.partition(".")[2]
    return False
