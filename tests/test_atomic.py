"""Files that appear whole or not at all, and paths that are no files."""

from __future__ import annotations

import os
import threading

import pytest

from mithra.atomic import atomic_text
from mithra.errors import InputError


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_text(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_text(path) as file:
        file.write(f"half{1 / 0}")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with atomic_text(tmp_path / "link.txt") as file:
        file.write("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_named_pipe_is_written_to_and_stays_one(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with atomic_text(pipe) as file:
        file.write("through")
    reader.join(10)
    assert got == ["through"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot write"), atomic_text(tmp_path) as file:
        file.write("x")
