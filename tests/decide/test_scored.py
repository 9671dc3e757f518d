"""Scores as decisions take them: every safety column is there, every value is one, a name is one name."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mithra.decide.decide import decide
from mithra.decide.scored import COLUMNS
from mithra.errors import InputError, UsageError
from tests.decide.tables import METADATA, NOW, THRESHOLDS, filler, row, scores


def test_a_name_asked_for_twice_is_decided_once() -> None:
    decisions = decide(scores(row(), *filler(20), row()), now=NOW)
    assert decisions.table["name"].to_pylist() == ["evil.example"]


@pytest.mark.parametrize(
    "stated", ["[]", "no json", '{"x": 1}', '{"0.01": "high"}', '{"0.01": 0}', '{"0.01": NaN}']
)
def test_thresholds_that_are_none_are_bad_input(stated: str) -> None:
    with pytest.raises(InputError, match="threshold"):
        decide(scores(row(), *filler(5), metadata=METADATA | {"thresholds": stated}), now=NOW)


@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_a_missing_column_is_never_no_objection(column: str) -> None:
    with pytest.raises(InputError, match="lack columns") as caught:
        decide(scores(row(), *filler(5)).drop_columns([column]), now=NOW)
    assert caught.value.value == [column]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (row(score=1.5), "not between 0 and 1"),
        (row(score=-0.1), "not between 0 and 1"),
        (row(verdict="evil"), "unknown verdict"),
        (row(verdict=None), "unknown verdict"),
        (row(name=None), "has no name"),  # type: ignore[arg-type]
    ],
)
def test_values_that_are_no_scores_are_bad_input(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decide(scores(changed, *filler(5)), now=NOW)


def test_scores_that_do_not_deny_it_count_as_simulated() -> None:
    for metadata, expected in (({}, True), ({"simulated": "true"}, True), ({"simulated": "false"}, False)):
        table = scores(row(), *filler(5), metadata=metadata | {"thresholds": json.dumps(THRESHOLDS)})
        assert decide(table, now=NOW).simulated is expected


def test_scores_in_all_their_forms(tmp_path: Path) -> None:
    table = scores(row(), *filler(5))

    class Wrapped:
        def to_arrow(self) -> pa.Table:
            return table

    pq.write_table(table, tmp_path / "scores.parquet")
    expected = decide(table, now=NOW).table
    assert decide(Wrapped(), now=NOW).table.equals(expected)
    assert decide(tmp_path / "scores.parquet", now=NOW).table.equals(expected, check_metadata=True)
    loose = table.set_column(table.schema.get_field_index("rank"), "rank", table["rank"].cast(pa.int32()))
    assert decide(loose, now=NOW).table.equals(expected)
    with pytest.raises(UsageError, match="expected scores"):
        decide([row()], now=NOW)
    with pytest.raises(InputError, match="cannot read scores"):
        decide(tmp_path / "none.parquet", now=NOW)
    with pytest.raises(UsageError, match="time zone"):
        decide(table, now=datetime(2026, 7, 1))
