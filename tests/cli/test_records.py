"""`mithra ingest` and `mithra status` on hand-written files."""

from __future__ import annotations

import json


def test_ingest_prints_a_row_for_each_reader_and_says_what_was_set_aside(mithra, tmp_path, lake):
    result = mithra("ingest", tmp_path / "other", tmp_path / "feed.cof.jsonl")
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if line.startswith(" cof"))
    assert row.split()[1:] == ["1", "0", "3", "1", "resolutions", "3"]
    assert "1 records were set aside; `mithra status" in result.stderr


def test_reading_the_same_file_again_adds_nothing(mithra, tmp_path, lake):
    result = mithra("ingest", lake, tmp_path / "feed.cof.jsonl", "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"] == 0
    assert "nothing new" in result.stderr
    assert json.loads(mithra("status", lake, "--json", "-").stdout)["tables"]["resolutions"]["rows"] == 3


def test_status_shows_rows_dates_sources_and_reasons(mithra, lake):
    result = mithra("status", lake)
    row = next(line for line in result.stdout.splitlines() if line.startswith(" resolutions"))
    assert row.split() == ["resolutions", "3", "2026-01-01", "00:00", "2026-01-02", "00:00", "feed"]
    assert "set aside because" in result.stdout


def test_status_as_json_holds_the_same(mithra, lake):
    found = json.loads(mithra("status", lake, "--json", "-").stdout)
    assert found["tables"]["resolutions"]["first"] == "2026-01-01T00:00:00+00:00"
    assert sum(found["rejects"].values()) == 1
    assert found["ingests"] == 1


def test_options_of_ingest_reach_the_tables(mithra, tmp_path):
    (tmp_path / "bad.txt").write_text("bad.example\nworse.example\n")
    options = [
        "--verdict",
        "nefarious",
        "--category",
        "phishing",
        "--source",
        "mine",
        "--known-at",
        "2026-05-01",
    ]
    assert mithra("ingest", tmp_path / "lake", tmp_path / "bad.txt", *options).exit_code == 0
    labels = rows_of(tmp_path / "lake", "name, verdict, category, source, known_at::DATE::VARCHAR", "labels")
    assert labels == [
        ("bad.example", "nefarious", "phishing", "mine", "2026-05-01"),
        ("worse.example", "nefarious", "phishing", "mine", "2026-05-01"),
    ]


def test_a_list_without_a_date_is_bad_input_that_says_what_to_do(mithra, tmp_path):
    (tmp_path / "bad.txt").write_text("bad.example\n")
    result = mithra("ingest", tmp_path / "lake", tmp_path / "bad.txt")
    assert result.exit_code == 3
    assert "--known-at" in result.stderr
    assert str(tmp_path / "bad.txt") in result.stderr


def test_map_takes_the_columns_of_a_csv(mithra, tmp_path):
    (tmp_path / "q.csv").write_text("fqdn,when,why\nexample.com,2026-05-01T10:00:00Z,c2\n")
    options = ["--table", "labels", "--map", "name=fqdn,known_at=when", "--map", "category=why"]
    options += ["--verdict", "nefarious"]
    assert mithra("ingest", tmp_path / "lake", tmp_path / "q.csv", *options).exit_code == 0
    assert rows_of(tmp_path / "lake", "name, category", "labels") == [("example.com", "c2")]


def test_wrong_options_are_wrong_usage(mithra, tmp_path):
    (tmp_path / "bad.txt").write_text("bad.example\n")
    for options, message in [
        (["--map", "name"], "--map takes OURS=THEIRS (got 'name')"),
        (["--map", "name=a,name=b"], "--map names a column twice"),
        (["--verdict", "evil"], "no such verdict"),
        (["--known-at", "soon"], "Write it as 2026-06-01"),
        (["--format", "fax"], "Formats: auto, "),
        (["--table", "faxes"], "Tables: resolutions"),
    ]:
        result = mithra("ingest", tmp_path / "lake", tmp_path / "bad.txt", *options)
        assert (result.exit_code, result.stdout) == (2, ""), options
        assert message in result.stderr.replace("\n", " ")


def test_bad_files_are_bad_input(mithra, tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 4)
    for name in ("empty.txt", "noise.bin", "missing.txt"):
        result = mithra("ingest", tmp_path / "lake", tmp_path / name)
        assert (result.exit_code, result.stdout) == (3, ""), name
        assert name in result.stderr
        assert "Traceback" not in result.stderr


def test_unreadable_files_in_a_folder_are_told_and_do_not_stop_the_others(mithra, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "noise.bin").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "in" / "ranks.csv").write_text("1,example.com\n2,example.net\n")
    result = mithra("ingest", tmp_path / "lake", tmp_path / "in", "--known-at", "2026-05-01")
    assert result.exit_code == 0
    assert "not read: " in result.stderr
    assert "noise.bin" in result.stderr


def rows_of(lake, columns, table):
    import mithra as mt

    with mt.Workspace(lake).connect() as con:
        return con.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
