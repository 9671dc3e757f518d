"""Registration and resolution features: values by hand, what is missing, and blindness to the future."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import UsageError
from mithra.features.registration import registration
from mithra.features.resolution import TENURE, resolution
from mithra.features.table import feature_table
from mithra.graph.snapshot import Relation, Snapshot

DAY = 86_400
T0 = 1_750_000_000  # the day example.com is first seen


def relation(name: str, entities: list[str], edges: list[tuple[int, int, int]], domains: int) -> Relation:
    """Edges are (domain, entity, days after T0 at which it was first seen)."""
    rows = sorted(edges)
    indptr = np.searchsorted([d for d, _, _ in rows], np.arange(domains + 1)).astype(np.int64)
    seen = np.array([T0 + days * DAY for _, _, days in rows], np.int64)
    indices = np.array([e for _, e, _ in rows], np.int32)
    return Relation(name, pa.array(entities), indptr, indices, seen, seen, np.ones(len(rows), np.float32))


def world(*, future: bool = False) -> Snapshot:
    """Two domains, 20 days; with `future` also what is first seen ten days and later after T0."""
    addresses = [(0, 0, 0), (0, 1, 2), (1, 0, 1)] + ([(0, 2, 15), (1, 2, 12)] if future else [])
    prefixes = [(0, 0, 0), (1, 0, 1)] + ([(0, 1, 15)] if future else [])
    facts = pa.table(
        {
            "created": pa.array([T0 - 5 * DAY, T0 + 11 * DAY if future else None], pa.int64()),
            "updated": pa.array([T0 - DAY, None], pa.int64()),
            "expires": pa.array([T0 + 360 * DAY, T0 + 400 * DAY if future else None], pa.int64()),
            "registration_captured": pa.array([T0 + DAY, T0 + 12 * DAY if future else None], pa.int64()),
            "dnssec": pa.array([True, False if future else None]),
            "status_count": pa.array([2, 1 if future else None], pa.int32()),
            "name_server_count": pa.array([4, None], pa.int32()),
            "registrar": pa.array(["Example Registrar", "Other" if future else None]),
        }
    )
    return Snapshot(
        as_of=datetime.fromtimestamp(T0 + 20 * DAY, UTC),
        names=pa.array(["example.com", "example.net"]),
        group=np.array([0, 1], np.int32),
        groups=pa.array(["example.com", "example.net"]),
        first_seen=np.array([T0, T0 + DAY], np.int64),
        relations={
            "address": relation("address", ["192.0.2.1", "192.0.2.2", "2001:db8::1"], addresses, 2),
            "prefix": relation("prefix", ["192.0.2.0/24", "2001:db8::/48"], prefixes, 2),
        },
        facts=facts,
        labels=pa.table({}),
    )


def examples(*pairs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([d for d, _ in pairs]), np.array([T0 + days * DAY for _, days in pairs])


def test_registration_by_hand() -> None:
    table = registration(world(), *examples((0, 3), (0, 0), (1, 3)))
    value = {name: table.column(name).tolist() for name in table.names}
    assert value["registration_age"][:2] == [8, 5]
    assert value["registration_age_at_sight"][:2] == [5, 5]
    assert value["registration_term"][0] == 365
    assert value["registration_remaining"][0] == 357
    assert value["registration_updated"][0] == 4
    assert value["registration_dnssec"][0] == 1
    assert value["registration_statuses"][0] == 2
    assert value["registration_name_servers"][0] == 4
    assert value["registration_known"] == [1, 0, 0]  # captured a day after T0
    assert value["registration_created_known"] == [1, 1, 0]  # the date of creation may be told later
    assert value["registration_registrar_known"] == [1, 0, 0]
    assert np.isnan([value["registration_term"][1], value["registration_age"][2]]).all()


def test_resolution_by_hand() -> None:
    table = resolution(world(), *examples((0, 3), (0, 0), (1, 0)))
    value = {name.removeprefix("resolution_"): table.column(name).tolist() for name in table.names}
    assert value["address_count"] == [2, 1, 0]  # example.net is seen on day 1 only
    assert value["prefixes_per_address"][:2] == [0.5, 1]
    assert value["address_later"] == [1, 0, 0]
    assert value["address_newest"][:2] == [1, 0]
    assert value["days_seen"] == [3, 0, -1]
    assert np.isnan(value["prefixes_per_address"][2])
    assert np.isnan(value["mail_server_count"]).all()  # the snapshot has no such relation


def test_ipv6_is_counted_apart() -> None:
    table = resolution(world(future=True), *examples((0, 3), (0, 16)))
    assert table.column("resolution_ipv6_count").tolist() == [0, 1]
    assert table.column("resolution_address_count").tolist() == [2, 3]


def test_what_comes_later_changes_no_value() -> None:
    at_day_nine = examples((0, 9), (1, 9), (0, 0), (1, 1))
    now, then = feature_table(world(), *at_day_nine), feature_table(world(future=True), *at_day_nine)
    assert now.names == then.names
    np.testing.assert_array_equal(now.values, then.values)
    later = feature_table(world(future=True), *examples((0, 19), (1, 19)))
    assert not np.array_equal(later.values, feature_table(world(), *examples((0, 19), (1, 19))).values)


def test_the_table_holds_all_three_kinds_and_keeps_the_order_of_examples() -> None:
    table = feature_table(world(), *examples((1, 3), (0, 3), (1, 3)))
    assert table.column("sld_length").tolist() == [7, 7, 7]
    assert table.column("tld_length").tolist() == [3, 3, 3]
    assert table.values[0].tolist() == pytest.approx(table.values[2].tolist(), nan_ok=True)
    assert table.column("resolution_address_count").tolist() == [1, 2, 1]
    assert set(TENURE) <= set(table.names)


def test_wrong_examples_are_refused() -> None:
    with pytest.raises(UsageError, match="one domain and one time"):
        feature_table(world(), np.array([0, 1]), np.array([T0]))
    with pytest.raises(UsageError, match="no such domain"):
        feature_table(world(), np.array([2]), np.array([T0]))
