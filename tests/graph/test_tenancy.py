import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mithra.graph.csr import Edges
from mithra.graph.tenancy import TENANCY_GAP_SECONDS, plain_address, split_tenancies

DAY = 86_400
ADDRESSES = ["192.0.2.1", "192.0.2.2"]


def stays(*rows):
    """rows: (domain, address, first day, last day)"""
    domain, entity, first, last = (np.array(c) for c in zip(*rows, strict=True))
    return Edges(
        domain.astype(np.int32),
        entity.astype(np.int32),
        pa.array(ADDRESSES),
        first * DAY,
        last * DAY,
        np.ones(len(rows)),
    )


def tenancies(edges):
    keys = edges.entities.take(pa.array(edges.entity)).to_pylist()
    return sorted(zip(edges.domain.tolist(), keys, (edges.first_seen // DAY).tolist(), strict=True))


def test_an_address_left_empty_for_longer_than_the_gap_starts_a_new_tenancy():
    found, _ = split_tenancies(stays((0, 0, 0, 1), (1, 0, 31, 40), (2, 0, 71, 72), (3, 1, 200, 200)))
    assert tenancies(found) == [
        (0, "192.0.2.1", 0),
        (1, "192.0.2.1", 31),  # 30 days after day 1: not longer than the gap
        (2, "192.0.2.1#2", 71),  # 31 days after day 40
        (3, "192.0.2.2", 200),
    ]


def test_the_longest_stay_so_far_keeps_a_tenancy_open():
    found, _ = split_tenancies(stays((0, 0, 0, 100), (1, 0, 1, 2), (2, 0, 120, 121)))
    assert {key for _, key, _ in tenancies(found)} == {"192.0.2.1"}


def test_a_name_that_returns_has_two_tenancies():
    found, _ = split_tenancies(stays((0, 0, 300, 301), (0, 0, 0, 1), (0, 0, 100, 101)))
    assert tenancies(found) == [(0, "192.0.2.1", 0), (0, "192.0.2.1#2", 100), (0, "192.0.2.1#3", 300)]


def test_an_address_does_not_hold_the_next_one_open():
    found, _ = split_tenancies(stays((0, 0, 0, 900), (1, 1, 0, 1), (2, 1, 50, 51)))
    assert tenancies(found) == [(0, "192.0.2.1", 0), (1, "192.0.2.2", 0), (2, "192.0.2.2#2", 50)]


def test_no_stays():
    assert len(split_tenancies(stays((0, 0, 0, 0)).take(np.zeros(0, dtype=np.int64)))[0]) == 0


def test_plain_address_takes_the_number_off():
    keys = pa.array(["192.0.2.1", "192.0.2.1#12", "2001:db8::1#2"])
    assert plain_address(keys).to_pylist() == ["192.0.2.1", "192.0.2.1", "2001:db8::1"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 300), st.integers(0, 60)), min_size=1
    )
)
def test_tenancies_are_the_runs_that_a_day_by_day_walk_finds(rows):
    edges = stays(*[(d, a, first, first + length) for d, a, first, length in rows])
    expected = []
    for address in (0, 1):
        held_until, number = None, 0
        for first, length, d in sorted((f, n, d) for d, a, f, n in rows if a == address):
            if held_until is None or (first - held_until) * DAY > TENANCY_GAP_SECONDS:
                number += 1
                held_until = first + length
            held_until = max(held_until, first + length)
            expected.append((d, ADDRESSES[address] + (f"#{number}" if number > 1 else ""), first))
    assert tenancies(split_tenancies(edges)[0]) == sorted(expected)
