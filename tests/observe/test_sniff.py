"""Choosing a reader: what nothing reads says what to do about it."""

from __future__ import annotations

import pytest

from mithra.errors import FormatError


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named(read, encoding):
    with pytest.raises(FormatError, match=r"UTF-16.*iconv"):
        read("\ufeffdomain,first_seen\na.example,2026-01-01\n".encode(encoding))
