"""Arrays give the same elements as Python's json, however their chunks fall."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers import jsonarray, jsonfile
from mithra.observe.source import Source

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=3), inner)),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_as_python_reads_it(tmp_path, monkeypatch, values, chunk, indent, ascii_only):
    monkeypatch.setattr(jsonarray, "CHUNK_BYTES", chunk)
    path = tmp_path / "x"
    path.write_text("\ufeff " + json.dumps(values, indent=indent, ensure_ascii=ascii_only) + "\n", "utf-8")
    assert [element.value for element in jsonarray.elements(Source.at(path))] == values


@pytest.mark.parametrize(
    "text",
    ["[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] 2", '["a', '[{"a":1}', "[1e]", "{}", "[nul"],
)
def test_what_is_no_array_is_refused(tmp_path, text):
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(FormatError, match="not JSON"):
        list(jsonarray.elements(Source.at(path)))


@pytest.mark.parametrize("data", [b'["\xff"]', b"[" * 200_000, b'["\xe2\x82', b"[NaN"])
def test_hostile_arrays_are_refused(tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="not JSON"):
        list(jsonarray.elements(Source.at(path)))


def test_packed_data_cut_short_is_told_as_such(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"[1,2,3]")[:-9])
    with pytest.raises(FormatError, match="gzip data is cut short"):
        list(jsonarray.elements(Source.at(path)))


def test_half_a_surrogate_pair_costs_its_element(tmp_path):
    path = tmp_path / "x"
    path.write_text('[{"a":"\\ud800"},{"a":"\\ud83d\\ude00"},{"\\ud800":1},{}]')
    [batch] = jsonfile.records(Source.at(path))
    assert (batch.numbers, batch.rejects.lines, batch.rejects.reasons) == ([2, 4], [1, 3], ["not_json"] * 2)


@pytest.mark.parametrize("element", [b"{},", b'{"a":[1,2,3]},', b"\n"])
def test_a_bomb_is_read_in_bounded_memory(tmp_path, monkeypatch, element):
    monkeypatch.setattr(jsonarray, "CHUNK_BYTES", 1 << 14)
    monkeypatch.setattr(jsonfile, "RECORDS_PER_BATCH", 1 << 10)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"[" + element * (1_000_000 // len(element)) + b"{}]"))
    tracemalloc.start()
    try:
        count = sum(len(batch.values) for batch in jsonfile.records(Source.at(path)))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert count == (1 if element == b"\n" else 1_000_000 // len(element) + 1)


def test_an_element_that_never_ends_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b'[{"a":"' + b"x" * 60_000_000))
    with pytest.raises(FormatError, match="16 MiB"):
        list(jsonarray.elements(Source.at(path)))


@pytest.mark.parametrize(
    ("sample", "array"),
    [(b"[1]", True), (b" [\n1\n]", True), (b"[1]\n[2]", False), (b'[1]\n{"a":1}', False), (b"{}", False)],
)
def test_lines_of_arrays_are_no_array(sample, array):
    assert jsonarray.is_array(sample) is array
