"""The workspace: lazily made, append-only, each content once."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from mithra.errors import WorkspaceError
from mithra.observe import Workspace, compact, ingest, table_digests
from mithra.observe.datafile import DataWriter
from mithra.observe.store import TableStore
from mithra.schema import TABLES

COF = '{"rrname":"%s","rrtype":"A","rdata":"192.0.2.1","time_first":1600000000,"time_last":1600000060}\n'


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.jsonl"
    path.write_text(COF % "a.example" + COF % "b..c" + COF % "b.example")
    return path


def test_nothing_is_made_before_the_first_ingest(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    assert workspace.versions() == {}
    assert workspace.ingest_ids() == []
    assert not workspace.path.exists()
    with pytest.raises(WorkspaceError, match="no workspace here"):
        workspace.status()


def test_an_absent_table_is_an_empty_view_with_the_same_columns(tmp_path, feed):
    empty = Workspace(tmp_path / "empty")
    full = Workspace(tmp_path / "full")
    ingest(full, feed)
    with empty.connect() as nothing, full.connect() as something:
        for table, schema in TABLES.items():
            described = [row[:2] for row in nothing.execute(f"DESCRIBE {table}").fetchall()]
            assert [name for name, _ in described] == schema.names
            assert described == [row[:2] for row in something.execute(f"DESCRIBE {table}").fetchall()]
            assert nothing.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
    assert not empty.path.exists()


def test_a_written_table_has_the_types_of_an_absent_one(tmp_path):
    """All tables, since what is on disk decides what DuckDB sees."""
    workspace = Workspace(tmp_path / "lake")
    workspace.create()
    absent = Workspace(tmp_path / "absent")
    for table, schema in TABLES.items():
        writer = DataWriter(workspace.path, table, "id-x-1")
        writer.write(pa.RecordBatch.from_pylist([{}], schema=schema))
        workspace.store(table).append({"id-x-1": writer.close()})
    with workspace.connect() as here, absent.connect() as there:
        for table in TABLES:
            assert here.execute(f"SELECT count(*) FROM {table}").fetchall() == [(1,)] or table == "ingests"
            assert (
                here.execute(f"DESCRIBE {table}").fetchall() == there.execute(f"DESCRIBE {table}").fetchall()
            ), table


def test_status(tmp_path, feed):
    workspace = Workspace(tmp_path / "lake")
    ingested_at = datetime(2026, 2, 3, tzinfo=UTC)
    ingest(workspace, feed, source="sensor", now=ingested_at)
    status = workspace.status()
    assert status.ingests == 1
    assert status.rejects == {"empty_label": 1}
    assert set(status.tables) == {"resolutions"}
    table = status.tables["resolutions"]
    assert (table.rows, table.names, table.sources) == (2, 2, ("sensor",))
    assert table.ingested_at == status.ingested_at == ingested_at
    files = [file for file in workspace.path.rglob("*") if file.is_file()]
    assert status.bytes == sum(file.stat().st_size for file in files)
    own = [file for file in files if file.parent.name == "resolutions"]
    assert table.bytes == sum(file.stat().st_size for file in own)
    assert table.first == datetime.fromtimestamp(1_600_000_000, UTC)
    assert table.last == datetime.fromtimestamp(1_600_000_060, UTC)


def test_names_are_counted_once_in_every_table(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    workspace.create()
    rows = [{"names": ["a.example", "b.example"]}, {"names": ["b.example"]}]
    writer = DataWriter(workspace.path, "certificates", "id-x-1")
    writer.write(pa.RecordBatch.from_pylist(rows, schema=TABLES["certificates"]))
    workspace.store("certificates").append({"id-x-1": writer.close()})
    writer = DataWriter(workspace.path, "ingests", "id-x-1")
    writer.write(pa.RecordBatch.from_pylist([{}], schema=TABLES["ingests"]))
    workspace.store("ingests").append({"id-x-1": writer.close()})
    table = workspace.status().tables["certificates"]
    assert (table.rows, table.names, table.ingested_at) == (2, 2, None)


def test_rejects_name_file_line_and_reason(tmp_path, feed):
    workspace = Workspace(tmp_path / "lake")
    ingest(workspace, feed)
    with workspace.connect() as con:
        [(file, line, reason, excerpt)] = con.execute(
            "SELECT file, line, reason, excerpt FROM rejects"
        ).fetchall()
    assert (file, line, reason) == (str(feed), 2, "empty_label")
    assert excerpt.startswith('{"rrname":"b..c"')


def test_pinned_versions_do_not_see_what_came_later(tmp_path, feed):
    workspace = Workspace(tmp_path / "lake")
    ingest(workspace, feed)
    pinned = workspace.versions()
    later = tmp_path / "later.jsonl"
    later.write_text(COF % "later.example")
    ingest(workspace, later)
    assert len(workspace.ingest_ids(pinned)) == 1
    assert len(workspace.ingest_ids()) == 2
    assert len(workspace.files("resolutions", pinned)) == 1
    with workspace.connect(versions=pinned) as con:
        assert con.execute("SELECT name FROM resolutions ORDER BY 1").fetchall() == [
            ("a.example",),
            ("b.example",),
        ]


def test_files_are_real_paths_even_with_odd_folder_names(tmp_path, feed):
    workspace = Workspace(tmp_path / "my lake é'#+ü")
    ingest(workspace, feed)
    [file] = workspace.files("resolutions")
    assert pq.read_table(file).num_rows == 2
    with workspace.connect() as con:
        assert con.execute("SELECT count(*) FROM resolutions").fetchall() == [(2,)]


@pytest.mark.parametrize("name", ["a[1]", "a*b", "a?b", "a%20b", "{a}"])
def test_paths_that_duckdb_or_delta_misread_are_refused(tmp_path, name):
    with pytest.raises(WorkspaceError, match="may not hold"):
        Workspace(tmp_path / name)


def test_other_folders_are_not_taken_over(tmp_path, feed):
    with pytest.raises(WorkspaceError, match="a folder, this is a file"):
        Workspace(feed)
    with pytest.raises(WorkspaceError, match="not empty"):
        ingest(Workspace(tmp_path), feed)


def test_a_workspace_of_another_layout_is_refused(tmp_path, feed):
    workspace = Workspace(tmp_path / "lake")
    ingest(workspace, feed)
    marker = workspace.path / "workspace.json"
    for content, match in [('{"layout": 99}', "layout 99, this mithra reads 1 to 2"), ("{", "damaged")]:
        marker.write_text(content)
        for use in (
            workspace.create,
            workspace.connect,
            workspace.versions,
            workspace.status,
            lambda: ingest(workspace, feed),
            lambda: compact(workspace),
        ):
            with pytest.raises(WorkspaceError, match=match):
                use()


def test_a_workspace_of_layout_1_is_read_and_written_on(tmp_path, feed, monkeypatch):
    """It has no column `stated` and no table `replaced`; older mithras must not read it any more."""
    older = dict(TABLES)
    del older["replaced"]
    older["ingests"] = pa.schema([field for field in TABLES["ingests"] if field.name != "stated"])
    workspace = Workspace(tmp_path / "lake")
    with monkeypatch.context() as patch:
        patch.setattr("mithra.schema.TABLES", older)
        patch.setattr(sys.modules["mithra.observe.ingest"], "_INGEST", older["ingests"])
        ingest(workspace, feed)
    (workspace.path / "workspace.json").write_text('{"layout": 1}')
    old = Workspace(workspace.path)
    assert old.status().tables["resolutions"].rows == 2
    feed.write_text(feed.read_text() + COF % "c.example")
    assert ingest(old, feed, source="sensor").rows == 3
    assert json.loads((workspace.path / "workspace.json").read_text()) == {"layout": 2}
    with old.connect() as con:
        assert con.execute("SELECT stated FROM ingests ORDER BY ALL").fetchall() == [
            ('{"source": "sensor"}',),
            (None,),
        ]


INGEST_IN_TURN = """
import sys
from mithra.observe import Workspace, ingest
sys.stdin.readline()
for file in sys.argv[2:]:
    ingest(Workspace(sys.argv[1]), file)
