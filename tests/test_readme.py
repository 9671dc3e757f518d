"""What README.md shows is run: its Python lines, its commands, its policy, and its commands on real data.

The world is made smaller and training is cut short; nothing else of what a reader would type is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mithra as mt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHARED = ROOT.parent / "shared" / "data"
QUICK = """
import functools, sys
import mithra as mt
from mithra.learn.settings import TrainSettings
mt.TrainSettings = functools.partial(TrainSettings, members=1, epochs=3, width=8, threads=1)
from mithra.cli.main import main
sys.exit(main())
"""


def blocks(language: str, section: str) -> list[str]:
    """Fenced blocks of a language in the section with that heading."""
    part = README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return [
        text.replace("20_000", "4_000") for text in re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)
    ]


def commands(section: str, at: int = 0) -> list[str]:
    return blocks("sh", section)[at].replace("20000", "4000").splitlines()


@pytest.fixture
def shell(tmp_path):
    """Run a command of the README in a folder of its own."""
    quick, folder = tmp_path / "quick.py", tmp_path / "home"
    quick.write_text(QUICK)
    folder.mkdir()
    tools = f'mithra() {{ "{sys.executable}" "{quick}" "$@"; }}; python() {{ "{sys.executable}" "$@"; }}'

    def run(command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {tools}; {command}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"HOME": str(folder)} | more,
        )

    return run


def test_the_two_commands_are_targets_of_the_makefile():
    targets = (ROOT / "Makefile").read_text()
    for command in commands("Two commands"):
        assert re.search(rf"^{command.split()[1]}:", targets, re.MULTILINE), command


def test_the_python_lines_run(tmp_path, monkeypatch, capsys, quick_settings):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mt, "TrainSettings", lambda seed: quick_settings)
    names: dict[str, object] = {}
    lines, frames = blocks("python", "From Python")
    exec(lines, names)
    assert "login-example.test: unknown, score" in capsys.readouterr().out
    assert isinstance(names["card"], mt.ReportCard)
    assert len(names["scores"]) > 4_000
    assert (tmp_path / "models" / "may" / "model.json").is_file()
    assert "SOA" in (tmp_path / "mithra.rpz").read_text()
    exec(frames, names)
    table = mt.Scores.read(tmp_path / "scores.parquet").to_arrow()
    assert table["name"].to_pylist() == ["login-example.test", "www.example.com", "192.0.2.7"]
    assert table["addresses"].to_pylist()[0] == ["192.0.2.7"]
    assert table["score"].null_count == 1


@pytest.mark.slow
def test_the_commands_run(shell, tmp_path):
    (tmp_path / "home" / "policy.toml").write_text(blocks("toml", "From the command line")[0])
    printed = {}
    for command in commands("From the command line"):
        done = shell(command)
        printed[command.split()[1]] = done.stdout
        nothing = done.returncode == 1 and "there is nothing to block" in done.stderr  # so small a world
        assert done.returncode == 0 or (command.startswith("mithra publish") and nothing), done.stderr
    assert "resolutions" in printed["status"]
    assert printed["explain"].startswith("login-example.test: unknown")
    assert mt.Decisions.read(tmp_path / "home" / "decisions.parquet").origin["mode"] == "full"


def test_the_policy_is_one(tmp_path):
    (tmp_path / "policy.toml").write_text(blocks("toml", "From the command line")[0])
    assert mt.Policy.from_toml(tmp_path / "policy.toml") == mt.Policy(
        allow={"example.com": "allowed by the policy"}
    )


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the real records are not on this machine")
def test_the_commands_on_real_data_run(shell, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for path in [*(SHARED / "raw").iterdir(), SHARED / "formats" / "rdap"]:
        (data / path.name).symlink_to(path)
    done = shell(
        "; ".join(f"{command} || exit 1" for command in commands("Real data")), MITHRA_DATA=str(data)
    )
    assert done.returncode == 0, done.stderr
    assert "nothing new" in done.stderr
    assert int(done.stdout.splitlines()[-1]) > 20_000


def test_commands_that_are_shown_exist():
    """Those too that take too long to run here."""
    from typer.testing import CliRunner

    from mithra.cli.main import app

    shown = set(re.findall(r"^(?:.*\| )?mithra (bench \S+|[a-z]+)", README, re.MULTILINE))
    assert {"bench pdns-net", "bench build", "bench names", "score", "publish"} <= shown
    for command in shown - {"finds", "reads"}:
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
