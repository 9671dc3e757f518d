"""What a snapshot holds, part by part, as bytes: Arrow files for text and facts, NumPy files for edges.

Bytes pass through a hash on their way to disk; without a place to go they are only hashed. The same content
gives the same bytes, and so the same digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.snapshot import FACTS, LABELS, Relation, Snapshot, completed

__all__ = ["Part", "combined_digest", "content_digest", "parts_of", "read_parts", "write_part"]

_EDGE_ARRAYS: dict[str, type[np.generic]] = {
    "indices": np.int32,
    "first_seen": np.int64,
    "last_seen": np.int64,
    "weight": np.float32,
}
Part: TypeAlias = "pa.Table | NDArray[Any]"


def content_digest(snapshot: Snapshot) -> str:
    """SHA-256 over all that the snapshot holds, hex; the same for the same content, whatever it came from."""
    return combined_digest(
        snapshot.as_of, {name: write_part(part)[0] for name, part in parts_of(snapshot).items()}
    )


def parts_of(snapshot: Snapshot) -> dict[str, Part]:
    """Every file of the folder but the manifest, by its path in it."""
    parts: dict[str, Part] = {
        "names.arrow": pa.table({"name": snapshot.names}),
        "groups.arrow": pa.table({"name": snapshot.groups}),
        "group.npy": snapshot.group,
        "first_seen.npy": snapshot.first_seen,
        "facts.arrow": _known_columns(snapshot.facts),
        "labels.arrow": snapshot.labels,
    }
    for name, relation in snapshot.relations.items():
        parts[f"relations/{name}/entities.arrow"] = pa.table({"key": relation.entities})
        parts[f"relations/{name}/indptr.npy"] = relation.indptr
        for array in _EDGE_ARRAYS:
            parts[f"relations/{name}/{array}.npy"] = getattr(relation, array)
    return parts


def _known_columns(facts: pa.Table) -> pa.Table:
    """The facts without the columns that are null throughout; `read_parts` puts them back."""
    return facts.select([name for name in facts.column_names if facts[name].null_count < facts.num_rows])


class _Hashed:
    """A file to write to that hashes what goes through it, and keeps it only if given a place."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.size += len(view)
        if self._file is not None:
            self._file.write(view)
        return len(view)

    def flush(self) -> None:
        """For pyarrow."""

    def close(self) -> None:
        """For pyarrow."""

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def write_part(part: Part, file: IO[bytes] | None = None) -> tuple[str, int]:
    """Digest and size of a part as it is on disk; written to the file if there is one."""
    sink = _Hashed(file)
    if isinstance(part, pa.Table):
        whole = part.combine_chunks().replace_schema_metadata(None)
        with pa.ipc.new_file(sink, whole.schema) as writer:
            writer.write_table(whole)
    else:
        array = np.ascontiguousarray(part)
        np.lib.format.write_array_header_1_0(sink, np.lib.format.header_data_from_array_1_0(array))
        if array.size:  # as `write_array` does, which copies every array once more
            sink.write(array.data)
    return sink.digest, sink.size


def combined_digest(as_of: datetime | None, files: Mapping[str, str]) -> str:
    said = {"as_of": None if as_of is None else as_of.isoformat(), "files": dict(files)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_parts(folder: Path, relations: Mapping[str, object]) -> Snapshot:
    """The snapshot of these relations in the folder, every part memory-mapped; no manifest, no `as_of`.

    Raises:
        ValueError, OSError, KeyError, pa.ArrowException: a part is missing or not what it should be.
    """
    names, labels = _text(folder / "names.arrow", "name"), _table(folder / "labels.arrow")
    known = _table(folder / "facts.arrow")
    facts = completed({name: known[name] for name in known.column_names}, FACTS, len(names))
    if any(labels.schema.field(f.name).type != f.type for f in LABELS):
        raise ValueError("labels in columns of another type")
    snapshot = Snapshot(
        as_of=None,
        names=names,
        group=_array(folder / "group.npy", np.int32),
        groups=_text(folder / "groups.arrow", "name"),
        first_seen=_array(folder / "first_seen.npy", np.int64),
        relations={name: _relation(folder / "relations" / name, name, len(names)) for name in relations},
        facts=facts,
        labels=labels,
    )
    if not len(names) == len(snapshot.group) == len(snapshot.first_seen) == facts.num_rows:
        raise ValueError("parts of different length")
    return snapshot


def _relation(folder: Path, name: str, domains: int) -> Relation:
    indptr = _array(folder / "indptr.npy", np.int64)
    arrays = {array: _array(folder / f"{array}.npy", dtype) for array, dtype in _EDGE_ARRAYS.items()}
    if len(indptr) != domains + 1 or {len(array) for array in arrays.values()} != {int(indptr[-1])}:
        raise ValueError(f"arrays of relation {name} of different length")
    return Relation(name=name, entities=_text(folder / "entities.arrow", "key"), indptr=indptr, **arrays)


def _text(path: Path, column: str) -> pa.Array:
    values = _table(path)[column]
    if values.type != pa.string():
        raise ValueError(f"{path.name} holds no text")
    return values.chunk(0) if values.num_chunks else pa.array([], pa.string())


def _table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _array(path: Path, dtype: type[np.generic]) -> NDArray[Any]:
    array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    if array.dtype != dtype or array.ndim != 1:
        raise ValueError(f"{path.name} holds {array.dtype}, expected {np.dtype(dtype)}")
    return array
