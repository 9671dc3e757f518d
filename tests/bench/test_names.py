"""The bench's record and its own honesty; how long anything takes is not tested."""

from __future__ import annotations

import pytest

from mithra.bench.names import bench_names, generate_names

pytest.importorskip("tldextract")


def test_the_record_holds_what_the_run_measured() -> None:
    record = bench_names(500, repeats=1)
    assert record["name"] == "names/etld_plus_one"
    assert record["names"] == 500
    assert [peer["name"] for peer in record["peers"]] == ["tldextract", "publicsuffixlist"]
    assert [peer["disagreements"] for peer in record["peers"]] == [0, 0]
    for peer in record["peers"]:
        assert peer["ratio"] == pytest.approx(peer["seconds"] / record["seconds"])
    assert record["ratio_to_floor"] == pytest.approx(record["seconds"] / record["floor"]["seconds"])
    assert set(record["versions"]) >= {"python", "mithra", "suffix_list", "tldextract", "pyarrow"}


def test_names_are_the_same_for_the_same_seed() -> None:
    assert generate_names(50, seed=3) == generate_names(50, seed=3)
    assert generate_names(50, seed=3) != generate_names(50, seed=4)
