import ipaddress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra.graph.addresses import AddressColumn, parse
from mithra.graph.networks import network_of, prefixes, ranges_of


def number(addresses, i):
    return int(addresses.high[i]) << 64 | int(addresses.low[i])


def sixteen(text):
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


@given(st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), max_size=20))
def test_addresses_parse_to_their_sixteen_bytes(addresses):
    parsed = parse(pa.array([str(a) for a in addresses], pa.string()))
    assert parsed.valid.all()
    assert [number(parsed, i).to_bytes(16) for i in range(len(addresses))] == [
        sixteen(str(a)) for a in addresses
    ]


@given(st.lists(st.text(alphabet="0123456789.:af", max_size=16), max_size=20))
def test_valid_is_what_the_standard_library_takes(texts):
    def accepted(text):
        try:
            return bool(ipaddress.ip_address(text))
        except ValueError:
            return False

    assert parse(pa.array(texts, pa.string())).valid.tolist() == [accepted(t) for t in texts]


NO_ADDRESSES = [
    "",
    None,
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "a.b.c.d",
]
NO_ADDRESSES += ["1.2.3.4 ", "1.2.3.4\x00", "2001:db8::g", "fe80::1%eth0"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address(text):
    parsed = parse(pa.array(["192.0.2.1", text, "192.0.2.2"], pa.string()))
    assert parsed.valid.tolist() == [True, False, True]
    assert number(parsed, 1) == 0


def test_slices_of_a_column_are_parsed_from_their_offset():
    parsed = parse(pa.array(["192.0.2.1", "192.0.2.2", "2001:db8::1"]).slice(1, 2))
    assert number(parsed, 0) == 0xFFFF_C000_0202
    assert number(parsed, 1) == 0x20010DB8 << 96 | 1


def test_order_is_numeric_over_both_families():
    text = pa.array(["2001:db8::1", "192.0.2.10", "192.0.2.9", "::1"])
    assert [text[int(i)].as_py() for i in parse(text).order()] == [
        "::1",
        "192.0.2.9",
        "192.0.2.10",
        "2001:db8::1",
    ]


def test_prefixes_are_24_and_48_bits():
    text = ["2001:db8:0:5::1", "192.0.2.200", "x", "192.0.2.1", "2001:db8:1::1", "198.51.100.0"]
    of, names = prefixes(parse(pa.array(text)))
    assert names.to_pylist() == ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/48", "2001:db8:1::/48"]
    assert of.tolist() == [2, 0, -1, 0, 3, 1]


def test_network_is_the_innermost_range():
    starts = ["10.1.0.0", "10.0.0.0", "10.0.0.0", "2001:db8::", "10.9.0.0"]
    ends = ["10.1.255.255", "10.0.0.255", "10.255.255.255", "2001:db8::ffff", "10.9.0.9"]
    ranges = ranges_of(
        pa.array([sixteen(a) for a in starts]),
        pa.array([sixteen(a) for a in ends]),
        pa.array([11, 12, 10, 6, 19]),
    )
    asked = ["9.9.9.9", "10.0.0.0", "10.0.1.0", "10.1.2.3", "10.2.0.0", "10.9.0.9", "10.200.0.0", "11.0.0.0"]
    asked += ["2001:db8::ff", "2001:db8::1:0", "x"]
    found = network_of(parse(pa.array(asked)), ranges)
    asn = np.where(found < 0, 0, ranges.asn[found])
    assert asn.tolist() == [0, 12, 10, 11, 10, 19, 10, 0, 6, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=8),
    st.lists(st.integers(0, 80), min_size=1, max_size=8),
)
def test_network_agrees_with_a_scan(spans, asked):
    nested = _laminar(spans)
    ranges = ranges_of(
        pa.array([sixteen(f"10.0.0.{a}") for a, _ in nested], pa.binary()),
        pa.array([sixteen(f"10.0.0.{b}") for _, b in nested], pa.binary()),
        pa.array([b - a for a, b in nested], pa.int64()),
    )
    found = network_of(parse(pa.array([f"10.0.0.{x}" for x in asked])), ranges)
    widths = [int(ranges.asn[i]) if i >= 0 else None for i in found]
    assert widths == [min((b - a for a, b in nested if a <= x <= b), default=None) for x in asked]


def _laminar(spans):
    """Those spans that nest or lie apart, as routing tables do; no range twice."""
    kept: list[tuple[int, int]] = []
    for start, length in spans:
        a, b = start, start + length
        apart_or_nested = (b < c or a > d or (c <= a and b <= d) or (a <= c and d <= b) for c, d in kept)
        if (a, b) not in kept and all(apart_or_nested):
            kept.append((a, b))
    return kept


def test_two_spellings_of_an_address_are_one():
    column = AddressColumn.of(
        pa.array(["2001:DB8::1", "192.0.2.1", "2001:db8:0::1", "::ffff:192.0.2.1", "x", "::2"])
    )
    assert column.id.tolist() == [2**32 + 1, 0xC0000201, 2**32 + 1, 0xC0000201, -1, 2**32]
    assert column.text(np.unique(column.id)[1:]).to_pylist() == ["192.0.2.1", "::2", "2001:db8::1"]
