"""The pages under docs: they build without a warning, hold every public name, and their commands run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mithra as mt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PARTS = ("pdns", "rdap", "networks", "popularity", "blocklists")


def test_every_public_name_is_in_the_reference() -> None:
    told = re.findall(r"auto(?:function|class):: mithra\.(\w+)", (DOCS / "api.md").read_text())
    assert sorted(told) == sorted(mt.__all__)


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (DOCS / "index.md").read_text()
    listed = {
        page for tree in re.findall(r"```{toctree}.*?```", index, re.DOTALL) for page in tree.split("\n")
    }
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= listed


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", DOCS, tmp_path / "site"]
    done = subprocess.run([*command, "-d", tmp_path / "trees"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mithra.train" in (tmp_path / "site" / "api.html").read_text()


@pytest.mark.slow
def test_the_commands_of_deciding_run(tmp_path: Path) -> None:
    """With the released model, a small world, and a threshold low enough that something is blocked."""
    mt.simulate(tmp_path / "world", domains=3_000, days=20, seed=5)
    mt.ingest(tmp_path / "lake", *(tmp_path / "world" / part for part in PARTS))
    shutil.copytree(ROOT / "models" / "simulated", tmp_path / "models" / "june")
    (tmp_path / "policy.toml").write_text("threshold = 0.02\n")
    page = (DOCS / "deciding.md").read_text()
    commands = re.findall(r"^\$ mithra (.+)$", page, re.MULTILINE)
    assert len(commands) == 9
    for command in commands:
        line = f'"{sys.executable}" -m mithra {command}'
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert "CNAME ." in (tmp_path / "mithra.rpz").read_text()
