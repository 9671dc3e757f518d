"""Every bar of `mithra bench faults` in a short form: what must be zero is zero."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from mithra.bench.faults import BARS, FaultCounts, bench_faults
from mithra.bench.faults.bars import MUST_BE_ZERO
from mithra.errors import UsageError

SHORT = FaultCounts(
    kills=20, writes=12, orders=1, readers=3, reader_seconds=10, bomb_bytes=1 << 24, fuzz_runs=50
)
DONE = {"kill": ("kills", 20), "disk": ("trials", 24), "order": ("runs", 5), "readers": ("readers", 3)}


@pytest.mark.slow
@pytest.mark.parametrize("bar", BARS)
def test_short_form(bar, tmp_path):
    if bar == "disk" and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("failing writes need a C compiler")
    [record] = bench_faults([bar], SHORT, folder=tmp_path)
    assert {name: record[name] for name in MUST_BE_ZERO if record.get(name)} == {}
    assert record["passed"]
    name, count = DONE.get(bar, ("passed", True))
    assert record[name] == count
    assert not list(tmp_path.iterdir())


def test_an_unknown_bar_is_wrong_usage():
    with pytest.raises(UsageError, match="Bars: kill, disk"):
        bench_faults(["flood"], replace(SHORT))
