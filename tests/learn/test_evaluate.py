"""The report card of a small simulated workspace: what it judges, when, and what it says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mithra as mt
from mithra.errors import UsageError
from mithra.graph.take import moment
from mithra.learn.arrivals import arrivals
from mithra.learn.card import ReportCard
from mithra.learn.card_tables import card_tables
from mithra.learn.model import Model

START, END = "2026-05-20", "2026-06-05"


@pytest.fixture(scope="module")
def card(small_model: Path, small_lake: Path, small_world: Path) -> ReportCard:
    truth = mt.World.open(small_world).truth()
    return mt.evaluate(
        mt.load(small_model), small_lake, START, END, baselines=(), truth=truth, retrain_days=5
    )


def test_the_base_rate_is_that_of_all_arrivals(card: ReportCard) -> None:
    assert card.nefarious + card.benign + card.unlabelled == card.arrivals
    assert card.base_rate["listed"] == card.nefarious / card.arrivals
    assert card.base_rate["listed"] < card.base_rate["true"] < 0.5  # not all that is nefarious is listed
    assert f"Of all arrivals {card.base_rate['listed']:.2%} were listed" in card.to_text()


def test_periods_add_up_and_a_newer_model_scores_otherwise(card: ReportCard) -> None:
    alone = [row for row in card.decay if row["model"] == "mithra"]
    again = [row for row in card.decay if row["model"] != "mithra"]
    assert sum(row["arrivals"] for row in alone) == card.arrivals
    assert sum(row["nefarious"] for row in alone) == card.nefarious
    assert [row["start"][:10] for row in alone] == ["2026-05-20", "2026-05-27", "2026-06-03"]
    assert again[0]["ap"] != alone[0]["ap"]


def test_training_again_knows_nothing_later(
    small_model: Path, small_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mithra.learn import evaluate  # the module: `mt.evaluate` is the function

    asked: list[str] = []

    def watched(workspace: Any, as_of: Any, **options: Any) -> Model:
        asked.append(f"{as_of:%m-%d}")
        return mt.load(small_model)

    monkeypatch.setattr(evaluate, "train", watched)
    mt.evaluate(mt.load(small_model), small_lake, START, "2026-05-26", baselines=(), retrain_days=3)
    assert asked == ["05-23"]


def test_tables_hold_every_part(card: ReportCard) -> None:
    assert list(card.parts) == ["no registration data", "no passive DNS", "only the name"]
    aps = [metrics["ap"] for metrics in (card.models["mithra"], *card.parts.values())]
    assert len(set(aps)) == 4
    assert card.lead[0].source == "any feed"
    assert card.lead[0].listed >= max(lead.listed for lead in card.lead[1:])
    assert card.hosting[-1]["benign"] > card.false_positives[-1]["benign"]  # by the truth, nobody is left out
    titles = " ".join(table.title for table in card_tables(card))
    for part in ("parts missing", "By week", "Lead over", "every day", "campaign", "by age", "by hosting"):
        assert part in titles
    assert json.loads(json.dumps(card.to_dict()))["model_digest"] == card.model_digest


def test_no_step_is_refused(small_model: Path, small_lake: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        mt.evaluate(mt.load(small_model), small_lake, START, END, retrain_days=0)


def test_what_feeds_say_later_moves_no_score(small_model: Path, small_lake: Path) -> None:
    model, workspace = mt.load(small_model), mt.Workspace(small_lake)
    early, late = (
        arrivals(workspace, moment(START), moment(END), moment(until), model.settings)
        for until in (END, "2026-06-09")
    )
    assert (early.y != late.y).any()
    scores = [model.predict(found.graph, found.examples).score for found in (early, late)]
    np.testing.assert_array_equal(*scores)
