"""Drift: histograms of what arrived before training, and how far later arrivals are from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mithra as mt
from mithra.features.columns import FeatureTable
from mithra.learn import drift as drifting
from mithra.learn.drift import Drift, Reference, last_arrivals, psi
from mithra.learn.parts import without_registrations


def table(shift: float = 0.0, names: int = 4_000, seed: int = 0, **columns: np.ndarray) -> FeatureTable:
    rng = np.random.default_rng(seed)
    held = {"still": rng.normal(size=names), "moving": rng.normal(size=names) + shift}
    return FeatureTable.from_columns({**held, **columns})


def test_psi_is_what_it_is_defined_to_be() -> None:
    """Half of the mass moved by .1: (.6-.5) ln(.6/.5) + (.4-.5) ln(.4/.5)."""
    found = psi(np.array([50_000, 50_000]), np.array([60_000, 40_000]))
    assert found == pytest.approx(0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5), rel=1e-3)
    assert np.isfinite(psi(np.array([0, 10]), np.array([10, 0])))


def test_what_moved_is_named_and_what_did_not_is_calm() -> None:
    at = np.array([1_780_000_000, 1_780_600_000])
    reference = Reference.of(table(), np.linspace(-3, 3, 4_000))
    same = reference.drift(table(seed=1), np.linspace(-3, 3, 900), at)
    assert (same.level, same.shifted) == ("calm", 0.0)
    assert same.score < 0.01
    moved = reference.drift(table(shift=1.0, seed=1), np.linspace(-3, 3, 900), at)
    assert next(iter(moved.worst)) == "moving"
    assert moved.shifted == 0.5
    assert moved.level == "alarm"  # half of the inputs
    assert reference.drift(table(seed=1), np.linspace(-2, 4, 900), at).level == "alarm"  # the scores
    assert (moved.start[:10], moved.end[:10]) == ("2026-05-28", "2026-06-04")


def test_a_column_that_is_gone_or_unknown_has_moved() -> None:
    reference = Reference.of(table(), np.zeros(4_000))
    at = np.array([1, 2])
    gone = FeatureTable.from_columns({"still": table(seed=2).column("still")})
    assert reference.drift(gone, np.zeros(900), at).worst["moving"] > drifting.ALARM
    unknown = table(seed=2, moving=np.full(4_000, np.nan))
    assert reference.drift(unknown, np.zeros(900), at).worst["moving"] > drifting.ALARM


def test_counts_that_grow_with_the_store_are_no_drift() -> None:
    grown = {"address_others_most": np.arange(4_000.0), "address_listed": np.zeros(4_000)}
    assert set(Reference.of(table(**grown), np.zeros(4_000)).inputs) == {"still", "moving"}


@pytest.mark.parametrize(
    ("score", "shifted", "level"),
    [
        (0.09, 0.04, "calm"),
        (0.1, 0.0, "watch"),
        (0.0, 0.05, "watch"),
        (0.25, 0.0, "alarm"),
        (0.0, 0.1, "alarm"),
    ],
)
def test_levels(score: float, shifted: float, level: str) -> None:
    assert Drift("a", "b", 900, score, shifted, {"x": 0.9}).level == level
    assert Drift("a", "b", 900, score, shifted, {"x": drifting.BROKEN}).level == "alarm"


def test_a_reference_comes_back_from_json() -> None:
    first = Reference.of(table(), np.linspace(-3, 3, 4_000))
    again = Reference.from_bytes(first.to_bytes())
    assert again.to_bytes() == first.to_bytes()
    late = table(shift=0.5, seed=3), np.linspace(-3, 3, 900), np.array([1, 2])
    assert again.drift(*late) == first.drift(*late)


def test_a_model_remembers_what_arrived_and_tells_of_a_source_that_fails(
    small_model: Path, small_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "MIN_NAMES", 100)
    early, late = mt.snapshot(small_lake, "2026-05-20"), mt.snapshot(small_lake, "2026-06-05")
    bare = replace(mt.load(small_model), reference=None)
    assert bare.drift(late) is None
    model = mt.load(bare.with_reference(early).save(tmp_path / "model"))
    assert model.digest != bare.digest
    found = model.drift(late)
    assert found is not None
    assert found.end <= "2026-06-05"
    assert max(found.worst.values()) < drifting.BROKEN  # of so few names, chance moves many inputs a little
    failed = model.drift(without_registrations(late))
    assert failed is not None
    assert failed.level == "alarm"
    assert all("registra" in name for name, value in failed.worst.items() if value > drifting.BROKEN)
    assert max(failed.worst.values()) > drifting.BROKEN


def test_arrivals_are_looked_at_before_the_snapshots_moment(
    small_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = mt.snapshot(small_lake, "2026-06-05")
    assert last_arrivals(snapshot, 14, 24, 0) is None  # too few
    monkeypatch.setattr(drifting, "MIN_NAMES", 100)
    monkeypatch.setattr(drifting, "MAX_NAMES", 120)
    found = last_arrivals(snapshot, 14, 24, 0)
    assert found is not None
    assert len(found) == 120
    assert snapshot.as_of is not None
    assert found.at.max() <= snapshot.as_of.timestamp()
    assert (found.at - snapshot.first_seen[found.domain] == 86_400).all()
    assert last_arrivals(replace(snapshot, as_of=None), 14, 24, 0) is None
