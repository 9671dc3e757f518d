"""Compaction joins files and removes what nothing needs; what is shown stays, but old records where asked."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from mithra.errors import UsageError, WorkspaceError
from mithra.observe import Workspace, compact, ingest, table_digests
from mithra.observe.datafile import DataWriter
from mithra.observe.status import utc
from mithra.observe.store import TableStore

COF = '{"rrname":"%s","rrtype":"A","rdata":"192.0.2.1","time_first":1600000000,"time_last":1600000060}\n'
SECONDS_PER_DAY = 86_400


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "lake")
    for i in range(5):
        path = tmp_path / f"feed{i}.jsonl"
        path.write_text(COF % f"a{i}.example" + "bad\n")
        ingest(workspace, path)
    return workspace


def day(n: int) -> datetime:
    return datetime(2026, 3, n, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Workspace:
    """Records of March 2026; the newest resolution is of the 31st, the newest other record of the 28th."""
    workspace = Workspace(tmp_path / "raw")
    stays = {"old": (1, 19), "last": (1, 20), "edge": (2, 21), "across": (1, 25), "new": (31, 31)}
    for name, (first, last) in stays.items():
        times = f'"time_first":{day(first).timestamp():.0f},"time_last":{day(last).timestamp():.0f}'
        line = f'{{"rrname":"{name}.example","rrtype":"A","rdata":"192.0.2.1",{times}}}\n'
        with (tmp_path / f"{name[0] < 'm'}.jsonl").open(
            "a"
        ) as feed:  # two files: across, edge, last; new, old
            feed.write(line)
    ingest(workspace, tmp_path / "True.jsonl", tmp_path / "False.jsonl", source="sensor")
    dates, abc = [day(1), day(2), day(28)], ["a.example", "b.example", "c.example"]
    queries = {"name": abc, "hour": dates, "client": ["c" * 32] * 3, "count": [1] * 3}
    sightings = {"indicator": abc, "seen_at": dates, "kind": ["alert"] * 3, "sensor": ["s"] * 3}
    labels = {"name": abc, "known_at": dates, "verdict": ["nefarious"] * 3}
    for table, rows in {"queries": queries, "sightings": sightings, "labels": labels}.items():
        ingest(workspace, pa.table(rows), table=table, source="frame")
    return workspace


def names(workspace: Workspace, table: str = "resolutions", name: str = "name") -> list[str]:
    with workspace.connect() as con:
        rows = con.execute(f"SELECT split_part({name}, '.', 1) FROM {table} ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def parquet(workspace: Workspace) -> list[Path]:
    return sorted((workspace.path / "resolutions").glob("*.parquet"))


def staged(workspace: Workspace, ingest_id: str) -> Path:
    """A finished file that no commit names, as a killed ingest leaves it."""
    writer = DataWriter(workspace.path, "resolutions", ingest_id)
    writer.write(pa.record_batch({"name": ["unseen.example"]}))
    file = writer.close()
    assert file is not None
    return file.path


def test_files_are_joined_and_nothing_changes_to_see(workspace):
    before = table_digests(workspace)
    done = compact(workspace, keep_days=0)["resolutions"]
    assert (done.files_before, done.files, done.removed) == (5, 1, 5)
    assert done.bytes_freed > 0
    assert len(parquet(workspace)) == 1
    assert table_digests(workspace) == before
    assert table_digests(Workspace(workspace.path)) == before


def test_doing_it_again_makes_no_version(workspace):
    compact(workspace, keep_days=0)
    versions = workspace.versions()
    assert all(done.removed == 0 for done in compact(workspace, keep_days=0).values())
    assert workspace.versions() == versions


def test_the_pinned_can_be_read_for_days(workspace):
    """What counts is when a file was replaced, not how old it is."""
    pins, before = workspace.versions(), table_digests(workspace)
    for path in parquet(workspace):
        os.utime(path, (1, 1))
    assert compact(workspace, keep_days=1)["resolutions"].removed == 0
    assert len(parquet(workspace)) == 6
    assert table_digests(workspace, pins) == before


def test_who_reads_keeps_its_files(workspace):
    """A connection opens files only when it is asked, so they must be there until then."""
    with Workspace(workspace.path).connect() as reader:
        assert compact(workspace, keep_days=0)["resolutions"].removed == 0
        assert reader.execute("SELECT count(*) FROM resolutions").fetchall() == [(5,)]
    del reader
    assert compact(workspace, keep_days=0)["resolutions"].removed == 5


def test_what_a_killed_ingest_left_is_removed_at_once_when_nobody_is_at_work(workspace):
    path = staged(workspace, "0" * 32 + "-cof-1")
    (workspace.path / "resolutions/_delta_log/00000000000000000099.json#1").write_text("{")
    compact(workspace, keep_days=7)
    assert not path.exists()
    assert not list((workspace.path / "resolutions/_delta_log").glob("*#*"))
    assert len(parquet(workspace)) == 6  # joined ones stay for 7 days


def test_while_others_are_at_work_only_old_leftovers_are_removed(workspace):
    new, old = staged(workspace, "0" * 32 + "-cof-1"), staged(workspace, "1" * 32 + "-cof-1")
    aged = time.time() - 2 * SECONDS_PER_DAY
    os.utime(old, (aged, aged))
    lock = Workspace(workspace.path).lock()
    compact(workspace, keep_days=0)
    assert (new.exists(), old.exists()) == (True, False)
    lock.close()
    compact(workspace, keep_days=0)
    assert not new.exists()


def test_an_ingest_after_it_goes_on_as_before(workspace, tmp_path):
    compact(workspace, keep_days=0)
    assert ingest(workspace, tmp_path / "feed0.jsonl").rows == 0
    (tmp_path / "more.jsonl").write_text(COF % "more.example")
    ingest(workspace, tmp_path / "more.jsonl")
    assert workspace.status().tables["resolutions"].rows == 6


def test_a_replaced_ingest_stays_hidden(workspace, tmp_path):
    """Its rows lie in one file with those of others."""
    path = tmp_path / "feed0.jsonl"
    path.write_bytes(path.read_bytes() + (COF % "b.example").encode())
    ingest(workspace, path)
    before = table_digests(workspace)
    compact(workspace, keep_days=0)
    assert table_digests(workspace) == before
    assert workspace.status().tables["resolutions"].rows == 6


def test_wrong_use(workspace, tmp_path):
    with pytest.raises(UsageError, match="0 or more"):
        compact(workspace, keep_days=-1)
    with pytest.raises(WorkspaceError, match="no workspace here"):
        compact(Workspace(tmp_path / "nothing"))


def test_old_records_go_from_tables_that_grow_every_day(lake):
    other = Workspace(lake.path)
    assert (other.kept_since(), len(names(other))) == (None, 5)
    done = compact(lake, raw_days=10)
    assert {table: each.old_records for table, each in done.items()} == {
        "resolutions": 2,
        "queries": 2,
        "sightings": 2,
        "labels": 0,
        "ingests": 0,
    }
    assert names(other) == ["across", "edge", "new"]
    assert names(other, "queries") == names(other, "sightings", "indicator") == ["c"]
    assert names(other, "labels") == ["a", "b", "c"]
    assert (
        other.status().kept_since == other.kept_since() == day(21)
    )  # of all tables, the latest; the others' is the 18th
    assert other.store("queries").kept_since == day(18)
    assert other.store("labels").kept_since is None


def test_a_stay_that_reaches_into_the_time_kept_stays_whole(lake):
    compact(lake, raw_days=10)
    with lake.connect() as con:
        (found,) = con.execute(
            "SELECT epoch_us(first_seen), epoch_us(last_seen) FROM resolutions WHERE name = 'across.example'"
        ).fetchall()
    assert [utc(moment) for moment in found] == [day(1), day(25)]


def test_nothing_is_removed_and_nothing_refused_where_nothing_is_old(lake):
    versions, before = lake.versions(), table_digests(lake)
    for days in (30, 10**12):
        done = compact(lake, raw_days=days)
        assert not any(each.old_records for each in done.values())
    assert (lake.kept_since(), table_digests(lake)) == (None, before)
    assert lake.versions().keys() == versions.keys()


def test_what_was_removed_does_not_come_back_with_its_file(lake, tmp_path):
    assert compact(lake, keep_days=0, raw_days=10)["resolutions"].removed == 2
    assert len(parquet(lake)) == 1  # from the disk too
    ingests, before = lake.ingest_ids(), table_digests(lake)
    again = ingest(Workspace(lake.path), tmp_path / "True.jsonl", tmp_path / "False.jsonl", source="sensor")
    assert (again.rows, again.skipped) == (0, 2)
    assert (lake.ingest_ids(), table_digests(lake)) == (ingests, before)
    assert lake.status().tables["resolutions"].rows == 3
    assert lake.status().ingests == 5


def test_old_records_that_come_later_go_the_next_time(lake, tmp_path):
    """A file that has grown is read whole: what went before is there again, once."""
    compact(lake, raw_days=10)
    feed = tmp_path / "False.jsonl"
    feed.write_text(feed.read_text() + COF % "older.example")
    ingest(lake, feed, source="sensor")
    assert names(lake) == ["across", "edge", "new", "old", "older"]
    assert compact(lake, raw_days=12)["resolutions"].old_records == 1
    assert lake.store("resolutions").kept_since == day(21)  # it never goes back
    assert compact(lake, raw_days=10)["resolutions"].old_records == 1
    assert names(lake) == ["across", "edge", "new"]


def test_removing_again_changes_nothing(lake):
    compact(lake, keep_days=0, raw_days=10)
    versions, before = lake.versions(), table_digests(lake)
    assert not any(each.old_records for each in compact(lake, keep_days=0, raw_days=10).values())
    compact(lake, keep_days=0, raw_days=12)  # what is gone does not come nearer
    assert (lake.versions(), table_digests(lake), lake.kept_since()) == (versions, before, day(21))


def test_versions_of_before_show_the_old_records_until_their_files_go(lake):
    pins, before = lake.versions(), table_digests(lake)
    compact(lake, keep_days=1, raw_days=10)
    assert table_digests(lake, pins) == before != table_digests(lake)
    assert compact(lake, keep_days=0)["resolutions"].removed
    assert len(parquet(lake)) == 1


@pytest.mark.parametrize("step", ["set", "delete", "join"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_run_killed_between_its_steps_is_completed_by_the_next(lake, tmp_path, monkeypatch, step, at):
    shutil.copytree(lake.path, tmp_path / "undisturbed")
    undisturbed = Workspace(tmp_path / "undisturbed")
    compact(undisturbed, raw_days=10)
    owner, method = {
        "set": (type(DeltaTable.alter.fget(lake.store("queries")._refreshed())), "set_table_properties"),
        "delete": (DeltaTable, "delete"),
        "join": (TableStore, "join_files"),
    }[step]
    whole, calls = getattr(owner, method), []

    def killed(*args, **options):
        calls.append(1)
        if len(calls) > at:
            raise KeyboardInterrupt
        return whole(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, killed)
        with pytest.raises(KeyboardInterrupt):
            compact(lake, raw_days=10)
    left = Workspace(lake.path)
    if len(names(left)) < 5:  # records are never missing without being told
        assert left.kept_since() == day(21)
    compact(left, raw_days=10)
    assert table_digests(left) == table_digests(undisturbed)
    assert left.kept_since() == undisturbed.kept_since()


def test_a_record_without_a_date_stays(tmp_path):
    store = TableStore(tmp_path, "sightings")
    writer = DataWriter(tmp_path, "sightings", "0" * 32 + "-x-1")
    writer.write(pa.record_batch({"indicator": ["undated", "old", "new"], "seen_at": [None, day(1), day(9)]}))
    store.append({"0" * 32 + "-x-1": writer.close()})
    store.remove_before("seen_at", day(9))
    (file,) = store.files()
    assert sorted(pq.read_table(file)["indicator"].to_pylist()) == ["new", "undated"]
    assert store.holds("0" * 32 + "-x-1")


def test_days_to_keep_records_are_at_least_one(lake):
    before = table_digests(lake)
    with pytest.raises(UsageError, match="raw_days is 1 or more"):
        compact(lake, raw_days=0)
    assert table_digests(lake) == before
