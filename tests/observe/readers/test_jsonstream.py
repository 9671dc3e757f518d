"""Objects of JSON documents of any layout, with a window smaller than the document."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers import jsonfile, jsonstream, jsonwindow
from mithra.observe.source import Source

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), min_size=1, max_size=6)


def collect(path, text):
    path.write_bytes(text.encode())
    values, rejects = [], []
    for batch in jsonstream.objects(Source.at(path)):
        values += batch.values
        rejects += zip(batch.rejects.lines, batch.rejects.reasons, strict=True)
    return values, rejects


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OBJECTS, st.sampled_from([None, 1]), st.integers(1, 20), st.booleans())
def test_every_layout_gives_the_objects(tmp_path, monkeypatch, objects, indent, chunk, ascii):
    monkeypatch.setattr(jsonwindow, "CHUNK_BYTES", chunk)
    keyed = {"status": "ok", "count": 3} | {f"k{i}": [value] for i, value in enumerate(objects)}
    for document in (objects, {"a": 1.5, "objects": objects, "z": {"b": []}}, keyed):
        text = json.dumps(document, indent=indent, ensure_ascii=ascii)
        assert collect(tmp_path / "x", text) == (objects, [])


def test_an_object_without_arrays_of_objects_is_the_record(tmp_path):
    assert collect(tmp_path / "x", ' {"a": 1, "b": ["c"]} ') == ([{"a": 1, "b": ["c"]}], [])
    assert collect(tmp_path / "x", "{}") == ([{}], [])


def test_lines(tmp_path):
    assert collect(tmp_path / "x", '{"a": [{"b": 1}]}\n{"c": 2}\nx\n') == (
        [{"a": [{"b": 1}]}, {"c": 2}],
        [(3, "not_json")],
    )


def test_a_control_character_is_left_to_the_record(tmp_path):
    assert collect(tmp_path / "x", '[{"a": "b\0"}]') == ([{"a": "b\0"}], [])


def test_what_is_no_object_is_told(tmp_path):
    assert collect(tmp_path / "x", '[1, {"a": "\\ud800"}, {"b": 2}]') == (
        [{"a": "\ufffd"}, {"b": 2}],
        [(1, "not_an_object")],
    )


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '[{"a": 1}',
        '[{"a": 1},',
        '[{"a": 1} {"b": 2}]',
        '{"a": [{"b": 1}]',
        '[{"a": 1}] x',
        "3",
        "[" * 100_000,
    ],
)
def test_what_is_cut_or_no_json_is_refused(tmp_path, text):
    with pytest.raises(FormatError, match="not JSON"):
        collect(tmp_path / "x", text)


def test_documents_of_too_many_values_are_not_made_whole(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b'{"a":[{},{},{}]}')
    assert jsonstream.shaped(Source.at(path), dict) == {"a": [{}, {}, {}]}
    monkeypatch.setattr(jsonfile, "MAX_MEMORY_BYTES", 700)
    assert jsonstream.shaped(Source.at(path), dict) is None


def test_an_object_of_too_many_keys_is_no_record(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonstream, "MAX_KEYS", 2)
    assert collect(tmp_path / "x", '{"a":1,"b":2}') == ([{"a": 1, "b": 2}], [])
    with pytest.raises(FormatError, match="over 2 keys"):
        collect(tmp_path / "x", '{"a":1,"b":2,"c":3}')
