"""CSV with a header. A name that begins with a hyphen is left out: a spreadsheet takes it for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pyarrow.compute as pc

from mithra.publish.entries import Entries, ListSettings
from mithra.publish.rows import SCHEMA, rows

__all__ = ["chunks", "fitting"]


def fitting(entries: Entries, settings: ListSettings) -> Entries:
    """Names that are no formula; of the signs that begin one, a canonical name can have the hyphen only."""
    return entries.without(pc.starts_with(entries.table["name"], "-").combine_chunks(), "formula")


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """The header, then a row a name."""
    text = io.StringIO()
    writer = csv.DictWriter(text, SCHEMA.names, lineterminator="\n")
    writer.writeheader()
    for piece in rows(entries):
        writer.writerows(piece)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()
