"""MaxMind databases (.mmdb) of autonomous systems: GeoLite2-ASN, and those of DB-IP, IPinfo and others.

Read through maxminddb. A database is of the day on which it was built, as its own metadata say. Of one that
holds no autonomous systems (a city database) nothing can be used, and it is refused.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mithra.errors import FormatError
from mithra.observe.readers.networks import ASN, ORGANISATION, Network, Unrouted, asn_number, network_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

if TYPE_CHECKING:
    from maxminddb.reader import Metadata
    from maxminddb.reader import Reader as Database

__all__ = ["READERS"]

MARK = b"\xab\xcd\xefMaxMind.com"  # before the metadata, within the last 128 KiB
ROWS_PER_BATCH = 1 << 16
MAX_UNPACKED_BYTES = 1 << 29
DAMAGE = (ValueError, TypeError, LookupError, RecursionError, OverflowError, struct.error)
MAPPED = 0xFFFF << 32

_ORGANISATION = ("autonomous_system_organization", *ORGANISATION, "as_domain")


def sniff_mmdb(tail: bytes) -> bool:
    """The mark of the metadata."""
    return MARK in tail


def read_mmdb(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Networks of a database.

    Raises:
        FormatError: damaged or cut short, built in the future, or without autonomous systems.
    """
    import maxminddb

    try:
        with source.open() as stream, closing(_open(source, stream)) as database:
            yield from _networks(database, source, options)
    except (maxminddb.InvalidDatabaseError, *DAMAGE) as error:
        raise FormatError(
            f"not a whole MaxMind database ({error})", file=source.path, hint="Fetch it again"
        ) from error


def _open(source: Source, stream: BinaryIO) -> Database:
    import maxminddb

    if not source.gzipped:
        return maxminddb.open_database(source.path)
    data = stream.read(MAX_UNPACKED_BYTES + 1)
    if len(data) > MAX_UNPACKED_BYTES:
        raise FormatError("a packed database of over 512 MiB", file=source.path, hint="Unpack it")
    return maxminddb.open_database(io.BytesIO(data), maxminddb.MODE_FD)


def _networks(database: Database, source: Source, options: Options) -> Iterator[Rows | Rejects]:
    metadata = database.metadata()
    day = metadata.build_epoch
    if day > options.now_seconds:
        raise FormatError("this database was built in the future", value=day, file=source.path)
    with source.open() as stream:
        _refuse_shared_nodes(stream.read(metadata.node_count * metadata.record_size // 4), metadata)
    rows, rejects, unrouted = list[Network](), Rejects(), Unrouted()
    found = empty = False
    for network, record in database:
        system = _first(record, ASN) if isinstance(record, dict) else None
        if system is None:
            empty = True
            unrouted.add(None, f"{network} without an autonomous system")
            continue
        found = True
        number = asn_number(str(system))
        if number is None:
            rejects.add(None, "bad_asn", f"{network} {record}")
        elif number == 0:
            unrouted.add(None, f"{network} {record}")
        else:
            name = _first(record, _ORGANISATION)
            rows.append((*_bounds(network), number, None if name is None else str(name).strip() or None))
        if len(rows) >= ROWS_PER_BATCH:
            yield network_rows(rows, day, source, options)
            rows = []
    if empty and not found:
        raise FormatError(
            "this database holds no autonomous systems",
            value=metadata.database_type,
            file=source.path,
            hint="Take the one that does, such as GeoLite2-ASN",
        )
    yield network_rows(rows, day, source, options)
    for part in (rejects, unrouted.rejects()):
        if part.lines:
            yield part


def _refuse_shared_nodes(data: bytes, metadata: Metadata) -> None:
    """Raise ValueError where nodes have several parents: a walk through a small file might never end.

    One may: the root of IPv4, to which the networks that embed it lead as well.
    """
    cells = np.frombuffer(data, np.uint8).reshape(metadata.node_count, -1).astype(np.int64)  # [nodes, bytes]
    half = cells.shape[1] // 2
    left, right = cells[:, :half], cells[:, -half:]
    if metadata.record_size == 28:  # the byte between holds four bits of each, the left ones first
        left = np.column_stack([cells[:, half] >> 4, left])
        right = np.column_stack([cells[:, half] & 15, right])
    weights = 256 ** np.arange(left.shape[1] - 1, -1, -1)
    children = np.concatenate([left @ weights, right @ weights])
    inner = children[children < metadata.node_count]
    if np.count_nonzero(np.bincount(inner) > 1) > 1:
        raise ValueError("its search tree is no tree")


def _bounds(network: IPv4Network | IPv6Network) -> tuple[bytes, bytes]:
    start, bits = int(network.network_address), network.max_prefixlen - network.prefixlen
    if network.version == 4:
        start |= MAPPED
    return start.to_bytes(16, "big"), (start | (1 << bits) - 1).to_bytes(16, "big")


def _first(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    values = (record.get(key) for key in keys)
    return next((value for value in values if value is not None and value != ""), None)


READERS = [Reader("mmdb", 1, ("networks",), lambda sample: False, read_mmdb, sniff_tail=sniff_mmdb)]
