import json

import pytest

from mithra.bench.speed import bench_build, write_cof
from mithra.errors import UsageError


def test_generated_records_are_cof_and_the_same_for_a_seed(tmp_path):
    write_cof(tmp_path / "one", 500)
    write_cof(tmp_path / "it's two", 500)
    lines = (tmp_path / "one").read_text().splitlines()
    assert (tmp_path / "it's two").read_text().splitlines() == lines
    records = [json.loads(line) for line in lines]
    assert len(records) == 500
    assert set(records[0]) == {"rrname", "rrtype", "rdata", "time_first", "time_last", "count"}
    assert {r["rrtype"] for r in records} == {"A", "AAAA", "NS", "MX", "CNAME"}
    assert all(r["time_first"] <= r["time_last"] for r in records)
    assert 70 < len({r["rrname"] for r in records}) <= 100


@pytest.mark.slow
def test_build_is_measured_beside_its_floor(tmp_path):
    records = bench_build(2000, repeats=1, folder=tmp_path)
    assert [r["name"] for r in records] == ["build", "ingest", "snapshot"]
    build, ingest, snapshot = records
    assert build["seconds"] == pytest.approx(ingest["seconds"] + snapshot["seconds"])
    assert build["ratio_to_floor"] == pytest.approx(build["seconds"] / build["floor"]["seconds"])
    assert build["edges"] == 2000
    assert 300 < build["snapshot_domains"] <= 400
    assert build["peak_rss_bytes"] > 10_000_000
    assert {"duckdb", "mithra", "python"} <= set(build["versions"])
    assert list(tmp_path.iterdir()) == []


def test_wrong_sizes_are_refused():
    with pytest.raises(UsageError, match="1 or more"):
        bench_build(0)
