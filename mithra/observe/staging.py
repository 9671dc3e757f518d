"""Ingests on their way into the workspace: written beside the tables, then committed together.

A commit costs as much as thousands of rows, so small files share one for each table. `ingests` is
committed last: its rows make all others visible.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from mithra.observe.datafile import DataFile, DataWriter
from mithra.observe.source import Rejects, Rows
from mithra.observe.workspace import Workspace

__all__ = ["FileReport", "IngestReport", "Sink", "Staging"]

GROUP_FILES = 64
GROUP_ROWS = 1 << 20
_ABOUT_THE_INGEST = ("rejects", "ingests", "replaced")


@dataclass(frozen=True)
class FileReport:
    """What became of one file or frame."""

    file: str
    reader: str
    rows: dict[str, int]  # kept, by table
    rejected: int
    skipped: bool  # its content was in the workspace already
    error: str | None = None  # why a file that lay in a folder could not be read at all


@dataclass(frozen=True)
class IngestReport:
    """What became of all files, in the order in which they were read."""

    files: list[FileReport] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Records added."""
        return sum(sum(report.rows.values()) for report in self.files)

    @property
    def rejected(self) -> int:
        """Records set aside, in the table rejects with file, line and reason."""
        return sum(report.rejected for report in self.files)

    @property
    def skipped(self) -> int:
        """Files whose content was in the workspace already."""
        return sum(report.skipped for report in self.files)


class Staging:
    """Ingests that are written but not committed yet."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pending: dict[str, dict[str, DataFile | None]] = {}  # by ingest id, then table

    def holds(self, ingest_id: str) -> bool:
        """Whether an ingest is here, or visible in the workspace."""
        return ingest_id in self._pending or self._workspace.store("ingests").holds(ingest_id)

    def add(self, ingest_id: str, files: dict[str, DataFile | None]) -> None:
        """Take a finished ingest; commits when enough have come together."""
        self._pending[ingest_id] = files
        rows = sum(file.rows for files in self._pending.values() for file in files.values() if file)
        if len(self._pending) >= GROUP_FILES or rows >= GROUP_ROWS:
            self.commit()

    def commit(self) -> None:
        """Commit what is here, table by table, `ingests` last."""
        pending, self._pending = self._pending, {}
        tables = dict.fromkeys(table for files in pending.values() for table in files if table != "ingests")
        for table in [*tables, *(["ingests"] if pending else [])]:
            own = {key: files[table] for key, files in pending.items() if table in files}
            self._workspace.store(table).append(own)


class Sink:
    """The data files of one ingest, one for each table that it feeds; as a context, it leaves nothing
    behind unless it was finished."""

    def __init__(self, workspace: Workspace, ingest_id: str, file: str, source: str) -> None:
        self._workspace, self._id, self._file, self._source = workspace, ingest_id, file, source
        self._writers: dict[str, DataWriter] = {}
        self._done = False
        self.rejected = 0

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._done:
            self.discard()

    @property
    def rows(self) -> dict[str, int]:
        """Records kept so far, by table."""
        return {
            table: writer.rows for table, writer in self._writers.items() if table not in _ABOUT_THE_INGEST
        }

    def add(self, item: Rows | Rejects) -> None:
        """Write what a reader yielded."""
        if isinstance(item, Rows):
            if item.data.num_rows:
                self._writer(item.table).write(item.data)
            return
        count = len(item.lines)
        self.rejected += count
        columns = {
            "file": [self._file] * count,
            "line": pa.array(item.lines, pa.int64()),
            "reason": item.reasons,
            "excerpt": item.excerpts,
            "source": [self._source] * count,
        }
        self._writer("rejects").write(pa.record_batch(columns))

    def replace(self, ingest_ids: list[str]) -> None:
        """The rows of these ingests are to be shown no more, once this one is committed."""
        if ingest_ids:
            columns = {"replaces": ingest_ids, "source": [self._source] * len(ingest_ids)}
            self._writer("replaced").write(pa.record_batch(columns))

    def discard(self) -> None:
        """Throw everything away, also after `finish`."""
        for writer in self._writers.values():
            writer.discard()

    def finish(self, ingest_row: pa.RecordBatch) -> dict[str, DataFile | None]:
        """Close the files; the row is the ingest's own."""
        self._writer("ingests").write(ingest_row)
        files = {table: writer.close() for table, writer in self._writers.items()}
        self._done = True
        return files

    def _writer(self, table: str) -> DataWriter:
        if table not in self._writers:
            self._writers[table] = DataWriter(self._workspace.path, table, self._id)
        return self._writers[table]
