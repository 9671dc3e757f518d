"""`mithra demo`: the whole way, twice the same, and only in a folder of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import mithra as mt
from mithra.cli.picture import draw, ranked_names


def test_a_folder_that_is_no_demo_is_not_touched(mithra, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    result = mithra("demo", "--out", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the folder is not empty and no demo" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_ranked_names_are_the_worst_first_with_what_is_true_and_what_was_listed(small_scores, small_world):
    truth = mt.World.open(small_world).truth()
    worst = small_scores.top(3).to_arrow()["name"].to_pylist()
    ranked = ranked_names(small_scores, truth, pa.array([worst[1]]))
    assert ranked.score.tolist() == sorted(ranked.score, reverse=True)
    assert ranked.listed[:3].tolist() == [False, True, False]
    known = dict(zip(truth["name"].to_pylist(), truth["verdict"].to_pylist(), strict=True))
    assert ranked.nefarious[:3].tolist() == [known[name] == "nefarious" for name in worst]


def test_the_picture_is_a_png_and_the_same_twice(small_scores, small_world, tmp_path):
    card = SimpleNamespace(
        curves={"recall": np.array([1.0, 0.5, 0.0]), "precision": np.array([0.1, 0.5, 1.0])},
        nefarious=1,
        benign=9,
        arrivals=10,
        models={"mithra": {"ap": 0.5}},
        truth=None,
    )
    ranked = ranked_names(small_scores, mt.World.open(small_world).truth(), pa.array([], pa.string()))
    for name in ("one.png", "two.png"):
        draw(card, ranked, {"0.001": None}, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.slow
def test_the_demo_makes_everything_that_it_names_and_the_same_twice(mithra, tmp_path, monkeypatch):
    monkeypatch.setattr(mt, "TrainSettings", lambda **given: quick(**given))
    out, digests = tmp_path / "demo", []
    for _ in range(2):  # the second run replaces the first
        result = mithra("demo", "--out", out, "--domains", 4000)
        assert result.exit_code == 0, result.stderr
        digests.append(
            {path.name: sha256(path.read_bytes()).hexdigest() for path in out.iterdir() if path.is_file()}
        )
    assert digests[0] == digests[1]
    made = [
        "scores.parquet",
        "decisions.parquet",
        "mithra.rpz",
        "report.html",
        "report.txt",
        "report.json",
        "picture.png",
    ]
    assert set(digests[0]) == {"demo.json", *made}
    lines = result.stdout.splitlines()
    header = next(at for at, line in enumerate(lines) if line.split()[:2] == ["rank", "name"])
    ranked = [line.split() for line in lines[header:] if line[:5].strip().isdecimal()]
    assert [int(row[0]) for row in ranked] == list(range(1, 16))
    assert {row[3] if row[3] in {"nefarious", "benign"} else row[4] for row in ranked} <= {
        "nefarious",
        "benign",
    }
    for name in ("world", "lake", "model", *made):
        assert any(str(out / name) in line for line in lines)
    assert "SIMULATED" in (out / "mithra.rpz").read_text()
    assert json.loads((out / "report.json").read_text())["simulated"] is True
    assert "names first seen" in (out / "report.txt").read_text().lower()
    assert mt.load(out / "model").simulated
    if shutil.which("named-checkzone"):
        zone = ["named-checkzone", "-q", "rpz.mithra.invalid", str(out / "mithra.rpz")]
        assert subprocess.run(zone, check=False).returncode == 0


def quick(**given):
    """The demo's settings, cut short."""
    from mithra.learn.settings import TrainSettings

    return TrainSettings(**(given | {"epochs": 3, "width": 8, "threads": 1}))
