"""`mithra ingest` and `mithra status` on hand-written files."""

from __future__ import annotations

import json


def test_ingest_prints_a_row_for_each_reader_and_says_what_was_set_aside(mithra, tmp_path, lake):
    result = mithra("ingest", tmp_path / "other", tmp_path / "feed.cof.jsonl")
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if line.startswith(" cof"))
    assert row.split()[1:] == ["1", "0", "3", "1", "resolutions", "3"]
    assert "1 records were set aside; `mithra rejects" in result.stderr


def test_reading_the_same_file_again_adds_nothing(mithra, tmp_path, lake):
    result = mithra("ingest", lake, tmp_path / "feed.cof.jsonl", "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"] == 0
    assert "nothing new" in result.stderr
    assert json.loads(mithra("status", lake, "--json", "-").stdout)["tables"]["resolutions"]["rows"] == 3


def test_status_shows_rows_dates_sources_and_reasons(mithra, lake):
    result = mithra("status", lake)
    row = next(line for line in result.stdout.splitlines() if line.startswith(" resolutions"))
    found = row.split()
    assert found[:7] == ["resolutions", "3", "3", "2026-01-01", "00:00", "2026-01-02", "00:00"]
    assert found[-1] == "feed"
    assert int(found[-2].replace(",", "")) > 500
    assert "set aside because" in result.stdout


def test_columns_of_status_are_in_line(mithra, lake):
    """Numbers end where their heading ends, dates begin where theirs begins."""
    shown = mithra("status", lake).stdout.splitlines()
    head, row = (line for line in shown if " rows " in line or " 2026-" in line)
    for numeric in ("rows", "names", "bytes"):
        assert row[head.index(numeric) + len(numeric) - 1].isdigit()
        assert row[head.index(numeric) + len(numeric)] == " "
    for other in ("first", "last", "ingested"):
        assert row[head.index(other)] == "2"


def test_status_as_json_holds_the_same(mithra, lake):
    found = json.loads(mithra("status", lake, "--json", "-").stdout)
    assert found["tables"]["resolutions"]["first"] == "2026-01-01T00:00:00+00:00"
    assert sum(found["rejects"].values()) == 1
    assert found["ingests"] == 1
    assert found["tables"]["resolutions"]["names"] == 3
    assert found["tables"]["resolutions"]["ingested_at"] == found["ingested_at"]
    assert found["bytes"] > found["tables"]["resolutions"]["bytes"] > 0


def test_rejects_are_shown_in_three_forms(mithra, lake):
    table = mithra("rejects", lake)
    assert table.exit_code == 0
    assert "feed.cof.jsonl" in table.stdout
    [record] = [json.loads(line) for line in mithra("rejects", lake, "--format", "jsonl").stdout.splitlines()]
    assert (record["line"], record["source"]) == (4, "feed")
    assert (
        mithra("rejects", lake, "--format", "csv").stdout.splitlines()[0] == "file,line,reason,excerpt,source"
    )


def test_rejects_by_reason_and_at_most_so_many(mithra, tmp_path):
    (tmp_path / "in.cof.jsonl").write_text('{"rrname":"a.example"}\n' * 30 + "{\n")
    mithra("ingest", tmp_path / "lake", tmp_path / "in.cof.jsonl")
    shown = mithra("rejects", tmp_path / "lake")
    assert shown.stdout.count("no_rrtype") == 20
    assert "20 of 31" in shown.stderr
    assert len(mithra("rejects", tmp_path / "lake", "--format", "jsonl").stdout.splitlines()) == 31
    few = mithra("rejects", tmp_path / "lake", "--reason", "not_json", "--limit", "5", "--format", "jsonl")
    assert [json.loads(line)["line"] for line in few.stdout.splitlines()] == [31]
    wrong = mithra("rejects", tmp_path / "lake", "--reason", "nothing")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "Reasons here: no_rrtype, not_json" in wrong.stderr


