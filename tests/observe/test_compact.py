"""Compaction joins files and removes what nothing needs; what is shown stays, also for the pinned."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from mithra.errors import UsageError, WorkspaceError
from mithra.observe import Workspace, compact, ingest, table_digests
from mithra.observe.datafile import DataWriter

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
