"""What was decided, allowed and published, kept in the folder `decisions` of a workspace.

A run counts from its line in `runs.jsonl` on, an allow from its line in `allows.jsonl`. Nothing here is ever
changed: an allow is revoked by a later line, a list is restored from a copy of its bytes.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra import journal
from mithra.atomic import atomic_path, atomic_text
from mithra.decide import published
from mithra.decide.decisions import SCHEMA, Decisions
from mithra.decide.guards import allow_reason, allowed_below
from mithra.decide.policy import Policy
from mithra.errors import InputError, RefusedError, UsageError, WorkspaceError
from mithra.names import SuffixList, canonical, display
from mithra.observe.dates import utc_moment
from mithra.observe.workspace import Workspace

__all__ = ["Allow", "Ledger", "Record", "allow", "user"]

FOLDER = "decisions"
RUNS, ALLOWS = "runs.jsonl", "allows.jsonl"


@dataclass(frozen=True)
class Allow:
    """A name that is never blocked, nor anything below it, from `at` on."""

    name: str
    reason: str
    author: str
    at: str  # ISO 8601
    until: str | None = None
    revoked: bool = False


@dataclass(frozen=True)
class Record:
    """What one run decided of a name, and by what."""

    row: Mapping[str, Any]  # the columns of `Decisions`
    origin: Mapping[str, str]  # digests of model, snapshot and policy, threshold, mode
    author: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        row = {
            **self.row,
            "expires": None if self.row["expires"] is None else self.row["expires"].isoformat(),
        }
        return {**row, **self.origin, "author": self.author}

    def to_text(self) -> str:
        """Lines for a terminal; all that records brought in is printable ASCII."""
        row, origin = self.row, self.origin
        until = f" until {row['expires']:%Y-%m-%d %H:%M} UTC" if row["expires"] else ""
        guard = f", held back by {row['guard']}" if row["guard"] else ""
        lines = [
            f"Decided {origin['decided_at']} by {display(self.author)}",
            f"  {row['action']}, {row['level']}{until}{guard}; score {_number(row['score'])}",
            f"  policy {origin['policy_digest'][:12]}, model {origin['model_digest'][:12]}, "
            f"snapshot {origin['snapshot_digest'][:12]} as of {origin['as_of']}",
            *(f"  - {display(reason)}" for reason in row["reasons"] or []),
        ]
        return "\n".join(lines) + "\n"


class Ledger:
    """The record of a workspace's decisions.

    Raises:
        WorkspaceError: there is no workspace.
    """

    def __init__(self, workspace: Workspace | str | Path) -> None:
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
        self.workspace.must_exist()
        self.path = self.workspace.path / FOLDER

    def record(self, decisions: Decisions, policy: Policy, *, added: int, author: str | None = None) -> Path:
        """Keep a run whole, with the policy that its digest names."""
        digest = policy.digest()
        rules = self.path / "policies" / f"{digest}.json"
        if not rules.exists():
            with atomic_text(rules) as file:
                json.dump({**asdict(policy), "allow": policy.allowed()}, file, default=str, indent=1)
        moment = decisions.origin["decided_at"].replace(":", "").replace("+0000", "Z")
        with atomic_path(self.path / "runs" / f"{moment}.parquet") as temporary:
            pq.write_table(decisions.table, temporary)
            content = hashlib.sha256(temporary.read_bytes()).hexdigest()
        target = self.path / "runs" / f"{moment}-{content[:12]}.parquet"
        os.replace(self.path / "runs" / f"{moment}.parquet", target)
        line = {"file": target.name, "sha256": content, "decided_at": decisions.origin["decided_at"]}
        self._append(RUNS, {**line, "added": added, "author": author or user()})
        return target

    def last(self) -> Decisions | None:
        """The decisions of the last run, None before the first."""
        runs = self._lines(RUNS)
        return self._run(runs[-1]) if runs else None

    def runs(self) -> list[datetime]:
        """When each run decided, in the order of their record."""
        return [datetime.fromisoformat(run["decided_at"]) for run in self._lines(RUNS)]

    def run(self, at: int) -> Decisions:
        """The run at that place of `runs`."""
        return self._run(self._lines(RUNS)[at])

    def allow_changes(self) -> list[datetime]:
        """The moments at which an allow began, was revoked or ended."""
        lines = self._lines(ALLOWS)
        return [
            datetime.fromisoformat(text) for line in lines for text in (line["at"], line["until"]) if text
        ]

    def added(self) -> list[int]:
        """How many blocks each run added, oldest first."""
        return [int(run["added"]) for run in self._lines(RUNS)]

    def records(self, name: str) -> list[Record]:
        """What runs decided of a name, the latest first."""
        wanted, found = canonical(name), []
        for run in reversed(self._lines(RUNS)):
            made = self._run(run)
            for row in made.table.filter(pc.equal(made.table["name"], wanted)).to_pylist():
                found.append(Record(row, made.origin, str(run["author"])))
        return found

    def allow(
        self,
        name: str,
        reason: str,
        *,
        author: str | None = None,
        until: datetime | None = None,
        now: datetime | None = None,
        revoke: bool = False,
    ) -> Allow:
        """Allow a name and all below it, or take that back; in force from the next publish on.

        Raises:
            InvalidNameError: not a domain name.
            UsageError: no reason, or a moment without a time zone.
        """
        if not reason.strip():
            raise UsageError("an allow needs a reason", value=name, hint='Say why: --reason "our own site"')
        moment, wanted = utc_moment(now), canonical(name)
        if not revoke and SuffixList.bundled().exact(pa.array([wanted]), private=False)[0].as_py():
            raise UsageError("this would allow everything below a public suffix", value=wanted)
        if until is not None and utc_moment(until) <= moment:
            raise UsageError("this allow has ended already", value=until)
        ends = None if until is None else utc_moment(until).isoformat()
        made = Allow(wanted, reason.strip(), author or user(), moment.isoformat(), ends, revoke)
        if revoke and made.name not in self.allows(moment):
            raise UsageError("no allow of this name is in force", value=name)
        self._append(ALLOWS, asdict(made))
        return made

    def allows(self, now: datetime | None = None) -> dict[str, Allow]:
        """The allows in force, by name; the latest of a name counts."""
        moment, held = utc_moment(now), dict[str, Allow]()
        for line in self._lines(ALLOWS):
            one = Allow(**line)
            if datetime.fromisoformat(one.at) <= moment:
                held[one.name] = one
        return {
            name: one
            for name, one in held.items()
            if not one.revoked and (one.until is None or datetime.fromisoformat(one.until) > moment)
        }

    def reasons(self, now: datetime | None = None) -> dict[str, str]:
        """The names allowed, with why, by whom and since when."""
        return {name: f"{one.reason} ({one.author}, {one.at[:16]})" for name, one in self.allows(now).items()}

    def in_force(self, now: datetime | None = None) -> Decisions:
        """The last run with every allow that came since: what is to be published.

        Raises:
            RefusedError: no run has been recorded.
        """
        last = self.last()
        if last is None:
            raise RefusedError(
                "nothing has been decided in this workspace",
                value=self.workspace.path,
                hint="mithra decide SCORES --workspace WORKSPACE records a run",
            )
        by_policy = self._policy_allows(last.origin["policy_digest"])
        return _with_allows(last, {**by_policy, **self.reasons(now)})

    def keep(self, file: Path, sha256: str, **about: Any) -> None:
        """Keep a copy of a published file."""
        published.keep(self.path, file, sha256, **about)

    def restore(self, path: str | Path, steps: int = 1) -> tuple[dict[str, Any], list[str]]:
        """Put a published file back, byte for byte, as it was `steps` publications before the one in place.

        Returns:
            The record of that publication, and the names allowed since then, which it may block again until
            the next publication.

        Raises:
            RefusedError: no such publication is kept.
            InputError: its copy is damaged.
        """
        found = published.restore(self.path, path, steps)
        since = datetime.fromisoformat(found["at"])
        later = [one.name for one in self.allows().values() if datetime.fromisoformat(one.at) > since]
        return found, later

    def _run(self, line: Mapping[str, Any]) -> Decisions:
        file = self.path / "runs" / str(line["file"])
        if not file.is_file():
            raise WorkspaceError("a recorded run of decisions is gone", file=file)
        if hashlib.sha256(file.read_bytes()).hexdigest() != line["sha256"]:
            raise InputError("a recorded run of decisions has been changed", file=file)
        return Decisions.read(file)

    def _policy_allows(self, digest: str) -> dict[str, str]:
        """What the policy of a recorded run allows by itself."""
        file = self.path / "policies" / f"{digest}.json"
        try:
            return dict(json.loads(file.read_text(encoding="utf-8"))["allow"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot read the policy of a recorded run: {error!r}", file=file) from error

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return journal.read(self.path / name)

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        journal.append(self.path / name, line)


def allow(workspace: Workspace | str | Path, name: str, reason: str, **options: Any) -> Allow:
    """Allow a name and all below it in a workspace, see `Ledger.allow`.

    Example:
        >>> allow(workspace, "our-site.example", "our own site")  # doctest: +SKIP
    """
    return Ledger(workspace).allow(name, reason, **options)


def _with_allows(decisions: Decisions, allowed: Mapping[str, str]) -> Decisions:
    """Blocks of allowed names become allows, those above one lose their subtree, other allows are added, and
    allows that have ended become watches."""
    above, rows = allowed_below(allowed), []
    for row in decisions.table.to_pylist():
        reason = allow_reason(row["name"], allowed)
        if reason is not None:
            level = "subtree" if row["name"] in allowed else "host"
            reasons = [*(row["reasons"] or []), f"allowed: {reason}"]
            row |= {
                "action": "allow",
                "level": level,
                "guard": "allowlist",
                "expires": None,
                "reasons": reasons,
            }
        elif row["action"] == "allow":
            ended = [*(row["reasons"] or []), "no longer allowed"]
            row |= {"action": "watch", "level": "host", "guard": None, "reasons": ended}
        elif row["action"] == "block" and row["name"] in above:
            row["level"] = "host"
            row["reasons"] = [*(row["reasons"] or []), "only this host: a name below it is allowed"]
        rows.append(row)
    held = {row["name"] for row in rows}
    empty = dict.fromkeys(SCHEMA.names)
    rows += [
        {**empty, "name": name, "action": "allow", "level": "subtree", "reasons": [f"allowed: {reason}"],
         "guard": "allowlist"}
        for name, reason in sorted(allowed.items())
        if name not in held
    ]  # fmt: skip
    return Decisions(pa.Table.from_pylist(rows, schema=decisions.table.schema))


def user() -> str:
    """Who runs this process, for a record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return "unknown"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
