"""Ingest: each content once, whatever happens on the way."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mithra.errors import FormatError, InputError, UsageError, WorkspaceError
from mithra.observe import Workspace, compact, ingest
from mithra.observe.store import TableStore

DAY = "2026-03-04"
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def cof(name: str, **more: object) -> str:
    record = {
        "rrname": name,
        "rrtype": "A",
        "rdata": "192.0.2.1",
        "time_first": 1600000000,
        "time_last": 1600000060,
    }
    return json.dumps({**record, **more}) + "\n"


def count(workspace: Workspace, table: str) -> int:
    with workspace.connect() as con:
        return con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "lake")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.jsonl"
    path.write_text(cof("a.example") + "bad\n" + cof("b.example"))
    return path


def test_report(workspace, feed):
    report = ingest(workspace, feed)
    assert (report.rows, report.rejected, report.skipped) == (2, 1, 0)
    [file] = report.files
    assert (file.file, file.reader, file.rows, file.rejected) == (str(feed), "cof-2", {"resolutions": 2}, 1)
    with workspace.connect() as con:
        row = con.execute("SELECT file, reader, bytes, rows, rejected, source FROM ingests").fetchall()
    assert row == [(str(feed), "cof-2", feed.stat().st_size, 2, 1, "feed")]


def test_the_same_content_adds_nothing(workspace, feed, tmp_path):
    ingest(workspace, feed)
    versions = workspace.versions()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(feed.read_bytes())
    for again in (
        ingest(workspace, feed),
        ingest(Workspace(workspace.path), copy),
        ingest(workspace, feed, copy),
    ):
        assert (again.rows, again.rejected) == (0, 0)
        assert all(file.skipped for file in again.files)
    assert workspace.versions() == versions


def test_a_path_is_a_workspace(workspace, feed):
    assert ingest(workspace.path, feed).rows == 2
    assert ingest(str(workspace.path), feed).skipped == 1
    assert compact(str(workspace.path))["resolutions"].files == 1


def test_twice_in_one_call_is_once(workspace, feed):
    report = ingest(workspace, feed, feed)
    assert [file.skipped for file in report.files] == [False, True]
    assert count(workspace, "resolutions") == 2


def test_another_statement_about_the_same_file_is_another_ingest(workspace, tmp_path, caplog):
    path = tmp_path / "list.txt"
    path.write_text("bad.example\n")
    stated = {"known_at": DAY, "verdict": "nefarious"}
    assert ingest(workspace, path, **stated).rows == 1
    assert not caplog.messages
    assert ingest(workspace, path, **stated, source="other").rows == 1
    assert caplog.messages == [f"{path}: read before with other statements about it, whose rows stay too"]
    assert ingest(workspace, path, **stated, source="other").rows == 0
    assert len(caplog.messages) == 1


class CrashError(Exception):
    pass


@pytest.mark.parametrize("table", ["resolutions", "rejects", "ingests"])
def test_a_crash_between_commits_is_completed_and_not_doubled(workspace, feed, monkeypatch, table):
    """Whatever table the crash comes before: nothing is visible then, and once all is after a second run."""
    append = TableStore.append

    def crash(self, files):
        if self.name == table:
            raise CrashError
        append(self, files)

    monkeypatch.setattr(TableStore, "append", crash)
    with pytest.raises(CrashError):
        ingest(workspace, feed)
    monkeypatch.undo()
    assert workspace.ingest_ids() == []
    assert count(workspace, "resolutions") == 0
    assert count(workspace, "rejects") == 0
    again = Workspace(workspace.path)
    assert ingest(again, feed).rows == 2
    assert (count(again, "resolutions"), count(again, "rejects"), count(again, "ingests")) == (2, 1, 1)
    assert ingest(again, feed).rows == 0


def test_a_crash_after_a_commit_is_completed_and_not_doubled(workspace, feed, monkeypatch):
    append = TableStore.append

    def crash(self, files):
        append(self, files)
        if self.name == "resolutions":
            raise CrashError

    monkeypatch.setattr(TableStore, "append", crash)
    with pytest.raises(CrashError):
        ingest(workspace, feed)
    monkeypatch.undo()
    assert len(workspace.store("resolutions").files()) == 1  # committed, and not visible
    assert count(workspace, "resolutions") == 0
    ingest(workspace, feed)
    assert count(workspace, "resolutions") == 2


def test_writers_at_the_same_time_commit_once(workspace, feed):
    ingest(workspace, feed, source="makes the tables")
    start = threading.Barrier(4)
    errors = []

    def run():
        start.wait()
        try:
            ingest(Workspace(workspace.path), feed)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert count(workspace, "resolutions") == 4
    assert count(workspace, "ingests") == 2


def test_gzip_cut_short_leaves_nothing(workspace, feed, tmp_path):
    ingest(workspace, feed)
    versions, files = workspace.versions(), set(workspace.path.rglob("*"))
    text = "".join(cof(f"host{i * 7919}.example") for i in range(300_000))
    whole = gzip.compress(text.encode(), 1)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="cut short"):
        ingest(workspace, cut)
    assert workspace.versions() == versions
    assert set(workspace.path.rglob("*")) == files


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b" \n\n", "white space"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no reader knows"),
        (b"BZh91AY", "bzip2"),
        (gzip.compress(b""), "white space"),
        (b"\x1f\x8b\x08", "cut short"),
    ],
)
def test_bad_files_are_typed_errors(workspace, tmp_path, content, match):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=match) as caught:
        ingest(workspace, path)
    assert str(path) in str(caught.value)
    assert not workspace.path.exists()


def test_the_other_files_are_read_before_an_error_is_raised(workspace, feed, tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with pytest.raises(FormatError, match="empty"):
        ingest(workspace, empty, feed)
    assert count(workspace, "resolutions") == 2
    other = tmp_path / "other"
    other.write_bytes(b"")
    with pytest.raises(InputError, match=f"2 of 3 files.*{empty}: .*; then: {other}"):
        ingest(workspace, empty, other, feed)


def test_a_foreign_parquet_file_keeps_no_other_out(workspace, tmp_path):
    folder = tmp_path / "feeds"
    folder.mkdir()
    pq.write_table(pa.table({"x": [1]}), folder / "a.parquet")
    (folder / "b.jsonl").write_text(cof("a.example"))
    report = ingest(workspace, folder)
    assert [file.error is None for file in report.files] == [False, True]
    assert report.rows == 1


def test_wrong_use_names_the_file(workspace, tmp_path):
    (tmp_path / "a.csv").write_text("fqdn,day\na.example,2026-01-01\n")
    with pytest.raises(UsageError, match=r"a\.csv: .*no such column"):
        ingest(workspace, tmp_path / "a.csv", columns={"name": "host"}, table="labels", verdict="benign")


def test_a_file_of_a_folder_that_nothing_reads_is_one_reject(workspace, feed, tmp_path):
    folder = tmp_path / "feeds"
    folder.mkdir()
    (folder / "a.jsonl").write_text(cof("a.example"))
    (folder / "index.json").write_text('["2026-02", "2026-01"]')
    (folder / ".hidden").write_text("x")
    report = ingest(workspace, folder)
    assert [(Path(f.file).name, f.rejected, f.error is None) for f in report.files] == [
        ("a.jsonl", 0, True),
        ("index.json", 1, False),
    ]
    assert workspace.status().rejects == {"unreadable_file": 1}
    again = ingest(workspace, folder)
    assert (again.rows, again.rejected, again.skipped) == (0, 0, 2)


def test_folders_patterns_and_missing_files(workspace, feed, tmp_path):
    assert ingest(workspace, str(tmp_path / "*.jsonl")).rows == 2
    with pytest.raises(InputError, match="no such file"):
        ingest(workspace, tmp_path / "nothing")
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match="no file in this folder"):
        ingest(workspace, tmp_path / "void")


def test_dates_in_the_future_are_rejects(workspace, tmp_path):
    path = tmp_path / "feed.jsonl"
    path.write_text(cof("a.example") + cof("b.example", time_last=int(NOW.timestamp()) + 1))
    report = ingest(workspace, path, now=NOW)
    assert (report.rows, report.rejected) == (1, 1)
    assert workspace.status().rejects == {"date_in_future": 1}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"known_at": "soon"}, "not a date"),
        ({"known_at": "2031-01-01"}, "future"),
        ({"verdict": "evil"}, "no such verdict"),
        ({"format": "xml"}, "no such format"),
        ({"source": None, "table": "rejects"}, "no table that takes"),
    ],
)
def test_wrong_use(workspace, feed, options, match):
    with pytest.raises(UsageError, match=match):
        ingest(workspace, feed, now=NOW, **options)


def test_not_a_path(workspace):
    with pytest.raises(UsageError, match="not a path and not a frame"):
        ingest(workspace, ["a", "b"])


def test_progress_goes_to_stderr(workspace, feed, capsys):
    ingest(workspace, feed, progress=True)
    assert capsys.readouterr().out == ""


def test_many_small_files_share_commits(workspace, tmp_path):
    folder = tmp_path / "feeds"
    folder.mkdir()
    for i in range(100):
        (folder / f"{i}.jsonl").write_text(cof(f"h{i}.example"))
    assert ingest(workspace, folder).rows == 100
    assert count(workspace, "resolutions") == 100
    assert workspace.versions()["resolutions"] == 2


def test_a_damaged_table_is_a_typed_error(workspace, feed):
    ingest(workspace, feed)
    for file in (workspace.path / "resolutions" / "_delta_log").glob("*.json"):
        file.write_text("{")
    with pytest.raises(WorkspaceError, match="resolutions"):
        Workspace(workspace.path).versions()


def test_a_day_in_the_name_dates_ranks_and_tells_equal_days_apart(workspace, tmp_path):
    for day in ("2026-03-01", "2026-03-02"):
        (tmp_path / f"top-{day}.csv").write_text("1,a.example\n2,b.example\n")
    assert ingest(workspace, tmp_path / "top-*.csv").rows == 4
    assert ingest(workspace, tmp_path / "top-*.csv").rows == 0
    with workspace.connect() as con:
        days = con.execute("SELECT DISTINCT day::VARCHAR, list_id FROM popularity ORDER BY ALL").fetchall()
    assert days == [("2026-03-01 00:00:00+00", "top"), ("2026-03-02 00:00:00+00", "top")]


def test_a_day_in_the_name_dates_no_label(workspace, tmp_path):
    path = tmp_path / "hosts-2026-03-01.txt"
    path.write_text("0.0.0.0 bad.example\n")
    with pytest.raises(InputError, match="--known-at"):
        ingest(workspace, path)


def test_of_a_group_nothing_is_visible_before_all_tables_are_committed(
    workspace, feed, tmp_path, monkeypatch
):
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("# Date: 2026-01-01\n0.0.0.0 bad.example\n")
    append = TableStore.append

    def crash(self, files):
        if self.name == "labels":
            raise CrashError
        append(self, files)

    monkeypatch.setattr(TableStore, "append", crash)
    with pytest.raises(CrashError):
        ingest(workspace, feed, hosts)
    monkeypatch.undo()
    assert workspace.ingest_ids() == []
    assert ingest(workspace, feed, hosts).rows == 3
    assert (count(workspace, "resolutions"), count(workspace, "labels")) == (2, 1)


def test_pythons_collector_is_left_as_it_was(tmp_path):
    import gc

    from mithra.observe import Workspace, ingest

    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text('{"rrname":"a.example","rrtype":"A","rdata":"192.0.2.1","time_first":1,"time_last":2}\n')
    bad.write_bytes(b"\x1f\x8b cut")
    ingest(Workspace(tmp_path / "lake"), good)
    assert gc.isenabled()
    with pytest.raises(FormatError):
        ingest(Workspace(tmp_path / "lake"), bad)
    assert gc.isenabled()
    gc.disable()
    try:
        ingest(Workspace(tmp_path / "other"), good)
        assert not gc.isenabled()
    finally:
        gc.enable()
