"""DuckDB connections that print nothing."""

from __future__ import annotations

import duckdb

__all__ = ["silence"]


def silence(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Turn off the progress bar, which goes to stdout, and return the connection.

    Where it is off it is left alone: in a notebook without ipywidgets DuckDB refuses to set it at all.
    """
    shown = con.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]
    if shown:
        con.execute("SET enable_progress_bar = false")
    return con
