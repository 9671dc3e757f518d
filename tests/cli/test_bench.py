"""`mithra bench`: a table for people, and the records that machines read."""

from __future__ import annotations

import json

import numpy as np
import pytest

FIELDS = {"model", "regime", "seed", "auc", "balanced_accuracy", "ap", "recall_at_fpr", "f1", "ece"}


@pytest.fixture
def graph(tmp_path):
    """A labelled graph of 300 names: every bad one has digits and sits at one of two addresses."""
    rng = np.random.default_rng(7)
    bad = rng.random(300) < 0.4
    address = np.where(bad, 1000 + rng.integers(0, 2, 300), 1002 + rng.integers(0, 40, 300))
    names = [
        f"x{i}7{i}.top" if is_bad else f"plain-{chr(97 + i % 26)}shop{i}.com" for i, is_bad in enumerate(bad)
    ]
    tables = {
        "domains": ["node_id,domain,label"]
        + [f"{i},{names[i]},{'malicious' if bad[i] else 'benign'}" for i in range(300)],
        "edges": ["source,target,type"] + [f"{i},{address[i]},resolves" for i in range(300)],
        "ip_features": ["node_id,subnet,asn"] + [f"{i},{i % 5},{i % 3}" for i in range(1000, 1042)],
        "domain_features": ["node_id,length"] + [f"{i},{len(names[i])}" for i in range(300)],
    }
    for name, lines in tables.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_pdns_net_writes_one_record_a_model_regime_and_seed(mithra, graph, tmp_path):
    options = ["--models", "trees-lexical,belief-propagation", "--regime", "arrival", "--regime", "etld1"]
    result = mithra("bench", "pdns-net", graph, *options, "--seeds", 2, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.stderr
    records = json.loads((tmp_path / "r.json").read_text())
    assert len(records) == 2 * 2 * 2
    assert all(set(record) >= FIELDS | {"fit_seconds", "score_seconds"} for record in records)
    assert set(records[0]["recall_at_fpr"]) >= {"0.01", "0.001"}
    rows = {
        tuple(line.split()[:2]): line.split()[2:] for line in result.stdout.splitlines()[3:] if line.strip()
    }
    mine = [r["ap"] for r in records if (r["regime"], r["model"]) == ("arrival", "trees-lexical")]
    assert rows["arrival", "trees-lexical"][0] == "2"
    assert float(rows["arrival", "trees-lexical"][1]) == pytest.approx(sum(mine) / 2, abs=1e-4)
    assert float(rows["arrival", "trees-lexical"][1]) > 0.9


def test_what_does_not_exist_is_wrong_usage(mithra, graph):
    for options, message in [
        (["--models", "oracle"], "no such model"),
        (["--regime", "easy"], "no such regime"),
        (["--without", "colour"], "no such relation"),
    ]:
        result = mithra("bench", "pdns-net", graph, *options, "--seeds", 1)
        assert (result.exit_code, result.stdout) == (2, ""), options
        assert message in result.stderr


def test_names_are_timed_beside_two_libraries(mithra):
    (record,) = json.loads(mithra("bench", "names", "--names", 500, "--repeats", 1, "--json", "-").stdout)
    assert {peer["name"] for peer in record["peers"]} == {"tldextract", "publicsuffixlist"}
    assert {"name", "seconds", "peak_rss_bytes", "threads", "floor", "ratio_to_floor", "versions"} <= set(
        record
    )
    table = mithra("bench", "names", "--names", 500, "--repeats", 1).stdout
    assert [line.split()[0] for line in table.splitlines()[3:] if line.strip()] == [
        "mithra",
        "tldextract",
        "publicsuffixlist",
    ]


@pytest.mark.slow
def test_building_is_timed_beside_a_bare_group_by(mithra):
    result = mithra("bench", "build", "--edges", "2e3", "--repeats", 1, "--json", "-")
    assert result.exit_code == 0, result.stderr
    records = json.loads(result.stdout)
    assert [record["name"] for record in records] == ["build", "ingest", "snapshot"]
    assert all(record["edges"] == 2000 for record in records)


@pytest.mark.slow
def test_reading_is_timed_format_by_format(mithra):
    options = ["--formats", "hosts,plain", "--records", "2e2", "--repeats", 1]
    records = json.loads(mithra("bench", "ingest", *options, "--json", "-").stdout)
    assert [(record["name"], record["edges"]) for record in records] == [
        ("ingest/hosts", 200),
        ("ingest/plain", 200),
    ]
    table = mithra("bench", "ingest", *options).stdout
    rows = [line.split() for line in table.splitlines()[3:] if line.strip()]
    assert [(row[0], row[-4:-1]) for row in rows] == [
        (name, ["100,000", "a", "core"]) for name in ("ingest/hosts", "ingest/plain")
    ]
    assert {row[-1] for row in rows} <= {"yes", "NO"}


def test_a_format_that_does_not_exist_is_wrong_usage(mithra):
    result = mithra("bench", "ingest", "--formats", "punchcard")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no such format" in result.stderr


def test_faults_exits_with_1_where_a_promise_was_broken(mithra, monkeypatch):
    def found(bars, counts, progress):
        return [
            {"name": bar, "passed": bar == "order", "seconds": 1.5, "kills": 3_000, "versions": {}}
            for bar in bars
        ]

    monkeypatch.setattr("mithra.bench.faults.bench_faults", found)
    whole = mithra("bench", "faults", "--bar", "order")
    assert whole.exit_code == 0
    row = next(line for line in whole.stdout.splitlines() if line.startswith(" order"))
    assert row.split() == ["order", "yes", "1.5000", "kills", "3,000"]
    broken = mithra("bench", "faults", "--bar", "order,kill", "--json", "-")
    assert broken.exit_code == 1
    assert "a promise was broken (got \"['kill']\")" in broken.stderr
    assert [record["name"] for record in json.loads(broken.stdout)] == ["order", "kill"]


def test_faults_of_an_unknown_bar_is_wrong_usage(mithra):
    result = mithra("bench", "faults", "--bar", "flood")
    assert (result.exit_code, result.stdout) == (2, "")


def test_worlds_shows_means_and_writes_records(mithra, monkeypatch, tmp_path):
    from mithra.bench import worlds

    asked = []

    def measured(seeds, plan, **options):
        asked.append((seeds, plan))
        return [_world_record(seed, model, recall) for seed in seeds for model, recall in MODELS.items()]

    monkeypatch.setattr(worlds, "bench_worlds", measured)
    result = mithra("bench", "worlds", "--seeds", "3,4", "--domains", 9000, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.stderr
    assert asked == [([3, 4], worlds.Replay(domains=9000))]
    assert len(json.loads((tmp_path / "r.json").read_text())) == 4
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.strip()}
    assert rows["times_trees-lexical_0.01"][:3] == ["2.000", "±", "0.000"]
    assert rows["recall_0.001"][:2] == ["not", "measurable"]
    assert mithra("bench", "worlds", "--seeds", ",").exit_code == 2


MODELS = {"default": 0.4, "trees-lexical": 0.2}


def _world_record(seed, model, recall):
    rates = {"rate": 0.01, "tenants": 0.02, "flagged_tenants": 1, "measurable": False}
    lead = {"caught": 3, "listed_later": 2, "median_hours": 15.5, "share_day_ahead": 0.5}
    counts = ("arrivals", "listed", "nefarious", "nefarious_groups", "benign", "benign_tenants")
    return {
        "model": model,
        "seed": seed,
        **dict.fromkeys(counts, 9),
        "ap": 0.5,
        "recall": {b: {"recall": recall, "measurable": b == "0.01"} for b in ("0.01", "0.001")},
        "false_positives": dict.fromkeys(("0.01", "0.001"), rates),
        "lead": dict.fromkeys(("0.01", "0.001"), lead),
        "seconds": 1.0,
    }


def test_train_without_graph_and_world_has_nothing_to_time(mithra):
    result = mithra("bench", "train", "--domains", "0")
    assert result.exit_code == 2
    assert "there is a folder or a world" in result.stderr
