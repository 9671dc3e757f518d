from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mithra.simulate.text import iso_time, join, letters, mix, take, write_lines


def test_joins_columns_and_constants_row_by_row() -> None:
    assert join(pa.array(["a", "b"]), "-", pa.array(["1", "2"])).to_pylist() == ["a-1", "b-2"]


def test_times_are_iso_in_utc() -> None:
    assert iso_time(np.array([0, 1_777_593_599])).to_pylist() == [
        "1970-01-01T00:00:00Z",
        "2026-04-30T23:59:59Z",
    ]


def test_letters_have_their_length_and_alphabet() -> None:
    found = letters(
        np.random.default_rng(0), ("ab", "0"), np.array([1, 0, 1]), np.array([3, 5, 0])
    ).to_pylist()
    assert found[0] == "000"
    assert found[2] == ""
    assert len(found[1]) == 5
    assert set(found[1]) <= set("ab")


def test_mixing_spreads_neighbours_and_depends_on_the_salt() -> None:
    low = mix(np.arange(10_000), 1) % 2
    assert abs(low.mean() - 0.5) < 0.02
    assert (mix(np.arange(10), 1) != mix(np.arange(10), 2)).all()


@pytest.mark.parametrize("name", ["lines.txt", "lines.txt.gz"])
def test_writes_chunks_also_of_sliced_arrays(tmp_path: Path, name: str) -> None:
    whole = pa.array(["no\n", "one\n", "two\n", "no\n"])
    assert (
        write_lines(tmp_path / name, [whole.slice(1, 2), pa.array([], pa.string()), pa.array(["end\n"])]) == 3
    )
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith("gz") else data) == b"one\ntwo\nend\n"


def test_takes_from_lists() -> None:
    assert take(["x", "y"], np.array([1, 1, 0])).to_pylist() == ["y", "y", "x"]
