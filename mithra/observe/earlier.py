"""Earlier ingests that a new one takes the place of, so that nothing is doubled.

A file that has grown begins with all that was read of it before: the ingest of the whole file replaces the
one of its beginning. The beginning of a file that has been read, and is still there, adds nothing. A file
that is read again because of its rejects replaces its earlier ingest, unless that would lose records. What is
replaced stays in the tables and is shown no more.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from mithra.observe.datafile import DataFile, DataWriter
from mithra.observe.inputs import FileInput
from mithra.observe.workspace import Workspace
from mithra.schema import TABLES

__all__ = ["DIGEST_CHARS", "Beginnings", "digests", "lost_rows", "replace_by", "with_rejects"]

DIGEST_CHARS = 32  # of SHA-256 in hex: 128 bits
CHUNK_BYTES = 1 << 20
COMPARED_BYTES = 1 << 12
_OWN = {"rejects", "ingests", "replaced"}  # tables about an ingest, not about the world


class Beginnings:
    """Sizes and digests of what has been read, by what must be equal for one to continue another: reader,
    statements (the end of the ingest's id) and source."""

    def __init__(self, workspace: Workspace) -> None:
        self._known: dict[tuple[str, str | None], dict[int, set[str]]] = defaultdict(dict)
        self._paths: dict[str, str] = {}
        for row in workspace.ingests().select(["ingest_id", "bytes", "source", "file"]).to_pylist():
            self.add(row["ingest_id"], row["bytes"], row["source"], row["file"])

    def add(self, ingest_id: str, size: int, source: str | None, path: str) -> None:
        """One more ingest."""
        sizes = self._known[ingest_id[DIGEST_CHARS:], source]
        sizes.setdefault(size, set()).add(ingest_id[:DIGEST_CHARS])
        self._paths[ingest_id] = path

    def sizes(self, tail: str, source: str, below: int) -> list[int]:
        """Sizes of the files that a larger one might continue."""
        return sorted(size for size in self._known.get((tail, source), {}) if size < below)

    def whole(self, path: Path, tail: str, source: str, size: int) -> str | None:
        """The path of a larger file that was read, is as it was then, and begins with all of this one."""
        with path.open("rb") as file:
            head = file.read(COMPARED_BYTES)
            if len(head) == size and head.find(b"\n") == size - 1:
                return None  # the empty list of a day is a header, with which all of its lists begin
            file.seek(max(0, size - COMPARED_BYTES))
            end = file.read(COMPARED_BYTES)
        for larger, found in self._known.get((tail, source), {}).items():
            for digest in found if larger > size else ():
                other = Path(self._paths[digest + tail])
                if not _begins(other, larger, head, end, size):
                    continue
                now, beginnings = digests(other, [size])
                if now == digest and beginnings[size] == digests(path)[0]:
                    return str(other)
        return None

    def stated_otherwise(self, ingest_id: str, reader: str) -> bool:
        """Whether the same bytes have been read by the same reader with other statements about them."""
        digest, tail = ingest_id[:DIGEST_CHARS], ingest_id[DIGEST_CHARS:]
        return any(
            digest in digests
            for (known, _), sizes in self._known.items()
            if known != tail and f"{known}-".startswith(f"-{reader}-")
            for digests in sizes.values()
        )

    def replaced(self, tail: str, source: str, beginnings: Mapping[int, str]) -> list[str]:
        """Ids of the ingests that read just these beginnings, given as digests by size."""
        known = self._known.get((tail, source), {})
        return [digest + tail for size, digest in beginnings.items() if digest in known.get(size, ())]


def _begins(path: Path, size: int, head: bytes, end: bytes, end_at: int) -> bool:
    """Whether a file has this size and, as far as a look at two places tells, begins so."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            if file.read(len(head)) != head:
                return False
            file.seek(end_at - len(end))
            return file.read(len(end)) == end
    except OSError:
        return False


def digests(path: Path, sizes: Iterable[int] = ()) -> tuple[str, dict[int, str]]:
    """Digest of a file, and of its beginnings of these sizes (ascending)."""
    digest, at, beginnings = hashlib.sha256(), 0, {}
    with path.open("rb") as file:
        for size in sizes:
            while at < size and (chunk := file.read(min(CHUNK_BYTES, size - at))):
                digest.update(chunk)
                at += len(chunk)
            if at == size:
                beginnings[size] = digest.hexdigest()[:DIGEST_CHARS]
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:DIGEST_CHARS], beginnings


def with_rejects(workspace: Workspace) -> list[FileInput]:
    """The files of which records were set aside, as they were given and with what was stated about them."""
    workspace.must_exist()
    rows = [row for row in workspace.ingests().to_pylist() if row["rejected"]]
    return [
        FileInput(
            Path(row["file"]), named=True, again=row["ingest_id"], stated=json.loads(row["stated"] or "{}")
        )
        for row in sorted(rows, key=lambda row: (row["file"], row["ingest_id"]))
    ]


def lost_rows(
    workspace: Workspace, before: str, ingest_id: str, staged: Mapping[str, DataFile | None] | None
) -> int:
    """How many records of the ingest `before` another one lacks, which is staged, or committed (None)."""
    lost = 0
    with workspace.connect() as con:
        for table in TABLES.keys() - _OWN:
            columns = ", ".join(f'"{name}"' for name in TABLES[table].names if name != "ingest_id")
            query, given = f"SELECT {columns} FROM {table} WHERE ingest_id = $before", {"before": before}
            if staged is None:
                query += f" EXCEPT ALL SELECT {columns} FROM {table} WHERE ingest_id = $after"
                given["after"] = ingest_id
            elif (file := staged.get(table)) is not None:
                query += f" EXCEPT ALL SELECT {columns} FROM read_parquet($file)"
                given["file"] = str(file.path)
            lost += con.execute(f"SELECT count(*) FROM ({query})", given).fetchall()[0][0]
    return lost


def replace_by(workspace: Workspace, before: str, ingest_id: str, source: str) -> None:
    """Let a committed ingest take the place of another, at once."""
    key = f"{before}~{ingest_id}"
    writer = DataWriter(workspace.path, "replaced", ingest_id, key=key)
    writer.write(pa.record_batch({"replaces": [before], "source": [source]}))
    workspace.store("replaced").append({key: writer.close()})
