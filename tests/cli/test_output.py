"""Records as people and machines get them; whatever strangers put into them does no harm."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mithra.cli.output import Format, chosen_format, csv_text, print_table, write_json, write_records
from mithra.errors import UsageError

RECORDS = pa.table(
    {
        "name": ["-a.example", "=HYPERLINK(1)"],
        "score": [0.5, None],
        "reasons": pa.array([["one", "two"], []], pa.list_(pa.field("element", pa.string()))),
        "at": pa.array([datetime(2026, 5, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    },
).replace_schema_metadata({"simulated": "true"})


def test_json_lines_hold_values_as_they_are(capsys):
    write_records(RECORDS, Format.JSONL, None)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        {"name": "-a.example", "score": 0.5, "reasons": ["one", "two"], "at": "2026-05-01T00:00:00+00:00"},
        {"name": "=HYPERLINK(1)", "score": None, "reasons": [], "at": None},
    ]


def test_csv_joins_lists_and_disarms_formulas(tmp_path):
    write_records(RECORDS, Format.CSV, tmp_path / "r.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert rows == [
        {"name": "-a.example", "score": "0.5", "reasons": "one; two", "at": "2026-05-01T00:00:00+00:00"},
        {"name": "'=HYPERLINK(1)", "score": "", "reasons": "", "at": ""},
    ]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("xn--a.example", "xn--a.example"),
        ("-1+1", "'-1+1"),
        ("+1", "'+1"),
        ("@x", "'@x"),
        ("\tx", "'\\tx"),
        ("a\nb", "a\\nb"),
        ("a\x00\x1b\u202eb", "a\\x00\\x1b\\u202eb"),
        (["=a", "b"], "'=a; b"),
        (0.25, 0.25),
        (None, None),
        (True, True),
    ],
)
def test_a_cell_of_csv(value, cell):
    assert csv_text(value) == cell


def test_parquet_keeps_types_and_metadata(tmp_path):
    write_records(RECORDS, Format.PARQUET, tmp_path / "r.parquet")
    assert pq.read_table(tmp_path / "r.parquet").equals(RECORDS, check_metadata=True)


def test_a_table_escapes_and_folds_but_never_cuts(capsys):
    long = "x" * 300
    print_table(
        ["name", "score"], [["[bold]a\x1b[2J\u202e[/bold]", 0.12345], [long, None], ["🄰 :smile:", 2.0]]
    )
    text = capsys.readouterr().out
    assert "[bold]a\\x1b[2J\\u202e[/bold]" in text
    assert text.count("x") == 1 + 300  # that of \\x1b, and none lost
    assert ":smile:" in text
    assert "\x1b" not in text


def test_a_table_can_go_into_a_file(tmp_path):
    print_table(["n"], [[1234567]], out=tmp_path / "t.txt")
    assert "1,234,567" in (tmp_path / "t.txt").read_text()


def test_the_format_comes_from_the_option_then_the_ending():
    assert chosen_format(None, None) is Format.TABLE
    assert chosen_format(None, Path("-")) is Format.TABLE
    assert chosen_format(None, Path("a/b.ndjson")) is Format.JSONL
    assert chosen_format(None, Path("b.parquet")) is Format.PARQUET
    assert chosen_format(Format.CSV, Path("b.parquet")) is Format.CSV
    for path in ("noending", "b.xlsx"):
        with pytest.raises(UsageError, match="names no format"):
            chosen_format(None, Path(path))


def test_json_documents_take_dates_numpy_numbers_and_paths(tmp_path):
    import numpy as np

    value = {"at": datetime(2026, 5, 1, tzinfo=UTC), "n": np.float64(0.5), "path": Path("x"), "none": None}
    write_json(value, tmp_path / "v.json")
    assert json.loads((tmp_path / "v.json").read_text()) == {
        "at": "2026-05-01T00:00:00+00:00",
        "n": 0.5,
        "path": "x",
        "none": None,
    }
    write_json(value, None)
