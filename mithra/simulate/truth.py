"""What is true of a simulated world, for evaluation alone: every name's verdict, every list's entries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mithra.simulate.blocklists import LISTS, Listings
from mithra.simulate.hosts import HostNames
from mithra.simulate.infrastructure import Infrastructure
from mithra.simulate.records import Records
from mithra.simulate.registrations import Captures
from mithra.simulate.tables import NEVER, OWNERS, Category, Mechanism, Units
from mithra.simulate.text import take

__all__ = ["DrawnWorld", "truth_table", "write_truth"]


@dataclass(frozen=True, eq=False)
class DrawnWorld:
    """A world before anybody looks at it."""

    infra: Infrastructure
    units: Units
    made: HostNames
    records: Records
    captures: Captures
    listings: Listings


def truth_table(drawn: DrawnWorld) -> pa.Table:
    """One row a name.

    Columns: name; parent (the unit it is under, itself for a unit); verdict (nefarious from activated_at on,
    else benign); owner (owner, tenant, attacker, compromised); mechanism; category; campaign (null outside
    one); look_alike; registered_at (of the unit); appeared_at; activated_at; gone_at (null: lives on).
    """
    units, hosts, n = drawn.units, drawn.made.hosts, len(drawn.units)
    names = drawn.records.names
    unit = np.concatenate([np.arange(n), hosts.unit])

    def both(column: str) -> np.ndarray:
        return np.concatenate([getattr(units, column), getattr(hosts, column)])

    def coded(column: str, labels: list[str]) -> pa.Array:
        return take(labels, both(column))

    campaign, gone = both("campaign"), both("gone")
    table = pa.table(
        {
            "name": names,
            "parent": names.take(pa.array(unit)),
            "verdict": take(["benign", "nefarious"], both("nefarious").astype(np.int64)),
            "owner": coded("owner", OWNERS),
            "mechanism": coded("mechanism", [m.name.lower() for m in Mechanism]),
            "category": coded("category", [c.name.lower() for c in Category]),
            "campaign": pa.array(campaign, mask=campaign < 0),
            "look_alike": units.look_alike[unit],
            "registered_at": _stamps(units.registered[unit]),
            "appeared_at": _stamps(both("appears")),
            "activated_at": _stamps(both("activated")),
            "gone_at": _stamps(gone, gone >= NEVER),
        }
    )
    return table.sort_by("name")


def _stamps(seconds: np.ndarray, absent: np.ndarray | None = None) -> pa.Array:
    known = seconds if absent is None else np.where(absent, 0, seconds)
    return pa.array(
        known.astype("datetime64[s]").astype("datetime64[us]"), pa.timestamp("us", "UTC"), mask=absent
    )


def write_truth(folder: Path, drawn: DrawnWorld, manifest: dict[str, object]) -> None:
    """Write truth.parquet, listings.parquet and the manifest, world.json."""
    folder.mkdir(parents=True)
    pq.write_table(truth_table(drawn), folder / "truth.parquet")
    rows = drawn.listings
    listings = pa.table(
        {
            "list": take(LISTS, rows.which),
            "name": take(drawn.records.names, rows.name),
            "listed_at": _stamps(rows.listed),
            "delisted_at": _stamps(rows.delisted),
            "mistake": rows.mistake,
        }
    )
    pq.write_table(listings, folder / "listings.parquet")
    (folder / "world.json").write_text(json.dumps(manifest, indent=2) + "\n")
