"""`mithra campaigns`: a table, records and JSON, and a workspace that remembers."""

from __future__ import annotations

import csv
import json
import shutil

import pytest


@pytest.mark.slow
def test_campaigns_of_a_small_world_from_day_to_day(mithra, small_lake, small_model, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(small_lake, lake)
    first = mithra("campaigns", small_model, lake, "--as-of", "2026-06-04", "--json", tmp_path / "a.json")
    assert first.exit_code == 0, first.stderr
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["campaigns"]
    assert all(each["id"] in first.stdout for each in told["campaigns"][:20])
    assert "simulated" in first.stderr
    again = ["--as-of", "2026-06-05", "--json", tmp_path / "b.json", "--out", tmp_path / "members.csv"]
    assert mithra("campaigns", small_model, lake, *again).exit_code == 0
    later = json.loads((tmp_path / "b.json").read_text())
    kept = {each["id"] for each in told["campaigns"]} & {each["id"] for each in later["campaigns"]}
    assert len(kept) > len(told["campaigns"]) / 2
    assert all((each["added"] is not None) == (each["id"] in kept) for each in later["campaigns"])
    rows = list(csv.DictReader((tmp_path / "members.csv").open()))
    assert len(rows) == sum(len(each["names"]) for each in later["campaigns"])
    assert {row["campaign"] for row in rows} == {each["id"] for each in later["campaigns"]}


def test_previous_that_is_no_file_is_named(mithra, small_lake, small_model, tmp_path):
    result = mithra("campaigns", small_model, small_lake, "--previous", tmp_path / "none.json")
    assert result.exit_code == 3
    assert "none.json" in result.stderr


def test_two_results_on_stdout_are_refused(mithra, small_lake, small_model):
    result = mithra("campaigns", small_model, small_lake, "--json", "-", "--out", "-", "--format", "csv")
    assert result.exit_code == 2
