"""Column checks: addresses, dates, rdata."""

from __future__ import annotations

import ipaddress
import socket

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mithra.observe.records import _ipv6, client_hash, date_reason, masked, resolutions, seconds_to_time

NOW = 1_700_000_000


@given(
    st.lists(
        st.one_of(
            st.ip_addresses(v=6).map(str),
            st.ip_addresses(v=6).map(lambda a: a.exploded),
            st.text("0:af1.", max_size=12),
        )
    )
)
def test_ipv6_has_one_form(texts):
    kept, reason = _ipv6(pa.array(texts, pa.string()))
    for text, value, why in zip(texts, kept.to_pylist(), reason.to_pylist(), strict=True):
        try:
            packed = socket.inet_pton(socket.AF_INET6, text)
        except OSError:
            assert (value, why) == (None, "bad_ipv6")
            continue
        assert value == socket.inet_ntop(socket.AF_INET6, packed)
        assert why is None
        assert ipaddress.ip_address(value).packed == packed


@given(st.lists(st.one_of(st.ip_addresses(v=4).map(str), st.text("0123456789.", max_size=15))))
def test_ipv4_is_kept_or_refused(texts):
    rows = len(texts)
    seconds = pa.array([1] * rows, pa.int64())
    columns = (
        pa.array(["a.example"] * rows, pa.string()),
        pa.array(["A"] * rows, pa.string()),
        pa.array(texts, pa.string()),
    )
    table, reason = resolutions(*columns, seconds, seconds, now=NOW)
    for text, value, why in zip(texts, table["rdata"].to_pylist(), reason.to_pylist(), strict=True):
        try:
            assert (value, why) == (str(ipaddress.IPv4Address(text)), None)
        except ValueError:
            assert why == "bad_ipv4"


def test_date_reasons():
    dates = pa.array([1, NOW, NOW + 1, 0, -5, None], pa.int64())
    assert date_reason(dates, NOW).to_pylist() == [
        None,
        None,
        "date_in_future",
        "date_not_after_1970",
        "date_not_after_1970",
        "no_date",
    ]
    assert date_reason(pa.array([1, 2]), NOW).to_pylist() == [None, None]


def test_seconds_never_overflow():
    assert seconds_to_time(pa.array([2**62, -(2**62), None], pa.int64()), NOW).is_valid().to_pylist() == [
        True,
        True,
        False,
    ]


def test_resolutions_says_the_first_reason_of_each_row():
    table, reason = resolutions(
        pa.array(["a.example", None, "x.example", "y.example", "z.example", "MiX.example"]),
        pa.array(["A", "A", None, "!!", "TYPE65", "ns"]),
        pa.array(["192.0.2.1", "192.0.2.1", "x", "x", None, "NS.example."]),
        pa.array([1, 1, 1, 1, 1, 2]),
        pa.array([1, 1, 1, 1, 1, 1]),
        now=NOW,
    )
    assert reason.to_pylist() == [
        None,
        "empty",
        "no_rrtype",
        "bad_rrtype",
        "no_rdata",
        "last_seen_before_first_seen",
    ]
    assert table["rdata"].to_pylist()[-1] == "ns.example"
    assert table["name"].to_pylist()[-1] == "mix.example"


def test_client_hash_depends_on_the_key_only():
    assert client_hash("192.0.2.1", b"a") == client_hash("192.0.2.1", b"a")
    assert client_hash("192.0.2.1", b"a") != client_hash("192.0.2.1", b"b")


def test_masked():
    shown = masked("from 192.0.2.7, ::ffff:192.0.2.7 and fe80::1%eth0 to www.example.com")
    assert shown == "from <address>, <address> and <address> to www.example.com"
    shown = masked(
        "2026-01-01T12:00:00Z 24-Aug-2026 02:47:22.825 cut 2001:db8:1 IPv6:2001:db8::1, 192.0.2.7:53"
    )
    assert shown == "2026-01-01T12:00:00Z 24-Aug-2026 02:47:22.825 cut <address> IPv<address>, <address>"
