"""What every reader is made of: a source of bytes, options, and the two things that it yields.

A reader yields `Rows` for a table and `Rejects` for records that it sets aside. It never raises for a bad
record; it raises FormatError for a file that is not what it claims to be, and then nothing of it is kept.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from mithra.errors import FormatError, InputError
from mithra.observe.packing import CHUNK_BYTES, HEAD_BYTES, Unpacked, packing_of, refuse_packed
from mithra.observe.records import client_hash

__all__ = ["Options", "Reader", "Rejects", "Rows", "Source", "excerpt"]

EXCERPT_CHARS = 200
SAMPLE_BYTES = 1 << 16
TAIL_BYTES = 1 << 17
SECONDS_PER_HOUR = 3600
MAX_LINE_BYTES = 1 << 20  # longer lines are set aside unread

_DATE_AT_END = re.compile(r"(^|[-_.])(19|20)\d\d[-_]?\d\d([-_]?\d\d)?$")
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)")


@dataclass(frozen=True)
class Rows:
    """Records of one table. `data` has columns of the table's schema; those it lacks are null."""

    table: str
    data: pa.RecordBatch | pa.Table


@dataclass(frozen=True)
class Rejects:
    """Records set aside, as parallel lists."""

    lines: list[int | None] = field(default_factory=list)  # from 1; None where a record has no line
    reasons: list[str] = field(default_factory=list)
    excerpts: list[str] = field(default_factory=list)

    def add(self, line: int | None, reason: str, record: object) -> None:
        """One more record."""
        self.lines.append(line)
        self.reasons.append(reason)
        self.excerpts.append(excerpt(record))


@dataclass(frozen=True)
class Options:
    """What the caller states about a file.

    Attributes:
        source: who said it; default the record's own statement, then the file's stem.
        verdict: of labels, nefarious or benign.
        category: of labels, where the record has none.
        known_at: date of the file, for records without one of their own.
        columns: our column to theirs, for generic CSV, JSONL and Parquet.
        table: where generic records go.
        now: records dated later are set aside.
        client_key: gives the key under which clients' addresses are hashed.
        exact: queries come by the second instead of the hour, with their type in a column `rrtype` that no
            table of a workspace has; for those who read a log without keeping it.
        hash_clients: whether clients' addresses are hashed.
    """

    source: str | None = None
    verdict: str | None = None
    category: str | None = None
    known_at: datetime | None = None
    columns: Mapping[str, str] | None = None
    table: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    client_key: Callable[[], bytes] = field(default=lambda: b"", compare=False)
    exact: bool = False
    hash_clients: bool = True

    @property
    def stated(self) -> dict[str, Any]:
        """What the caller stated that changes the rows, fit for JSON."""
        told = {
            "source": self.source,
            "verdict": self.verdict,
            "category": self.category,
            "known_at": self.known_at and self.known_at.isoformat(),
            "columns": self.columns and dict(self.columns),
            "table": self.table,
        }
        return {key: value for key, value in told.items() if value is not None}

    def restated(self, stated: Mapping[str, Any]) -> Options:
        """The same clock and key with what was `stated` at another time."""
        told = {key: value for key, value in stated.items() if key != "format"}
        if "known_at" in told:
            told["known_at"] = datetime.fromisoformat(told["known_at"])
        return Options(now=self.now, client_key=self.client_key, **told)

    @property
    def now_seconds(self) -> int:
        """`now` in epoch seconds."""
        return int(self.now.timestamp())

    @property
    def period_seconds(self) -> int:
        """How long the queries of one row are counted for."""
        return 1 if self.exact else SECONDS_PER_HOUR

    def clients(self, addresses: Iterable[str]) -> list[str]:
        """What is told of clients: the keyed hash of each address."""
        if not self.hash_clients:
            return [address.lower() for address in addresses]
        key = self.client_key()
        return [client_hash(address, key) for address in addresses]


