"""After a drift alarm nothing is decided, unless a report card covers the time of the drift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mithra.decide.decide import decide
from mithra.decide.policy import Policy
from mithra.errors import InputError, RefusedError
from tests.decide.tables import METADATA, NOW, filler, row, scores

DRIFT = {
    "level": "alarm",
    "start": "2026-06-07T00:00:00+00:00",
    "end": "2026-06-21T00:00:00+00:00",
    "score": 0.41,
}


def drifted(**changes: Any) -> pa.Table:
    return scores(row(), *filler(20), metadata={**METADATA, "drift": json.dumps({**DRIFT, **changes})})


def card(tmp_path: Path, **changes: str) -> Policy:
    told = {"model_digest": "m1", "end": "2026-06-21T00:00:00+00:00"} | changes
    (tmp_path / "card.json").write_text(json.dumps(told))
    return Policy(card=tmp_path / "card.json")


def test_after_a_drift_alarm_nothing_is_decided() -> None:
    with pytest.raises(RefusedError, match=r"no report card covers it.*\.410.*card\.json"):
        decide(drifted(), now=NOW)
    assert len(decide(drifted(level="watch"), now=NOW)) == 1


def test_a_card_of_the_model_that_covers_the_drift_lets_it_pass(tmp_path: Path) -> None:
    assert len(decide(drifted(), card(tmp_path), now=NOW)) == 1
    with pytest.raises(RefusedError, match="of another model"):
        decide(drifted(), card(tmp_path, model_digest="m2"), now=NOW)
    with pytest.raises(RefusedError, match="card ends 2026-06-19"):
        decide(drifted(), card(tmp_path, end="2026-06-19T00:00:00+00:00"), now=NOW)


@pytest.mark.parametrize("odd", [{"level": "ALARM"}, {"end": "2026-06-21"}, {"start": "x"}, {"score": None}])
def test_a_drift_with_an_odd_field_is_no_drift_to_pass(odd: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="drift cannot be read"):
        decide(drifted(**odd), now=NOW)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_digest": "m1", "end": "x"}'])
def test_what_is_no_card_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(InputError, match=r"card\.json: cannot read the report card"):
        decide(drifted(), Policy(card=tmp_path / "card.json"), now=NOW)


@pytest.mark.parametrize("text", ["{", "7", "{}", '{"level": "alarm", "start": "x", "score": 1}'])
def test_a_drift_that_cannot_be_read_is_no_drift_to_pass(text: str) -> None:
    with pytest.raises(InputError, match="drift cannot be read"):
        decide(scores(row(), *filler(20), metadata={**METADATA, "drift": text}), now=NOW)