"""


def test_processes_that_ingest_at_once_make_the_tables_together_and_double_nothing(tmp_path):
    """All at the start want to make every table; each file is read by all of them."""
    files = []
    for i in range(6):
        (tmp_path / f"f{i}.jsonl").write_text(COF % f"n{i}.example" + "bad\n")
        files.append(str(tmp_path / f"f{i}.jsonl"))
    clean = Workspace(tmp_path / "clean")
    ingest(clean, *files)
    call = [sys.executable, "-c", INGEST_IN_TURN]
    for turn in range(2):
        folder = str(tmp_path / f"lake{turn}")
        at_work = [
            subprocess.Popen([*call, folder, *files[i:], *files[:i]], stdin=subprocess.PIPE) for i in range(4)
        ]
        for process in at_work:
            process.stdin.close()
        assert [process.wait() for process in at_work] == [0, 0, 0, 0]
        assert table_digests(Workspace(folder)) == table_digests(clean)


def test_a_rival_makes_the_workspace_between_two_looks(tmp_path, feed, monkeypatch):
    """The folder was no workspace at the first look and is not empty at the second."""
    ingest(Workspace(tmp_path / "lake"), feed)
    looks = iter([False])
    monkeypatch.setattr(Workspace, "exists", property(lambda _: next(looks, True)))
    Workspace(tmp_path / "lake").create()


def test_a_rival_that_was_faster_leaves_no_file_behind(tmp_path, feed):
    workspace = Workspace(tmp_path / "lake")
    ingest(workspace, feed)
    [row] = workspace.ingest_ids()
    writer = DataWriter(workspace.path, "resolutions", row)
    writer.write(pa.RecordBatch.from_pylist([{"name": "twice.example"}]))
    late = writer.close()
    workspace.store("resolutions").append({row: late})
    assert not late.path.exists()
    assert workspace.status().tables["resolutions"].rows == 2


def test_what_is_left_of_a_killed_start_is_no_obstacle(tmp_path, feed):
    folder = tmp_path / "lake"
    (folder / "resolutions/_delta_log").mkdir(parents=True)
    (folder / "workspace.json.1234").write_text("")
    workspace = Workspace(folder)
    with pytest.raises(WorkspaceError, match="not empty"):
        ingest(workspace, feed)
    (folder / "resolutions/_delta_log").rmdir()
    (folder / "resolutions").rmdir()
    ingest(workspace, feed)
    for log in folder.glob("*/_delta_log"):
        (log / "00000000000000000009.json#1").write_text("{")
    (folder / "labels/_delta_log").mkdir(parents=True)
    assert workspace.status().tables["resolutions"].rows == 2
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("# Date: 2026-01-01\n0.0.0.0 bad.example\n")
    assert ingest(workspace, hosts).rows == 1


def test_client_key_is_made_once_for_its_owner_only(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    key = workspace.client_key()
    assert len(key) == 32
    assert Workspace(tmp_path / "lake").client_key() == key
    assert stat.S_IMODE((workspace.path / "client.key").stat().st_mode) == 0o600
    assert Workspace(tmp_path / "other").client_key() != key


def test_client_key_and_clients_are_in_no_other_file(tmp_path):
    log = tmp_path / "query.log"
    log.write_text(
        "24-Aug-2026 02:47:22.825 client 192.0.2.77#1 (a.example): query: a.example IN A +\n"
        "24-Aug-2026 02:47:22.825 client 192.0.2.77#1 (.): query: . IN NS +\n"
    )
    workspace = Workspace(tmp_path / "lake")
    report = ingest(workspace, log)
    key = workspace.client_key()
    files = [path for path in workspace.path.rglob("*") if path.is_file() and path.name != "client.key"]
    written = b"".join(path.read_bytes() for path in files)
    assert (report.rows, report.rejected) == (1, 1)
    assert b"a.example" in written
    for secret in (key, key.hex().encode(), b"192.0.2.77"):
        assert secret not in written


def test_memory_limit_and_threads(tmp_path):
    with Workspace(tmp_path / "lake").connect(memory_limit="512MB", threads=1) as con:
        assert con.execute("SELECT current_setting('threads')").fetchall() == [(1,)]
        assert con.execute("SELECT current_setting('memory_limit')").fetchall() == [("488.2 MiB",)]


def test_duckdb_shows_no_progress_on_stdout(tmp_path):
    with Workspace(tmp_path / "lake").connect() as con:
        assert con.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_an_optimized_table_shows_the_same_rows(tmp_path, feed):
    """Delta's OPTIMIZE joins files of several ingests; one of an unfinished ingest must stay unseen."""
    workspace = Workspace(tmp_path / "lake")
    ingest(workspace, feed)
    ingest(workspace, feed, source="other")
    writer = DataWriter(workspace.path, "resolutions", "unfinished-x-1")
    writer.write(pa.RecordBatch.from_pylist([{"name": "unseen.example"}], schema=TABLES["resolutions"]))
    workspace.store("resolutions").append({"unfinished-x-1": writer.close()})
    DeltaTable(str(workspace.path / "resolutions")).optimize.compact()
    [file] = workspace.files("resolutions")
    assert pq.read_metadata(file).num_rows == 5
    with workspace.connect() as con:
        names = con.execute("SELECT name FROM resolutions ORDER BY ALL").fetchall()
    assert names == [("a.example",), ("a.example",), ("b.example",), ("b.example",)]
    assert ingest(workspace, feed).rows == 0


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (OSError(28, "No space left on device"), "No space left on device.*Make room"),
        (
            DeltaError("Unable to copy data\n  \x1b[31m↳\x1b[0m full (os error 28)"),
            "data full .os error 28.*Make room",
        ),
        (DeltaError("Kernel error: no such file (os error 2)"), "from a backup"),
    ],
)
def test_what_the_disk_says_is_a_typed_error(tmp_path, feed, monkeypatch, error, match):
    def fail(*_):
        raise error

    monkeypatch.setattr(TableStore, "_commit", fail)
    with pytest.raises(WorkspaceError, match=match):
        ingest(Workspace(tmp_path / "lake"), feed)
