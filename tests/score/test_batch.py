"""Scores of hand-made graphs: every name asked for has its row, and nothing of the future counts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithra.decide.decide import decide
from mithra.errors import InputError, RefusedError, UsageError
from mithra.learn.drift import Drift
from mithra.learn.owner import Owners
from mithra.score import judge as judging
from mithra.score.batch import score
from mithra.score.scores import Scores

ASKED = [
    "WWW.login-paypa1.top.",
    "192.0.2.1",
    None,
    "old.test",
    "new-login.github.io",
    "bare.test",
    "old.test",
]


def rows(s, names=None, model=None, snapshot=None, **options):
    return (
        score(model or s.Model(), s.world() if snapshot is None else snapshot, names, **options)
        .to_arrow()
        .to_pylist()
    )


def test_one_row_a_name_in_the_order_asked(s):
    found = rows(s, ASKED)
    assert [row["name"] for row in found] == [
        "www.login-paypa1.top",
        "192.0.2.1",
        "",
        "old.test",
        "new-login.github.io",
        "bare.test",
        "old.test",
    ]
    assert [row["given"] for row in found] == ASKED
    assert [row["rank"] for row in found] == [1, None, None, 4, 2, 3, 4]
    assert [row["known"] for row in found] == [True, False, False, True, False, True, True]
    assert found[3] == found[6]


def test_score_is_the_models_at_the_snapshots_moment(s):
    found = {row["name"]: row["score"] for row in rows(s)}
    assert found["login-paypa1.top"] == pytest.approx(1 / (1 + np.exp(2 - 3 - 4)))  # five met, four count
    assert found["a.test"] == pytest.approx(1 / (1 + np.exp(2 - 4)))
    assert found["old.test"] == pytest.approx(1 / (1 + np.exp(2)))
    assert list(found) == s.world().names.to_pylist()


def test_refused_names_stay_with_the_reason(s):
    found = rows(s, ASKED)
    assert [row["score"] for row in found[1:3]] == [None, None]
    assert [row["verdict"] for row in found[1:3]] == ["unknown", "unknown"]
    assert found[1]["reasons"][0].startswith("not a domain name (ip_literal)")
    assert found[2]["reasons"] == ["not a domain name (empty): nothing there (or null)"]


def owners_by_name(snapshot, examples):
    """Tells every name to be its attacker's, those with `login` in them surely."""
    names = snapshot.names.take(pa.array(examples.domain)).to_pylist()
    assert set(examples.at.tolist()) == {int(snapshot.as_of.timestamp())}
    sure = np.array([0.9 if "login" in name else 0.6 for name in names])
    return Owners(np.zeros(len(names), np.int8), sure)


def test_owner_kinds_are_those_of_nefarious_names_alone(s):
    asked = [*ASKED, "login-paypa1.top", "a.test"]
    found = {row["name"]: row for row in rows(s, asked, s.Model(told=owners_by_name))}
    told = {name: (row["owner_kind"], row["owner_probability"]) for name, row in found.items()}
    assert told.pop("login-paypa1.top") == ("attacker", 0.9)
    assert set(told.values()) == {(None, None)}  # benign, unknown, refused
    assert {row["owner_kind"] for row in rows(s)} == {None}  # the model tells none


def test_what_is_thinly_known_is_unknown(s):
    verdict = {row["name"]: row["verdict"] for row in rows(s, [*s.world().names.to_pylist(), "login.test"])}
    assert verdict["login.test"] == "unknown"  # not in the snapshot, though its spelling scores .73
    assert verdict["bare.test"] == "unknown"  # no edge but its eTLD+1, no registration
    assert verdict["old.test"] == "benign"
    assert verdict["login-paypa1.top"] == "nefarious"


def test_a_registration_alone_is_enough_to_judge(s):
    snapshot = s.snapshot(["reg.test"], facts={"reg.test": {"created": s.NOW - s.DAY}})
    assert rows(s, snapshot=snapshot)[0]["verdict"] == "benign"


