"""`mithra simulate`."""

from __future__ import annotations


def test_simulate_writes_a_folder_for_each_feed_and_tells_the_lines(mithra, tmp_path):
    (tmp_path / "settings.toml").write_text("nefarious_share = 0.1\nlist_coverage = [0.5, 0.4, 0.3]\n")
    result = mithra(
        "simulate", tmp_path / "world", "--domains", "1e3", "--days", 2, "--seed", 3, "--start", "2026-01-30",
        "--settings", tmp_path / "settings.toml",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    lines = {row.split()[0]: row.split()[1] for row in result.stdout.splitlines() if "/world/" in row}
    assert set(lines) == {"pdns", "rdap", "networks", "popularity", "blocklists", "queries"}
    assert all(int(count.replace(",", "")) > 0 for count in lines.values())
    days = sorted(path.name for path in (tmp_path / "world" / "pdns").iterdir())
    assert days == ["2026-01-29.cof.jsonl.gz", "2026-01-30.cof.jsonl.gz", "2026-01-31.cof.jsonl.gz"]


def test_wrong_usage_leaves_no_folder(mithra, tmp_path):
    (tmp_path / "settings.toml").write_text("nefarious_shar = 0.1\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    for arguments, code, message in [
        (["world", "--domains", "few"], 2, "--domains is a whole number"),
        (["world", "--domains", "3"], 2, "a world needs 500 domains"),
        (["world", "--start", "now"], 2, "--start is not a date"),
        (["world", "--settings", tmp_path / "settings.toml"], 3, "Did you mean nefarious_share?"),
        (["full"], 2, "the folder is not empty"),
    ]:
        result = mithra("simulate", tmp_path / arguments[0], *arguments[1:])
        assert (result.exit_code, result.stdout) == (code, ""), arguments
        assert message in result.stderr
        assert not (tmp_path / "world").exists()
