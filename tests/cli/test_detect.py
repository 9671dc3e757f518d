"""`mithra detect` through files: every format, hostile names in each, and what it says on stderr."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
import stix2

LOG = "{day} 10:00:00.900 queries: info: client @0x7f 10.0.0.{client}#4000 (x): query: {name} IN A +\n"
HOSTILE = "=cmd()\x1b[31m[red]\u202e"


@pytest.fixture
def log(tmp_path):
    """Three queries, two of them for a nefarious name."""
    lines = [(1, "bad.example"), (2, "bad.example"), (2, "calm1.example")]
    file = tmp_path / "query.log"
    file.write_text(
        "".join(LOG.format(day="02-Jul-2026", client=client, name=name) for client, name in lines)
    )
    return file


@pytest.fixture
def alerts(tmp_path):
    """Alerts of some tool with a hostile title."""
    file = tmp_path / "alerts.jsonl"
    rows = [{"d": "bad.example", "t": HOSTILE}, {"d": "bad\x1b[31m.example", "t": "odd"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_table_shows_who_asked_for_what(mithra, lake, log, scores):
    result = mithra("detect", lake, log, "--scores", scores(), "--show-clients")
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if "bad.example" in line]
    assert [row[:5] for row in rows] == [
        ["1", "bad.example", "0.9000", "10.0.0.2", "1"],
        ["2", "bad.example", "0.9000", "10.0.0.1", "1"],
    ] or [row[3] for row in rows] == ["10.0.0.1", "10.0.0.2"]
    assert "1 file: 3 queries, 0 alerts" in result.stderr
    assert "2 open, on 1 names in 1 groups, by 2 clients; 0 closed" in result.stderr


def test_no_format_lets_hostile_text_through(mithra, lake, alerts, scores, tmp_path):
    options = ("--scores", scores(), "--map", "name=d,title=t")
    table = mithra("detect", lake, alerts, *options)
    assert "\x1b" not in table.stdout
    assert "\u202e" not in table.stdout
    text = mithra("detect", lake, alerts, *options, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["title"][:2] for row in rows if row["name"] == "bad.example"] == ["'="]
    assert "\x1b" not in text
    for kind in ("ocsf", "jsonl"):
        text = mithra("detect", lake, alerts, *options, "--format", kind).stdout
        assert text.isascii()
        assert len([json.loads(line) for line in text.splitlines()]) == 2
    text = mithra("detect", lake, alerts, *options, "--format", "stix").stdout
    assert text.isascii()
    assert sum(each.type == "sighting" for each in stix2.parse(text).objects) == 1


def test_the_ending_names_the_format(mithra, lake, log, scores, tmp_path):
    out = tmp_path / "findings.parquet"
    assert mithra("detect", lake, log, "--scores", scores(), "--out", out).exit_code == 0
    assert pq.read_table(out)["name"].to_pylist() == ["bad.example"] * 2
    result = mithra("detect", lake, log, "--scores", scores(), "--out", tmp_path / "findings.json")
    assert result.exit_code == 2
    assert "--format ocsf" in result.stderr


def test_what_is_allowed_is_closed_and_counted(mithra, lake, log, scores):
    mithra("allow", lake, "bad.example", "--reason", "ours")
    result = mithra("detect", lake, log, "--scores", scores(), "--format", "jsonl")
    [row] = [json.loads(line) for line in result.stdout.splitlines()]
    assert (row["status"], row["count"], row["client"]) == ("closed", 2, None)
    assert "1 closed: allowed: ours" in result.stderr


def test_errors_have_their_exit_codes(mithra, lake, log, scores, tmp_path):
    assert mithra("detect", lake, log).exit_code == 1
    assert mithra("detect", tmp_path / "none", log, "--scores", scores()).exit_code == 3
    assert mithra("detect", lake, tmp_path / "none.log", "--scores", scores()).exit_code == 3
    assert mithra("detect", lake, log, "--scores", scores(), "--model", lake).exit_code in (2, 3)
    assert mithra("detect", lake, log, "--scores", scores(), "--log-format", "nonsense").exit_code == 2


def test_simulated_scores_say_so(mithra, lake, log, scores):
    result = mithra("detect", lake, log, "--scores", scores(simulated="true"), "--format", "jsonl")
    assert "simulated:" in result.stderr
    assert {json.loads(line)["simulated"] for line in result.stdout.splitlines()} == {True}
