import numpy as np
import pyarrow as pa

from mithra.graph.records import Found, Records, domains_of, number

NO_OTHERS = pa.table({"name": pa.array([], pa.string()), "first_seen": pa.array([], pa.int64())})


def records(*rows, hashed=None):
    """rows: (name, rrtype, rdata, first, last, count, ttl)"""
    columns = ["name", "rrtype", "rdata", "first_seen", "last_seen", "count", "ttl"]
    kinds = [pa.string()] * 3 + [pa.int64()] * 4
    table = pa.table([pa.array(c, k) for c, k in zip(zip(*rows, strict=True), kinds, strict=True)], columns)
    return Records(table if hashed is None else table.append_column("hashed", pa.array(hashed, pa.uint64())))


ROWS = [
    ("b.com", "A", "192.0.2.1", 5, 6, 1, 60),
    ("a.com", "NS", "ns.x.net", 3, 9, 2, None),
    ("b.com", "TXT", "hello", 4, 4, 3, 30),
    ("b.com", "A", None, 4, 4, 3, None),
    ("c.com", "AAAA", "::1", 1, 1, 1, None),
]


def test_names_get_ids_in_their_order():
    names = number(records(*ROWS), NO_OTHERS)
    assert names.names.to_pylist() == ["a.com", "b.com", "c.com"]
    assert names.of_record.tolist() == [1, 0, 1, 1, 2]


def test_names_are_told_apart_by_hash_and_by_themselves_where_hashes_collide():
    good = number(records(*ROWS, hashed=[7, 3, 7, 7, 2**64 - 1]), NO_OTHERS)
    collision = number(records(*ROWS, hashed=[7, 3, 7, 7, 3]), NO_OTHERS)
    for names in (good, collision):
        assert names.names.to_pylist() == ["a.com", "b.com", "c.com"]
        assert names.of_record.tolist() == [1, 0, 1, 1, 2]


def test_domains_know_when_they_were_seen_in_records_and_otherwise():
    others = pa.table(
        {"name": ["c.com", "0.com"], "first_seen": [2, 8], "last_seen": pa.array([None, 9], pa.int64())}
    )
    told = records(*ROWS)
    found = domains_of(number(told, others), told, others)
    assert found.names.to_pylist() == ["0.com", "a.com", "b.com", "c.com"]
    assert found.first_seen.tolist() == [8, 3, 4, 1]
    assert found.last_seen.to_pylist() == [9, 9, 6, 1]
    assert found.ttl_min.to_pylist() == [None, None, 30, None]


def test_names_that_are_only_registered_have_no_traffic():
    others = pa.table({"name": ["z.com"], "first_seen": [2], "last_seen": pa.array([None], pa.int64())})
    told = records(*ROWS)
    assert domains_of(number(told, others), told, others).last_seen.to_pylist() == [9, 6, 1, None]


def test_edges_by_type_leave_rows_without_rdata_out():
    told = records(*ROWS)
    domains = domains_of(number(told, NO_OTHERS), told, NO_OTHERS)
    found = told.of_types(["A", "AAAA", "MX"], lambda: domains)
    assert found.domain().tolist() == [1, 2]
    assert found.entity.to_pylist() == ["192.0.2.1", "::1"]
    assert found.first_seen.tolist() == [5, 1]
    others = told.of_other_types(["A", "AAAA"], lambda: domains)
    assert others.entity.to_pylist() == ["NS ns.x.net", "TXT hello"]
    assert others.count.tolist() == [2, 3]
    assert told.with_ids(domains).column_names == [
        "rrtype", "rdata", "first_seen", "last_seen", "count", "ttl", "domain"
    ]  # fmt: skip


def test_edges_of_two_sources_are_put_together():
    table = pa.table({"domain": [4], "entity": ["x"], "first_seen": [1], "last_seen": [2]})
    both = Found.of(table).with_more(Found.of(table.append_column("count", pa.array([7]))))
    assert both.domain().tolist() == [4, 4]
    assert both.domain().dtype == np.int32
    assert both.entity.to_pylist() == ["x", "x"]
    assert both.count.tolist() == [0, 7]