def test_from_rejects_reads_a_mended_file_again(mithra, tmp_path, lake):
    feed = tmp_path / "feed.cof.jsonl"
    unchanged = mithra("ingest", lake, "--from-rejects")
    assert (unchanged.exit_code, "nothing new" in unchanged.stderr) == (0, True)
    feed.write_text("\n".join(feed.read_text().splitlines()[:3]) + "\n")
    assert mithra("ingest", lake, "--from-rejects").exit_code == 0
    found = json.loads(mithra("status", lake, "--json", "-").stdout)
    assert (found["tables"]["resolutions"]["rows"], found["rejects"], found["ingests"]) == (3, {}, 1)
    assert "nothing to read again" in mithra("ingest", lake, "--from-rejects").stderr
    nowhere = mithra("ingest", tmp_path / "none", "--from-rejects")
    assert (nowhere.exit_code, "no workspace here" in nowhere.stderr) == (3, True)


def test_from_rejects_says_what_is_gone(mithra, tmp_path, lake):
    (tmp_path / "feed.cof.jsonl").unlink()
    result = mithra("ingest", lake, "--from-rejects")
    assert result.exit_code == 0
    assert "it is gone, so what was set aside of it stays" in result.stderr


def test_no_files_is_wrong_usage(mithra, lake):
    result = mithra("ingest", lake)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--from-rejects" in result.stderr


def test_compact_prints_a_row_for_each_table(mithra, tmp_path, lake):
    more = tmp_path / "more.cof.jsonl"
    more.write_text("\n".join((tmp_path / "feed.cof.jsonl").read_text().splitlines()[:2]) + "\n")
    mithra("ingest", lake, more)
    result = mithra("compact", lake)
    row = next(line for line in result.stdout.splitlines() if line.startswith(" resolutions"))
    assert row.split() == ["resolutions", "2", "1", "0", "0", "0"]
    assert "stay for 7 days" in result.stderr
    done = json.loads(mithra("compact", lake, "--keep-days", "0", "--json", "-").stdout)
    assert done["resolutions"]["removed"] == 2
    assert mithra("compact", tmp_path / "none").exit_code == 3


def test_compact_says_what_it_removed_and_up_to_when(mithra, tmp_path, lake):
    line = {"rrname": "late.example", "rrtype": "A", "rdata": "192.0.2.1", "time_first": 1769904000}
    (tmp_path / "late.jsonl").write_text(json.dumps(line | {"time_last": 1769904000, "count": 1}))
    mithra("ingest", lake, tmp_path / "late.jsonl")
    result = mithra("compact", lake, "--raw-days", "7")
    row = next(line for line in result.stdout.splitlines() if line.startswith(" resolutions"))
    assert row.split()[-1] == "3"
    assert "3 old records removed" in result.stderr
    assert "as of 2026-01-25 00:00 UTC or before" in result.stderr
    assert "stay for 7 days" in result.stderr
    assert rows_of(lake, "name", "resolutions") == [("late.example",)]
    again = mithra("compact", lake, "--raw-days", "7", "--json", "-")
    assert json.loads(again.stdout)["resolutions"]["old_records"] == 0
    assert "removed;" not in again.stderr
    early = mithra("train", lake, "--model", tmp_path / "m", "--as-of", "2026-01-03")
    assert (early.exit_code, "2026-01-25" in early.stderr) == (3, True)
    assert mithra("compact", lake, "--raw-days", "0").exit_code == 2


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


def test_what_came_in_is_shown_before_the_error_about_another_file(mithra, tmp_path, lake):
    bad = tmp_path / "cut.gz"
    bad.write_bytes(b"\x1f\x8b\x08")
    told = tmp_path / "told.json"
    result = mithra("ingest", tmp_path / "new", bad, tmp_path / "feed.cof.jsonl", "--json", told)
    assert result.exit_code == 3
    row = next(line for line in result.stdout.splitlines() if line.startswith(" cof"))
    assert row.split()[1:] == ["1", "0", "3", "1", "resolutions", "3"]
    assert json.loads(told.read_text())["rows"] == 3
    assert result.stderr.index("1 records were set aside") < result.stderr.index("cut short")


def test_where_nothing_came_in_no_table_is_shown(mithra, tmp_path, lake):
    bad = tmp_path / "cut.gz"
    bad.write_bytes(b"\x1f\x8b\x08")
    result = mithra("ingest", tmp_path / "new", bad)
    assert (result.exit_code, result.stdout) == (3, "")
