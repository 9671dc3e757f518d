"""`mithra decide` and `mithra publish` on scores written by hand, through files and through pipes."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq

from mithra.decide.decisions import Decisions
from mithra.publish.targets import TARGETS


def test_decide_writes_a_file_of_the_kind_that_its_ending_names(mithra, scores, tmp_path):
    for ending in ("parquet", "csv", "jsonl"):
        out = tmp_path / f"decisions.{ending}"
        result = mithra("decide", scores(), "--out", out)
        assert (result.exit_code, result.stdout) == (0, "")
        assert Decisions.read(out).blocks["name"].to_pylist() == ["bad.example"]
        assert "1 block, 1 watch, 0 allow" in result.stderr


def test_decide_prints_a_table_that_reads_nothing_as_markup(mithra, scores):
    result = mithra("decide", scores())
    row = next(line for line in result.stdout.splitlines() if "bad.example" in line)
    assert row.split()[:4] == ["bad.example", "block", "subtree", "0.9000"]
    assert "registrar [red]evil\\x1b[31m[red]\\u202e.example" in row
    assert "\x1b" not in result.stdout


def test_decide_takes_a_policy(mithra, scores, tmp_path):
    (tmp_path / "policy.toml").write_text('mode = "monitor"\n')
    result = mithra("decide", scores(), "--policy", tmp_path / "policy.toml", "--format", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["action"] for row in rows} == {"watch"}
    assert rows[0]["mode"] == "monitor"


def test_a_misspelt_policy_key_is_bad_input(mithra, scores, tmp_path):
    (tmp_path / "policy.toml").write_text("max_frp = 0.1\n")
    result = mithra("decide", scores(), "--policy", tmp_path / "policy.toml")
    assert result.exit_code == 3
    assert "Did you mean max_fpr?" in result.stderr


def test_previous_decisions_stay_in_force(mithra, scores, tmp_path):
    first = tmp_path / "first.parquet"
    mithra("decide", scores(), "--out", first)
    result = mithra("decide", scores(), "--previous", first, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["name"] for row in rows if row["action"] == "block"] == ["bad.example"]


def test_broken_scores_are_refused_with_code_1(mithra, scores, tmp_path):
    table = pq.read_table(scores())
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    result = mithra("decide", tmp_path / "empty.parquet", "--out", tmp_path / "d.parquet")
    assert result.exit_code == 1
    assert not (tmp_path / "d.parquet").exists()


def test_decisions_go_nowhere_that_names_no_format(mithra, scores, tmp_path):
    result = mithra("decide", scores(), "--out", tmp_path / "d.xlsx")
    assert result.exit_code == 2
    assert ".jsonl, .csv, .parquet" in result.stderr


def test_what_is_no_table_of_scores_is_bad_input(mithra, tmp_path):
    (tmp_path / "s.csv").write_text("name,score\nx.example,0.5\n")
    result = mithra("decide", tmp_path / "s.csv")
    assert result.exit_code == 3
    assert "s.csv:2: not a score" in result.stderr
    result = mithra("decide", "-", stdin="name,score\nx.example,0.5\n")
    assert result.exit_code == 3
    assert "stdin:2: not a score" in result.stderr


def decisions(mithra, scores, tmp_path, **options):
    out = tmp_path / "decisions.parquet"
    assert mithra("decide", scores(**options), "--out", out).exit_code == 0
    return out


def test_publish_writes_every_format(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path)
    for format, line in [
        ("rpz", "*.bad.example CNAME ."),
        ("hosts", "0.0.0.0 bad.example"),
        ("plain", "bad.example"),
    ]:
        out = tmp_path / f"list.{format}"
        result = mithra("publish", made, "--format", format, "--out", out)
        assert (result.exit_code, result.stdout) == (0, "")
        assert line in [" ".join(text.split()) for text in out.read_text().splitlines()]
        assert "1 names blocked" in result.stderr


def test_publish_names_its_formats(mithra, scores, tmp_path):
    shown = mithra("publish", "--help").stdout
    assert all(name in shown for name in TARGETS)
    result = mithra("publish", tmp_path / "d.parquet", "--format", "bind", "--out", "-")
    assert result.exit_code == 2
    assert "bind is none of rpz, hosts, plain," in " ".join(result.stderr.replace("│", " ").split())


def test_publish_says_what_a_format_cannot_express(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path)
    result = mithra("publish", made, "--format", "zeek", "--out", tmp_path / "x.intel")
    assert "narrowed: 1 subtree_as_host" in result.stderr
    result = mithra("publish", made, "--format", "rpz", "--out", "-", "--level", "host")
    assert result.exit_code == 1
    assert "'other_level': 1" in result.stderr


def test_publish_parquet_through_a_pipe(shell, scores):
    scores()
    done = shell(
        "set -o pipefail; mithra decide scores.parquet --out d.parquet; "
        "mithra publish d.parquet --format parquet --out - | tee list.parquet | wc -c; "
        'python3 -c \'import sys; print(open("list.parquet", "rb").read()[:4])\''
    )
    assert done.returncode == 0, done.stderr
    assert "PAR1" in done.stdout


def test_push_refuses_before_it_sends_anything(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path, simulated="true")
    (tmp_path / "k").write_text("no key")
    zone = ("--zone", "rpz.test", "--key", tmp_path / "k")
    result = mithra("push", made, "--server", "192.0.2.53", *zone)
    assert result.exit_code == 1
    assert "not for a resolver" in result.stderr
    assert mithra("push", made, "--server", "ns.example", *zone).exit_code == 2
    result = mithra("push", made, "--server", "127.0.0.1:1", *zone)
    assert result.exit_code == 3
    assert "tsig-keygen" in result.stderr


def test_publish_to_stdout_and_options(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path)
    zone = mithra(
        "publish", made, "--format", "rpz", "--out", "-", "--zone", "rpz.test", "--serial", 42
    ).stdout
    assert "$ORIGIN rpz.test." in zone
    assert " 42 " in zone
    hosts = mithra(
        "publish", made, "--format", "hosts", "--out", "-", "--sinkhole", "::", "--sinkhole", "127.0.0.1"
    )
    assert [line for line in hosts.stdout.splitlines() if line[:1] != "#"] == [
        ":: bad.example",
        "127.0.0.1 bad.example",
    ]


def test_an_option_that_the_format_has_no_use_for_is_wrong_usage(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path)
    result = mithra("publish", made, "--format", "plain", "--out", "-", "--sinkhole", "::")
    assert result.exit_code == 2
    assert "--sinkhole is for --format hosts" in result.stderr


def test_nothing_to_block_is_code_1_and_leaves_the_list(mithra, scores, tmp_path):
    (tmp_path / "policy.toml").write_text('mode = "monitor"\n')
    made, out = tmp_path / "d.csv", tmp_path / "list.txt"
    out.write_text("old\n")
    mithra("decide", scores(), "--policy", tmp_path / "policy.toml", "--out", made)
    assert mithra("publish", made, "--format", "plain", "--out", out).exit_code == 1
    assert out.read_text() == "old\n"
    assert mithra("publish", made, "--format", "plain", "--out", out, "--allow-empty").exit_code == 0
    assert not out.read_text().startswith("old")


def test_a_simulated_list_says_so(mithra, scores, tmp_path):
    made = decisions(mithra, scores, tmp_path, simulated="true")
    result = mithra("publish", made, "--format", "plain", "--out", "-")
    assert "simulated: this list is marked" in result.stderr
    assert "# SIMULATED" in result.stdout


def test_scores_and_decisions_go_through_pipes(shell, scores):
    scores()
    done = shell(
        "set -o pipefail; cat scores.parquet | mithra decide - --format parquet | tee decisions.parquet"
        " | mithra -q publish - --format plain --out - | grep -v '#'"
    )
    assert (done.returncode, done.stdout) == (0, "bad.example\n"), done.stderr
    assert "1 block, 1 watch, 0 allow" in done.stderr


def test_decisions_come_through_a_pipe_in_any_format(mithra, scores):
    for format in ("jsonl", "csv"):
        made = mithra("decide", scores(), "--format", format).stdout
        result = mithra("publish", "-", "--format", "plain", "--out", "-", stdin=made)
        assert [line for line in result.stdout.splitlines() if line[0] != "#"] == ["bad.example"]


def test_a_workspace_keeps_runs_allows_and_lists(mithra, scores, tmp_path):
    lake, zone = tmp_path / "lake", tmp_path / "mithra.rpz"
    (tmp_path / "names.txt").write_text("evil.example\n")
    listing = ("--verdict", "nefarious", "--known-at", "2026-01-01")
    assert mithra("ingest", lake, tmp_path / "names.txt", *listing).exit_code == 0
    assert mithra("publish", lake, "--format", "rpz", "--out", zone).exit_code == 1
    assert mithra("decide", scores(), "--workspace", lake, "--author", "ana", "--out", "-").exit_code == 0
    assert mithra("publish", lake, "--format", "rpz", "--out", zone).exit_code == 0
    first = zone.read_bytes()
    assert b"bad.example" in first
    assert mithra("allow", lake, "bad.example").exit_code == 2
    assert mithra("allow", lake, "bad.example", "--reason", "ours \x1b[31m").exit_code == 0
    listed = mithra("allow", lake)
    assert "bad.example" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert mithra("publish", lake, "--format", "rpz", "--out", zone, "--allow-empty").exit_code == 0
    assert b"bad.example CNAME rpz-passthru." in zone.read_bytes()
    back = mithra("restore", lake, zone)
    assert back.exit_code == 0
    assert "allowed since and blocked again where it blocked them: bad.example" in back.stderr
    assert mithra("allow", lake, "good.example", "no name", "--reason", "why").exit_code == 3
    assert "good.example" not in mithra("allow", lake).stdout
    assert zone.read_bytes() == first
    assert mithra("allow", lake, "bad.example", "--revoke", "--reason", "was not").exit_code == 0
    assert "bad.example" not in mithra("allow", lake).stdout


def test_decide_as_of_a_past_moment(mithra, scores):
    result = mithra("decide", scores(), "--now", "2020-01-01", "--format", "jsonl")
    row = json.loads(result.stdout.splitlines()[0])
    assert (row["expires"], row["decided_at"]) == ("2020-01-15T00:00:00+00:00", "2020-01-01T00:00:00+00:00")
