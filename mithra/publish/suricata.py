"""Suricata rules: an alert for each query of a blocked name, whatever its case.

A rule's number comes from the name and the level, so that it stays the same from list to list and a rule that
somebody silences is never another name tomorrow. Tens of thousands of rules load slowly: for a long list of
hosts there is the dataset, beside rules for the subtrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["chunks"]

FIRST_SID = 2**31  # far above the numbers that public rule sets use; a number has 32 bits
_MATCH = {
    "host": 'dns.query; content:"{0}"; nocase; startswith; endswith;',
    "subtree": 'dns.query; dotprefix; content:".{0}"; nocase; endswith;',
}


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A rule a line."""
    yield from header(entries, "#")
    taken: set[int] = set()
    for piece in entries.pieces():
        yield "".join(_rule(name, level, _sid(name, level, taken)) for name, _, level in piece)


def _rule(name: str, level: str, sid: int) -> str:
    match = _MATCH[level].format(name)
    return f'alert dns any any -> any any (msg:"mithra {level} {name}"; {match} sid:{sid}; rev:1;)\n'


def _sid(name: str, level: str, taken: set[int]) -> int:
    """Two names in a hundred thousand may draw one number: the later name takes the next that is free."""
    drawn = int.from_bytes(blake2b(f"{level} {name}".encode(), digest_size=4).digest()) % (FIRST_SID - 1)
    while drawn in taken:
        drawn = (drawn + 1) % (FIRST_SID - 1)
    taken.add(drawn)
    return FIRST_SID + drawn
