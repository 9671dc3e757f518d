"""A model from fit to folder and back, and what it may and may not depend on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mithra as mt
from mithra.errors import InputError, IntegrityError, LeakError, UsageError
from mithra.graph.company import Examples
from mithra.graph.snapshot import LABELS, Snapshot, completed
from mithra.learn.model import Model
from mithra.metrics import average_precision
from tests.learn.conftest import shared_hosting

QUICK = mt.TrainSettings(seed=3, members=1, width=16, epochs=60, threads=1)


def labelled(names: int = 600) -> tuple[Snapshot, np.ndarray]:
    snapshot, y = shared_hosting(names)
    verdict = pa.array(np.where(y == 1, "nefarious", "benign").tolist())
    return replace(
        snapshot,
        labels=completed({"domain": pa.array(range(names), pa.int32()), "verdict": verdict}, LABELS, names),
    ), y


@pytest.fixture(scope="module")
def trained() -> tuple[Model, Snapshot, np.ndarray]:
    snapshot, y = labelled()
    return mt.train(snapshot, settings=QUICK), snapshot, y


def everyone(snapshot: Snapshot) -> Examples:
    return Examples(np.arange(len(snapshot)), np.zeros(len(snapshot), np.int64))


def test_it_learns_from_the_company_of_names(trained: tuple[Model, Snapshot, np.ndarray]) -> None:
    model, _, _ = trained
    fresh, y = shared_hosting(300, seed=9)  # other names; the same addresses are good and bad
    assert average_precision(y, model.predict(fresh, everyone(fresh)).score) > 0.7  # by chance 0.33
    assert model.card["held_out_groups"]["ap"] > 0.7


def test_the_same_seed_gives_the_same_model(trained: tuple[Model, Snapshot, np.ndarray]) -> None:
    again = mt.train(labelled()[0], settings=QUICK)
    assert again.digest == trained[0].digest
    assert mt.train(labelled()[0], settings=replace(QUICK, seed=4)).digest != again.digest


def test_a_folder_gives_back_the_same_scores(
    trained: tuple[Model, Snapshot, np.ndarray], tmp_path: Path
) -> None:
    model, snapshot, _ = trained
    loaded = mt.load(model.save(tmp_path / "model"))
    assert loaded.digest == model.digest
    before, after = (one.predict(snapshot, everyone(snapshot)).score for one in (model, loaded))
    assert before.tolist() == after.tolist()
    assert not [
        file
        for file in (tmp_path / "model").iterdir()
        if file.suffix not in (".json", ".txt", ".safetensors")
    ]


@pytest.mark.parametrize("name", ["trees-0.txt", "member-0.safetensors", "scalers.safetensors"])
def test_a_changed_file_is_refused(
    trained: tuple[Model, Snapshot, np.ndarray], tmp_path: Path, name: str
) -> None:
    file = trained[0].save(tmp_path / "model") / name
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match=name):
        mt.load(tmp_path / "model")


def test_what_is_no_model_folder_is_refused(
    trained: tuple[Model, Snapshot, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no model folder"):
        mt.load(tmp_path / "nothing")
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="no model folder"):
        trained[0].save(tmp_path / "notes")
    manifest = trained[0].save(tmp_path / "model") / "model.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    with pytest.raises(InputError, match="format"):
        mt.load(tmp_path / "model")


def test_contributions_single_out_what_decides(trained: tuple[Model, Snapshot, np.ndarray]) -> None:
    model, snapshot, y = trained
    parts = model.contributions(snapshot, everyone(snapshot))
    assert {"lexical", "resolution"} <= set(parts)
    gap = {kind: values[y == 1].mean() - values[y == 0].mean() for kind, values in parts.items()}
    assert max(gap, key=gap.__getitem__) == "resolution"


def test_a_name_without_records_is_scored_by_its_spelling(
    trained: tuple[Model, Snapshot, np.ndarray],
) -> None:
    score = trained[0].predict_names(pa.array(["never-seen.example", "xn--80ak6aa92e.com"])).score
    assert score.shape == (2,)
    assert ((score > 0) & (score < 1)).all()


def test_a_relation_that_is_missing_is_no_error(trained: tuple[Model, Snapshot, np.ndarray]) -> None:
    model, snapshot, _ = trained
    bare = replace(snapshot, relations={})
    assert np.isfinite(model.predict(bare, everyone(bare)).score).all()


def test_training_needs_a_moment_where_there_is_time(small_lake: Path) -> None:
    with pytest.raises(UsageError, match="as_of"):
        mt.train(small_lake)
    with pytest.raises(UsageError, match="own time"):
        mt.train(labelled()[0], "2026-05-20")


def test_a_model_of_simulated_records_says_so(small_model: Path) -> None:
    assert mt.load(small_model).simulated


def test_evaluating_the_time_of_training_is_a_leak(small_model: Path, small_lake: Path) -> None:
    with pytest.raises(LeakError, match="trained on names of the time"):
        mt.evaluate(mt.load(small_model), small_lake, "2026-05-10", "2026-05-25")


def test_scores_as_of_t_do_not_change_with_what_comes_later(small_model: Path, small_lake: Path) -> None:
    """The same examples in an earlier and a later snapshot: what arrived in between is not met."""
    model = mt.load(small_model)
    early, late = (mt.snapshot(small_lake, day) for day in ("2026-05-25", "2026-06-08"))
    moment = int(early.as_of.timestamp()) if early.as_of else 0
    ids = late.index(early.names)
    assert (ids >= 0).all()
    at = np.full(len(early), moment)
    before = model.predict(early, Examples(np.arange(len(early)), at)).score
    after = model.predict(late, Examples(ids, at)).score
    # Only registrations captured again in between may differ: of those the later snapshot keeps the last.
    same = np.isclose(before, after, atol=1e-6)
    assert same.mean() > 0.98


def test_what_is_held_out_was_not_learnt() -> None:
    """Labels by chance cannot be known of a fold that was left out, and are learnt by heart elsewhere."""
    snapshot, _ = labelled(400)
    chance = np.random.default_rng(5).random(400) < 0.4
    verdict = pa.array(np.where(chance, "nefarious", "benign").tolist())
    by_chance = snapshot.labels.set_column(1, "verdict", verdict)
    model = mt.train(
        replace(snapshot, labels=by_chance), settings=replace(QUICK, members=2, epochs=15, folds=2)
    )
    card = model.card["held_out_groups"]
    assert card["nefarious"] + card["benign"] == 400  # two members, two folds: every name was held out
    assert card["auc"] == pytest.approx(0.5, abs=0.08)


def test_one_member_holds_one_fold_out(trained: tuple[Model, Snapshot, np.ndarray]) -> None:
    card = trained[0].card["held_out_groups"]
    assert card["nefarious"] + card["benign"] == 600 // QUICK.folds


@pytest.mark.slow
def test_no_client_and_no_key_of_the_workspace_is_in_a_model(
    small_world: Path, small_lake: Path, quick_settings: mt.TrainSettings, tmp_path: Path
) -> None:
    lake = mt.Workspace(shutil.copytree(small_lake, tmp_path / "lake"))
    mt.ingest(lake, *sorted((small_world / "queries").glob("*"))[:20])
    mt.train(lake, "2026-05-20", settings=quick_settings).save(tmp_path / "model")
    with lake.connect() as con:
        clients = [client for (client,) in con.execute("SELECT DISTINCT client FROM queries").fetchall()]
    scores = mt.score(mt.load(tmp_path / "model"), mt.snapshot(lake, "2026-06-05"))
    written = b"".join(path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file())
    written += str(scores.to_arrow().to_pydict()).encode()
    key = lake.client_key()
    assert clients
    for secret in (key, key.hex().encode(), *(client.encode() for client in clients)):
        assert secret not in written


def test_one_fold_leaves_nothing_to_learn_from() -> None:
    with pytest.raises(UsageError, match="folds must be at least 2"):
        mt.TrainSettings(folds=1)
