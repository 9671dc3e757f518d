"""Which labels stand where sources disagree."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mithra.graph.snapshot import LABELS
from mithra.graph.verdicts import standing


def stands(*told: tuple[int, str, str, int, float | None]) -> list[bool]:
    keys = ("domain", "verdict", "source", "known_at", "confidence")
    return standing(
        pa.Table.from_pylist([dict(zip(keys, row, strict=True)) for row in told], schema=LABELS)
    ).tolist()


BAD = (0, "nefarious", "feed", 10, None)


@pytest.mark.parametrize(
    ("other", "result"),
    [
        ((0, "benign", "list", 11, None), [False, True]),  # later
        ((0, "benign", "list", 9, None), [True, False]),
        ((0, "benign", "analyst:ana", 5, None), [False, True]),  # an analyst, though earlier
        ((0, "benign", "list", 10, 0.5), [True, False]),  # less confident
        ((0, "benign", "list", 10, None), [False, True]),  # alike in all: benign
        ((1, "benign", "list", 11, None), [True, True]),  # another name
        ((0, "nefarious", "feed-2", 1, 0.1), [True, True]),  # no disagreement
    ],
)
def test_the_analyst_then_the_later_then_the_more_confident(other, result) -> None:
    assert stands(BAD, other) == result
    assert stands(other, BAD) == result[::-1]


def test_of_two_analysts_the_later_wins() -> None:
    first, second = (0, "benign", "analyst:ana", 5, None), (0, "nefarious", "analyst:bo", 6, None)
    assert stands(first, second, BAD) == [False, True, True]


def test_there_may_be_no_labels() -> None:
    assert stands() == []
