"""Ranges to autonomous systems."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError


def address(text):
    packed = ipaddress.ip_address(text).packed
    return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed


def test_without_a_header(read):
    got = read(
        '1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."\n2001:db8::,2001:db8::ffff,64500,\n', name="asn.csv"
    )
    assert got.reader == "networks-csv"
    assert got.tables["networks"] == [
        {
            "start": address("1.0.0.0"),
            "end": address("1.0.0.255"),
            "asn": 13335,
            "organisation": "Cloudflare, Inc.",
            "valid_from": None,
            "source": "asn",
        },
        {
            "start": address("2001:db8::"),
            "end": address("2001:db8::ffff"),
            "asn": 64500,
            "organisation": None,
            "valid_from": None,
            "source": "asn",
        },
    ]


@pytest.mark.parametrize(
    "text",
    [
        "network,autonomous_system_number,autonomous_system_organization\n192.0.2.0/24,64500,Example\n",
        "organization,asn,end,start\nExample,AS64500,192.0.2.255,192.0.2.0\n",
        "192.0.2.0\t192.0.2.255\t64500\tDE\tExample\n",
        "192.0.2.0/24,AS64500,Example\n",
    ],
)
def test_other_layouts(read, text):
    day = datetime(2026, 1, 2, tzinfo=UTC)
    [row] = read(text, known_at=day).tables["networks"]
    assert (row["start"], row["end"]) == (address("192.0.2.0"), address("192.0.2.255"))
    assert (row["asn"], row["organisation"], row["valid_from"]) == (64500, "Example", day)


def test_bad_rows_are_told(read):
    got = read(
        "start,end,asn,organisation\n"
        "192.0.2.0,192.0.2.255,64500,x\n"
        "192.0.2.9,192.0.2.1,64500,x\n"
        "192.0.2.0,2001:db8::1,64500,x\n"
        "192.0.2.0,999.0.0.1,64500,x\n"
        "192.0.2.0,192.0.2.1,none,x\n"
        "192.0.2.0,192.0.2.1,0,Not routed\n"
        "192.0.2.0,192.0.2.1,99999999999,x\n"
        "192.0.2.0\n"
    )
    assert len(got.tables["networks"]) == 1
    assert got.rejects == [
        (3, "end_before_start"),
        (4, "mixed_families"),
        (5, "bad_address"),
        (6, "bad_asn"),
        (7, "not_routed"),
        (8, "bad_asn"),
        (9, "wrong_column_count"),
    ]


def test_ip2asn(read):
    got = read(
        "0.0.0.0\t0.255.255.255\t0\tNone\tNot routed\n"
        "1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET - Cloudflare, Inc.\n"
        "1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n"
        '2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64500\tFR\t"Quoted, in part\n'
        "bad\t1.0.3.255\t1\tNone\tx\n",
        name="ip2asn-combined.tsv",
    )
    assert [(row["asn"], row["organisation"]) for row in got.tables["networks"]] == [
        (13335, "CLOUDFLARENET - Cloudflare, Inc."),
        (64500, '"Quoted, in part'),
    ]
    assert got.rejects == [(1, "not_routed"), (5, "bad_address")]
    assert got.excerpts[-1].startswith("2 records, the first: 0.0.0.0")


def test_a_network_behind_numbers(read):
    got = read('"16777216","16777471","1.0.0.0/24","13335","CLOUDFLARENET"\n')
    [row] = got.tables["networks"]
    assert (row["start"], row["end"], row["asn"]) == (address("1.0.0.0"), address("1.0.0.255"), 13335)
    assert row["organisation"] == "CLOUDFLARENET"


def test_a_table_from_the_future_is_refused(read):
    with pytest.raises(FormatError, match="future"):
        read("# Date: 2031-01-01\n192.0.2.0,192.0.2.255,64500,x\n")
