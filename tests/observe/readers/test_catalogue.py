"""Every reader says what it reads, and its example is read by itself, whole."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest

from mithra.errors import MithraError
from mithra.observe.readers import READERS

NAMED_ONLY = ("windows-dns-mdy", "windows-dns-dmy")  # which of two orders dates have, nobody can see
DAY = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_example_is_found_and_read_whole(reader, read):
    assert reader.about
    assert "\n" not in reader.about
    assert reader.fields
    by_name = reader.name if reader.name in NAMED_ONLY else "auto"
    got = read(reader.example_bytes, by_name, verdict="nefarious", known_at=DAY)
    assert got.reader == reader.name
    assert got.rejects == []
    assert sum(map(len, got.tables.values())) > 0
    assert set(got.tables) <= set(reader.tables or got.tables)


def test_names_are_words_of_their_own():
    names = [reader.name for reader in READERS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("content", [b"null", b'{"a":{"b":1}}', b"a,b\n1,2\n", b"\xef\xbb\xbf", bytes(2000)])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_is_of_another_format_is_a_typed_error_or_rejects(read, reader, content):
    with contextlib.suppress(MithraError):
        got = read(content, reader.name, known_at=DAY, verdict="nefarious")
        assert not got.tables["labels"]
