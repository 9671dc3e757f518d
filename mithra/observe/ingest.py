"""Bring files and frames into a workspace, each content once.

An ingest is known by the digest of its content, the reader's version and what the caller stated about it.
Only what was read to its end is committed, so a file that is cut short leaves nothing. What a crash leaves
behind is completed, not doubled, by running the same ingest again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from mithra.errors import FormatError, InputError, UsageError
from mithra.observe.frames import frame_digest
from mithra.observe.inputs import FileInput, FrameInput, inputs, tracked
from mithra.observe.readers.generic import rows_of_table
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rejects, Rows, Source
from mithra.observe.staging import FileReport, IngestReport, Sink, Staging
from mithra.observe.workspace import Workspace

__all__ = ["FileReport", "IngestReport", "ingest"]

LARGE_BYTES = 1 << 26  # from here on a file is read while its digest is made
DIGEST_CHARS = 32  # of SHA-256 in hex: 128 bits
FRAME_READER = "frame-1"
NO_READER = "none-1"

log = logging.getLogger(__name__)


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

    A file that lies in a folder (or matches a pattern) and is of no known format becomes one reject. All
    other files are read before an error about one of them is raised.

    Args:
        workspace: created if its folder does not exist.
        sources: paths of files and folders (all files in them), glob patterns, or frames (pandas, polars,
            pyarrow, DuckDB), for which `table` is required.
        format: name of a reader, default by content.
        source: who said it; default what the records say, then the file's name.
        verdict: of labels: nefarious or benign.
        category: of labels that have none of their own.
        known_at: date of files that do not hold one (ISO 8601, or a datetime; UTC unless it says otherwise).
            Ranks and networks otherwise take the date in their file's name; labels never do.
        columns: for generic CSV, JSONL, Parquet and frames, our column to theirs: {"name": "fqdn"}.
        table: where rows of such files go.
        now: records dated later are set aside; default the clock.
        progress: show a progress bar on stderr.

    Raises:
        InputError: a file cannot be read, or needs a date that it does not hold.
        FormatError: a file of unknown format, empty, or cut short; nothing of that file is kept.
        UsageError: arguments that do not fit.
    """
    now = _utc(now) or datetime.now(UTC)
    options = Options(
        source=source,
        verdict=_checked_verdict(verdict),
        category=category,
        known_at=_checked_date(known_at, now),
        columns=dict(columns) if columns else None,
        table=table,
        now=now,
        client_key=workspace.client_key,
    )
    items = inputs(sources)
    run = _Run(workspace, options, format)
    for item in tracked(items, progress):
        run.take(item)
    run.staging.commit()
    if run.errors:
        raise run.errors[0] if len(run.errors) == 1 else _several(run.errors, len(items))
    return IngestReport(run.reports)