@dataclass(frozen=True)
class Source:
    """A file to read: its path, how it is packed, and its first bytes unpacked."""

    path: Path
    packing: str | None = None  # gzip, zstd, bzip2, xz, zip, or utf-16 (text to be written as UTF-8)

    @classmethod
    def at(cls, path: Path) -> Source:
        """Look at a file's first bytes.

        Raises:
            FormatError: empty, or an archive of several files.
            InputError: it cannot be opened.
        """
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=path) from error
        if not head:
            raise FormatError("the file is empty", file=path, hint="Leave it out, or fetch it again")
        return cls(path, packing_of(head, path))

    @property
    def name(self) -> str:
        """The file's path as text."""
        return str(self.path)

    @property
    def stem(self) -> str:
        """The file's name without endings and a date at its end, else its folder's: the default source."""
        return _DATE_AT_END.sub("", self.path.name.split(".")[0]) or self.path.parent.name or self.path.name

    @property
    def day_in_name(self) -> datetime | None:
        """The day that the file's name states (`top-2026-06-01.csv`), if it does."""
        found = _DAY.search(self.path.name)
        try:
            return (
                None if found is None else datetime(int(found[1]), int(found[3]), int(found[4]), tzinfo=UTC)
            )
        except ValueError:
            return None

    def verify(self) -> None:
        """Unpack everything once; raises FormatError where packed data ends early or is damaged."""
        with self.open() as stream:
            while stream.read(CHUNK_BYTES):
                pass

    def open(self) -> BinaryIO:
        """The unpacked bytes as a stream. Reading it raises FormatError where packed data ends early."""
        file = self.path.open("rb")
        if self.packing is None:
            return file
        return cast(BinaryIO, io.BufferedReader(Unpacked(file, self.packing, self.path), CHUNK_BYTES))

    @cached_property
    def sample(self) -> bytes:
        """The first 64 KiB, unpacked.

        Raises:
            FormatError: what comes out is packed again, or a tar archive.
        """
        with self.open() as stream:
            sample = stream.read(SAMPLE_BYTES)
        refuse_packed(sample, self.path, again=self.packing is not None)
        return sample

    @cached_property
    def tail(self) -> bytes:
        """The last 128 KiB, unpacked."""
        tail = b""
        with self.open() as stream:
            if stream.seekable():  # not packed
                stream.seek(max(0, self.path.stat().st_size - TAIL_BYTES))
            while chunk := stream.read(CHUNK_BYTES):
                tail = (tail + chunk)[-TAIL_BYTES:]
        return tail

    def lines(self) -> Iterator[tuple[int, list[bytes]]]:
        """Lines without their ends, in batches: (number of the batch's first line, lines).

        Of a line over 1 MiB only its beginning comes out, just over 1 MiB, so that memory stays bounded.
        """
        number, rest = 1, b""
        with self.open() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                batch = chunk.split(b"\n")
                batch[0] = rest + batch[0]
                rest = batch.pop()[: MAX_LINE_BYTES + 1]
                if batch:
                    yield number, _without_ends(batch, chunk)
                    number += len(batch)
        if rest:
            yield number, _without_ends([rest], rest)


@dataclass(frozen=True)
class Reader:
    """One format. `version` goes up whenever the same bytes would give other rows.

    `about` is one line for people, `example` a small file that the reader reads whole (text, or a function
    that makes the bytes of a binary one), `fields` what it takes from a record, in the format's own words.
    """

    name: str
    version: int
    tables: tuple[str, ...]
    sniff: Callable[[bytes], bool]  # on the first 64 KiB
    read: Callable[[Source, Options], Iterator[Rows | Rejects]]
    dated_by_name: bool = False  # a date in the file's name counts where nothing else states one
    about: str = ""
    example: str | Callable[[], bytes] = ""
    fields: tuple[str, ...] = ()
    sniff_tail: Callable[[bytes], bool] = lambda tail: False  # on the last 128 KiB of what no head shows

    @property
    def id(self) -> str:
        """Name and version, as recorded with each ingest."""
        return f"{self.name}-{self.version}"

    @property
    def example_bytes(self) -> bytes:
        """The example as a file holds it."""
        return self.example.encode() if isinstance(self.example, str) else self.example()


def excerpt(record: object) -> str:
    """A record shortened to 200 characters and escaped, safe to print."""
    if isinstance(record, bytes):
        record = record[: EXCERPT_CHARS * 4].decode("utf-8", "backslashreplace")
    elif isinstance(record, dict | list):
        record = json.dumps(record, default=str)
    text = str(record)[: EXCERPT_CHARS + 1]
    shown = text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def _without_ends(lines: list[bytes], chunk: bytes) -> list[bytes]:
    """The lines without carriage returns at their ends."""
    if b"\r" not in chunk and not lines[0].endswith(b"\r"):
        return lines
    return [line.rstrip(b"\r") for line in lines]
