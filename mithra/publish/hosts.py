"""A hosts file: `0.0.0.0 name` a line. It knows single hosts: no subtree, and no exception from a block."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from mithra.errors import UsageError
from mithra.publish.entries import Entries, ListSettings, header

__all__ = ["SINKHOLES", "check_sinkholes", "chunks"]

SINKHOLES = ("0.0.0.0",)  # noqa: S104 - the address to answer with, nothing listens on it


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """Each name once for every address to answer with."""
    yield from header(entries, "#")
    for piece in entries.pieces():
        yield "".join(f"{address} {name}\n" for name, _, _ in piece for address in settings.sinkholes)


def check_sinkholes(sinkholes: Sequence[str]) -> tuple[str, ...]:
    """The addresses in their canonical form.

    Raises:
        UsageError: none, or one that is no address.
    """
    try:
        checked = tuple(str(ipaddress.ip_address(address)) for address in sinkholes)
    except ValueError as error:
        raise UsageError("a hosts file answers with IP addresses", value=sinkholes) from error
    if not checked or isinstance(sinkholes, str):
        raise UsageError("expected a list of addresses to answer with", value=sinkholes)
    return checked