class _Run:
    """One call of `ingest`."""

    def __init__(self, workspace: Workspace, options: Options, format: str) -> None:
        self._workspace, self._options, self._format = workspace, options, format
        self.staging = Staging(workspace)
        self.reports: list[FileReport] = []
        self.errors: list[InputError] = []

    def take(self, item: FileInput | FrameInput) -> None:
        """Read one item. What is wrong with a file does not keep the others out."""
        if isinstance(item, FrameInput):
            self._frame(item)
            return
        try:
            self._file(item)
        except FormatError as error:
            if item.named:
                self.errors.append(error)
            else:
                self._unreadable(item, error)
        except InputError as error:
            self.errors.append(error)
        except BaseException:
            self.staging.commit()
            raise

    def _file(self, item: FileInput) -> None:
        source = Source.at(item.path)
        reader = find_reader(source, self._format, self._options)
        size, options = item.path.stat().st_size, self._options
        if reader.dated_by_name and options.known_at is None:
            options = replace(options, known_at=source.day_in_name)
        records = reader.read(source, options)
        if size < LARGE_BYTES:
            digest = _file_digest(item)
        else:
            digest, records = _digest_while_reading(item, records)
        ingest_id = _ingest_id(digest, reader.id, options)
        if not self._skips(ingest_id, item.name, reader.id):
            self._write(ingest_id, item.name, reader.id, source.stem, size, records)

    def _frame(self, item: FrameInput) -> None:
        if self._options.table is None:
            raise UsageError("a frame needs table=, the table that its rows go to", value=item.name)
        ingest_id = _ingest_id(frame_digest(item.data), FRAME_READER, self._options)
        if not self._skips(ingest_id, item.name, FRAME_READER):
            rows = range(1, item.data.num_rows + 1)
            records = rows_of_table(item.data, self._options, item.name, rows)
            self._write(ingest_id, item.name, FRAME_READER, item.name, item.data.nbytes, records)

    def _unreadable(self, item: FileInput, error: FormatError) -> None:
        """One reject for a whole file, by its content like any other ingest."""
        ingest_id = _ingest_id(_file_digest(item), NO_READER, replace(self._options, source=None))
        if not self._skips(ingest_id, item.name, NO_READER):
            reject = Rejects()
            reject.add(None, "unreadable_file", _told(error))
            size = item.path.stat().st_size
            self._write(ingest_id, item.name, NO_READER, item.path.name, size, [reject], str(error))

    def _skips(self, ingest_id: str, name: str, reader: str) -> bool:
        if not self.staging.holds(ingest_id):
            return False
        log.info("%s: its content is in the workspace already", name)
        self.reports.append(FileReport(name, reader, {}, 0, skipped=True))
        return True

    def _write(
        self,
        ingest_id: str,
        name: str,
        reader: str,
        stem: str,
        size: int,
        records: Iterable[Rows | Rejects],
        error: str | None = None,
    ) -> None:
        self._workspace.create()
        said_by = self._options.source or stem
        with Sink(self._workspace, ingest_id, name, said_by) as sink:
            for record in records:
                sink.add(record)
            report = FileReport(name, reader, sink.rows, sink.rejected, skipped=False, error=error)
            row = {
                "file": name,
                "reader": reader,
                "bytes": size,
                "rows": sum(report.rows.values()),
                "rejected": report.rejected,
                "ingested_at": self._options.now,
                "source": said_by,
            }
            files = sink.finish(pa.RecordBatch.from_pylist([row]))
        self.staging.add(ingest_id, files)
        self.reports.append(report)


def _told(error: FormatError) -> str:
    """The error without its file, which the reject names already."""
    return f"{error.message}{'' if error.value is None else f': {error.value}'}"


def _digest_while_reading(
    item: FileInput, records: Iterator[Rows | Rejects]
) -> tuple[str, Iterator[Rows | Rejects]]:
    """The digest of a large file, and its records, the first of which are read in the meantime."""
    with ThreadPoolExecutor(1, thread_name_prefix="mithra-digest") as pool:
        digest = pool.submit(_file_digest, item)
        begun = []
        while not digest.done():
            record = next(records, None)
            if record is None:
                break
            begun.append(record)
        return digest.result(), chain(begun, records)


def _file_digest(item: FileInput) -> str:
    with item.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ingest_id(digest: str, reader: str, options: Options) -> str:
    """Content, reader, and whatever the caller stated that changes the rows."""
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
        return f"{digest[:DIGEST_CHARS]}-{reader}"
    said = hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()
    return f"{digest[:DIGEST_CHARS]}-{reader}-{said[:8]}"


def _several(errors: list[InputError], files: int) -> InputError:
    return InputError(
        f"{len(errors)} of {files} files could not be read; the first: {errors[0]}",
        hint="The others are in the workspace",
    )


def _checked_verdict(verdict: str | None) -> str | None:
    if verdict not in {None, "nefarious", "benign"}:
        raise UsageError("no such verdict", value=verdict, hint="Say nefarious or benign")
    return verdict


def _checked_date(value: datetime | str | None, now: datetime) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            hint = "Write it as 2026-06-01 or 2026-06-01T12:00Z"
            raise UsageError("known_at is not a date", value=value, hint=hint) from error
    value = _utc(value)
    if value is not None and value > now:
        raise UsageError("known_at lies in the future", value=value.isoformat())
    return value


def _utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
