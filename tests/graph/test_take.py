import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from mithra.errors import SnapshotError, UsageError, WorkspaceError
from mithra.graph.relations import Observed
from mithra.graph.snapshot import Snapshot
from mithra.graph.take import moment, snapshot
from mithra.observe.compact import compact
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace
from mithra.schema import TABLES

DAY = "2026-02-01"


@pytest.fixture
def workspace(t, tmp_path):
    ws = Workspace(tmp_path / "lake")
    add(t, ws, t.rr("www.a.com", "A", "192.0.2.1", 1, 5), t.rr("b.org", "A", "192.0.2.1", 2, 6))
    return ws


def add(t, ws, *rows):
    table = pa.Table.from_pylist(list(rows), schema=TABLES["resolutions"])
    ingest(ws, table.drop_columns(["ingest_id", "source"]), table="resolutions", source="sensor")


def test_a_snapshot_of_a_workspace_is_saved_and_mapped(t, workspace):
    snap = snapshot(workspace, DAY)
    assert snap.as_of == datetime(2026, 2, 1, tzinfo=UTC)
    assert t.edges(snap, "address") == [("b.org", "192.0.2.1", 2, 6), ("www.a.com", "192.0.2.1", 1, 5)]
    folders = list((workspace.path / "snapshots").iterdir())
    assert [f.name.split("-")[0] for f in folders] == ["20260201T000000Z"]
    assert Snapshot.open(folders[0], verify=True).digest == snap.digest
    assert snap.manifest["depends"]["versions"] == workspace.versions()
    assert snap.manifest["depends"]["relations"]["address"] == 1


def test_the_same_snapshot_is_not_built_twice(workspace, monkeypatch):
    first = snapshot(workspace, DAY)
    monkeypatch.setattr("mithra.graph.take.build", None)
    assert snapshot(str(workspace.path), datetime(2026, 2, 1)).digest == first.digest


def test_new_records_and_other_relations_make_another_snapshot(t, workspace):
    first = snapshot(workspace, DAY)
    add(t, workspace, t.rr("c.net", "A", "192.0.2.2", 3, 4))
    assert snapshot(workspace, DAY).names.to_pylist() == ["b.org", "c.net", "www.a.com"]
    assert first.names.to_pylist() == ["b.org", "www.a.com"]
    assert list(snapshot(workspace, DAY, relations=["registrar"]).relations) == ["registrar"]
    mine = Observed("mine", rrtypes=("A",))
    assert list(snapshot(workspace, DAY, relations=[mine]).relations) == ["mine"]
    assert len(list((workspace.path / "snapshots").iterdir())) == 4


def test_future_records_give_the_same_digest_from_another_folder(t, workspace):
    first = snapshot(workspace, DAY)
    add(
        t,
        workspace,
        t.rr("later.net", "A", "192.0.2.1", 60, 70),
        t.rr("b.org", "A", "192.0.2.1", 2, 66, 70, 9),
    )
    again = snapshot(workspace, DAY)
    assert again.digest == first.digest
    assert again.manifest["key"] != first.manifest["key"]


def test_an_explicit_path_holds_one_snapshot_for_good(t, workspace, tmp_path):
    snapshot(workspace, DAY, path=tmp_path / "snap")
    assert snapshot(workspace, DAY, path=tmp_path / "snap").names.to_pylist() == ["b.org", "www.a.com"]
    with pytest.raises(SnapshotError, match="another snapshot"):
        snapshot(workspace, "2026-01-02", path=tmp_path / "snap")


def test_progress_goes_to_stderr(workspace, capsys):
    snapshot(workspace, DAY, progress=True)
    assert capsys.readouterr().out == ""


def test_no_workspace_is_said(tmp_path):
    with pytest.raises(SnapshotError, match=r"no workspace.*mithra ingest"):
        snapshot(tmp_path / "nowhere", DAY)
    assert not (tmp_path / "nowhere").exists()


def test_limits_are_passed_on(workspace):
    assert snapshot(workspace, DAY, memory_limit="200MB", threads=1).names.to_pylist() == [
        "b.org",
        "www.a.com",
    ]


def test_limits_that_cannot_be_kept_are_an_error_of_ours(workspace):
    with pytest.raises(SnapshotError, match=r"out of memory.*memory_limit"):
        snapshot(workspace, DAY, memory_limit="10KB")
    with pytest.raises(UsageError, match="engine refused"):
        snapshot(workspace, DAY, memory_limit="plenty")
    with pytest.raises(UsageError, match="engine refused"):
        snapshot(workspace, DAY, threads=0)
    assert not (workspace.path / "snapshots").exists()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-07-01", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01T12:30Z", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        ("2026-07-01T12:30:15.9+02:00", datetime(2026, 7, 1, 10, 30, 15, tzinfo=UTC)),
        (date(2026, 7, 1), datetime(2026, 7, 1, tzinfo=UTC)),
        (datetime(2026, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 7, 1, tzinfo=UTC)),
        (datetime(2026, 7, 1, 2), datetime(2026, 7, 1, 2, tzinfo=UTC)),
    ],
)
def test_moments(said, meant):
    assert moment(said) == meant
    assert moment(said).tzinfo is UTC


@pytest.mark.parametrize("said", ["yesterday", "", "2026-13-01", 5, None])
def test_no_moments(said):
    with pytest.raises(UsageError):
        moment(said)


def test_a_process_that_took_a_snapshot_ends_without_a_word(workspace):
    code = f"from mithra.graph.take import snapshot; snapshot({str(workspace.path)!r}, {DAY!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_moment_of_which_records_were_removed_is_refused(t, workspace):
    """Its graph would be poorer than it was then; one saved before can be opened."""
    add(t, workspace, t.rr("c.net", "A", "192.0.2.2", 20, 26))
    before = snapshot(workspace, t.day(16))
    compact(workspace, raw_days=10)  # the newest is of day 26
    for moment_removed in (t.day(16), t.day(3)):
        with pytest.raises(WorkspaceError, match="compact removed records") as refused:
            snapshot(workspace, moment_removed)
        assert refused.value.value == moment_removed.isoformat()
        assert "later moment" in refused.value.hint
    assert snapshot(workspace, t.day(16) + timedelta(seconds=1)).names.to_pylist() == []
    assert snapshot(workspace, t.day(27)).names.to_pylist() == ["c.net"]
    (saved,) = (workspace.path / "snapshots").glob(f"{t.day(16):%Y%m%dT%H%M%SZ}-*")
    assert Snapshot.open(saved).digest == before.digest