@pytest.mark.parametrize(
    ("thresholds", "verdict"),
    [
        ({"0.01": 0.3, "0.001": 0.7, "0.0001": 0.9}, "benign"),
        ({"0.01": 0.1, "0.001": 0.7, "0.0001": 0.9}, "nefarious"),
        ({"0.01": 0.1, "0.001": None}, "nefarious"),
        ({"0.01": 0.1, "0.001": float("inf")}, "nefarious"),
        ({"0.01": None, "0.001": 0.1}, "nefarious"),  # what could not be measured gives way to the next
        ({"0.01": float("inf"), "0.001": 0.3, "0.0001": 0.1}, "benign"),
        ({"0.001": 0.1}, "nefarious"),
        ({}, "benign"),
    ],
)
def test_the_line_is_drawn_at_one_in_a_hundred(s, thresholds, verdict):
    assert rows(s, ["old.test"], s.Model(thresholds=thresholds))[0]["verdict"] == verdict


def test_kinds_come_from_model_labels_and_company(s):
    kinds = {row["name"]: row["evidence_kinds"] for row in rows(s)}
    assert kinds["login-paypa1.top"] == ["lexical", "resolution"]
    assert kinds["www.login-paypa1.top"] == ["lexical", "resolution", "label"]
    assert kinds["old.test"] == []


def test_listed_company_is_evidence_though_the_model_counts_nothing(s):
    calm = [f"calm{i}.test" for i in range(90)]
    edges = [(name, "ns.bad.test", -5) for name in ["new.test", "a.test", "b.test"]]
    hub = [(name, "ns.hub.test", -5) for name in ["far.test", "c.test", *calm]]
    snapshot = s.snapshot(
        ["new.test", "far.test", "a.test", "b.test", "c.test", *calm],
        {"name_server": [*edges, *hub]},
        labels=[(name, "nefarious", "feed", -3) for name in ("a.test", "b.test", "c.test")],
    )
    kinds = {row["name"]: row["evidence_kinds"] for row in rows(s, snapshot=snapshot)}
    assert kinds["new.test"] == ["name_server"]
    assert kinds["far.test"] == []  # one listed of 91 is what any host has


def test_siblings_are_no_company(s):
    """A listed host says nothing through its own eTLD+1."""
    names = ["x.own.test", "own.test", "other.test"]
    snapshot = s.snapshot(
        names,
        {"address": [(name, "192.0.2.9", -5) for name in names]},
        labels=[("x.own.test", "nefarious", "feed", -3)],
    )
    found = {row["name"]: row for row in rows(s, snapshot=snapshot)}
    assert "label" not in found["own.test"]["evidence_kinds"]
    assert not any("listed (" in reason for reason in found["own.test"]["reasons"])
    assert any("2 other names, 1 of them listed" in reason for reason in found["other.test"]["reasons"])


def test_columns_that_guard_decisions(s):
    found = {row["name"]: row for row in rows(s, [*s.world().names.to_pylist(), "x.github.io"])}
    old = found["old.test"]
    assert (old["popular_days"], old["popular_rank"], old["warning_list"]) == (30, 900, "top-sites")
    assert old["label_benign"] is True
    assert found["a.test"]["label_benign"] is False
    assert old["addresses"] == ["198.51.100.7"]  # two tenancies of one address
    assert old["name_servers"] == ["ns1.host.test"]
    assert found["x.github.io"]["shared_suffix"] is True
    assert found["x.github.io"]["group"] == "x.github.io"
    assert found["www.login-paypa1.top"]["group"] == "login-paypa1.top"
    assert found["login-paypa1.top"]["registrar"] == "Bad\\x1b[2J Registrar"


def test_registrar_falls_back_on_its_key(s):
    snapshot = s.snapshot(["a.test"], {"registrar": [("a.test", "iana:7", -1)]})
    assert rows(s, snapshot=snapshot)[0]["registrar"] == "iana:7"


def test_metadata_says_where_the_scores_came_from(s):
    world = s.world()
    scores = score(s.Model(thresholds={"0.001": 0.7, "0.0001": float("inf")}), world, ["a.test"])
    assert scores.origin == {
        "simulated": "true",
        "model_digest": "m1",
        "snapshot_digest": world.digest,
        "as_of": "2026-06-01T00:00:00+00:00",
        "base_rate": "0.01",
        "thresholds": '{"0.001": 0.7, "0.0001": null}',
        "drift": "",
    }
    assert scores.thresholds == {"0.001": 0.7, "0.0001": None}
    assert scores.simulated


