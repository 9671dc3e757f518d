"""`read`: run a reader over some text and collect what it yields."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rows, Source

NOW = datetime(2026, 9, 1, tzinfo=UTC)


@dataclass
class Got:
    """Rows by table, as dicts; rejects as (line, reason), in the order of the lines."""

    reader: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rejects: list[tuple[int | None, str]] = field(default_factory=list)
    excerpts: list[str] = field(default_factory=list)

    def column(self, table: str, name: str) -> list[Any]:
        return [row[name] for row in self.tables[table]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Got]:
    def run(content: str | bytes, format: str = "auto", *, name: str = "feed.txt", **options: Any) -> Got:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        source = Source.at(path)
        stated = Options(**{"now": NOW, "client_key": lambda: b"k" * 32, **options})
        reader = find_reader(source, format, stated)
        got = Got(reader.name)
        for item in reader.read(source, stated):
            if isinstance(item, Rows):
                got.tables[item.table] += item.data.to_pylist()
            else:
                got.rejects += list(zip(item.lines, item.reasons, strict=True))
                got.excerpts += item.excerpts
        got.rejects.sort(key=lambda reject: (reject[0] or 0, reject[1]))
        return got

    return run


@pytest.fixture
def packed() -> Callable[[str], bytes]:
    return lambda text: gzip.compress(text.encode())


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type]
