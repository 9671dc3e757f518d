"""A connection prints no progress, also where DuckDB will not be told so."""

from __future__ import annotations

from typing import Any

import duckdb

from mithra.observe.engine import silence


class AsInNotebook:
    """A connection as DuckDB makes it in a notebook without ipywidgets: off, and setting it is an error."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET enable_progress_bar = false")

    def execute(self, query: str) -> Any:
        if query.startswith("SET"):
            raise duckdb.InvalidInputException("required package 'ipywidgets' is missing")
        return self.con.execute(query)


def test_the_progress_bar_is_off() -> None:
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = true")
    assert silence(con) is con
    assert con.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_what_is_off_is_not_set_again() -> None:
    con: Any = AsInNotebook()
    assert silence(con) is con
