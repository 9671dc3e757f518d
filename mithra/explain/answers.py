"""The verb `label`: an analyst's answer becomes a dated label with its author, and never rewrites the past.

It counts from the moment on that it was given: snapshots as of earlier moments do not know it. Why it was
given stands in `decisions/answers.jsonl` of the workspace.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from mithra import journal
from mithra.decide.ledger import FOLDER, user
from mithra.errors import UsageError
from mithra.graph.verdicts import ANALYST
from mithra.names import canonical
from mithra.observe.ingest import ingest
from mithra.observe.workspace import Workspace
from mithra.schema import TIMESTAMP

__all__ = ["Answer", "answers", "label"]

VERDICTS = ("nefarious", "benign")
ANSWERS = "answers.jsonl"


@dataclass(frozen=True)
class Answer:
    """What an analyst said of a name."""

    name: str
    verdict: str
    because: str
    author: str
    at: str  # ISO 8601


def label(
    workspace: Workspace | str | Path,
    name: str,
    verdict: str,
    because: str,
    *,
    author: str | None = None,
    now: datetime | None = None,
) -> Answer:
    """Label a name from now on; an analyst's label wins over those of all lists.

    Raises:
        WorkspaceError: there is no workspace.
        InvalidNameError: not a domain name.
        UsageError: another verdict, no reason, an author that is more than a word, a moment without a zone.

    Example:
        >>> label(workspace, "shop.example", "benign", "our own shop")  # doctest: +SKIP
    """
    held = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    held.must_exist()
    who = user() if author is None else author
    if verdict not in VERDICTS:
        raise UsageError("unknown verdict", value=verdict, hint=f"Verdicts: {', '.join(VERDICTS)}")
    if not because.strip():
        raise UsageError("an answer needs its reason", value=name, hint="Say why: --because TEXT")
    if not who.isascii() or not who.isprintable() or not who or " " in who:
        raise UsageError("an author is one word in printable ASCII", value=who, hint="Such as ana or soc-2")
    if now is not None and now.tzinfo is None:
        raise UsageError("now needs a time zone", value=now)
    moment = (datetime.now(UTC) if now is None else now.astimezone(UTC)).replace(microsecond=0)
    made = Answer(canonical(name), verdict, because.strip(), who, moment.isoformat())
    row = {"name": [made.name], "verdict": [verdict], "category": ["answer"], "confidence": [1.0]}
    frame = pa.table({**row, "known_at": pa.array([moment], TIMESTAMP)})
    ingest(held, frame, table="labels", source=ANALYST + who, now=moment)
    journal.append(held.path / FOLDER / ANSWERS, asdict(made))
    return made


def answers(workspace: Workspace | str | Path) -> list[Answer]:
    """All answers given in a workspace, oldest first."""
    held = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    return [Answer(**line) for line in journal.read(held.path / FOLDER / ANSWERS)]
