"""JSON lines: an object a name."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mithra.publish.entries import Entries, ListSettings
from mithra.publish.rows import rows

__all__ = ["chunks"]


def chunks(entries: Entries, settings: ListSettings) -> Iterator[str]:
    """An object a line, in ASCII."""
    for piece in rows(entries):
        yield "".join(json.dumps(row) + "\n" for row in piece)