def test_a_drift_alarm_goes_along_to_the_decision(s, tmp_path):
    moved = Drift(
        "2026-05-20T00:00:00+00:00", "2026-06-01T00:00:00+00:00", 900, 0.3, 0.0, {"name_length": 0.2}
    )
    scores = score(s.Model(drifted=moved), s.world(), ["login-paypa1.top", "old.test"])
    assert scores.drift["level"] == "alarm"
    for ending in ("parquet", "csv", "jsonl"):
        back = Scores.read(scores.write(tmp_path / f"scores.{ending}"))
        assert back.drift == scores.drift
        with pytest.raises(RefusedError, match="has drifted"):
            decide(back)


def test_decide_takes_the_scores_as_they_are(s):
    scores = score(s.Model(), s.world(), ["login-paypa1.top", "old.test", "login.test", "no name", "d.test"])
    decisions = {row["name"]: row for row in decide(scores).to_arrow().to_pylist()}
    assert decisions["login-paypa1.top"]["action"] == "block"
    assert decisions["login.test"]["guard"] == "unknown_verdict"


def test_the_future_changes_nothing(s):
    """Edges and labels known after the snapshot's moment do not count, wherever they came from."""
    names = ["new.test", "a.test", "b.test"]
    now = {"address": [("new.test", "192.0.2.1", -5), ("a.test", "192.0.2.1", -5)]}
    later = {"address": [*now["address"], ("b.test", "192.0.2.1", 2), ("new.test", "203.0.113.5", 1)]}
    label = ("a.test", "nefarious", "feed", -3)
    known = s.snapshot(names, now, [label])
    told = s.snapshot(
        names, later, [label, ("b.test", "nefarious", "feed", 1), ("new.test", "benign", "x", 9)]
    )
    for options in ({}, {"reasons": False}):
        one, two = (score(s.Model(), snap, names, **options).to_arrow() for snap in (known, told))
        for column in one.column_names:
            assert one[column].to_pylist() == two[column].to_pylist(), column


def test_undated_graphs_are_scored_without_dates(s):
    names = ["new.test", "a.test"]
    snapshot = s.snapshot(
        names,
        {"address": [(name, "192.0.2.1", 0) for name in names]},
        [("a.test", "nefarious", "feed", 0)],
        as_of=None,
        first_seen={"new.test": 0, "a.test": 0},
    )
    found = score(s.Model(), snapshot)
    assert found.origin["as_of"] == ""
    reasons = found.to_arrow()["reasons"].to_pylist()
    assert "shares address 192.0.2.1 with 1 other name, which is listed (first by feed)" in reasons[0]
    assert "listed by feed as phishing" in reasons[1]


def test_without_reasons_the_kinds_stay(s):
    found = rows(s, ["login-paypa1.top", "-"], reasons=False)
    assert found[0]["reasons"] == []
    assert found[0]["evidence_kinds"] == ["lexical", "resolution"]
    assert rows(s, ["no name"], reasons=False)[0]["reasons"][0].startswith("not a domain name")


def test_of_many_names_the_worst_get_words(s, monkeypatch):
    monkeypatch.setattr(judging, "ALL_CLOSER", 2)
    found = {row["name"]: row for row in rows(s, [*s.world().names.to_pylist(), "far-login.test"])}
    told = {name: bool(row["reasons"]) for name, row in found.items()}
    # two at least, and all that any threshold flags (.3)
    assert {name for name, some in told.items() if some} == {
        "login-paypa1.top",
        "www.login-paypa1.top",
        "a.test",
        "b.test",
        "c.test",
        "d.test",
        "e.test",
        "far-login.test",
    }
    assert found["login-paypa1.top"]["evidence_kinds"] == ["lexical", "resolution"]
    assert found["www.login-paypa1.top"]["evidence_kinds"] == ["lexical", "resolution", "label"]


def test_a_listing_is_evidence_of_names_that_nobody_looks_closer_at(s, monkeypatch):
    monkeypatch.setattr(judging, "ALL_CLOSER", 1)
    quiet = s.snapshot(["login.test", "calm.test"], labels=[("calm.test", "nefarious", "f", -1)])
    found = {row["name"]: row for row in rows(s, snapshot=quiet)}
    assert (found["calm.test"]["evidence_kinds"], found["calm.test"]["reasons"]) == (["label"], [])


def test_chunks_give_the_same_scores(s, monkeypatch):
    whole = rows(s, ASKED)
    monkeypatch.setattr(judging, "CHUNK_NAMES", 2)
    assert rows(s, ASKED) == whole


