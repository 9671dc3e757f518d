"""Frames of every library come in alike."""

from __future__ import annotations

import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mithra.errors import UsageError
from mithra.observe import Workspace, ingest
from mithra.observe.frames import arrow_of_frame, frame_digest, to_pandas, to_polars

PANDAS = pd.DataFrame(
    {
        "fqdn": ["A.example.com", "b.example.com.", "bad name"],
        "rrtype": ["A", "ns", "A"],
        "rdata": ["192.0.2.1", "NS1.example.net.", "192.0.2.2"],
        "first_seen": pd.to_datetime(["2024-01-01T00:00:00", "2024-01-02T03:04:05", "2024-01-03T00:00:00"]),
        "count": [1.0, None, 3.0],
    }
)
POLARS = pl.from_pandas(PANDAS)


def frames():
    con = duckdb.connect()
    con.register("frame", PANDAS)
    return {
        "pandas": PANDAS,
        "polars": POLARS,
        "lazy polars": POLARS.lazy(),
        "pyarrow": pa.Table.from_pandas(PANDAS),
        "record batch": pa.RecordBatch.from_pandas(PANDAS),
        "reader": pa.Table.from_pandas(PANDAS).to_reader(),
        "duckdb": con.sql("SELECT * FROM frame"),
    }


@pytest.mark.parametrize("kind", list(frames()))
def test_every_frame_gives_the_same_rows(tmp_path, kind):
    workspace = Workspace(tmp_path / "lake")
    report = ingest(workspace, frames()[kind], table="resolutions", columns={"name": "fqdn"}, source="s")
    assert (report.rows, report.rejected) == (2, 1)
    with workspace.connect() as con:
        rows = con.execute(
            "SELECT name, rrtype, rdata, epoch(first_seen), count, source FROM resolutions ORDER BY ALL"
        )
        assert rows.fetchall() == [
            ("a.example.com", "A", "192.0.2.1", 1704067200.0, 1, "s"),
            ("b.example.com", "NS", "ns1.example.net", 1704164645.0, None, "s"),
        ]
        assert con.execute("SELECT line, reason FROM rejects").fetchall() == [(3, "whitespace")]
    again = ingest(workspace, frames()[kind], table="resolutions", columns={"name": "fqdn"}, source="s")
    assert (again.rows, again.skipped) == (0, 1)


def test_labels_from_a_frame(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    frame = pd.DataFrame(
        {"name": ["x.example", "y.example"], "verdict": ["malicious", "odd"], "confidence": [0.5, 1]}
    )
    ingest(workspace, frame, table="labels", known_at="2026-01-01", category="c2")
    with workspace.connect() as con:
        rows = con.execute(
            "SELECT name, verdict, category, confidence, epoch(known_at) FROM labels"
        ).fetchall()
        assert rows == [("x.example", "nefarious", "c2", 0.5, 1767225600.0)]
        assert con.execute("SELECT reason FROM rejects").fetchall() == [("bad_verdict",)]


def test_plans_may_lie_in_the_future(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    frame = pd.DataFrame({"domain": ["x.example"], "created": ["2020-01-01"], "expires": ["2099-01-01"]})
    ingest(workspace, frame, table="registrations")
    with workspace.connect() as con:
        assert con.execute("SELECT year(expires), captured_at FROM registrations").fetchall() == [
            (2099, None)
        ]


def test_a_frame_needs_a_table(tmp_path):
    with pytest.raises(UsageError, match="table="):
        ingest(Workspace(tmp_path / "lake"), PANDAS)
    with pytest.raises(UsageError, match="not a path and not a frame"):
        ingest(Workspace(tmp_path / "lake"), object(), table="labels")


def test_digest_is_of_values_not_of_chunks():
    table = arrow_of_frame(POLARS)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert frame_digest(table) == frame_digest(chunked)
    assert frame_digest(table) != frame_digest(table.slice(1))
    assert frame_digest(table) != frame_digest(table.rename_columns(["x", *table.column_names[1:]]))


@pytest.mark.parametrize(("library", "convert"), [("pandas", to_pandas), ("polars", to_polars)])
def test_a_library_that_is_not_there_is_named(monkeypatch, library, convert):
    table = pa.table({"name": ["a.example"]})
    assert list(convert(table)["name"]) == ["a.example"]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=f"{library} is not installed.*pip install {library}"):
        convert(table)
