"""The workspace: lazily made, append-only, each content once."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from mithra.errors import WorkspaceError
from mithra.observe import Workspace, ingest
from mithra.observe.store import DataWriter
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
    ingest(workspace, feed, source="sensor")
    status = workspace.status()
    assert status.ingests == 1
    assert status.rejects == {"empty_label": 1}
    assert set(status.tables) == {"resolutions"}
    table = status.tables["resolutions"]
    assert (table.rows, table.sources) == (2, ("sensor",))
    assert table.first == datetime.fromtimestamp(1_600_000_000, UTC)
    assert table.last == datetime.fromtimestamp(1_600_000_060, UTC)


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
    (workspace.path / "workspace.json").write_text('{"layout": 99}')
    with pytest.raises(WorkspaceError, match="layout 99"):
        workspace.create()
    (workspace.path / "workspace.json").write_text("{")
    with pytest.raises(WorkspaceError, match="damaged"):
        workspace.create()


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
