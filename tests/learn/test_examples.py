"""Which names are learnt from, by what was known when."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import InputError
from mithra.graph.snapshot import LABELS, Snapshot
from mithra.learn.examples import domain_labels, training_examples
from mithra.learn.settings import TrainSettings

DAY = 86_400
END = datetime(2026, 6, 1, tzinfo=UTC)
SETTINGS = TrainSettings(window_days=30, waiting_days=14, popular_days=7)


def world(
    days_old: list[float],
    listed: list[int],
    *,
    popular: dict[int, int] | None = None,
    group: list[int] | None = None,
) -> Snapshot:
    """Domains first seen that many days before END, some of them listed or popular for so many days."""
    size = len(days_old)
    names = pa.array([f"d{i}.test" for i in range(size)])
    seen = np.array([END.timestamp() - DAY * days for days in days_old], dtype=np.int64)
    told = {"verdict": "nefarious", "source": "feed", "known_at": 0}
    labels = pa.Table.from_pylist([{"domain": domain, **told} for domain in listed], schema=LABELS)
    on_list = pa.array([(popular or {}).get(i, 0) for i in range(size)], pa.int32())
    groups = np.array(group if group is not None else range(size), dtype=np.int32)
    return Snapshot(END, names, groups, names, seen, {}, pa.table({"popular_days": on_list}), labels)


def test_unlisted_is_unlabelled_until_the_waiting_window_has_passed() -> None:
    y, weight = domain_labels(world([1, 13, 14, 100], [0]), SETTINGS)
    assert y.tolist() == [1, -1, 0, 0]
    assert weight.tolist() == [1.0, 1.0, 0.5, 0.5]


def test_siblings_of_a_listed_name_are_not_taken_as_benign() -> None:
    y, _ = domain_labels(world([100, 100, 100], [0], group=[0, 0, 1]), SETTINGS)
    assert y.tolist() == [1, -1, 0]


def test_popular_for_weeks_outweighs_a_list_and_a_day_does_not() -> None:
    y, weight = domain_labels(world([100, 100], [0, 1], popular={0: 7, 1: 1}), SETTINGS)
    assert y.tolist() == [0, 1]
    assert weight.tolist() == [1.0, 1.0]


def test_arrivals_are_seen_twice_and_older_names_once_all_inside_the_window() -> None:
    chosen = training_examples(world([20.0] * 20 + [400.0] * 20, list(range(12))), SETTINGS)
    old = chosen.examples.domain >= 20
    assert old.sum() == 20
    assert (~old).sum() == 40
    first = chosen.examples.at[:20]
    assert (first == END.timestamp() - 19 * DAY).all()  # a day after first sight
    assert chosen.examples.at.min() >= END.timestamp() - 30 * DAY
    assert chosen.examples.at.max() <= END.timestamp()


def test_drawing_fewer_keeps_the_base_rate() -> None:
    graph = world([100.0] * 1000, list(range(20)))
    whole = training_examples(graph, SETTINGS)
    few = training_examples(graph, TrainSettings(window_days=30, max_examples=200))
    assert len(few) == 100
    assert few.y.sum() == 20
    rates = [np.average(chosen.y, weights=chosen.weight) for chosen in (whole, few)]
    assert rates[0] == pytest.approx(rates[1], rel=1e-5)


def test_too_few_of_one_verdict_is_refused() -> None:
    with pytest.raises(InputError, match="too few nefarious"):
        training_examples(world([100.0] * 50, [0]), SETTINGS)
