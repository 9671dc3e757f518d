"""Lines of a file, however its chunks fall."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe import packing as unpacking
from mithra.observe import source as module
from mithra.observe.source import Source, excerpt

PACK = {
    None: bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}


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
    packing=st.sampled_from(list(PACK)),
)
def test_lines_do_not_depend_on_chunks(tmp_path, monkeypatch, content, chunk, packing):
    monkeypatch.setattr(unpacking, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    whole = b"".join(content)
    path = tmp_path / "x"
    path.write_bytes(PACK[packing](whole))
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


@pytest.mark.parametrize("packing", list(PACK)[1:])
def test_packed_streams_one_after_the_other_are_one_file(tmp_path, packing):
    path = tmp_path / "x"
    path.write_bytes(PACK[packing](b"a\n") + PACK[packing](b"") + PACK[packing](b"b\n"))
    source = Source.at(path)
    assert source.packing == packing
    assert split(path) == [b"a", b"b"]


@pytest.mark.parametrize("packing", list(PACK)[1:])
@pytest.mark.parametrize("cut", [12, 0.5, -5, -1])
@pytest.mark.parametrize("before", [b"", b"whole\n" * 10])
def test_packed_data_cut_anywhere_is_refused(tmp_path, packing, cut, before):
    path = tmp_path / "x"
    whole = PACK[packing](bytes(range(256)) * 400)
    path.write_bytes(
        (PACK[packing](before) if before else b"") + whole[: int(len(whole) * cut) if cut == 0.5 else cut]
    )
    with pytest.raises(FormatError, match=f"{packing} data is cut short"):
        Source.at(path).verify()


@pytest.mark.parametrize("packing", list(PACK)[1:])
def test_junk_after_packed_data_is_refused(tmp_path, packing):
    path = tmp_path / "x"
    path.write_bytes(PACK[packing](b"text\n") + b"BZh junk")
    with pytest.raises(FormatError, match="damaged"):
        Source.at(path).verify()


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz"])
def test_zeros_after_packed_data_are_padding(tmp_path, packing):
    path = tmp_path / "x"
    path.write_bytes(PACK[packing](b"a\n") + bytes(512))
    assert split(path) == [b"a"]


@pytest.mark.parametrize("packing", list(PACK)[1:])
def test_a_bomb_is_read_in_bounded_memory(tmp_path, packing):
    path = tmp_path / "x"
    size = 100_000_000
    path.write_bytes(PACK[packing](bytes(size)))
    assert path.stat().st_size < size / 500
    tracemalloc.start()
    try:
        [line] = split(path)
        assert tracemalloc.get_traced_memory()[1] < 32_000_000
    finally:
        tracemalloc.stop()
    assert len(line) == module.MAX_LINE_BYTES + 1


def test_xz_that_asks_for_much_memory_is_refused(tmp_path):
    path = tmp_path / "x"
    much = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    path.write_bytes(lzma.compress(b"a\n", filters=much))
    with pytest.raises(FormatError, match=r"(?i)memory"):
        Source.at(path).verify()


@pytest.mark.parametrize("text", [b"BZh.example\n", b"(*not zstd\n", b"PKzip\n"])
def test_text_that_begins_like_packed_data(tmp_path, text):
    path = tmp_path / "x"
    path.write_bytes(text)
    assert Source.at(path).packing is None


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


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_file_of_a_zip_archive_is_read(tmp_path, method):
    path = tmp_path / "x"
    path.write_bytes(
        zipped(
            {
                "top/": "",
                ".DS_Store": b"?",
                "top/list.csv": b"1,a\n2,b\n",
                "top/.DS_Store": b"?",
                "__MACOSX/top/._list.csv": b"?",
                "top/Thumbs.db": b"?",
                "desktop.ini": b"?",
            },
            method,
        )
    )
    source = Source.at(path)
    assert source.packing == "zip"
    assert split(path) == [b"1,a", b"2,b"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "of 0 files"),
        ({"a": b"1", "b": b"2"}, "of 2 files.*'a, b'"),
        (dict.fromkeys("abcde", b""), "'a, b, c and 2 more'"),
    ],
)
def test_a_zip_archive_of_other_than_one_file_is_refused(tmp_path, files, told):
    path = tmp_path / "x"
    path.write_bytes(zipped(files))
    with pytest.raises(FormatError, match=told):
        Source.at(path)


HOSTS = b"# Date: 2026-06-01\n" + b"0.0.0.0 a.example\n" * 30


@pytest.mark.parametrize(
    "pack", [lambda data: zipped({"a": data}, zipfile.ZIP_STORED), gzip.compress, bz2.compress]
)
@pytest.mark.parametrize("again", [lambda data: zipped({"b": data}, zipfile.ZIP_STORED), gzip.compress])
def test_what_is_packed_twice_is_refused(tmp_path, pack, again):
    path = tmp_path / "x"
    path.write_bytes(again(pack(HOSTS)))
    with pytest.raises(FormatError, match=r"packed twice.*Unpack it"):
        _ = Source.at(path).sample


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_archive_is_refused(tmp_path, pack):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("list.txt")
        member.size = len(HOSTS)
        archive.addfile(member, io.BytesIO(HOSTS))
    path = tmp_path / "x"
    path.write_bytes(pack(out.getvalue()))
    with pytest.raises(FormatError, match=r"a tar archive.*Unpack it"):
        _ = Source.at(path).sample


@pytest.mark.parametrize("cut", [30, 0.5, -5])
def test_a_zip_archive_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "x"
    whole = zipped({"a": bytes(range(256)) * 400})
    path.write_bytes(whole[: int(len(whole) * cut) if cut == 0.5 else cut])
    with pytest.raises(FormatError, match="zip data is cut short"):
        Source.at(path).verify()


def test_a_damaged_file_of_a_zip_archive_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(
        zipped({"a": b"some text\n" * 9}, zipfile.ZIP_STORED).replace(b"some text", b"same text", 1)
    )
    with pytest.raises(FormatError, match="zip data is cut short or damaged"):
        Source.at(path).verify()


def test_a_zip_archive_packed_otherwise_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(zipped({"a": b"text"}, zipfile.ZIP_LZMA))
    with pytest.raises(FormatError, match="otherwise than by deflate"):
        Source.at(path)


def test_a_bomb_in_a_zip_archive_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(zipped({"a": bytes(100_000_000)}))
    tracemalloc.start()
    try:
        split(path)
        assert tracemalloc.get_traced_memory()[1] < 32_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("chunk", [3, 1 << 21])
def test_text_in_utf_16_with_its_mark_is_read(tmp_path, monkeypatch, order, chunk):
    monkeypatch.setattr(unpacking, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    path = tmp_path / "x"
    path.write_bytes("\ufeffmünchen.example\r\n\U0001f41f.example\n".encode(f"utf-16-{order}"))
    assert Source.at(path).packing == "utf-16"
    assert split(path) == ["münchen.example".encode(), "\U0001f41f.example".encode()]


def test_utf_16_cut_within_a_character_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes("\ufeffa.example\n".encode("utf-16-le")[:-1])
    with pytest.raises(FormatError, match="ends within a character"):
        Source.at(path).verify()


def test_half_a_pair_spoils_no_more_than_itself(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\xff\xfe" + b"a\0\x00\xd8\n\0b\0\n\0")
    assert split(path) == ["a\ufffd".encode(), b"b"]


def test_the_mark_of_utf_32_is_not_taken_for_utf_16(tmp_path):
    path = tmp_path / "x"
    path.write_bytes("\ufeffa".encode("utf-32-le"))
    assert Source.at(path).packing is None
