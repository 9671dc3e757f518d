"""Every reader says what it reads, and its example is read by itself, whole."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mithra.errors import MithraError
from mithra.observe.readers import READERS
from mithra.observe.records import client_hash
from mithra.observe.source import Options, Rows, Source

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


@pytest.mark.parametrize("name", [reader.name for reader in READERS if "queries" in reader.tables])
def test_exact_queries_are_those_of_the_hour_with_their_type(name, tmp_path):
    """Both ways to read a log count the same; the exact one keeps type and second."""
    reader = next(each for each in READERS if each.name == name)
    source = source_of(tmp_path, reader)
    options = Options(now=datetime(2026, 12, 1, tzinfo=UTC), known_at=datetime(2026, 12, 1, tzinfo=UTC))
    by_hour, exact = (
        queries_of(reader, source, each)
        for each in (options, replace(options, exact=True, hash_clients=False))
    )
    assert "rrtype" not in by_hour.column_names
    if not len(by_hour):
        pytest.skip("the example holds no queries")
    assert sum(by_hour["count"].to_pylist()) == sum(exact["count"].to_pylist())
    hours = {moment.replace(minute=0, second=0) for moment in exact["hour"].to_pylist()}
    assert hours == set(by_hour["hour"].to_pylist())
    assert set(by_hour["name"].to_pylist()) == set(exact["name"].to_pylist())
    assert set(exact["rrtype"].to_pylist()) == {"A"}
    addresses = exact["client"].to_pylist()
    assert {client_hash(address, b"") for address in addresses} == set(by_hour["client"].to_pylist())


def source_of(tmp_path, reader):
    file = tmp_path / "example"
    file.write_bytes(reader.example_bytes)
    return Source.at(file)


def queries_of(reader, source, options):
    parts = [part for part in reader.read(source, options) if isinstance(part, Rows)]
    return pa.concat_tables(
        [pa.table({"count": pa.array([], pa.int64())})]
        + [pa.table(part.data.to_pydict()) for part in parts if part.table == "queries"],
        promote_options="default",
    )
