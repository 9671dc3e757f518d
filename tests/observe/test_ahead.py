"""Reading ahead changes neither items nor errors."""

from __future__ import annotations

import threading

import pytest

from mithra.observe.ahead import ahead


def test_order_is_kept():
    assert list(ahead(range(100))) == list(range(100))
    assert list(ahead([])) == []


def test_errors_come_in_their_place():
    def items():
        yield 1
        raise ValueError("two")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="two"):
        next(found)


def test_stopping_early_stops_the_thread():
    items = ahead(iter(range(10**9)))
    assert next(items) == 0
    items.close()
    assert not any(thread.name == "mithra-ahead" for thread in threading.enumerate())
