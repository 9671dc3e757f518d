"""What all commands share: help, exit codes, and ends that are no accident."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from mithra.cli.main import Commands, main
from mithra.errors import FormatError, MissingExtraError, RefusedError


def commands(mithra):
    lines = mithra("--help").stdout.splitlines()
    begin = next(i for i, line in enumerate(lines) if "Commands" in line)
    return [m.group(1) for line in lines[begin:] if (m := re.match(r"│ ([a-z]+) ", line))]


def test_help_lists_the_commands_and_the_exit_codes(mithra):
    result = mithra("--help")
    assert {"ingest", "status", "simulate", "decide", "publish", "bench"} <= set(commands(mithra))
    for line in ("0: done", "1: refused", "2: wrong usage", "3: bad input"):
        assert line in result.stdout


def test_every_command_has_help_with_an_example(mithra):
    for command in commands(mithra):
        result = mithra(command, "--help")
        assert result.exit_code == 0
        if command != "bench":
            example = next(line for line in result.stdout.splitlines() if "Example: " in line)
            assert f"mithra {command} " in example
            assert "Exit codes: 0 done" in result.stdout


def test_version(mithra):
    from importlib.metadata import version

    assert mithra("--version").stdout.strip() == version("mithra")


@pytest.mark.parametrize(
    "line", ["nonsense", "ingest", "status", "publish x --format rpx --out -", "bench nothing"]
)
def test_wrong_usage_is_code_2_and_goes_to_stderr(mithra, line):
    result = mithra(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: mithra" in result.stderr


def ends(error: BaseException):
    """The result of a command that raises."""
    app = typer.Typer(cls=Commands)

    @app.command()
    def one() -> None:
        raise error

    @app.command()
    def two() -> None: ...

    return CliRunner().invoke(app, ["one"])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RefusedError("nothing to block"), 1, "error: nothing to block\n"),
        (MissingExtraError("a", "b"), 2, "error: a is not installed. Run: pip install 'mithra[b]'\n"),
        (FormatError("no", file="x", line=3, value="[b]\x1b["), 3, "error: x:3: no (got '[b]\\\\x1b[')\n"),
        (PermissionError(13, "Permission denied", "/no/such"), 3, "error: /no/such: Permission denied\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)  # fmt: skip
def test_what_a_command_raises_becomes_a_message_and_a_code(error, code, message):
    result = ends(error)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", message)


def test_a_defect_is_code_70_with_a_traceback_to_report(monkeypatch, capsys):
    monkeypatch.setattr("mithra.cli.records.messages", None)
    assert main(["status", "x"]) == 3  # no workspace: no defect
    monkeypatch.setattr("mithra.cli.records.print_table", None)
    monkeypatch.setattr("mithra.observe.workspace.Workspace.status", lambda self: 1 / 0)
    assert main(["status", "x"]) == 70
    assert "a defect in mithra; please report it" in capsys.readouterr().err


def test_main_returns_the_exit_code_of_wrong_usage(capsys):
    assert main(["status"]) == 2
    assert main(["--version"]) == 0


def test_quiet_says_nothing_but_errors(mithra, lake, tmp_path):
    assert mithra("status", lake).stderr.startswith("1 ingests, the last of")
    assert mithra("-q", "status", lake).stderr == ""
    assert mithra("-q", "status", tmp_path / "none").stderr.startswith("error: no workspace here")


def test_streams_that_are_closed_or_full_are_told(shell, scores):
    scores()
    decide = "mithra -q decide scores.parquet --format csv"
    for line, code, message in [
        (f"{decide} >&-", 2, "stdout is closed"),
        ("mithra -q decide - <&-", 2, "stdin is closed"),
        (f"{decide} > /dev/full", 3, "No space left on device"),
    ]:
        done = shell(line)
        assert (done.returncode, done.stdout) == (code, ""), (line, done.stderr)
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_out_may_be_a_pipe(shell, scores):
    scores()
    done = shell("mithra -q decide scores.parquet --format csv --out /dev/stdout | grep -c example")
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_a_closed_pipe_ends_without_a_word(shell, lake):
    """The reader is gone before anything is written."""
    done = shell("mithra -q status lake --json - | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("141\n", "")
    done = shell("mithra -q status lake | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("141\n", "")
