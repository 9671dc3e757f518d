"""MaxMind databases, written by hand."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import maxminddb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers.mmdb import _children

_spec = importlib.util.spec_from_file_location("mmdb_writer", Path(__file__).with_name("mmdb.py"))
_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_writer)
database, ALIAS = _writer.database, _writer.ALIAS

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


@st.composite
def disjoint(draw, version):
    size = 32 if version == 4 else 128
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    taken = []
    for length in draw(st.lists(st.integers(1, size), max_size=8)):
        start = draw(st.integers(0, 2**size - 1)) >> (size - length) << (size - length)
        network = kind((start, length))
        if not any(network.overlaps(other) for other in taken):
            taken.append(network)
    return taken


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([24, 28, 32]), st.sampled_from([4, 6]))
def test_the_walk_finds_what_the_library_finds(read, tmp_path, data, record_size, version):
    networks = data.draw(disjoint(4))
    if version == 6:
        low = ipaddress.ip_network("::/80")
        networks += [network for network in data.draw(disjoint(6)) if not network.overlaps(low)]
    records = {str(network): {"asn": i % 3 + 1} for i, network in enumerate(networks)}
    if version == 6:
        aliases = ["2002::/16", "::ffff:0:0/96"] if any(network.version == 4 for network in networks) else []
        alone = [ipaddress.ip_network(text) for text in aliases]
        records |= {
            str(alias): ALIAS
            for alias in alone
            if not any(alias.version == n.version and alias.overlaps(n) for n in networks)
        }
    content = database(records, version=version, record_size=record_size)
    (tmp_path / "oracle").write_bytes(content)
    with maxminddb.open_database(tmp_path / "oracle", maxminddb.MODE_MMAP) as library:
        expected = [(address(str(net[0])), address(str(net[-1])), record["asn"]) for net, record in library]
    got = [(row["start"], row["end"], row["asn"]) for row in read(content, "mmdb").tables["networks"]]
    assert got == expected if version == 4 else sorted(got) == sorted(expected)


def test_the_middle_byte_of_28_bits_belongs_to_both():
    metadata = SimpleNamespace(node_count=1, record_size=28)
    assert _children(bytes.fromhex("123456 ab 789abc"), metadata).tolist() == [[0xA123456, 0xB789ABC]]


def test_ipv4_only(read):
    got = read(database({"192.0.2.0/24": EXAMPLE, "192.0.3.0/24": {"asn": "x"}}, version=4))
    assert [row["start"] for row in got.tables["networks"]] == [address("192.0.2.0")]
    assert (got.rejects, got.excerpts) == ([(None, "bad_asn")], ["1 networks: {'asn': 'x'}"])


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
