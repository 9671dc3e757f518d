"""JSON objects of arrays, lines and documents: the same whatever the pieces in which they are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers import jsonfile, jsonwindow
from mithra.observe.source import Source

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab,]\\"é', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def read(path: Path, data: bytes) -> tuple[list[tuple[int, object]], list[tuple[int | None, str]]]:
    path.write_bytes(data)
    values, rejects = [], []
    for batch in jsonfile.records(Source.at(path)):
        values += zip(batch.numbers, batch.values, strict=True)
        rejects += zip(batch.rejects.lines, batch.rejects.reasons, strict=True)
    return values, rejects


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    st.lists(VALUES, max_size=6), st.sampled_from([1, 3, 1 << 20]), st.booleans(), st.sampled_from([None, 1])
)
def test_an_array_in_pieces(tmp_path, monkeypatch, values, chunk, ascii, indent):
    monkeypatch.setattr(jsonwindow, "CHUNK_BYTES", chunk)
    text = json.dumps(values, ensure_ascii=ascii, indent=indent)
    found, rejects = read(tmp_path / "a.json", f" \n{text}\n".encode())
    expected = list(enumerate(values, 1))
    assert found == [(number, value) for number, value in expected if isinstance(value, dict)]
    assert rejects == [(number, "not_an_object") for number, value in expected if not isinstance(value, dict)]


@pytest.mark.parametrize(
    "text", ["[{}}]", "[{},,{}]", "[{} {}]", "[,]", "[{}", '[{"a":1},]', '[{"a":', "[" * 100_000, "[{}] x"]
)
def test_a_broken_array_is_a_typed_error(tmp_path, text):
    with pytest.raises(FormatError, match="not JSON"):
        read(tmp_path / "a.json", text.encode())


def test_half_a_character_costs_its_element(tmp_path):
    found = read(tmp_path / "a.json", b'[{"a":"\\ud800"},{"b":"\\ud83d\\ude00"}]')
    assert found == ([(2, {"b": "😀"})], [(1, "not_json")])


def test_an_object_of_too_many_values_is_refused_before_it_is_made(tmp_path):
    with pytest.raises(FormatError, match="more values than fit"):
        read(tmp_path / "a.json", b'{"a":[' + b"{}," * 1_300_000 + b"{}]}")


@pytest.mark.parametrize("limit", ["MAX_VALUE_CHARS", "MAX_VALUE_MEMORY_BYTES"])
def test_an_element_without_end_is_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(jsonwindow, limit, 1000)
    monkeypatch.setattr(jsonwindow, "CHUNK_BYTES", 100)
    with pytest.raises(FormatError, match="more memory than a record may"):
        read(tmp_path / "a.json", b'[{"a":"' + b"x" * 50_000 + b'"}]')


@pytest.mark.parametrize("half", [b"\\ud800", b"\xed\xa0\x80"], ids=["escaped", "raw"])
def test_half_a_character_costs_its_line(tmp_path, half):
    """Python's json takes it from bytes too, and then nothing can write it out."""
    lines = b'{"a":1}\n{"a":"b%b"}\n{"c%b":1}\n{"a":"\xed\x95\x9c"}\n' % (half, half)
    found = read(tmp_path / "a.jsonl", lines)
    assert found == ([(1, {"a": 1}), (4, {"a": "한"})], [(2, "not_json"), (3, "not_json")])
