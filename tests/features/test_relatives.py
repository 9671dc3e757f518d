"""What is known of an eTLD+1 by a moment: values by hand, and blindness to the future."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from mithra.features.relatives import relatives
from mithra.graph.groups import group_domains
from mithra.graph.snapshot import Snapshot

DAY = 86_400
T0 = 1_750_000_000


def world(names: dict[str, int]) -> Snapshot:
    """Names with the day after T0 on which each was first seen."""
    array = pa.array(list(names), pa.string())
    group, groups = group_domains(array)
    seen = np.array([T0 + days * DAY for days in names.values()], np.int64)
    as_of = datetime.fromtimestamp(T0 + 100 * DAY, UTC)
    return Snapshot(as_of, array, group, groups, seen, {}, pa.table({}), pa.table({}))


NAMES = {"old.test": 0, "www.old.test": 5, "login.old.test": 50, "new.test": 50, "a.github.io": 2}


def columns(snapshot: Snapshot, domains: list[int], days: list[int]) -> list[tuple[float, float]]:
    table = relatives(snapshot, np.array(domains), T0 + np.array(days) * DAY)
    assert table.names == ("relatives_days_seen", "relatives_others")
    return [tuple(row) for row in table.values.tolist()]


def test_the_first_of_the_relatives_and_how_many_there_are() -> None:
    found = columns(world(NAMES), [2, 3, 4, 0, 0], [51, 51, 51, 51, 1])
    assert found == [(51, 2), (1, 0), (49, 0), (51, 2), (1, 0)]


def test_what_is_seen_later_changes_nothing() -> None:
    later = world({**NAMES, "x.new.test": 52, "y.old.test": 60, "b.github.io": 51})
    assert columns(later, [0, 1, 2, 3, 4], [51] * 5) == columns(world(NAMES), [0, 1, 2, 3, 4], [51] * 5)


def test_undated_records_have_no_ages() -> None:
    undated = replace(world(NAMES), as_of=None)
    assert np.isnan(relatives(undated, np.array([0]), np.array([0])).values).all()
