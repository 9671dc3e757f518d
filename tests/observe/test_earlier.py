"""What a later ingest replaces: the beginning of a file that has grown, and a file that was mended."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mithra.errors import UsageError
from mithra.observe import Workspace, ingest, table_digests
from mithra.observe.readers import READERS

COF = '{"rrname":"%s","rrtype":"A","rdata":"192.0.2.1","time_first":1600000000,"time_last":1600000060}\n'
BAD = "{\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "lake")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.jsonl"
    path.write_text(COF % "a.example" + BAD + COF % "b.example")
    return path


def names(workspace: Workspace) -> list[str]:
    with workspace.connect() as con:
        return [row[0] for row in con.execute("SELECT name FROM resolutions ORDER BY ALL").fetchall()]


def clean(tmp_path: Path, *files: Path, **stated: str) -> dict[str, str]:
    """Digests of a workspace in which only these files were read."""
    workspace = Workspace(tmp_path / f"clean{len(list(tmp_path.glob('clean*')))}")
    ingest(workspace, *files, **stated)
    return table_digests(workspace)


@pytest.mark.parametrize("cut", [1, 100, 105, -10, -1])
def test_a_file_that_was_cut_and_is_completed_later_counts_once(workspace, feed, tmp_path, cut):
    whole = feed.read_bytes() * 3
    feed.write_bytes(COF.encode() % b"first.example" + whole[:cut])
    ingest(workspace, feed)
    feed.write_bytes(COF.encode() % b"first.example" + whole)
    ingest(workspace, feed)
    assert table_digests(workspace) == clean(tmp_path, feed)
    assert workspace.status().ingests == 1


@pytest.mark.parametrize("cut", [100, 105, -10, -1])
def test_a_file_that_was_cut_after_it_was_read_whole_adds_nothing(workspace, feed, tmp_path, cut, caplog):
    ingest(workspace, feed, format="cof")
    part = tmp_path / "part" / feed.name
    part.parent.mkdir()
    part.write_bytes(feed.read_bytes()[:cut])
    before = table_digests(workspace)
    assert ingest(workspace, part, format="cof").skipped == 1
    assert table_digests(workspace) == before
    assert f"cut short? {feed}, which has been read" in caplog.text
    at_once = Workspace(tmp_path / "at once")
    assert ingest(at_once, feed, part, format="cof").skipped == 1
    assert table_digests(at_once) == before
    assert ingest(workspace, part, format="cof", source="another").skipped == 0


def test_what_is_no_beginning_is_read(workspace, feed, tmp_path):
    ingest(workspace, feed)
    other = tmp_path / "other" / feed.name
    other.parent.mkdir()
    other.write_text(COF % "a.example" + BAD + COF % "z.example"[:-1])
    assert ingest(workspace, other).skipped == 0
    feed.write_text(COF % "changed.example" + BAD + COF % "b.example")
    other.write_text(COF % "a.example")
    assert ingest(workspace, other).skipped == 0  # nobody can tell any more


def test_a_file_that_grows_and_grows(workspace, feed):
    for i in range(4):
        feed.write_text(feed.read_text() + COF % f"n{i}.example")
        ingest(workspace, feed)
    assert names(workspace) == ["a.example", "b.example", *(f"n{i}.example" for i in range(4))]


def test_a_large_file_that_has_grown(workspace, feed, monkeypatch):
    """Its digests are made while it is read."""
    monkeypatch.setattr(sys.modules["mithra.observe.ingest"], "LARGE_BYTES", 1)
    ingest(workspace, feed)
    feed.write_text(feed.read_text() + COF % "c.example")
    ingest(workspace, feed)
    assert names(workspace) == ["a.example", "b.example", "c.example"]


def test_grown_under_another_name_and_in_one_call(workspace, feed, tmp_path):
    """A rotated log: `feed.jsonl` goes on as `feed.1.jsonl`; both have the source feed."""
    grown = tmp_path / "feed.1.jsonl"
    grown.write_text(feed.read_text() + COF % "c.example")
    ingest(workspace, feed, grown)
    assert names(workspace) == ["a.example", "b.example", "c.example"]


def test_another_source_or_statement_is_not_replaced(workspace, feed, tmp_path):
    """Two feeds may begin alike; each says so for itself."""
    grown = tmp_path / "other.jsonl"
    grown.write_text(feed.read_text() + COF % "c.example")
    ingest(workspace, feed)
    ingest(workspace, grown)
    assert len(names(workspace)) == 5
    ingest(workspace, grown, source="third")
    assert len(names(workspace)) == 8


def test_a_file_with_another_beginning_is_not_replaced(workspace, feed):
    ingest(workspace, feed)
    feed.write_text(COF % "c.example" * 9)
    ingest(workspace, feed)
    assert len(names(workspace)) == 11


def test_the_pinned_still_see_what_was_replaced(workspace, feed):
    ingest(workspace, feed)
    pins, before = workspace.versions(), table_digests(workspace)
    feed.write_text(feed.read_text() + COF % "c.example")
    ingest(workspace, feed)
    assert table_digests(workspace, pins) == before != table_digests(workspace)


def test_a_mended_file_takes_its_own_place(workspace, feed, tmp_path):
    ingest(workspace, feed)
    feed.write_text(feed.read_text().replace(BAD, COF % "mended.example"))
    report = ingest(workspace, from_rejects=True)
    assert [(file.file, file.rows, file.rejected) for file in report.files] == [
        (str(feed), {"resolutions": 3}, 0)
    ]
    assert table_digests(workspace) == clean(tmp_path, feed)
    assert workspace.status().rejects == {}
    assert ingest(workspace, from_rejects=True).files == []


def test_what_was_stated_is_stated_again(workspace, tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("fqdn,when\nbad.example,2026-05-01\nb..c,2026-05-01\n")
    stated = {"table": "labels", "columns": {"name": "fqdn", "known_at": "when"}, "verdict": "nefarious"}
    ingest(workspace, path, source="mine", **stated)
    path.write_text(path.read_text().replace("b..c", "b.c.example"))
    ingest(workspace, from_rejects=True)
    with workspace.connect() as con:
        rows = con.execute("SELECT name, verdict, source FROM labels ORDER BY ALL").fetchall()
    assert rows == [("b.c.example", "nefarious", "mine"), ("bad.example", "nefarious", "mine")]


def test_a_newer_reader_takes_the_place_of_the_older(workspace, feed, monkeypatch):
    ingest(workspace, feed)
    assert [file.skipped for file in ingest(workspace, from_rejects=True).files] == [True]
    newer = [replace(reader, version=99) if reader.name == "cof" else reader for reader in READERS]
    monkeypatch.setattr("mithra.observe.sniff.READERS", newer)
    report = ingest(workspace, from_rejects=True)
    assert [(file.reader, file.rows, file.rejected) for file in report.files] == [
        ("cof-99", {"resolutions": 2}, 1)
    ]
    assert names(workspace) == ["a.example", "b.example"]
    assert workspace.status().rejects == {"not_json": 1}


def test_a_file_that_is_gone_changes_nothing(workspace, feed):
    ingest(workspace, feed)
    before = table_digests(workspace)
    feed.unlink()
    [file] = ingest(workspace, from_rejects=True).files
    assert "gone" in str(file.error)
    assert table_digests(workspace) == before


def test_a_file_that_was_given_as_seen_from_another_folder(workspace, feed, monkeypatch):
    monkeypatch.chdir(feed.parent)
    ingest(workspace, feed.name)
    monkeypatch.chdir(workspace.path)
    [file] = ingest(workspace, from_rejects=True).files
    assert "another folder" in str(file.error)


def test_a_file_that_is_another_by_now_changes_nothing(workspace, feed):
    """A feed's daily file under one path: today's must not take the place of yesterday's."""
    ingest(workspace, feed)
    before, files = table_digests(workspace), set(workspace.path.rglob("*.parquet"))
    feed.write_text(COF % "today.example" + COF % "a.example")
    [file] = ingest(workspace, from_rejects=True).files
    assert "lacks 1 records" in str(file.error)
    assert table_digests(workspace) == before
    assert set(workspace.path.rglob("*.parquet")) == files
    feed.write_text("")
    [file] = ingest(workspace, from_rejects=True).files
    assert "empty" in str(file.error)


