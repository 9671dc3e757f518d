"""Dates as feeds write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra.observe.dates import header_date, parse_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-04T00:27:47+02:00", datetime(2026, 1, 3, 22, 27, 47)),
        ("2026-01-04", datetime(2026, 1, 4)),
        ("2022-09-13 07:28:08 (UTC)", datetime(2022, 9, 13, 7, 28, 8)),
        ("Thu Mar 20 18:49:08 UTC 2025", datetime(2025, 3, 20, 18, 49, 8)),
        ("Fri Apr  5 08:08:30 UTC 2024", datetime(2024, 4, 5, 8, 8, 30)),
        ("Fri, 05 Apr 2024 08:08:30 +0200", datetime(2024, 4, 5, 6, 8, 30)),
        ("05 April 2024 08:08:30 (UTC)", datetime(2024, 4, 5, 8, 8, 30)),
        ("20 Mar 2025 18:49 UTC", datetime(2025, 3, 20, 18, 49)),
        ("20260811", datetime(2026, 8, 11)),
        ("1600000000", datetime(2020, 9, 13, 12, 26, 40)),
        ("1600000000000", datetime(2020, 9, 13, 12, 26, 40)),
        ("2024-06-12T22:09:39.881923Z", datetime(2024, 6, 12, 22, 9, 39)),
    ],
)
def test_forms(text, expected):
    assert parse_date(text) == int(expected.replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text", ["", "soon", "12/03/2024", "99999999", "12", "v1.2.3", "x" * 5000, "0000-00-00"]
)
def test_what_is_no_date_is_not_guessed(text):
    assert parse_date(text) is None


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)))
def test_iso_round_trip(moment):
    assert parse_date(moment.isoformat()) == int(moment.replace(tzinfo=UTC).timestamp())


@given(st.text(max_size=80))
def test_no_text_raises(text):
    parse_date(text)
    header_date(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"# Title: x\n# Last modified: 2024-04-05\nbad.example\n", datetime(2024, 4, 5)),
        (b";; Exported:   2026-08-22 07:39:20\n", datetime(2026, 8, 22, 7, 39, 20)),
        (b"[Adblock Plus]\n! Last updated: 2024-04-05\n", datetime(2024, 4, 5)),
        (b"# Generated on 2024-04-05\n", datetime(2024, 4, 5)),
        (b"\xef\xbb\xbf# List last updated on 2024-04-05\n", datetime(2024, 4, 5)),
        (b"! TimeUpdated: 2024-04-05T00:00:00+00:00\n", datetime(2024, 4, 5)),
        (b"# Generation Time: Fri, 05 Apr 2024 00:00:00 +0000\n", datetime(2024, 4, 5)),
    ],
)
def test_header(text, expected):
    assert header_date(text) == int(expected.replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text", [b"bad.example\n# Date: 2024-04-05\n", b"# Expires: 2024-04-05\n", b"# Version: 20240405\n", b""]
)
def test_no_header_date(text):
    assert header_date(text) is None
