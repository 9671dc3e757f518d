"""Decision files: the same table back from every form, and nothing half-written or unmarked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mithra.atomic import atomic_text
from mithra.decide.decisions import ORIGIN, SCHEMA, Decisions
from mithra.errors import FormatError, InputError, UsageError

ENDS = datetime(2026, 7, 15, 12, tzinfo=UTC)
ROWS: dict[str, list[Any]] = {
    "name": ["evil.example", "-odd.example", "ok.example"],
    "action": ["block", "watch", "allow"],
    "level": ["subtree", "host", "host"],
    "reasons": [['registrar "A, B"\n=cmd', "second; part"], [], ["allowed: ours"]],
    "score": [0.9, 0.1 + 0.2, None],
    "rank": [1, 2, None],
    "expires": [ENDS, None, None],
    "guard": [None, "one_kind", "allowlist"],
}


def decisions(simulated: str = "false") -> Decisions:
    return Decisions.of(ROWS, dict.fromkeys(ORIGIN, "x") | {"simulated": simulated})


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "ndjson"])
@pytest.mark.parametrize("simulated", ["true", "false"])
def test_every_form_gives_the_same_table_back(tmp_path: Path, ending: str, simulated: str) -> None:
    written = decisions(simulated)
    path = written.write(tmp_path / "deep" / f"d.{ending}")
    read = Decisions.read(path)
    assert read.table.equals(written.table, check_metadata=True)
    assert read.simulated is (simulated == "true")
    assert [each.name for each in path.parent.iterdir()] == [f"d.{ending}"]


def test_counts_and_blocks() -> None:
    assert decisions().blocks["name"].to_pylist() == ["evil.example"]
    assert decisions().counts() == {
        "block": 1,
        "watch": 1,
        "allow": 1,
        "guard:allowlist": 1,
        "guard:one_kind": 1,
    }


def test_frames() -> None:
    assert list(decisions().to_pandas()["name"]) == ROWS["name"]
    pytest.importorskip("polars")
    assert decisions().to_polars()["name"].to_list() == ROWS["name"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ("[1]", 1),
        ('{"name": "a.example"}', 1),
        ('{"name": 1, "reasons": []}', 1),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(FormatError, match="not a decision") as caught:
        Decisions.read(path)
    assert (caught.value.file, caught.value.line) == (path, line)


def _changed(tmp_path: Path, before: str, after: str) -> Path:
    path = decisions().write(tmp_path / "d.csv")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return path


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (",block,", ",destroy,", "unknown action"),
        (",subtree,", ",world,", "unknown level"),
        ("2026-07-15T12:00:00+00:00", "2026-07-15T12:00:00", "needs an offset"),
        ("0.9,", "high,", "not a decision"),
        (",simulated,", ",sim,", "not a decision"),
        (",false,", ",maybe,", "rows of several runs"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = _changed(tmp_path, before, after)
    with pytest.raises(InputError, match=message) as caught:
        Decisions.read(path)
    assert caught.value.file == path


def test_files_that_hold_no_decisions(tmp_path: Path) -> None:
    for name in ("d.csv", "d.jsonl"):
        (tmp_path / name).write_text("")
        with pytest.raises(FormatError, match="no decisions in the file"):
            Decisions.read(tmp_path / name)
    (tmp_path / "d.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(InputError, match="cannot read decisions"):
        Decisions.read(tmp_path / "d.parquet")
    with pytest.raises(InputError, match="cannot read decisions"):
        Decisions.read(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="unknown ending"):
        Decisions.read(tmp_path / "d.txt")


def test_a_table_without_the_mark_is_refused() -> None:
    with pytest.raises(InputError, match="whether they are simulated"):
        Decisions(decisions().table.replace_schema_metadata({}))
    with pytest.raises(InputError, match="not a table of decisions"):
        Decisions(pa.table({"name": ["a"]}))
    assert SCHEMA.names == decisions().table.schema.names


def _write_half(path: Path) -> None:
    with atomic_text(path) as file:
        file.write("new")
        raise RuntimeError("halfway")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(RuntimeError, match="halfway"):
        _write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic_text(path) as file:
        file.write("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_text(tmp_path / "link") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), atomic_text(tmp_path / "file" / "x"):
        pass
