"""Every reader says what it reads, and its example is read by itself, whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
