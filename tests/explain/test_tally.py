"""Queries of many batches add up to what one batch would give, in any order."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mithra.explain import tally
from mithra.explain.tally import Tally

ROWS = [
    # client, name, disposition, host, rrtype, source, at, count
    ("c1", "evil.example", "none", "evil.example", "A", "log", 10, 2),
    ("c1", "evil.example", "none", "www.evil.example", None, "log", 5, 1),
    ("c1", "evil.example", "block", "evil.example", "AAAA", "log", 20, 1),
    ("c1", "evil.example", "none", "evil.example", "A", "other", 30, 4),
    ("c2", "evil.example", "block", "evil.example", "A", "log", 25, 1),
    (None, "big.example", "none", "big.example", "A", "log", 7, 3),
]
COLUMNS = ("client", "name", "disposition", "host", "rrtype", "source", "at", "count")


def table(rows):
    columns = zip(*rows, strict=True)
    return pa.table({name: pa.array(list(column)) for name, column in zip(COLUMNS, columns, strict=True)})


@pytest.mark.parametrize("size", [1, 2, 6])
@pytest.mark.parametrize("most", [0, 1 << 18])
def test_batches_add_up(monkeypatch, size, most):
    monkeypatch.setattr(tally, "MAX_ROWS", most)
    for rows in ROWS, ROWS[::-1]:
        held = Tally()
        for at in range(0, len(rows), size):
            held.add(table(rows[at : at + size]))
        big, first, second = held.rows().to_pylist()
        assert (big["client"], big["count"], big["clients"]) == (None, 3, 0)
        assert (first["first"], first["last"], first["count"], first["clients"]) == (5, 30, 8, 2)
        assert (first["then"], first["blocked"]) == (["none 7", "block 1"], 1)
        assert first["hosts"] == ["evil.example", "www.evil.example"]
        assert (first["rrtypes"], first["sources"]) == (["A", "AAAA"], ["log", "other"])
        assert (second["client"], second["then"]) == ("c2", ["block 1"])
