"""`mithra score` and `mithra explain` with a small model, through files and pipes."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pyarrow.parquet as pq
import pytest

LIST = b"# mine\nEXAMPLE.com.\n\nevil\x1b[31m.example\r\n=1+1\nexample.com\n"


def rows_of(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_pipe_keeps_the_order_of_the_list_and_says_why_a_name_was_refused(mithra, small_model, small_lake):
    result = mithra("score", small_model, small_lake, "-", "--format", "jsonl", stdin=LIST)
    rows = rows_of(result)
    assert [row["given"] for row in rows] == ["EXAMPLE.com.", "evil\x1b[31m.example", "=1+1", "example.com"]
    assert [row["name"] for row in rows] == ["example.com", "evil\\x1b[31m.example", "=1+1", "example.com"]
    assert [row["verdict"] for row in rows] == ["unknown"] * 4
    assert rows[0]["score"] == rows[3]["score"]
    assert rows[1]["score"] is None
    assert "control_character" in rows[1]["reasons"][0]
    assert "4 names scored as of 2026-06-" in result.stderr


def test_a_list_in_a_file_gives_the_same_as_in_a_pipe(mithra, small_model, small_lake, tmp_path):
    (tmp_path / "list.txt").write_bytes(LIST)
    arguments = ["score", small_model, small_lake]
    piped = mithra(*arguments, "-", "--format", "csv", stdin=LIST).stdout
    assert mithra(*arguments, tmp_path / "list.txt", "--format", "csv").stdout == piped
    assert [row["name"] for row in csv.DictReader(io.StringIO(piped))][2] == "'=1+1"


def test_a_table_shows_the_worst_first_and_drives_no_terminal(mithra, small_model, small_lake):
    names = LIST + b"login-paypal-verify.example\n"
    lines = mithra("score", small_model, small_lake, "-", stdin=names).stdout.splitlines()
    cells = [line.split() for line in lines[3:] if line.strip()]
    ranks = [int(row[0]) for row in cells if row[0].isdecimal()]
    assert ranks == sorted(ranks)
    assert len(ranks) == 3
    assert {row[0] for row in cells[3:]} == {"evil\\x1b[31m.example", "=1+1"}
    assert "\x1b" not in "".join(lines)


def test_all_names_of_the_workspace(mithra, small_model, small_lake, small_scores, tmp_path):
    out = tmp_path / "scores.parquet"
    assert mithra("score", small_model, small_lake, "--out", out, "--as-of", "2026-06-05").exit_code == 0
    assert pq.read_table(out).equals(small_scores.to_arrow())


def test_top_names_only(mithra, small_model, small_lake, small_scores):
    names = "\n".join(small_scores.top(9).to_arrow()["name"].to_pylist()[::-1])
    options = ["--as-of", "2026-06-05", "--top", 2, "--format", "jsonl"]
    rows = rows_of(mithra("score", small_model, small_lake, "-", *options, stdin=names))
    assert [row["name"] for row in rows] == small_scores.top(2).to_arrow()["name"].to_pylist()


def test_names_go_from_a_pipe_to_a_list(shell, small_model, small_lake, small_scores, tmp_path):
    """With a threshold that the worst names reach, those that have two kinds of evidence are on the list."""
    worst = small_scores.top(40).to_arrow()
    (tmp_path / "names.txt").write_text("\n".join(worst["name"].to_pylist()))
    (tmp_path / "policy.toml").write_text(f"threshold = {worst['score'][29].as_py()}\nrefuse_share = 1.0\n")
    done = shell(
        f"set -o pipefail; cat names.txt"
        f" | mithra -q score {small_model} {small_lake} - --as-of 2026-06-05 --format parquet"
        " | mithra -q decide - --policy policy.toml --format csv | tee decisions.csv"
        " | mithra publish - --format plain --allow-empty --out -"
    )
    assert done.returncode == 0, done.stderr
    decided = list(csv.DictReader(io.StringIO((tmp_path / "decisions.csv").read_text())))
    assert len(decided) >= 30
    blocked = sorted(row["name"] for row in decided if row["action"] == "block")
    assert [line for line in done.stdout.splitlines() if not line.startswith("#")] == blocked


def test_scores_in_any_format_can_be_decided_on(mithra, small_scores, tmp_path):
    (tmp_path / "policy.toml").write_text("threshold = 0.2\nrefuse_share = 1.0\n")
    found = {}
    for ending in ("parquet", "csv", "jsonl"):
        path = small_scores.write(tmp_path / f"scores.{ending}")
        rows = rows_of(mithra("decide", path, "--policy", tmp_path / "policy.toml", "--format", "jsonl"))
        found[ending] = [row["name"] for row in rows]
    assert found["parquet"] == found["csv"] == found["jsonl"]
    assert found["parquet"]


def test_an_empty_list_is_nothing_to_do(mithra, small_model, small_lake):
    result = mithra("score", small_model, small_lake, "-", stdin=b"# nothing\n\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no name to score" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{lake}", "{lake}"], 3, "no model folder"),
        (["{model}", "{tmp}/none", "--as-of", "2026-05-28"], 3, "no workspace"),
        (["{model}", "{tmp}/none"], 3, "no workspace"),
        (["{model}", "{lake}", "{tmp}/none.txt"], 3, "no such file of names"),
        (["{model}", "{lake}", "--as-of", "soon"], 2, "--as-of is not a date (got 'soon'). Write it as 2026"),
        (["{model}", "{lake}", "--out", "{tmp}/x.doc"], 2, "names no format"),
        (["{model}", "{lake}", "--top", "0"], 2, "--top"),
    ],
)  # fmt: skip
def test_what_does_not_fit(mithra, small_model, small_lake, tmp_path, arguments, code, message):
    places = {"model": small_model, "lake": small_lake, "tmp": tmp_path}
    result = mithra("score", *(argument.format(**places) for argument in arguments))
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_with_a_changed_file_is_refused(mithra, small_model, small_lake, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(small_model, copy)
    tree = next(copy.glob("trees-*"))
    tree.write_bytes(tree.read_bytes() + b" ")
    result = mithra("score", copy, small_lake, "-", stdin=b"example.com\n")
    assert result.exit_code == 3
    assert "does not match the digest" in result.stderr
    assert tree.name in result.stderr


def test_explain_prints_a_page_and_json(mithra, small_model, small_lake, small_scores):
    name = small_scores.top(1).to_arrow()["name"][0].as_py()
    arguments = [small_model, small_lake, f"{name.upper()}.", "--as-of", "2026-06-05"]
    assert mithra("explain", *arguments).stdout.startswith(f"{name}: ")
    told = json.loads(mithra("explain", *arguments, "--json", "-").stdout)
    assert told["name"] == name
    assert told["score"] == pytest.approx(small_scores.top(1).to_arrow()["score"][0].as_py())


def test_explain_as_a_page(mithra, small_model, small_lake, tmp_path):
    arguments = ["explain", small_model, small_lake, "login-example.test"]
    assert "speaks" not in mithra(*arguments, "--html", tmp_path / "why.html").stdout
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "login-example.test" in page
    assert mithra(*arguments, "--html", "-").stdout == page
    both = mithra(*arguments, "--html", "-", "--json", "-")
    assert (both.exit_code, both.stdout) == (2, "")


def test_explain_refuses_what_is_no_name(mithra, small_model, small_lake):
    result = mithra("explain", small_model, small_lake, "evil\x1b[31m..example")
    assert result.exit_code == 3
    assert "not a domain name" in result.stderr
    assert "\x1b" not in result.stderr


def test_audit_shows_overlap_disputes_and_what_the_list_lacks(mithra, small_model, small_lake, tmp_path):
    arguments = ["audit", small_lake, "domains-dated", "--model", small_model, "--as-of", "2026-06-05"]
    result = mithra(*arguments, "--json", tmp_path / "audit.json")
    assert result.exit_code == 0, result.stderr
    found = json.loads((tmp_path / "audit.json").read_text())
    assert {each["source"] for each in found["overlap"]} <= {"hosts-basic", "urls-recent"}
    assert all(row["score"] is not None for row in found["disputed"])
    assert found["lacking"][0]["name"] in result.stdout
    listed = {"entries": found["entries"], "alone": found["alone"]}
    assert 0 < listed["alone"] <= listed["entries"]


def test_audit_of_a_list_that_is_not_there(mithra, small_lake):
    result = mithra("audit", small_lake, "nobody's")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "domains-dated" in result.stderr


def test_label_keeps_the_answer_with_its_author(mithra, tmp_path):
    lake = tmp_path / "lake"
    (tmp_path / "names.txt").write_text("evil.example\n")
    assert mithra("label", lake, "evil.example", "benign", "--because", "ours").exit_code == 3
    mithra("ingest", lake, tmp_path / "names.txt", "--verdict", "nefarious", "--known-at", "2026-01-01")
    assert mithra("label", lake, "evil.example").exit_code == 2
    assert mithra("label", lake, "evil.example", "fine", "--because", "ours").exit_code == 2
    told = mithra("label", lake, "evil.example", "benign", "--because", "ours\x1b[31m", "--author", "ana")
    assert told.exit_code == 0
    listed = mithra("label", lake).stdout
    assert "evil.example" in listed
    assert "\x1b" not in listed
    assert "analyst:ana" in mithra("status", lake).stdout
