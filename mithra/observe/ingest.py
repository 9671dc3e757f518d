"""Bring files and frames into a workspace, each content once.

An ingest is known by the digest of its content, the reader's version and what the caller stated about it.
Only what was read to its end is committed, so a file that is cut short leaves nothing. What a crash leaves
behind is completed, not doubled, by running the same ingest again. A file that has grown replaces what was
read of it before (`mithra.observe.earlier`).
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from mithra.errors import FormatError, InputError, UsageError
from mithra.observe.datafile import DataFile
from mithra.observe.earlier import DIGEST_CHARS, Beginnings, digests, lost_rows, replace_by, with_rejects
from mithra.observe.frames import frame_digest
from mithra.observe.inputs import FileInput, FrameInput, inputs, tracked
from mithra.observe.lock import Lock
from mithra.observe.readers.generic import rows_of_table
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rejects, Rows, Source
from mithra.observe.staging import FileReport, IngestReport, Sink, Staging
from mithra.observe.workspace import Workspace
from mithra.schema import table_schema

__all__ = ["FileReport", "IngestReport", "ingest"]

NAMED_FILES = 10  # that could not be read
LARGE_BYTES = 1 << 26  # from here on a file is read while its digest is made
FRAME_READER = "frame-1"
NO_READER = "none-1"

log = logging.getLogger(__name__)


def ingest(
    workspace: Workspace | str | os.PathLike[str],
    *sources: Any,
    format: str = "auto",
    source: str | None = None,
    verdict: str | None = None,
    category: str | None = None,
    known_at: datetime | str | None = None,
    columns: Mapping[str, str] | None = None,
    table: str | None = None,
    now: datetime | None = None,
    from_rejects: bool = False,
    progress: bool = False,
) -> IngestReport:
    """Read files or frames into the workspace; bad records go to its table rejects.

    A file that lies in a folder (or matches a pattern) and is of no known format becomes one reject. All
    other files are read before an error about one of them is raised.

    Args:
        workspace: or its path; created if its folder does not exist.
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
        from_rejects: instead of `sources`, read again all files of which records were set aside, as they were
            read before. One that has been mended, or whose reader is newer, takes its own place; one that is
            unchanged, gone, or lacks records that it held before is left as it was, and the report says so.
        progress: show a progress bar on stderr.

    Raises:
        InputError: a file cannot be read, or needs a date that it does not hold.
        FormatError: a file of unknown format, empty, or cut short; nothing of that file is kept. The `report`
            of both tells what came in of the others.
        UsageError: arguments that do not fit.
    """
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
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
    if from_rejects and (sources or options.stated or format != "auto"):
        hint = "It reads the files that had rejects, as they were read before"
        raise UsageError("from_rejects goes with no files and no statements about them", hint=hint)
    items = with_rejects(workspace) if from_rejects else inputs(sources)
    run = _Run(workspace, options, format)
    try:
        for item in tracked(items, progress):
            run.take(item)
        run.staging.commit()
    finally:
        run.close()
    if run.errors:
        error = run.errors[0] if len(run.errors) == 1 else _several(run.errors, len(items))
        error.report = IngestReport(run.reports)
        raise error
    return IngestReport(run.reports)


@dataclass(frozen=True)
class _File:
    """What is to be read, and as what. It has its id before its records are read."""

    ingest_id: str
    name: str
    reader: str
    source: str
    size: int  # bytes
    stated: Mapping[str, Any]
    records: Iterable[Rows | Rejects]
    replaces: list[str] = field(default_factory=list)  # ids of ingests
    error: str | None = None


class _Run:
    """One call of `ingest`."""

    def __init__(self, workspace: Workspace, options: Options, format: str) -> None:
        self._workspace, self._options, self._format = workspace, options, format
        self._beginnings = Beginnings(workspace)
        self._lock: Lock | None = None
        self.staging = Staging(workspace)
        self.reports: list[FileReport] = []
        self.errors: list[InputError] = []

    def close(self) -> None:
        """The workspace is in use no more."""
        if self._lock is not None:
            self._lock.close()

    def take(self, item: FileInput | FrameInput) -> None:
        """Read one item. What is wrong with a file does not keep the others out."""
        if isinstance(item, FrameInput):
            self._frame(item)
            return
        try:
            self._again(item) if item.again else self._file(item)
        except FormatError as error:
            if item.named:
                self.errors.append(error)
            else:
                self._unreadable(item, error)
        except InputError as error:
            self.errors.append(error)
        except BaseException as error:
            if isinstance(error, UsageError) and error.file is None:
                error.file = item.path
            self.staging.commit()
            raise

    def _file(self, item: FileInput) -> None:
        file = self._opened(item, self._options, self._format)
        if self._skips(file.ingest_id, item.name, file.reader):
            return
        tail = file.ingest_id[DIGEST_CHARS:]
        if whole := self._beginnings.whole(item.path, tail, file.source, file.size):
            log.warning("%s: cut short? %s, which has been read, begins with all of it", item.name, whole)
            self.reports.append(FileReport(item.name, file.reader, {}, 0, skipped=True))
            return
        if self._beginnings.stated_otherwise(file.ingest_id, file.reader):
            log.warning("%s: read before with other statements about it, whose rows stay too", item.name)
        self._write(file)

    def _again(self, item: FileInput) -> None:
        """A file that had rejects, in place of its ingest before; left as it was where that cannot be."""
        options = self._options.restated(item.stated)
        try:
            if not item.path.is_file():
                hint = (
                    None if item.path.is_absolute() else "It was given as seen from another folder, perhaps"
                )
                raise InputError("it is gone, so what was set aside of it stays", file=item.path, hint=hint)
            file = self._opened(item, options, item.stated.get("format", "auto"))
            if not self.staging.holds(file.ingest_id):
                self._write(replace(file, replaces=[*file.replaces, str(item.again)]), before=item.again)
                return
            if file.ingest_id != item.again:
                self._replace_by_known(file, str(item.again))
            self._skips(file.ingest_id, item.name, file.reader)
        except InputError as error:
            self.reports.append(FileReport(item.name, NO_READER, {}, 0, skipped=False, error=str(error)))

    def _opened(self, item: FileInput, options: Options, format: str) -> _File:
        """What a file is, and its records, not yet read."""
        source = Source.at(item.path)
        reader = find_reader(source, format, options)
        if reader.dated_by_name and options.known_at is None:
            options = replace(options, known_at=source.day_in_name)
        size, said_by, tail = (
            item.path.stat().st_size,
            options.source or source.stem,
            _tail(reader.id, options),
        )
        sizes, records = self._beginnings.sizes(tail, said_by, size), reader.read(source, options)
        if size < LARGE_BYTES:
            digest, beginnings = digests(item.path, sizes)
        else:
            digest, beginnings, records = _digests_while_reading(item, sizes, records)
        return _File(
            ingest_id=digest + tail,
            name=item.name,
            reader=reader.id,
            source=said_by,
            size=size,
            stated=options.stated | ({} if format == "auto" else {"format": format}),
            records=records,
            replaces=self._beginnings.replaced(tail, said_by, beginnings),
        )

    def _replace_by_known(self, file: _File, before: str) -> None:
        """The mended file has been read by itself already: that ingest takes the place of the one before."""
        self.staging.commit()
        if file.ingest_id not in self._workspace.ingest_ids():
            raise InputError("what it holds now has been replaced by something newer", file=file.name)
        self._lose_nothing(file, before, None)
        replace_by(self._workspace, before, file.ingest_id, file.source)

    def _lose_nothing(self, file: _File, before: str, staged: Mapping[str, DataFile | None] | None) -> None:
        if file.ingest_id[:DIGEST_CHARS] == before[:DIGEST_CHARS]:
            return  # the same bytes by another reader, whose word counts
        lost = lost_rows(self._workspace, before, file.ingest_id, staged)
        if lost:
            raise InputError(
                f"it lacks {lost:,} records that it held when it was read before",
                file=file.name,
                hint="If it is another file by now, ingest it as such; nothing was changed",
            )

    def _frame(self, item: FrameInput) -> None:
        if self._options.table is None:
            raise UsageError("a frame needs table=, the table that its rows go to", value=item.name)
        ingest_id = frame_digest(item.data)[:DIGEST_CHARS] + _tail(FRAME_READER, self._options)
        if not self._skips(ingest_id, item.name, FRAME_READER):
            rows = range(1, item.data.num_rows + 1)
            records = rows_of_table(item.data, self._options, item.name, rows)
            said_by, stated = self._options.source or item.name, self._options.stated
            self._write(_File(ingest_id, item.name, FRAME_READER, said_by, item.data.nbytes, stated, records))

    def _unreadable(self, item: FileInput, error: FormatError) -> None:
        """One reject for a whole file, by its content like any other ingest."""
        tail = _tail(NO_READER, replace(self._options, source=None))
        ingest_id = digests(item.path)[0] + tail
        if not self._skips(ingest_id, item.name, NO_READER):
            reject = Rejects()
            reject.add(None, "unreadable_file", _told(error))
            size, said_by = item.path.stat().st_size, self._options.source or item.path.name
            stated = self._options.stated
            self._write(
                _File(ingest_id, item.name, NO_READER, said_by, size, stated, [reject], error=str(error))
            )

    def _skips(self, ingest_id: str, name: str, reader: str) -> bool:
        if not self.staging.holds(ingest_id):
            return False
        log.info("%s: its content is in the workspace already", name)
        self.reports.append(FileReport(name, reader, {}, 0, skipped=True))
        return True

    def _write(self, file: _File, before: str | None = None) -> None:
        self._workspace.create()
        if self._lock is None:
            self._lock = self._workspace.lock()
        with Sink(self._workspace, file.ingest_id, file.name, file.source) as sink:
            with _seldom_swept() as sweep:
                for record in file.records:
                    sink.add(record)
                    sweep()
            rows, rejected = sink.rows, sink.rejected
            sink.replace(file.replaces)
            row = {
                "file": file.name,
                "reader": file.reader,
                "bytes": file.size,
                "rows": sum(rows.values()),
                "rejected": rejected,
                "ingested_at": self._options.now,
                "stated": json.dumps(file.stated, sort_keys=True) if file.stated else None,
                "source": file.source,
            }
            files = sink.finish(pa.RecordBatch.from_pylist([row], _INGEST))
            if before is not None:
                self._checked(file, before, files, sink)
        self.staging.add(file.ingest_id, files)
        self._beginnings.add(file.ingest_id, file.size, file.source, file.name)
        self.reports.append(
            FileReport(file.name, file.reader, rows, rejected, skipped=False, error=file.error)
        )

    def _checked(self, file: _File, before: str, files: dict[str, DataFile | None], sink: Sink) -> None:
        try:
            self._lose_nothing(file, before, files)
        except InputError:
            sink.discard()
            raise


@contextmanager
def _seldom_swept() -> Iterator[Callable[[], object]]:
    """Python looks for cycles only when told to. Readers make objects by the million, none in a cycle, and
    to look at them again and again took a quarter of their time."""
    if not gc.isenabled():  # by whoever called, or another ingest at the same time
        yield lambda: None
        return
    gc.disable()
    try:
        yield lambda: gc.collect(1)
    finally:
        gc.enable()


_INGEST = pa.schema([field for field in table_schema("ingests") if field.name != "ingest_id"])


def _told(error: FormatError) -> str:
    """The error without its file, which the reject names already."""
    return f"{error.message}{'' if error.value is None else f': {error.value}'}"


def _digests_while_reading(
    item: FileInput, sizes: list[int], records: Iterator[Rows | Rejects]
) -> tuple[str, dict[int, str], Iterator[Rows | Rejects]]:
    """The digests of a large file, and its records, the first of which are read in the meantime."""
    with ThreadPoolExecutor(1, thread_name_prefix="mithra-digest") as pool:
        made = pool.submit(digests, item.path, sizes)
        begun = []
        while not made.done():
            record = next(records, None)
            if record is None:
                break
            begun.append(record)
        return *made.result(), chain(begun, records)


def _tail(reader: str, options: Options) -> str:
    """The end of an ingest's id, after the content's digest: the reader, and whatever the caller stated that
    changes the rows."""
    if not options.stated:
        return f"-{reader}"
    said = hashlib.sha256(json.dumps(options.stated, sort_keys=True).encode()).hexdigest()
    return f"-{reader}-{said[:8]}"


def _several(errors: list[InputError], files: int) -> InputError:
    named = ", ".join(str(error.file) for error in errors[1:NAMED_FILES])
    more = f" and {len(errors) - NAMED_FILES} more" if len(errors) > NAMED_FILES else ""
    return InputError(
        f"{len(errors)} of {files} files could not be read; the first: {errors[0]}; then: {named}{more}",
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
