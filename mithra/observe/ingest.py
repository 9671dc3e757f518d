"""Bring files and frames into a workspace, each content once.

An ingest is known by the digest of its bytes, the reader's version and what the caller stated about it.
Its rows go to Parquet files beside the tables first; only a file read to its end is committed, table by
table, and its row in `ingests` comes last and makes the rest visible. What a crash leaves behind is
completed, not doubled, by running the same ingest again.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from mithra.errors import InputError, UsageError
from mithra.observe.readers.base import Options, Reader, Rejects, Rows, Source
from mithra.observe.sniff import find_reader
from mithra.observe.store import DataFile, DataWriter
from mithra.observe.workspace import Workspace

__all__ = ["FileReport", "IngestReport", "ingest"]

DIGEST_CHARS = 32  # of SHA-256 in hex: 128 bits
GROUP_FILES = 64  # files whose commits are made together
GROUP_ROWS = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileReport:
    """What became of one file."""

    file: str
    reader: str
    rows: dict[str, int]  # kept, by table
    rejected: int
    skipped: bool  # its content was in the workspace already


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


def ingest(
    workspace: Workspace,
    *sources: Any,
    format: str = "auto",
    source: str | None = None,
    verdict: str | None = None,
    category: str | None = None,
    known_at: datetime | str | None = None,
    columns: Mapping[str, str] | None = None,
    table: str | None = None,
    now: datetime | None = None,
    progress: bool = False,
) -> IngestReport:
    """Read files or frames into the workspace; bad records go to its table rejects.

    Args:
        workspace: created if its folder does not exist.
        sources: paths of files and folders (all files in them), glob patterns, or frames (pandas, polars,
            pyarrow, DuckDB), for which `table` is required.
        format: name of a reader, default by content.
        source: who said it; default what the records say, then the file's name.
        verdict: of labels: nefarious or benign.
        category: of labels that have none of their own.
        known_at: date of files that do not hold one (ISO 8601, or a datetime; UTC unless it says otherwise).
        columns: for generic CSV, JSONL, Parquet and frames, our column to theirs: {"name": "fqdn"}.
        table: where rows of such files go.
        now: records dated later are set aside; default the clock.
        progress: show a progress bar on stderr.

    Raises:
        InputError: a file cannot be read, or needs a date that it does not hold.
        FormatError: a file of unknown format, empty, or cut short; nothing of that file is kept.
        UsageError: arguments that do not fit.
    """
    options = Options(
        source=source,
        verdict=_checked_verdict(verdict),
        category=category,
        known_at=_time(known_at),
        columns=dict(columns) if columns else None,
        table=table,
        now=now or datetime.now(UTC),
        client_key=workspace.client_key,
    )
    files = [path for given in sources for path in _paths(given)]
    group = _Group(workspace, options)
    for path in _tracked(files, progress):
        group.add(path, format)
    group.commit()
    return IngestReport(group.reports)


class _Group:
    """Files read but not committed yet. Small files are committed together, since a commit costs as much
    as thousands of rows; a failure while reading one still commits those before it."""

    def __init__(self, workspace: Workspace, options: Options) -> None:
        self._workspace, self._options = workspace, options
        self._pending: dict[str, dict[str, DataFile | None]] = {}  # by ingest id, then table
        self._tables: dict[str, tuple[str, ...]] = {}
        self.reports: list[FileReport] = []

    def add(self, path: Path, format: str) -> None:
        """Read one file."""
        try:
            self._read(Source.at(path), format)
        except BaseException:
            self.commit()
            raise
        if len(self._pending) >= GROUP_FILES or self._pending_rows() >= GROUP_ROWS:
            self.commit()

    def commit(self) -> None:
        """Commit what is pending, table by table, `ingests` last."""
        pending, self._pending = self._pending, {}
        tables = dict.fromkeys(table for files in pending.values() for table in files if table != "ingests")
        for table in [*tables, *(["ingests"] if pending else [])]:
            self._workspace.store(table).append(
                {key: files[table] for key, files in pending.items() if table in files}
            )

    def _read(self, source: Source, format: str) -> None:
        reader = find_reader(source, format)
        ingest_id = _ingest_id(source, reader, self._options)
        if ingest_id in self._pending or self._workspace.store("ingests").holds(ingest_id):
            log.info("%s: its content is in the workspace already", source.name)
            self.reports.append(FileReport(source.name, reader.id, {}, 0, skipped=True))
            return
        self._workspace.create()
        with _Sink(self._workspace, ingest_id) as sink:
            for item in reader.read(source, self._options):
                sink.add(item, source, self._options)
            report = FileReport(source.name, reader.id, sink.rows(), sink.rejected, skipped=False)
            self._pending[ingest_id] = sink.finish(_ingest_row(source, reader, report, self._options))
        self.reports.append(report)

    def _pending_rows(self) -> int:
        return sum(file.rows for files in self._pending.values() for file in files.values() if file)


class _Sink:
    """The data files of one ingest, one for each table that it feeds."""

    def __init__(self, workspace: Workspace, ingest_id: str) -> None:
        self._workspace, self._id = workspace, ingest_id
        self._writers: dict[str, DataWriter] = {}
        self._done = False
        self.rejected = 0

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._done:
            for writer in self._writers.values():
                writer.discard()

    def add(self, item: Rows | Rejects, source: Source, options: Options) -> None:
        if isinstance(item, Rows):
            if item.data.num_rows:
                self._writer(item.table).write(item.data)
            return
        self.rejected += len(item.lines)
        self._writer("rejects").write(
            pa.record_batch(
                {
                    "file": [source.name] * len(item.lines),
                    "line": pa.array(item.lines, pa.int64()),
                    "reason": item.reasons,
                    "excerpt": item.excerpts,
                    "source": [options.source or source.stem] * len(item.lines),
                }
            )
        )

    def rows(self) -> dict[str, int]:
        return {table: writer.rows for table, writer in self._writers.items() if table != "rejects"}

    def finish(self, ingest_row: pa.RecordBatch) -> dict[str, DataFile | None]:
        self._writer("ingests").write(ingest_row)
        files = {table: writer.close() for table, writer in self._writers.items()}
        self._done = True
        return files

    def _writer(self, table: str) -> DataWriter:
        if table not in self._writers:
            self._writers[table] = DataWriter(self._workspace.path, table, self._id)
        return self._writers[table]


def _ingest_id(source: Source, reader: Reader, options: Options) -> str:
    """Content, reader and whatever the caller stated that changes the rows."""
    with source.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_CHARS]
    stated = {
        "source": options.source,
        "verdict": options.verdict,
        "category": options.category,
        "known_at": options.known_at and options.known_at.isoformat(),
        "columns": options.columns and dict(options.columns),
        "table": options.table,
    }
    stated = {key: value for key, value in stated.items() if value is not None}
    if not stated:
        return f"{digest}-{reader.id}"
    said = hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()
    return f"{digest}-{reader.id}-{said[:8]}"


def _ingest_row(source: Source, reader: Reader, report: FileReport, options: Options) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "file": source.name,
                "reader": reader.id,
                "bytes": source.path.stat().st_size,
                "rows": sum(report.rows.values()),
                "rejected": report.rejected,
                "ingested_at": options.now,
                "source": options.source or source.stem,
            }
        ]
    )


def _paths(given: Any) -> Iterator[Path]:
    """Files of a path, folder (sorted, without hidden ones) or glob pattern."""
    if not isinstance(given, str | os.PathLike):
        raise UsageError("not a path", value=type(given).__name__)
    path = Path(given)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
        if not inside:
            raise InputError("there is no file in this folder", file=path)
        yield from inside
    elif path.exists():
        yield path
    else:
        found = sorted(glob.glob(str(given), recursive=True))
        if not found:
            raise InputError(
                "no such file", file=path, hint="Give a file, a folder or a pattern that matches"
            )
        for match in found:
            yield from _paths(match)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _tracked(files: Sequence[Path], progress: bool) -> Iterator[Path]:
    if not progress:
        yield from files
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(files, "Ingesting", console=Console(stderr=True), transient=True)


def _checked_verdict(verdict: str | None) -> str | None:
    if verdict not in {None, "nefarious", "benign"}:
        raise UsageError("no such verdict", value=verdict, hint="Say nefarious or benign")
    return verdict


def _time(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise UsageError(
                "not a date", value=value, hint="Write it as 2026-06-01 or 2026-06-01T12:00Z"
            ) from error
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
