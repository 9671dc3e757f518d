"""Scores as files: what is written comes back, and no cell is a formula."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pytest

from mithra.errors import InputError, UsageError
from mithra.score.batch import score
from mithra.score.scores import SCHEMA, Scores

ASKED = ["login-paypa1.top", "no name", "old.test", "=cmd|'/c calc'!A1", None, "-x.test", "a\x1b[2J.test"]


@pytest.fixture
def scores(s):
    return score(s.Model(), s.world(), ASKED)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_what_is_written_comes_back(scores, tmp_path, ending):
    path = scores.write(tmp_path / f"scores.{ending}")
    back = Scores.read(path)
    assert back.origin == scores.origin
    for column in SCHEMA.names:
        if not (ending == "csv" and column == "given"):  # escaped there
            assert back.table[column].to_pylist() == scores.table[column].to_pylist(), column


def test_format_wins_over_the_ending(scores, tmp_path):
    path = scores.write(tmp_path / "scores.txt", format="jsonl")
    first = json.loads(path.read_text().splitlines()[0])
    assert first["name"] == "login-paypa1.top"
    assert first["thresholds"] == {"0.01": 0.3, "0.001": 0.7, "0.0001": None}
    assert first["simulated"] == "true"


def test_no_cell_is_a_formula_or_drives_a_terminal(scores, tmp_path):
    path = scores.write(tmp_path / "scores.csv")
    text = path.read_bytes().decode("ascii")  # nothing else in it
    rows = list(csv.DictReader(text.splitlines()))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert rows[3]["name"] == "'=cmd|'/c calc'!A1"
    assert rows[5]["name"] == "'-x.test"
    assert rows[6]["given"] == "a\\x1b[2J.test"
    assert rows[0]["evidence_kinds"] == "lexical | resolution"


def test_frames(scores):
    assert scores.to_pandas()["name"].tolist()[:2] == ["login-paypa1.top", "no name"]
    assert scores.to_polars()["verdict"].to_list()[:3] == ["nefarious", "unknown", "benign"]
    assert repr(scores) == "Scores(7 names: 1 nefarious, 5 unknown, 1 benign, simulated)"


def test_top_is_each_name_once_worst_first(s):
    scores = score(
        s.Model(), s.world(), ["old.test", "login-paypa1.top", "a.test", "login-paypa1.top", "no name"]
    )
    assert scores.top(2).table["name"].to_pylist() == ["login-paypa1.top", "a.test"]
    assert scores.top(9).table["rank"].to_pylist() == [1, 2, 3]
    assert scores.top(1).origin == scores.origin
    with pytest.raises(UsageError, match="from 1 on"):
        scores.top(0)


def test_a_failed_write_leaves_the_old_file(scores, tmp_path, monkeypatch):
    path = tmp_path / "scores.csv"
    path.write_text("old")

    def broken(self):
        raise RuntimeError("half way")

    monkeypatch.setattr(Scores, "_rows", broken)
    with pytest.raises(RuntimeError):
        scores.write(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_scores_is_refused(scores, tmp_path):
    with pytest.raises(UsageError, match="unknown format"):
        scores.write(tmp_path / "scores.xls")
    with pytest.raises(UsageError, match="no text format"):
        scores.write_text(None, "parquet")
    with pytest.raises(InputError, match="not a table of scores"):
        Scores(pa.table({"name": ["a"]}))
    with pytest.raises(InputError, match="simulated"):
        Scores(scores.table.replace_schema_metadata({}))
    with pytest.raises(UsageError, match="Arrow table"):
        Scores(None)
    with pytest.raises(InputError, match=r"none\.csv"):
        Scores.read(tmp_path / "none.csv")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="no scores in the file"):
        Scores.read(tmp_path / "empty.jsonl")


def test_a_bad_line_is_named(scores, tmp_path):
    path = scores.write(tmp_path / "scores.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{half", *lines[1:]]))
    with pytest.raises(InputError, match=r"scores\.jsonl:2: not a score"):
        Scores.read(path)
    other = lines[1].replace('"m1"', '"m2"')
    path.write_text("\n".join([lines[0], other]))
    with pytest.raises(InputError, match=r"scores\.jsonl:2: .*several runs"):
        Scores.read(path)
