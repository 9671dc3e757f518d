"""MaxMind databases (.mmdb) of autonomous systems: GeoLite2-ASN, and those of DB-IP, IPinfo and others.

The records are read through maxminddb, in its pure Python form: its C extension corrupts memory on damaged
files. The search tree is walked here, a level at a time, so each record is read once however many networks
share it. A database is of the day on which it was built; one that holds no autonomous systems is refused.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import FormatError
from mithra.observe.readers.networks import ASN, ORGANISATION, Unrouted, asn_number, network_rows
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

if TYPE_CHECKING:
    from maxminddb.reader import Metadata
    from maxminddb.reader import Reader as Database

__all__ = ["READERS"]

MARK = b"\xab\xcd\xefMaxMind.com"  # before the metadata, within the last 128 KiB
ROWS_PER_BATCH = 1 << 16
MAX_UNPACKED_BYTES = 1 << 28
DAMAGE = (ValueError, TypeError, LookupError, RecursionError, OverflowError, struct.error)
IPV4_BITS = 32
MAPPED = np.uint64(0xFFFF << 32)

_ORGANISATION = ("autonomous_system_organization", *ORGANISATION, "as_domain")
_Words = NDArray[np.uint64]


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

    if stream.seekable():  # not packed
        return maxminddb.open_database(source.path, maxminddb.MODE_MMAP)
    data = stream.read(MAX_UNPACKED_BYTES + 1)
    if len(data) > MAX_UNPACKED_BYTES:
        raise FormatError("a packed database of over 256 MiB", file=source.path, hint="Unpack it")
    return maxminddb.open_database(io.BytesIO(data), maxminddb.MODE_FD)


def _networks(database: Database, source: Source, options: Options) -> Iterator[Rows | Rejects]:
    metadata = database.metadata()
    day = int(metadata.build_epoch)
    if day > options.now_seconds:
        raise FormatError("this database was built in the future", value=day, file=source.path)
    with source.open() as stream:
        children = _children(stream.read(metadata.node_count * metadata.record_size // 4), metadata)
    high, low, bits, pointer = _leaves(children, metadata)
    _, first, at = np.unique(pointer, return_index=True, return_inverse=True)  # records; each network's
    kinds: type[IPv4Address] | type[IPv6Address] = IPv4Address if metadata.ip_version == 4 else IPv6Address
    records = [database.get(kinds((int(high[i]) << 64) | int(low[i]))) for i in first]
    systems = [_first(record, ASN) for record in records]
    if records and all(system is None for system in systems):
        raise FormatError(
            "this database holds no autonomous systems",
            value=metadata.database_type,
            file=source.path,
            hint="Take the one that does, such as GeoLite2-ASN",
        )
    numbers = [0 if system is None else asn_number(str(system)) for system in systems]
    names = [_first(record, _ORGANISATION) for record in records]
    asn = pa.array(numbers, pa.int64())
    organisation = pa.array(
        [None if name is None else str(name).strip() or None for name in names], pa.string()
    )
    start, end = _bounds(high, low, bits, ipv4=metadata.ip_version == 4)
    routed = np.array([number is not None and number > 0 for number in numbers], bool)[at]
    kept = np.flatnonzero(routed)
    for begin in range(0, len(kept), ROWS_PER_BATCH):
        part = kept[begin : begin + ROWS_PER_BATCH]
        which = pa.array(at[part])
        columns = _packed(start[part]), _packed(end[part]), asn.take(which), organisation.take(which)
        yield network_rows(*columns, day, source, options)
    yield _rejected(records, numbers, at)


def _rejected(records: list[Any], numbers: list[int | None], at: NDArray[np.int64]) -> Rejects:
    rejects = Rejects()
    of_each = np.bincount(at, minlength=len(records))
    unrouted = [i for i, number in enumerate(numbers) if number == 0]
    if unrouted:
        rejects = Unrouted(int(of_each[unrouted].sum()), None, str(records[unrouted[0]])).rejects()
    for i, number in enumerate(numbers):
        if number is None:
            rejects.add(None, "bad_asn", f"{of_each[i]} networks: {records[i]}")
    return rejects


def _children(data: bytes, metadata: Metadata) -> NDArray[np.uint32]:
    """The two records of each node of the search tree. [nodes, 2]"""
    cells = np.frombuffer(data, np.uint8).reshape(metadata.node_count, metadata.record_size // 4)
    half = cells.shape[1] // 2
    left, right = list(cells[:, :half].T), list(cells[:, -half:].T)
    if metadata.record_size == 28:  # the byte between holds four bits of each, the left ones first
        left, right = [cells[:, half] >> 4, *left], [cells[:, half] & 15, *right]
    return np.column_stack([_number(left), _number(right)])


def _number(octets: list[NDArray[np.uint8]]) -> NDArray[np.uint32]:
    number = np.zeros(len(octets[0]), np.uint32)
    for octet in octets:
        number = (number << np.uint32(8)) | octet
    return number


def _leaves(
    children: NDArray[np.uint32], metadata: Metadata
) -> tuple[_Words, _Words, NDArray[np.int64], NDArray[np.int64]]:
    """First address (high and low half), free bits and record of each network, by address.

    Networks that embed IPv4 lead to its root again and are passed over. No other node has two parents:
    through a tree where several have, a walk might never end.
    """
    nodes, size = len(children), IPV4_BITS if metadata.ip_version == 4 else 4 * IPV4_BITS
    root_of_ipv4 = _root_of_ipv4(children) if size > IPV4_BITS else -1
    node, high, low = np.zeros(1, np.int64), np.zeros(1, np.uint64), np.zeros(1, np.uint64)
    found, walked = list[tuple[Any, ...]](), 0
    for free in range(size - 1, -1, -1):
        walked += len(node)
        if walked > nodes:
            raise ValueError("its search tree is no tree")
        child = children[node].T.reshape(-1).astype(np.int64)  # all left ones, then all right ones
        one = np.uint64(1 << (free % 64))
        right_high, right_low = (high | one, low) if free >= 64 else (high, low | one)
        high, low = np.concatenate([high, right_high]), np.concatenate([low, right_low])
        leaf = child > nodes
        found.append((high[leaf], low[leaf], np.full(np.count_nonzero(leaf), free), child[leaf]))
        inner = (child < nodes) & ~((child == root_of_ipv4) & ((high | low) != 0))
        node, high, low = child[inner], high[inner], low[inner]
        if not len(node):
            break
    if len(node):
        raise ValueError("its search tree is deeper than an address is long")
    high, low, bits, pointer = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((low, high))
    return high[order], low[order], bits[order], pointer[order]


def _root_of_ipv4(children: NDArray[np.uint32]) -> int:
    """The node of ::/96, or what stands above it."""
    node = 0
    for _ in range(3 * IPV4_BITS):
        if node >= len(children):
            break
        node = int(children[node, 0])
    return node


def _bounds(high: _Words, low: _Words, bits: NDArray[np.int64], *, ipv4: bool) -> tuple[_Words, _Words]:
    """First and last address, IPv4 mapped into IPv6. [networks, 2]"""
    is_ipv4 = (
        np.full(len(high), True) if ipv4 else (high == 0) & (low >> np.uint64(32) == 0) & (bits <= IPV4_BITS)
    )
    low = np.where(is_ipv4, low | MAPPED, low)
    ones = np.array([(1 << i) - 1 for i in range(65)], np.uint64)
    last_high, last_low = high | ones[np.clip(bits - 64, 0, 64)], low | ones[np.clip(bits, 0, 64)]
    return np.column_stack([high, low]), np.column_stack([last_high, last_low])


def _packed(words: _Words) -> pa.Array:
    """Addresses as 16 bytes."""
    data = pa.py_buffer(np.ascontiguousarray(words, dtype=">u8").tobytes())
    return pa.Array.from_buffers(pa.binary(16), len(words), [None, data])


def _first(record: Any, keys: tuple[str, ...]) -> Any:
    values = (record.get(key) for key in keys) if isinstance(record, dict) else iter(())
    return next((value for value in values if value is not None and value != ""), None)


_EXAMPLE = (
    "AAACAAABAAACAAASAAAAAAAAAAAAAAAAAAAAAOJYYXV0b25vbW91c19zeXN0ZW1fbnVtYmVywvv0XQFhdXRvbm9tb3VzX3N5c3Rl"
    "bV9vcmdhbml6YXRpb25LRXhhbXBsZSBOZXSrze9NYXhNaW5kLmNvbelbYmluYXJ5X2Zvcm1hdF9tYWpvcl92ZXJzaW9uoQJbYmlu"
    "YXJ5X2Zvcm1hdF9taW5vcl92ZXJzaW9uoEtidWlsZF9lcG9jaAQCah10QE1kYXRhYmFzZV90eXBlQ0FTTktkZXNjcmlwdGlvbuFC"
    "ZW5GYSB0ZXN0SmlwX3ZlcnNpb26hBElsYW5ndWFnZXMBBEJlbkpub2RlX2NvdW50wQJLcmVjb3JkX3NpemWhGA=="
)  # 192.0.0.0/2, built on 2026-06-01
READERS = [
    Reader(
        "mmdb",
        1,
        ("networks",),
        lambda sample: False,
        read_mmdb,
        about="MaxMind databases of autonomous systems: GeoLite2-ASN and others",
        example=lambda: base64.b64decode(_EXAMPLE),
        fields=("build_epoch", "autonomous_system_number", "autonomous_system_organization", "asn", "name"),
        sniff_tail=sniff_mmdb,
    )
]
