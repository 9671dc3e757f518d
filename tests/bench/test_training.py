"""The bench of training: its records, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from mithra.bench.training import bench_train, bench_train_pdns_net
from mithra.errors import UsageError

DESIGNED = {
    "name", "edges", "seconds", "peak_rss_bytes", "threads", "floor", "ratio_to_floor", "peers", "versions",
}  # fmt: skip


def test_there_must_be_something_to_train_on() -> None:
    with pytest.raises(UsageError, match="a folder or a world"):
        bench_train(None, 0)
    with pytest.raises(UsageError, match="1 or more"):
        bench_train(None, 1_000, repeats=0)


@pytest.mark.slow
def test_a_world_tells_what_its_steps_took(tmp_path: Path) -> None:
    (record,) = bench_train(None, 1_500, threads=1, scratch=tmp_path)
    assert set(record) >= DESIGNED | {"domains", "steps", "bar", "met"}
    steps = record["steps"]
    assert record["seconds"] == steps["snapshot"]["seconds"] + steps["train"]["seconds"]
    assert record["ratio_to_floor"] == record["seconds"] / record["floor"]["seconds"] > 1
    assert record["edges"] > steps["snapshot"]["names"] > 1_500
    assert record["met"]  # so small a world is trained within the bar of a million domains
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_default_is_timed_beside_the_reference(graph_folder: Path) -> None:
    record = bench_train_pdns_net(graph_folder, threads=1)
    assert set(record) >= DESIGNED
    assert record["floor"]["name"] == "rgcn, full batch"
    assert record["ratio_to_floor"] == record["seconds"] / record["floor"]["seconds"]
    assert [peer["name"] for peer in record["peers"]] == ["trees-neighbours"]
    assert record["ap"] > 0.8


@pytest.fixture
def graph_folder(tmp_path: Path) -> Path:
    """A labelled graph of 300 names: every bad one sits at one of two addresses."""
    tables = {
        "domains": ["node_id,domain,label"],
        "edges": ["source,target,type"],
        "domain_features": ["node_id,length"],
        "ip_features": ["node_id,subnet,asn"] + [f"{i},{i % 5},{i % 3}" for i in range(1000, 1042)],
    }
    for i in range(300):
        bad = i % 3 == 0
        name = f"x{i}7{i}.top" if bad else f"plain-{chr(97 + i % 26)}shop{i}.com"
        tables["domains"].append(f"{i},{name},{'malicious' if bad else 'benign'}")
        tables["edges"].append(f"{i},{1000 + i % 2 if bad else 1002 + i % 40},resolves")
        tables["domain_features"].append(f"{i},{len(name)}")
    for table, lines in tables.items():
        (tmp_path / f"{table}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path
