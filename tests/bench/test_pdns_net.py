"""PDNS-Net: reading its files, dirty ones too, and the records of the bench with a stand-in model."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mithra.bench.pdns_graph import PdnsGraph, load
from mithra.bench.pdns_net import _one_suffix, bench_pdns_net, contestants, held_out_case
from mithra.errors import FormatError, InputError, UsageError
from mithra.learn.contest import Case, Predict

REAL = Path("../shared/data/pdns-net-mini")
needs_real = pytest.mark.skipif(not REAL.exists(), reason="the shared data folder is not here")

DOMAINS = """node_id,domain,label
1,www.a.com,malicious
2,a.com,benign
3,B.com:443,malicious
4,b.com,unknown
5,c.co.uk,unknown
6,d.net,benign
"""
EDGES = """source,target,type
1,101,resolves
101,1,resolves
102,2,resolves
6,101,resolves
1,2,apex
5,6,similar
"""
ADDRESSES = "node_id,subnet,asn\n101,0.5,0.25\n102,0.75,0.25\n"
GIVEN = "node_id,length,entropy\n1,0.5,1\n2,0.25,2\n3,0.1,3\n"


def write(folder: Path, **changed: str) -> Path:
    files = {"domains": DOMAINS, "edges": EDGES, "ip_features": ADDRESSES, "domain_features": GIVEN} | changed
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def pairs(graph: PdnsGraph, relation: str) -> set[tuple[str, str]]:
    edges = graph.snapshot.relations[relation]
    names, keys = graph.snapshot.names.to_pylist(), edges.entities.to_pylist()
    ends = zip(edges.domain_of_edge().tolist(), edges.indices.tolist(), strict=True)
    return {(names[domain], keys[entity]) for domain, entity in ends}


def test_nodes_become_names_and_labels(tmp_path: Path) -> None:
    graph = load(write(tmp_path))
    assert graph.snapshot.names.to_pylist() == ["www.a.com", "a.com", "b.com", "c.co.uk", "d.net"]
    assert graph.y.tolist() == [1, 0, 1, -1, 0]  # b.com: the labelled one of its two nodes
    assert graph.positions(pa.array([4, 3, 99])).tolist() == [2, 2, -1]
    assert graph.snapshot.group[0] == graph.snapshot.group[1]
    verdicts = graph.snapshot.labels["verdict"].to_pylist()
    assert verdicts == ["nefarious", "benign", "nefarious", "benign"]


def test_relations_run_from_names_whatever_the_direction_of_the_row(tmp_path: Path) -> None:
    graph = load(write(tmp_path))
    assert pairs(graph, "address") == {("www.a.com", "101"), ("a.com", "102"), ("d.net", "101")}
    assert pairs(graph, "prefix") == {("www.a.com", "0.5"), ("a.com", "0.75"), ("d.net", "0.5")}
    assert {key for _, key in pairs(graph, "asn")} == {"0.25"}
    assert pairs(graph, "apex") == {("www.a.com", "a.com"), ("a.com", "a.com")}
    assert pairs(graph, "similar") == {
        ("c.co.uk", "d.net"), ("d.net", "c.co.uk"), ("c.co.uk", "c.co.uk"), ("d.net", "d.net"),
    }  # fmt: skip
    assert ("www.a.com", "a.com") in pairs(graph, "etld_plus_one")


def test_the_authors_features_stand_beside_the_facts(tmp_path: Path) -> None:
    facts = load(write(tmp_path)).snapshot.facts
    assert facts["given_length"].to_pylist() == [0.5, 0.25, 0.1, None, None]
    assert facts["given_entropy"].to_pylist() == [1, 2, 3, None, None]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"domains": "node_id,name\n1,a.com\n"}, FormatError, r"domains\.csv:1: a column is missing.*domain"),
        ({"domains": DOMAINS + "7,e.com,evil\n"}, FormatError, r"domains\.csv:8: not a verdict.*evil"),
        (
            {"domains": DOMAINS + "7,192.0.2.1,benign\n"},
            FormatError,
            r"domains\.csv:8: not a domain name: ip",
        ),
        ({"edges": EDGES + "101,102,resolves\n"}, FormatError, "one domain and one address.*101,102"),
        ({"edges": EDGES + "1,102,apex\n"}, FormatError, "apex row names a node that is no domain"),
        ({"edges": "source,target,type\n1,2\n"}, FormatError, r"edges\.csv: not a CSV file"),
    ],
)
def test_bad_files_are_refused_with_their_place(
    tmp_path: Path, changed: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(write(tmp_path, **changed))


def test_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "nowhere")


def hash_model(case: Case, seed: int) -> Predict:
    """A stand-in: any fixed number of the position."""
    return lambda rows: (rows * 37 % 101) / 101


def many(tmp_path: Path) -> Path:
    """Forty labelled names and two unlabelled ones, all at one address."""
    rows = [f"{i},name{i}.com,{'malicious' if i % 2 else 'benign'}" for i in range(40)]
    rows += ["40,hidden0.com,unknown", "41,hidden1.com,unknown"]
    edges = "\n".join(["source,target,type", *(f"{i},500,resolves" for i in range(42))])
    return write(
        tmp_path,
        domains="\n".join(["node_id,domain,label", *rows]) + "\n",
        edges=edges + "\n",
        ip_features="node_id,subnet,asn\n500,1,1\n",
    )


def test_one_record_a_model_regime_and_seed(tmp_path: Path) -> None:
    records = bench_pdns_net(
        many(tmp_path),
        regimes=("arrival", "random"),
        models=["hash"],
        seeds=(0, 1),
        entrants={"hash": hash_model},
    )
    assert [(r["model"], r["regime"], r["seed"]) for r in records] == [
        ("hash", "arrival", 0), ("hash", "arrival", 1), ("hash", "random", 0), ("hash", "random", 1),
    ]  # fmt: skip
    assert list(records[0]) == [
        "model", "regime", "seed", "auc", "balanced_accuracy", "ap", "recall_at_fpr", "f1", "ece",
        "fit_seconds", "score_seconds",
    ]  # fmt: skip
    assert set(records[0]["recall_at_fpr"]) == {"0.01", "0.001"}


@pytest.mark.parametrize(
    "text",
    [
        "node_id,value,type\n40,malicious,domain\n41,benign,domain\n",
        "node_id,value,type\n40,1,domain\n41,0,domain\n500,1,ip\n",
        "node_id,value,type\n40,hidden0.com,malicious\n41,hidden1.com,benign\n",
    ],
)
def test_a_file_of_test_labels_is_what_is_tested_on(tmp_path: Path, text: str) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    seen: list[Case] = []

    def watch(case: Case, seed: int) -> Predict:
        seen.append(case)
        return lambda rows: np.where(rows == 40, 0.9, 0.1)

    records = bench_pdns_net(
        many(tmp_path),
        regimes=["arrival"],
        models=["watch"],
        seeds=[0],
        test_labels=labels,
        entrants={"watch": watch},
    )
    assert records[0]["ap"] == records[0]["balanced_accuracy"] == 1
    assert seen[0].test.tolist() == [40, 41]
    assert seen[0].y[[40, 41]].tolist() == [-1, -1]
    assert (len(seen[0].train), len(seen[0].val)) == (32, 8)


def test_test_labels_without_a_usable_row_are_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("node_id,value,type\n999,malicious,domain\n")
    with pytest.raises(FormatError, match="no row names a domain"):
        bench_pdns_net(many(tmp_path), models=["hash"], test_labels=labels, entrants={"hash": hash_model})


def test_relatives_of_test_names_are_left_out_of_training(tmp_path: Path) -> None:
    graph = load(write(tmp_path, domains=DOMAINS + "7,x.c.co.uk,benign\n8,e.com,benign\n9,f.com,malicious\n"))
    case = held_out_case(graph, "etld1", 0, np.array([3]), np.array([1], np.int8))
    learnt = np.concatenate([case.train, case.val])
    assert graph.snapshot.names[5].as_py() == "x.c.co.uk"
    assert 5 not in learnt
    assert 6 in learnt
    assert 5 in np.concatenate([*_learnt(held_out_case(graph, "random", 0, np.array([3]), np.array([1])))])


def _learnt(case: Case) -> tuple[np.ndarray, np.ndarray]:
    return case.train, case.val


def test_relations_can_be_left_out(tmp_path: Path) -> None:
    seen: list[Case] = []

    def watch(case: Case, seed: int) -> Predict:
        seen.append(case)
        return hash_model(case, seed)

    records = bench_pdns_net(
        many(tmp_path),
        regimes=["random"],
        models=["watch"],
        seeds=[0],
        without=["apex", "similar"],
        entrants={"watch": watch},
    )
    assert set(seen[0].snapshot.relations) == {"address", "prefix", "asn", "etld_plus_one"}
    assert records[0]["without"] == ["apex", "similar"]
    with pytest.raises(UsageError, match="no such relation"):
        bench_pdns_net(tmp_path, models=["watch"], without=["mx"], entrants={"watch": watch})


def test_an_unknown_model_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match=r"no such model.*nope.*trees-lexical"):
        bench_pdns_net("nowhere", models=["nope"])
    assert {"default", "trees-neighbours", "belief-propagation", "rgcn", "sage", "hgt"} <= set(contestants())


@needs_real
def test_the_real_graph_has_the_published_size() -> None:
    graph = load(REAL)
    assert (len(graph.node_id), len(graph.snapshot)) == (7495, 7492)
    assert (graph.y == 0).sum() == 3759
    assert len(graph.snapshot.relations["address"].entities) == 4505


@needs_real
@pytest.mark.slow
def test_trees_reach_what_public_methods_reach() -> None:
    """Public methods reach .871; what lies far above it sees more than a name that arrives alone."""
    records = bench_pdns_net(REAL, regimes=["arrival"], models=["trees-neighbours"], seeds=range(100, 110))
    assert 0.865 < np.mean([r["ap"] for r in records]) < 0.885


def test_without_tld_every_name_has_one_suffix() -> None:
    names = pa.array(["a.example.co.uk", "b.github.io", "example.com", "com"])
    assert _one_suffix(names).to_pylist() == ["a.example.test", "b.test", "example.test", "com.test"]