def test_a_mended_file_that_was_ingested_by_itself_takes_the_place_too(workspace, feed, tmp_path):
    ingest(workspace, feed)
    feed.write_text(feed.read_text().replace(BAD, COF % "mended.example"))
    ingest(workspace, feed)
    assert len(names(workspace)) == 5  # nobody said that the one is the other, mended
    ingest(workspace, from_rejects=True)
    assert table_digests(workspace) == clean(tmp_path, feed)


def test_a_file_put_back_as_it_was_does_not_hide_both(workspace, feed):
    first = feed.read_text()
    ingest(workspace, feed)
    feed.write_text(first.replace(BAD, COF % "mended.example" + BAD))
    ingest(workspace, from_rejects=True)
    feed.write_text(first)
    [file] = ingest(workspace, from_rejects=True).files
    assert "replaced by something newer" in str(file.error)
    assert names(workspace) == ["a.example", "b.example", "mended.example"]


def test_an_unreadable_file_of_a_folder_is_read_when_it_can_be(workspace, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(bytes(range(256)))
    ingest(workspace, folder)
    (folder / "a.jsonl").write_text(COF % "a.example")
    ingest(workspace, from_rejects=True)
    assert names(workspace) == ["a.example"]
    assert workspace.status().rejects == {}


def test_it_goes_with_no_files_and_no_statements(workspace, feed):
    for arguments, stated in [((feed,), {}), ((), {"source": "mine"}), ((), {"format": "cof"})]:
        with pytest.raises(UsageError, match="from_rejects goes with"):
            ingest(workspace, *arguments, from_rejects=True, **stated)


def test_the_empty_list_of_a_day_is_no_list_that_was_cut_short(workspace, tmp_path, caplog):
    header = "domain,first_seen,family\n"
    full, empty = tmp_path / "2026-05-01.csv", tmp_path / "2026-05-02.csv"
    full.write_text(f"{header}a.example,2026-05-01 00:00:00,x\nb.example,2026-05-01 00:00:00,x\n")
    empty.write_text(header)
    assert ingest(workspace, full, source="feed", verdict="nefarious").skipped == 0
    assert ingest(workspace, empty, source="feed", verdict="nefarious").skipped == 0
    assert "cut short?" not in caplog.text
