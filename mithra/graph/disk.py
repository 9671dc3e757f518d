"""A snapshot as a folder: Arrow files for text and facts, NumPy files for edges, a manifest with digests.

Nothing is compressed, so that opening maps the files and reads none of them. A folder appears under its
name only when it is whole (written beside it, then renamed), and is never changed afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mithra.errors import IntegrityError, SnapshotError
from mithra.graph.parts import Part, combined_digest, parts_of, read_parts, write_part
from mithra.graph.snapshot import Snapshot

__all__ = ["open_snapshot", "read_manifest", "save_snapshot"]

LAYOUT = 1
MANIFEST = "manifest.json"
_REBUILD = "Build it again"


def save_snapshot(snapshot: Snapshot, path: Path) -> dict[str, Any]:
    """Write the folder, in one piece or not at all; the manifest that was written.

    Raises:
        SnapshotError: something is at the path that is not this snapshot.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        files = _write_parts(parts_of(snapshot), unfinished)
        manifest = _manifest(snapshot, files)
        _write_manifest(manifest, unfinished / MANIFEST)
        return _publish(unfinished, path, manifest)
    except OSError as error:
        raise SnapshotError(f"cannot write the snapshot: {error.strerror}", file=path) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def open_snapshot(path: Path, *, verify: bool = False) -> Snapshot:
    """The snapshot in a folder, memory-mapped.

    Args:
        path: the folder.
        verify: hash every file and check that all ids are in range; reads everything.

    Raises:
        SnapshotError: no snapshot, an incomplete one, or one of another layout.
        IntegrityError: with `verify`, bytes that do not match their digest.
    """
    manifest = read_manifest(path)
    for name, file in manifest["files"].items():
        found = path / name
        if not found.is_file() or found.stat().st_size != file["bytes"]:
            raise SnapshotError("a file of the snapshot is missing or cut short", file=found, hint=_REBUILD)
    if verify:
        _verify(path, manifest)
    try:
        snapshot = replace(read_parts(path, manifest["relations"]), as_of=_as_of(manifest), manifest=manifest)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {error}", file=path, hint=_REBUILD) from error
    if verify:
        _verify_ids(snapshot, path)
    return snapshot


def read_manifest(path: Path) -> dict[str, Any]:
    """What the folder says of itself.

    Raises:
        SnapshotError: there is no readable manifest of this layout.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
    except FileNotFoundError as error:
        raise SnapshotError("no snapshot here", file=path, hint="mithra.snapshot(…) makes one") from error
    except (OSError, ValueError) as error:
        raise SnapshotError("the snapshot's manifest cannot be read", file=path / MANIFEST) from error
    if not isinstance(manifest, dict) or manifest.get("layout") != LAYOUT:
        layout = manifest.get("layout") if isinstance(manifest, dict) else None
        raise SnapshotError(
            f"this mithra reads snapshots of layout {LAYOUT}",
            value=layout,
            file=path / MANIFEST,
            hint=_REBUILD,
        )
    if not _is_complete(manifest):
        raise SnapshotError("the snapshot's manifest lacks entries", file=path / MANIFEST, hint=_REBUILD)
    strange = [name for name in manifest["relations"] if not name.isidentifier()]
    strange += [name for name in manifest["files"] if Path(name).is_absolute() or ".." in Path(name).parts]
    if strange:
        raise SnapshotError(
            "the manifest names what cannot be of a snapshot", value=strange[0], file=path / MANIFEST
        )
    return manifest


def _write_parts(parts: Mapping[str, Part], folder: Path) -> dict[str, dict[str, Any]]:
    """Write the files and return the digest and size of each."""
    for name in parts:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)

    def write(name: str) -> tuple[str, int]:
        with (folder / name).open("wb") as file:
            return write_part(parts[name], file)

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(write, parts))
    return {
        name: {"sha256": digest, "bytes": size} for name, (digest, size) in zip(parts, written, strict=True)
    }


def _manifest(snapshot: Snapshot, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **snapshot.manifest,
        "layout": LAYOUT,
        "as_of": None if snapshot.as_of is None else snapshot.as_of.isoformat(),
        "domains": len(snapshot),
        "groups": len(snapshot.groups),
        "labels": snapshot.labels.num_rows,
        "relations": {
            name: {"entities": len(relation.entities), "edges": relation.edges}
            for name, relation in snapshot.relations.items()
        },
        "digest": combined_digest(snapshot.as_of, {name: file["sha256"] for name, file in files.items()}),
        "files": dict(files),
    }


def _write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    with path.open("w") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _publish(unfinished: Path, path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Give the folder its name; where the same snapshot stands already, that one stays."""
    try:
        unfinished.rename(path)
    except OSError:
        if not path.exists():
            raise
        there = read_manifest(path)
        if there["digest"] != manifest["digest"]:
            raise SnapshotError(
                "another snapshot is at this path",
                value=path,
                hint="Snapshots never change: choose another path",
            ) from None
        return there
    return manifest


def _verify(path: Path, manifest: Mapping[str, Any]) -> None:
    def digest(name: str) -> str:
        with (path / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(manifest["files"], pool.map(digest, manifest["files"]), strict=True))
    for name, file in manifest["files"].items():
        if found[name] != file["sha256"]:
            raise IntegrityError("bytes of the snapshot are not those that were written", file=path / name)
    if combined_digest(_as_of(manifest), found) != manifest["digest"]:
        raise IntegrityError("the snapshot's digest does not match its files", file=path / MANIFEST)


def _verify_ids(snapshot: Snapshot, path: Path) -> None:
    """Refuse ids outside of what they point into: they would read past an array, or wrap around."""
    bounds = [(snapshot.group, len(snapshot.groups), "group")]
    bounds += [
        (r.indices, len(r.entities), f"relations/{r.name}/indices") for r in snapshot.relations.values()
    ]
    for ids, size, name in bounds:
        if len(ids) and not (int(ids.min()) >= 0 and int(ids.max()) < size):
            raise IntegrityError("ids of the snapshot are out of range", file=path / f"{name}.npy")
    for relation in snapshot.relations.values():
        if int(relation.indptr[0]) != 0 or (np.diff(relation.indptr) < 0).any():
            raise IntegrityError(
                "offsets are not sorted", file=path / f"relations/{relation.name}/indptr.npy"
            )


def _as_of(manifest: Mapping[str, Any]) -> datetime | None:
    return None if manifest["as_of"] is None else datetime.fromisoformat(manifest["as_of"])


def _is_complete(manifest: Mapping[str, Any]) -> bool:
    files, relations = manifest.get("files"), manifest.get("relations")
    as_of = manifest.get("as_of", 0)
    return (
        isinstance(files, dict)
        and all(isinstance(file, dict) and {"sha256", "bytes"} <= file.keys() for file in files.values())
        and isinstance(relations, dict)
        and isinstance(manifest.get("digest"), str)
        and (as_of is None or isinstance(as_of, str))
    )
