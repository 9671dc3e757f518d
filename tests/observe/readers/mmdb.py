"""Write a MaxMind database by the format's specification (2.0), for tests."""

from __future__ import annotations

import ipaddress
from typing import Any

UINT16, UINT32, UINT64 = 5, 6, 9
KINDS = {
    "binary_format_major_version": UINT16,
    "binary_format_minor_version": UINT16,
    "ip_version": UINT16,
    "record_size": UINT16,
    "build_epoch": UINT64,
}
ALIAS = object()  # in place of a record: the network leads to the root of IPv4
MARK = b"\xab\xcd\xefMaxMind.com"


def database(networks: dict[str, Any], *, version: int = 6, record_size: int = 24, **metadata: Any) -> bytes:
    """The bytes of a database that maps networks to records."""
    tree: list[list[Any]] = [[None, None]]  # a number is a node, bytes are data
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
        bits = "0" * (96 if version == 6 and network.version == 4 else 0) + bits
        node = 0
        for bit in map(int, bits[:-1]):
            if tree[node][bit] is None:
                tree.append([None, None])
                tree[node][bit] = len(tree) - 1
            node = tree[node][bit]
        tree[node][int(bits[-1])] = _root_of_ipv4(tree) if record is ALIAS else encoded(record)
    data, places = bytearray(), dict[bytes, int]()
    for value in (cell for pair in tree for cell in pair if isinstance(cell, bytes)):
        if value not in places:
            places[value] = len(data)
            data += value
    cells = [cell for pair in tree for cell in pair]
    numbers = [
        len(tree) if cell is None else len(tree) + 16 + places[cell] if isinstance(cell, bytes) else cell
        for cell in cells
    ]
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_767_225_600,
        "database_type": "Test-ASN",
        "description": {"en": "a test"},
        "ip_version": version,
        "languages": ["en"],
        "node_count": len(tree),
        "record_size": record_size,
        **metadata,
    }
    nodes = b"".join(_node(*pair, record_size) for pair in zip(numbers[::2], numbers[1::2], strict=True))
    return nodes + bytes(16) + data + MARK + encoded(about)


def _node(left: int, right: int, size: int) -> bytes:
    if size != 28:
        return left.to_bytes(size // 8, "big") + right.to_bytes(size // 8, "big")
    middle = (left >> 24 << 4) | right >> 24
    return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")


def _root_of_ipv4(tree: list[list[Any]]) -> int:
    node = 0
    for _ in range(96):
        node = tree[node][0]
    return node


def encoded(value: Any, kind: int = UINT32) -> bytes:
    """A value of the data section; `kind` is that of a number."""
    if isinstance(value, dict):
        fields = (encoded(key) + encoded(held, KINDS.get(key, UINT32)) for key, held in value.items())
        return _head(7, len(value)) + b"".join(fields)
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(map(encoded, value))
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _head(kind, len(body)) + body


def _head(kind: int, size: int) -> bytes:
    extended = b"" if kind < 8 else bytes([kind - 7])
    top = kind << 5 if kind < 8 else 0
    return bytes([top | size]) + extended if size < 29 else bytes([top | 29]) + extended + bytes([size - 29])
