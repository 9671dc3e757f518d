"""Choosing a reader: what nothing reads says what to do about it."""

from __future__ import annotations

import gzip

import pytest

from mithra.errors import FormatError

TEXT = "domain,first_seen\na.example,2026-01-01\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_utf_8_is(read, encoding):
    plain, other = read(TEXT), read(f"\ufeff{TEXT}".encode(encoding))
    assert other.tables == plain.tables
    assert sum(map(len, other.tables.values())) == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_packed_utf_16_is_named(read, encoding):
    with pytest.raises(FormatError, match=r"UTF-16.*iconv"):
        read(gzip.compress(f"\ufeff{TEXT}".encode(encoding)))
