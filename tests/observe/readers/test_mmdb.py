"""MaxMind databases, written by hand."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import ipaddress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError

_spec = importlib.util.spec_from_file_location("mmdb_writer", Path(__file__).with_name("mmdb.py"))
_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_writer)
database = _writer.database

EXAMPLE = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}
NETWORKS = {
    "192.0.2.0/24": EXAMPLE,
    "198.51.100.0/25": {"asn": "AS64501", "name": "Other"},
    "203.0.113.0/24": {"asn": 0},
    "2001:db8::/32": EXAMPLE,
}


def address(text):
    packed = ipaddress.ip_address(text).packed
    return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_networks(read, pack):
    got = read(pack(database(NETWORKS)), name="GeoLite2-ASN.mmdb")
    assert got.reader == "mmdb"
    built = datetime(2026, 1, 1, tzinfo=UTC)
    assert [tuple(row.values()) for row in got.tables["networks"]] == [
        (address("192.0.2.0"), address("192.0.2.255"), 64500, "Example", built, "GeoLite2-ASN"),
        (address("198.51.100.0"), address("198.51.100.127"), 64501, "Other", built, "GeoLite2-ASN"),
        (
            address("2001:db8::"),
            address(f"2001:db8:{':'.join(['ffff'] * 6)}"),
            64500,
            "Example",
            built,
            "GeoLite2-ASN",
        ),
    ]
    assert got.rejects == [(None, "not_routed")]


def test_ipv4_only(read):
    got = read(database({"192.0.2.0/24": EXAMPLE, "192.0.3.0/24": {"asn": "x"}}, version=4))
    assert [row["start"] for row in got.tables["networks"]] == [address("192.0.2.0")]
    assert got.rejects == [(None, "bad_asn")]


def test_a_database_of_cities_is_refused(read):
    with pytest.raises(FormatError, match="no autonomous systems"):
        read(database({"192.0.2.0/24": {"city": "x"}}, database_type="GeoLite2-City"))


def test_a_database_from_the_future_is_refused(read):
    with pytest.raises(FormatError, match="future"):
        read(database(NETWORKS, build_epoch=1_924_992_000))


def test_damage(read):
    whole = database(NETWORKS)
    with pytest.raises(FormatError):
        read(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="not a whole"):
        read(whole[: len(whole) // 2], "mmdb")
    with pytest.raises(FormatError, match="cut short"):
        read(gzip.compress(whole)[:-20], "mmdb")


def test_a_tree_with_shared_nodes_does_not_hang(read):
    whole = database(NETWORKS, node_count=100)
    nodes = b"".join(min(i + 1, 100).to_bytes(3, "big") * 2 for i in range(100))
    with pytest.raises(FormatError, match="no tree"):
        read(nodes + bytes(16) + whole[whole.index(b"\xab\xcd\xefMaxMind") :])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_bytes_give_rows_or_a_format_error(read, changes):
    data = bytearray(database(NETWORKS))
    for at, value in changes:
        data[at % len(data)] = value
    with contextlib.suppress(FormatError):
        read(bytes(data), "mmdb")
