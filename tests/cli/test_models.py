"""`mithra train` and `mithra evaluate` on a small simulated workspace."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pyarrow.parquet as pq

QUICK = "members = 1\nepochs = 3\nwidth = 8\nthreads = 1\n"


def test_train_writes_a_model_with_the_settings_given(mithra, small_lake, tmp_path):
    (tmp_path / "settings.toml").write_text(QUICK + "seed = 1\n")
    result = mithra(
        "train", small_lake, "--as-of", "2026-05-20", "--model", tmp_path / "model",
        "--settings", tmp_path / "settings.toml", "--seed", 7,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (manifest["settings"]["seed"], manifest["settings"]["members"]) == (7, 1)
    assert manifest["as_of"] == "2026-05-20T00:00:00+00:00"
    assert manifest["digest"][:16] in result.stdout


def test_train_learns_owner_kinds_from_a_table_or_says_why_not(mithra, small_lake, small_world, tmp_path):
    (tmp_path / "settings.toml").write_text(QUICK)
    options = [
        "--as-of",
        "2026-05-25",
        "--model",
        tmp_path / "model",
        "--settings",
        tmp_path / "settings.toml",
    ]
    truth = small_world / "truth" / "truth.parquet"
    result = mithra("train", small_lake, *options, "--owners", truth)
    assert result.exit_code == 0, result.stderr
    assert "owner kinds learnt from eTLD+1:" in result.stderr
    files = json.loads((tmp_path / "model" / "model.json").read_text())["files"]
    assert "owner.json" in files
    card = mithra(
        "evaluate", tmp_path / "model", small_lake, "--truth", truth, "--json", tmp_path / "card.json"
    )
    assert card.exit_code == 0, card.stderr
    owners = json.loads((tmp_path / "card.json").read_text())["owners"]
    assert [row["kind"] for row in owners["kinds"]] == ["attacker", "compromised", "tenant"]
    assert owners["macro_f1"]["mithra"] > owners["macro_f1"]["suffix list alone"]
    few = pq.read_table(truth)
    few = few.filter(pc.not_equal(few["owner"], "compromised"))
    pq.write_table(few, tmp_path / "few.parquet")
    result = mithra("train", small_lake, *options, "--owners", tmp_path / "few.parquet")
    assert result.exit_code == 0
    assert "owner kinds are not learnt" in result.stderr
    assert not (tmp_path / "model" / "owner.json").exists()
    (tmp_path / "bad.parquet").write_text("no parquet")
    result = mithra("train", small_lake, *options, "--owners", tmp_path / "bad.parquet")
    assert result.exit_code == 3
    assert "bad.parquet: cannot read the owner kinds" in result.stderr


def test_training_errors_are_told(mithra, small_lake, tmp_path):
    (tmp_path / "settings.toml").write_text("epoch = 3\n")
    options = ["--model", tmp_path / "model", "--settings", tmp_path / "settings.toml"]
    result = mithra("train", small_lake, *options)
    assert result.exit_code == 3
    assert "Did you mean epochs?" in result.stderr
    result = mithra("train", small_lake, "--as-of", "2020-01-01", "--model", tmp_path / "model")
    assert result.exit_code == 3
    assert "Traceback" not in result.stderr
    assert mithra("train", small_lake).exit_code == 2
    assert not (tmp_path / "model").exists()


def test_evaluate_prints_the_card_and_writes_it_as_json_and_as_a_page(
    mithra, small_model, small_lake, tmp_path
):
    files = ["--json", tmp_path / "card.json", "--html", tmp_path / "card.html"]
    result = mithra("evaluate", small_model, small_lake, "--to", "2026-05-26", *files)
    assert result.exit_code == 0, result.stderr
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["start"] == "2026-05-20T00:00:00+00:00"
    assert card["end"] == "2026-05-26T00:00:00+00:00"
    assert f"{card['arrivals']:,} arrivals" in result.stdout
    assert {"mithra", "trees-lexical"} <= set(card["models"])
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert f"{card['arrivals']:,} arrivals" in page
    assert "data:image/png;base64," in page


def test_truth_that_cannot_be_read_is_named(mithra, small_model, small_lake, tmp_path):
    (tmp_path / "truth.parquet").write_text("no parquet")
    result = mithra("evaluate", small_model, small_lake, "--truth", tmp_path / "truth.parquet")
    assert result.exit_code == 3
    assert "truth.parquet: cannot read the truth" in result.stderr
    assert mithra("evaluate", small_model, small_lake, "--retrain-every", 0).exit_code == 2


def test_evaluating_on_the_time_of_training_is_refused(mithra, small_model, small_lake):
    result = mithra("evaluate", small_model, small_lake, "--from", "2026-05-01")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Start at 2026-05-20" in result.stderr


def test_calibrate_writes_a_new_model_or_says_what_is_missing(mithra, small_model, small_lake, tmp_path):
    result = mithra("calibrate", small_model, "--base-rate", "0.001", "--out", tmp_path / "ours")
    assert result.exit_code == 0, result.stderr
    manifest = json.loads((tmp_path / "ours" / "model.json").read_text())
    assert manifest["base_rate"] == 0.001
    assert manifest["card"]["calibrated"]["base_rate"] == 0.001
    result = mithra("calibrate", small_model, small_lake, "--out", tmp_path / "none")
    assert result.exit_code == 3
    assert "too few labelled arrivals" in result.stderr
    assert not (tmp_path / "none").exists()
    assert mithra("calibrate", small_model, "--out", tmp_path / "none").exit_code == 2
