import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mithra.graph.tenancy import TENANCY_GAP_SECONDS, plain_address, split_tenancies

DAY = 86_400
ADDRESSES = ["192.0.2.1", "192.0.2.2"]


def tenancies(*rows):
    """(name, key of its tenancy, first day), sorted, of stays (name, address, first day, last day)."""
    name, address, first, last = (np.array(c, dtype=np.int64) for c in zip(*rows, strict=True))
    found = split_tenancies(address, first * DAY, last * DAY)
    keys = found.keys(pa.array(ADDRESSES).take(pa.array(found.address))).take(pa.array(found.of)).to_pylist()
    return sorted(zip(name.tolist(), keys, first.tolist(), strict=True))


def test_an_address_left_empty_for_longer_than_the_gap_starts_a_new_tenancy():
    found = tenancies((0, 0, 0, 1), (1, 0, 31, 40), (2, 0, 71, 72), (3, 1, 200, 200))
    assert found == [
        (0, "192.0.2.1", 0),
        (1, "192.0.2.1", 31),  # 30 days after day 1: not longer than the gap
        (2, "192.0.2.1#2", 71),  # 31 days after day 40
        (3, "192.0.2.2", 200),
    ]


def test_the_longest_stay_so_far_keeps_a_tenancy_open():
    found = tenancies((0, 0, 0, 100), (1, 0, 1, 2), (2, 0, 120, 121))
    assert {key for _, key, _ in found} == {"192.0.2.1"}


def test_a_name_that_returns_has_two_tenancies():
    found = tenancies((0, 0, 300, 301), (0, 0, 0, 1), (0, 0, 100, 101))
    assert found == [(0, "192.0.2.1", 0), (0, "192.0.2.1#2", 100), (0, "192.0.2.1#3", 300)]


def test_an_address_does_not_hold_the_next_one_open():
    found = tenancies((0, 0, 0, 900), (1, 1, 0, 1), (2, 1, 50, 51))
    assert found == [(0, "192.0.2.1", 0), (1, "192.0.2.2", 0), (2, "192.0.2.2#2", 50)]


def test_no_stays():
    nothing = np.zeros(0, dtype=np.int64)
    found = split_tenancies(nothing, nothing, nothing)
    assert len(found.of) == len(found.keys(pa.array([], pa.string()))) == 0


def test_plain_address_takes_the_number_off():
    keys = pa.array(["192.0.2.1", "192.0.2.1#12", "2001:db8::1#2"])
    assert plain_address(keys).to_pylist() == ["192.0.2.1", "192.0.2.1", "2001:db8::1"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 300), st.integers(0, 60)), min_size=1
    )
)
def test_tenancies_are_the_runs_that_a_day_by_day_walk_finds(rows):
    found = tenancies(*[(d, a, first, first + length) for d, a, first, length in rows])
    expected = []
    for address in (0, 1):
        held_until, number = None, 0
        for first, length, d in sorted((f, n, d) for d, a, f, n in rows if a == address):
            if held_until is None or (first - held_until) * DAY > TENANCY_GAP_SECONDS:
                number += 1
                held_until = first + length
            held_until = max(held_until, first + length)
            expected.append((d, ADDRESSES[address] + (f"#{number}" if number > 1 else ""), first))
    assert found == sorted(expected)