def test_progress_goes_to_stderr(s, capsys):
    rows(s, ["a.test"], progress=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "names",
    [
        ["a.test", "old.test"],
        ("a.test", "old.test"),
        np.array(["a.test", "old.test"]),
        pa.array(["a.test", "old.test"]),
        pa.chunked_array([["a.test"], ["old.test"]]),
        pa.array(["a.test", "old.test"]).dictionary_encode(),
        pa.array([b"a.test", b"old.test"]),
        pa.table({"rank": [1, 2], "name": ["a.test", "old.test"]}),
        pd.Series(["a.test", "old.test"]),
        pd.Series(["a.test", "old.test"], dtype="category"),
        pd.DataFrame({"fqdn": ["a.test", "old.test"]}),
        pl.Series(["a.test", "old.test"]),
        pl.DataFrame({"name": ["a.test", "old.test"], "seen": [1, 2]}),
        pl.DataFrame({"name": ["a.test", "old.test"]}).lazy(),
        (name for name in ("a.test", "old.test")),
    ],
    ids=lambda names: type(names).__name__,
)
def test_names_come_in_any_form(s, names):
    found = rows(s, names)
    assert [(row["name"], row["given"], row["known"]) for row in found] == [
        ("a.test", "a.test", True),
        ("old.test", "old.test", True),
    ]


def test_names_come_in_files(s, tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.test\r\n\n# a comment\n  OLD.test \n\xff.test\n")
    (tmp_path / "list.csv").write_text("rank,name\n1,a.test\n2,OLD.test\n3,null\n")
    pq.write_table(pa.table({"name": ["a.test", "OLD.test"]}), tmp_path / "list.parquet")
    given = {file.name: [row["given"] for row in rows(s, file)] for file in sorted(tmp_path.iterdir())}
    assert given == {
        "list.csv": ["a.test", "OLD.test", "null"],
        "list.parquet": ["a.test", "OLD.test"],
        "list.txt": ["a.test", "OLD.test", "\ufffd.test"],
    }
    assert [row["known"] for row in rows(s, str(tmp_path / "list.txt"))] == [True, True, False]


def test_a_packed_list_and_one_cut_short(s, tmp_path):
    import gzip

    packed = gzip.compress(b"a.test\nold.test\n" * 50)
    (tmp_path / "list.gz").write_bytes(packed)
    (tmp_path / "cut.gz").write_bytes(packed[:-9])
    assert len(rows(s, tmp_path / "list.gz")) == 100
    with pytest.raises(InputError, match=r"cut\.gz: cannot read names"):
        rows(s, tmp_path / "cut.gz")


def test_wrong_input_is_named(s, tmp_path):
    with pytest.raises(InputError, match="no such file of names"):
        rows(s, "a.test")
    (tmp_path / "two.csv").write_text("fqdn,rank\na.test,1\n")
    (tmp_path / "none.csv").write_text("")
    with pytest.raises(InputError, match=r"two\.csv: no column 'name'"):
        rows(s, tmp_path / "two.csv")
    with pytest.raises(InputError, match=r"none\.csv: an empty file"):
        rows(s, tmp_path / "none.csv")
    with pytest.raises(UsageError, match="no column 'name'"):
        rows(s, pd.DataFrame({"x": ["a"], "y": ["b"]}))
    with pytest.raises(UsageError, match="column of"):
        rows(s, [1, 2])
    with pytest.raises(UsageError):
        rows(s, 7)


def test_no_names_are_no_rows(s):
    assert rows(s, []) == []
    assert rows(s, snapshot=s.snapshot([])) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["a.test", "OLD.test", "x.com"]))))
def test_every_name_has_its_row_whatever_it_is(s, names):
    table = score(s.Model(), s.world(), names).to_arrow()
    assert len(table) == len(names)
    for text, row in zip(names, table.to_pylist(), strict=True):
        assert row["name"].isascii()
        assert row["name"].isprintable()
        assert (
            (row["score"] is None)
            == (row["rank"] is None)
            == row["reasons"][:1][0].startswith("not a domain")
        )
        if text in ("a.test", "OLD.test", "x.com"):
            assert row["name"] == text.lower()
            assert row["score"] is not None
    json.dumps(table["reasons"].to_pylist())
