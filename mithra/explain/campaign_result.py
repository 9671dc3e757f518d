"""Campaigns as a result: one object a campaign, one table row a name, text, JSON and a table for notebooks.

Names and entities are hostile strings: they are escaped in text and in HTML, and JSON holds them as they are.
An identifier is made of hexadecimal digits and says nothing of the names behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import display

__all__ = ["MEMBERS", "RELATION_NOUNS", "Campaign", "Campaigns", "Tie"]

MEMBERS = pa.schema(
    [
        ("campaign", pa.string()),
        ("name", pa.string()),
        ("owner", pa.string()),  # eTLD+1
        ("score", pa.float64()),  # null where the name was not scored
        ("verdict", pa.string()),  # null where the name was not scored
        ("listed", pa.bool_()),  # by a source, as nefarious
        ("first_seen", pa.timestamp("s", "UTC")),  # null in an undated snapshot, as is the next
        ("last_seen", pa.timestamp("s", "UTC")),
        ("block", pa.string()),  # suggested: host or subtree; null where not to be blocked
        ("held", pa.string()),  # why not: a code of `mithra.decide.guards.GUARDS`
    ]
)
RELATION_NOUNS = {
    "address": "address",
    "name_server": "name server",
    "mail_server": "mail server",
    "cname_target": "alias target",
    "registration_batch": "registered together,",
    "wording": "letters",
    "suffix": "suffix",
}
RECENT_DAYS = 7  # of growth in a table
TABLE_TIES = 2  # of a campaign, in a table, each of another relation
TEXT_NAMES = 8  # of a campaign, in text


@dataclass(frozen=True)
class Tie:
    """An entity that members share."""

    relation: str
    entity: str
    owners: int  # of the campaign, at the entity
    there: int  # owners of the whole snapshot at it

    def to_text(self) -> str:
        """`address 192.0.2.1 (12 of 14 owners there)`, printable ASCII."""
        noun = RELATION_NOUNS.get(self.relation, self.relation.replace("_", " "))
        return f"{noun} {self.entity} ({self.owners} of {self.there} there)"


@dataclass(frozen=True)
class Campaign:
    """Names that belong together."""

    id: str
    since: str  # as of when it was first found, ISO 8601; empty in an undated snapshot
    owners: int  # eTLD+1s
    names: tuple[str, ...]  # in order of first sight
    unlisted: tuple[str, ...]  # of them, those that no source lists as nefarious
    added: int | None  # names that it did not have when it was last found; None where it is new
    ties: tuple[Tie, ...]  # the most telling first
    first_seen: str | None  # ISO 8601 date
    last_seen: str | None
    growth: tuple[tuple[str, int], ...]  # (day, names first seen that day), days without any left out
    block: tuple[tuple[str, str], ...]  # suggested: (name, host or subtree)

    def grown(self, as_of: datetime | None, days: int = RECENT_DAYS) -> int:
        """Names first seen in the last days before a moment."""
        start = "" if as_of is None else f"{as_of - timedelta(days=days):%Y-%m-%d}"
        return sum(count for day, count in self.growth if day >= start)

    def of_each_relation(self) -> list[Tie]:
        """The most telling tie of each relation."""
        return list({tie.relation: tie for tie in reversed(self.ties)}.values())[::-1]

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """A paragraph for a terminal; all that records brought in is printable ASCII."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        seen = f", seen {self.first_seen} to {self.last_seen}" if self.first_seen else ""
        new = "new" if self.added is None else f"{self.added:,} new names"
        yield (
            f"{self.id}: {len(self.names):,} names of {self.owners:,} owners, {len(self.unlisted):,} not "
            f"listed, {len(self.block):,} to block ({new}){seen}"
        )
        yield from (f"  {tie.to_text()}" for tie in self.ties)
        more = f" and {len(self.names) - TEXT_NAMES:,} more" if len(self.names) > TEXT_NAMES else ""
        yield f"  names: {', '.join(map(display, self.names[:TEXT_NAMES]))}{more}"


@dataclass(frozen=True, eq=False)
class Campaigns:
    """What was found as of a moment; the campaign with the most names first."""

    as_of: datetime | None
    simulated: bool  # the scores are of a model that has seen simulated data only
    campaigns: tuple[Campaign, ...]
    members: pa.Table  # one row a name, columns as in MEMBERS, in the order of the campaigns
    lone: int  # suspects that nothing ties to others

    def __len__(self) -> int:
        return len(self.campaigns)

    def __iter__(self) -> Iterator[Campaign]:
        return iter(self.campaigns)

    def __getitem__(self, id: str) -> Campaign:
        """The campaign of that identifier; KeyError where there is none."""
        return next((each for each in self.campaigns if each.id == id), None) or _missing(id)

    def __repr__(self) -> str:
        mark = ", simulated" if self.simulated else ""
        return f"Campaigns({len(self)} of {len(self.members)} names, {self.lone} names alone{mark})"

    def rows(self) -> list[list[object]]:
        """Cells of a table for people, in the columns of COLUMNS."""
        return [
            [
                *(each.id, len(each.names), each.owners, len(each.unlisted), len(each.block)),
                f"+{each.grown(self.as_of):,}",
                *(each.first_seen, each.last_seen),
                "; ".join(tie.to_text() for tie in each.of_each_relation()[:TABLE_TIES]),
            ]
            for each in self.campaigns
        ]

    def of(self, id: str) -> pa.Table:
        """The members of one campaign."""
        return self.members.filter(pc.equal(self.members["campaign"], id))

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; a later run takes identifiers from it."""
        return {
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "simulated": self.simulated,
            "lone": self.lone,
            "campaigns": [each.to_dict() for each in self.campaigns],
        }

    def to_text(self) -> str:
        """A paragraph a campaign."""
        at = "" if self.as_of is None else f" as of {self.as_of:%Y-%m-%d %H:%M} UTC"
        mark = " (model trained on simulated data)" if self.simulated else ""
        alone = f"{self.lone:,} suspects are tied to no other"
        head = f"{len(self):,} campaigns of {len(self.members):,} names{at}{mark}; {alone}\n"
        return "\n".join([head, *(each.to_text() for each in self.campaigns)])

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        head = "".join(f"<th>{escape(column)}</th>" for column in COLUMNS)
        rows = (
            "<tr>" + "".join(f"<td>{escape(_plain(cell))}</td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


COLUMNS = (
    *("campaign", "names", "owners", "unlisted", "to block", f"last {RECENT_DAYS} days"),
    *("first seen", "last seen", "tied by"),
)


def _plain(cell: object) -> str:
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def _missing(id: str) -> Campaign:
    raise KeyError(id)
