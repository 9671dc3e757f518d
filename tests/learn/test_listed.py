"""Listed company: counted by hand, by what was known at the example's time, never of one's own eTLD+1."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mithra.graph.company import Examples, companies
from mithra.graph.snapshot import Relation, Snapshot
from mithra.learn.listed import listed_table

END = datetime(2026, 6, 1, tzinfo=UTC)


def world(listed, group=(0, 1, 2, 3, 4)):
    """Domains 0 to 3 at address 0, seen at 0; domain 4 at none. `listed`: (domain, verdict, known_at)."""
    relation = Relation(
        "address",
        pa.array(["192.0.2.1", "192.0.2.2"]),
        np.array([0, 1, 2, 3, 4, 4]),
        np.zeros(4, np.int32),
        np.zeros(4, np.int64),
        np.zeros(4, np.int64),
        np.ones(4, np.float32),
    )
    names = pa.array([f"d{i}.test" for i in range(5)])
    domain, verdict, known_at = zip(*listed, strict=True)
    labels = pa.table({"domain": pa.array(domain, pa.int32()), "verdict": verdict, "known_at": known_at})
    return Snapshot(
        END, names, np.array(group, np.int32), names, np.zeros(5, np.int64),
        {"address": relation}, pa.table({}), labels,
    )  # fmt: skip


def told(snapshot, domain, at):
    """Count, highest and mean lift of one example."""
    examples = Examples(np.array([domain]), np.array([at]))
    table = listed_table(snapshot, examples, companies(snapshot, examples))
    assert table.names == ("address_listed", "address_listed_lift_most", "address_listed_lift_mean")
    return table.values[0].tolist()


def test_a_listing_counts_from_when_it_was_known():
    snapshot = world([(1, "nefarious", 10), (2, "nefarious", 20), (3, "benign", 5)])
    assert [told(snapshot, 0, at)[0] for at in (9, 10, 19, 20, 99)] == [0, 1, 1, 2, 2]


def test_nothing_known_later_changes_what_was_told():
    before = world([(1, "nefarious", 10)])
    after = world([(1, "nefarious", 10), (2, "nefarious", 21), (1, "nefarious", 30), (3, "benign", 40)])
    assert told(before, 0, 20) == told(after, 0, 20)
    assert told(before, 0, 21) != told(after, 0, 21)


def test_own_listing_and_that_of_kin_are_not_seen():
    assert told(world([(0, "nefarious", 0)]), 0, 50)[0] == 0
    assert told(world([(1, "nefarious", 0)], group=(0, 0, 2, 3, 4)), 0, 50)[0] == 0


def test_the_first_of_several_listings_counts_once():
    assert told(world([(1, "nefarious", 30), (1, "nefarious", 10)]), 0, 10)[0] == 1


def test_lift_is_the_smoothed_share_over_a_usual_one():
    count, most, mean = told(world([(1, "nefarious", 0)]), 0, 0)
    assert (count, most) == (
        1,
        pytest.approx(np.log(1.04 / (7 * 0.01))),
    )  # three others and four of the prior
    assert mean == most


def test_without_an_entity_nothing_is_known():
    count, most, mean = told(world([(1, "nefarious", 0)]), 4, 0)
    assert count == 0
    assert np.isnan([most, mean]).all()
