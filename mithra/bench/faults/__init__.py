"""What mithra promises about killed processes, full disks, repeated files, readers at work and hostile
files, put to the test. Each bar has a short form, which the tests run, and the full counts of
`mithra bench faults`."""

from __future__ import annotations

from mithra.bench.faults.bars import BARS, FaultCounts, bench_faults

__all__ = ["BARS", "FaultCounts", "bench_faults"]
