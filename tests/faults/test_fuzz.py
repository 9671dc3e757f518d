"""Readers and Hypothesis: whatever bytes come, only typed errors come out, and soon."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.bench.faults.fuzz import SECONDS_AT_MOST, seconds_to_read, spoiled
from mithra.observe.readers import READERS


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 1 << 32), tail=st.binary(max_size=200), head=st.binary(max_size=20))
def test_a_spoiled_example(reader, tmp_path, seed, tail, head):
    file = tmp_path / "spoiled-2026-08-01.txt"
    file.write_bytes(head + spoiled(reader.example_bytes, random.Random(seed)) + tail)
    assert seconds_to_read(file, reader) < SECONDS_AT_MOST
