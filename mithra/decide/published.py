"""Copies of published lists, so that a bad one can be put back as it was before.

Every publication of a file is a line of `published.jsonl`, and its bytes are kept under their digest. Putting
an earlier one back is a line too, so that doing it again goes further back and never forward to the bad one.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mithra import journal
from mithra.atomic import atomic_path
from mithra.errors import InputError, RefusedError

__all__ = ["keep", "restore"]

KEPT_COPIES = 20  # different contents of each published file
LINES, COPIES = "published.jsonl", "published"


def keep(folder: Path, published: Path, sha256: str, **about: Any) -> None:
    """Keep a copy of a published file in the folder; of each file the last KEPT_COPIES contents stay."""
    copy = folder / COPIES / sha256
    if not copy.exists():
        with atomic_path(copy) as temporary:
            shutil.copyfile(published, temporary)
    path = str(published.resolve())
    _append(folder, {"path": path, "sha256": sha256, **about})
    lines = journal.read(folder / LINES)
    own = list(dict.fromkeys(line["sha256"] for line in reversed(lines) if line["path"] == path))
    others = {line["sha256"] for line in lines if line["path"] != path}
    for gone in set(own[KEPT_COPIES:]) - others:
        (folder / COPIES / gone).unlink(missing_ok=True)


def restore(folder: Path, path: str | Path, steps: int = 1) -> dict[str, Any]:
    """Put a published file back, byte for byte, as it was `steps` publications before the one in place.

    Raises:
        RefusedError: no such publication is kept.
        InputError: its copy is damaged.
    """
    target = Path(path).resolve()
    lines = [line for line in journal.read(folder / LINES) if line["path"] == str(target)]
    made = [line for line in lines if not line.get("restored")]
    made = [line for at, line in enumerate(made) if not at or made[at - 1]["sha256"] != line["sha256"]]
    in_place = [at for at, line in enumerate(made) if line["sha256"] == lines[-1]["sha256"]]
    wanted = in_place[-1] - steps if in_place else -1
    if steps < 1 or wanted < 0 or not (folder / COPIES / made[wanted]["sha256"]).exists():
        raise RefusedError(
            "no earlier publication of this file is kept",
            value=target,
            hint=f"Kept is what mithra publish WORKSPACE wrote, the last {KEPT_COPIES} contents of a file",
        )
    chosen = made[wanted]
    content = (folder / COPIES / chosen["sha256"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != chosen["sha256"]:
        hint = f"Restore an earlier one: --steps {steps + 1}"
        raise InputError("the kept copy is damaged", file=folder / COPIES / chosen["sha256"], hint=hint)
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    _append(folder, {**chosen, "restored": True})
    return chosen


def _append(folder: Path, line: dict[str, Any]) -> None:
    journal.append(folder / LINES, {**line, "at": datetime.now(UTC).isoformat()})
