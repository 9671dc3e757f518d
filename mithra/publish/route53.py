"""Domain lists of Route 53 Resolver DNS Firewall: a line is one request to UpdateFirewallDomains, as JSON.

A request takes 1,000 domains; the first replaces the list, the others add to it. There a name is the name
alone and `*.name` what lies below it, of letters, digits and hyphens: names with underscores are left out. A
list from simulated data has a field that the service does not know, so that it refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import pyarrow.compute as pc

from mithra.publish.entries import MARK, Entries, ListSettings

__all__ = ["chunks", "fitting"]

DOMAINS_PER_REQUEST = 1_000


def fitting(entries: Entries, settings: ListSettings) -> Entries:
    """Names of characters that the service takes."""
    odd = pc.match_substring(entries.table["name"], "_").combine_chunks()
    return entries.without(odd, "underscore")


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """A request a line."""
    mark = {"Simulated": MARK} if entries.simulated else {}
    domains, operation = _domains(entries), "REPLACE"
    while some := list(islice(domains, DOMAINS_PER_REQUEST)):
        yield json.dumps({"Operation": operation, "Domains": some} | mark) + "\n"
        operation = "ADD"


def _domains(entries: Entries) -> Iterator[str]:
    for name, _, level in entries:
        yield name
        if level == "subtree":
            yield f"*.{name}"
