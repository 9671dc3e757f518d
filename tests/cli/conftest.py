"""`mithra` run as a user runs it: in this process for most tests, as a command where pipes matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from mithra.cli.main import app
from mithra.decide.scored import COLUMNS

HOSTILE = "evil\x1b[31m[red]\u202e.example"


@pytest.fixture
def mithra() -> Callable[..., Result]:
    """Run a command line in this process; `result.stdout`, `.stderr`, `.exit_code`."""

    def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(
            app,
            [str(argument) for argument in arguments],
            input=stdin,
            prog_name="mithra",
            env={"COLUMNS": "120"},
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a line of bash in a new folder, with `mithra` being this one."""

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f'mithra() {{ "{sys.executable}" -m mithra "$@"; }}; {line}'],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"COLUMNS": "200"},
        )

    return run


@pytest.fixture
def lake(tmp_path: Path, mithra: Callable[..., Result]) -> Path:
    """A workspace with three resolutions and a reject."""
    line = {"rrname": "www.example.com.", "rrtype": "A", "rdata": "192.0.2.1"}
    times = {"time_first": 1767225600, "time_last": 1767312000, "count": 3}
    names = ["www.example.com.", "example.net.", "example.org."]
    records = [json.dumps(line | times | {"rrname": name}) for name in names] + ["{not json"]
    (tmp_path / "feed.cof.jsonl").write_text("\n".join(records) + "\n")
    assert mithra("ingest", tmp_path / "lake", tmp_path / "feed.cof.jsonl").exit_code == 0
    return tmp_path / "lake"


@pytest.fixture
def scores(tmp_path: Path) -> Callable[..., Path]:
    """A Parquet file of scores: bad.example to block, thin.example to watch, and calm names."""

    def write(name: str = "scores.parquet", simulated: str = "false") -> Path:
        calm = [(f"calm{i}.example", 0.01 + i / 10_000, "benign") for i in range(60)]
        rows = [_row("bad.example", 0.9, "nefarious"), _row("thin.example", 0.6, "nefarious")]
        rows += [_row(*each) for each in calm]
        metadata = {
            "model_digest": "m1",
            "snapshot_digest": "s1",
            "as_of": datetime.now(UTC).isoformat(),
            "simulated": simulated,
            "thresholds": json.dumps({"0.01": 0.5, "0.001": 0.8}),
        }
        schema = pa.schema(list(COLUMNS.items())).with_metadata(metadata)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / name)
        return tmp_path / name

    return write


def _row(name: str, score: float, verdict: str) -> dict[str, Any]:
    return {
        "name": name,
        "score": score,
        "verdict": verdict,
        "rank": 1,
        "evidence_kinds": ["lexical", "resolution"],
        "reasons": [f"registrar [red]{HOSTILE}"],
        "shared_suffix": False,
        "label_benign": False,
        "state": None,
        "addresses": [],
        "name_servers": [],
        "asn": [],
    }
