"""The benches of lists and pushes: what their records hold; how long anything takes is not tested."""

from __future__ import annotations

import shutil

import pytest

from mithra.bench.publish import bench_publish, generate_decisions
from mithra.bench.push import bench_push
from mithra.errors import UsageError

FIELDS = {"name", "decisions", "seconds", "peak_rss_bytes", "threads", "floor", "ratio_to_floor", "versions"}


def test_decisions_are_the_same_for_the_same_number() -> None:
    made = generate_decisions(50)
    assert made.table.equals(generate_decisions(50).table)
    assert made.table["level"].to_pylist().count("subtree") == 16


@pytest.mark.slow
def test_a_record_a_format() -> None:
    zone, lines = bench_publish(300, ["rpz", "plain"], repeats=1)
    assert zone.keys() >= FIELDS
    assert (zone["name"], zone["blocked"]) == ("publish/rpz", 300)
    assert lines["lines"] == 300 + 8  # behind a header
    assert zone["ratio_to_floor"] == pytest.approx(zone["seconds"] / zone["floor"]["seconds"])
    if shutil.which("named-checkzone"):
        assert zone["checked_by"]["accepted"] is True
    with pytest.raises(UsageError, match="unknown format"):
        bench_publish(10, ["bind"])


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("named", path="/usr/bin:/usr/sbin"), reason="named (bind9) is not installed"
)
def test_a_push_is_measured_both_ways() -> None:
    block, allow = bench_push(40, repeats=1)
    assert block.keys() >= FIELDS
    assert [(record["name"], record["decisions"]) for record in (block, allow)] == [
        ("push/block", 40),
        ("push/allow", 20),
    ]
    assert block["ratio_to_floor"] == pytest.approx(block["seconds"] / block["floor"]["seconds"])
