"""Text of the command line as values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mithra.cli.options import as_moment, column_map, whole_number
from mithra.errors import UsageError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
        (" 2026-06-01T12:30 ", datetime(2026, 6, 1, 12, 30, tzinfo=UTC)),
        ("2026-06-01T12:30:00Z", datetime(2026, 6, 1, 12, 30, tzinfo=UTC)),
        ("2026-06-01T12:30+02:00", datetime(2026, 6, 1, 10, 30, tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text, moment):
    assert as_moment(text, "--as-of") == moment


@pytest.mark.parametrize("text", ["", "yesterday", "01.06.2026", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_no_moment_names_the_option_and_shows_how(text):
    with pytest.raises(
        UsageError, match=r"--as-of is not a date .*Write it as 2026-06-01 or 2026-06-01T12:00Z"
    ):
        as_moment(text, "--as-of")


def test_column_maps():
    assert column_map([]) is None
    assert column_map(["name=fqdn, count = hits", "first_seen=a=b"]) == {
        "name": "fqdn",
        "count": "hits",
        "first_seen": "a=b",
    }


@pytest.mark.parametrize(("text", "number"), [("20_000", 20_000), ("1e6", 1_000_000), ("7", 7)])
def test_whole_numbers(text, number):
    assert whole_number(text, "--domains") == number


@pytest.mark.parametrize("text", ["", "many", "1.5", "0", "-3", "inf", "nan"])
def test_no_whole_number(text):
    with pytest.raises(UsageError, match="--domains is a whole number from 1"):
        whole_number(text, "--domains")
