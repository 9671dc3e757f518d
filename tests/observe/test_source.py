"""Lines of a file, however its chunks fall."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe import source as module
from mithra.observe.source import Source, excerpt


def split(path: Path) -> list[bytes]:
    found: list[bytes] = []
    for number, lines in Source.at(path).lines():
        assert number == len(found) + 1
        found += lines
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r", b" "]), min_size=1, max_size=40),
    chunk=st.integers(1, 7),
    packed=st.booleans(),
)
def test_lines_do_not_depend_on_chunks(tmp_path, monkeypatch, content, chunk, packed):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    whole = b"".join(content)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(whole) if packed else whole)
    expected = [line.rstrip(b"\r") for line in whole.split(b"\n")]
    if whole.endswith(b"\n"):
        expected.pop()
    assert split(path) == expected


def test_of_a_long_line_only_the_beginning_is_held(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a\n" + b"x" * 20_000_000 + b"\nb\n")
    lines = split(path)
    assert (lines[0], lines[2], len(lines)) == (b"a", b"b", 3)
    assert module.MAX_LINE_BYTES < len(lines[1]) < 8_000_000


def test_two_gzip_members_are_one_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert split(path) == [b"a", b"b"]


@pytest.mark.parametrize("cut", [3, 12, -9, -1])
def test_gzip_cut_anywhere_is_refused(tmp_path, cut):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"some text\n" * 100)[:cut])
    with pytest.raises(FormatError, match="cut short"):
        Source.at(path).verify()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("urlhaus.csv.gz", "urlhaus"),
        ("urlhaus-2026-06-01.csv", "urlhaus"),
        ("urlhaus_20260601.csv", "urlhaus"),
        ("2026-06-01.txt", "feed"),
        ("top10.txt", "top10"),
    ],
)
def test_default_source(name, stem):
    assert Source(Path("feed") / name).stem == stem


def test_excerpts_are_short_and_safe():
    assert excerpt("a\x1b[31m\n") == "a\\x1b[31m\\n"
    assert len(excerpt(b"x" * 10_000)) == 201
    assert excerpt(b"\xff") == "\\xff"


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("top-2026-06-01.csv", (2026, 6, 1)),
        ("20260601.csv.gz", (2026, 6, 1)),
        ("top_2026_06_01.csv", (2026, 6, 1)),
        ("top-2026-13-01.csv", None),
        ("top-2026-06.csv", None),
        ("120260601.csv", None),
        ("top-1m.csv", None),
    ],
)
def test_day_in_name(name, day):
    assert Source(Path(name)).day_in_name == (day and datetime(*day, tzinfo=UTC))
