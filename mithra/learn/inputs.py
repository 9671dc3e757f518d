"""What the model reads of an example: static and dynamic features, and the company at its entities.

Static features never change over a domain's life (its name, its age and addresses when first seen), so they
can be summed into profiles; dynamic ones are as of the example's time. What defines labels (rank, list
membership, query counts, tenure) is in neither. Of dated records the trees also read how many of those met at
an entity were on a list by the example's time: what lists say of others, never of the name or its eTLD+1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.features.lexical import lexical
from mithra.features.position import POSITIONED, position
from mithra.features.registration import registration
from mithra.features.resolution import SETTLING_SECONDS, TENURE, resolution
from mithra.graph.company import Company, Examples, companies
from mithra.graph.snapshot import Snapshot
from mithra.learn.listed import listed_table

__all__ = [
    "Inputs",
    "Store",
    "company_table",
    "example_inputs",
    "kind_of",
    "name_inputs",
    "store_of",
]

STATIC_REGISTRATION = ("registration_age_at_sight", "registration_created_known")
STATIC_POSITION = tuple(f"{name}_{part}" for name in POSITIONED for part in ("low", "middle", "high"))
NEWEST = tuple(f"resolution_{name}_newest" for name in ("address", "prefix", "name_server"))
LEFT_OUT = (*TENURE, *NEWEST)  # how long a name has lived defines weak benign labels
KIND_OF_RELATION = {
    "address": "resolution",
    "prefix": "resolution",
    "asn": "resolution",
    "cname_target": "resolution",
    "name_server": "name_server",
    "name_server_domain": "name_server",
    "mail_server": "mail_server",
    "registrar": "registration",
    "etld_plus_one": "names",
}


@dataclass(frozen=True, eq=False)
class Store:
    """Every domain of a snapshot by its static features: what profiles are sums of."""

    static: FeatureTable  # [domains, static]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Examples as the model reads them."""

    static: FeatureTable  # [examples, static]
    dynamic: FeatureTable  # [examples, dynamic]
    company: Mapping[str, Company]
    listed: FeatureTable | None = None  # [examples, listed]; None for undated records

    def __len__(self) -> int:
        return len(self.static)

    @property
    def dated(self) -> bool:
        """Whether the records have dates, so that examples are of the time of their arrival."""
        return self.listed is not None

    def flat(self) -> FeatureTable:
        """One table for trees: all features, whom the example meets in each relation, and who is listed."""
        met = company_table(self.company, len(self))
        whole = self.static.concat(self.dynamic).concat(met)
        return whole if self.listed is None else whole.concat(self.listed)


def store_of(snapshot: Snapshot) -> Store:
    """The store of a snapshot."""
    static = static_table(snapshot, np.arange(len(snapshot)))
    return Store(static)


def static_table(snapshot: Snapshot, domains: NDArray[np.int64]) -> FeatureTable:
    """Static features of these domains, [domains, static], settled an hour after their first sight."""
    table = lexical(snapshot.names.take(pa.array(domains)))
    at = settled(snapshot)[domains]
    seen = registration(snapshot, domains, at).select(STATIC_REGISTRATION)
    return table.concat(seen).concat(position(snapshot, domains, at)).concat(given(snapshot, domains))


def settled(snapshot: Snapshot) -> NDArray[np.int64]:
    """When the static features of each domain are known, [domains]; nobody meets it before."""
    if snapshot.as_of is None:
        return snapshot.first_seen
    return snapshot.first_seen + SETTLING_SECONDS


def example_inputs(
    snapshot: Snapshot,
    examples: Examples,
    known: Store,
    *,
    store: NDArray[np.bool_] | None = None,
    kin: NDArray[np.int32] | None = None,
) -> Inputs:
    """Inputs of examples of a snapshot, whose store is `known`; `store` and `kin` as in `companies`."""
    met = companies(snapshot, examples, store=store, kin=kin, not_before=settled(snapshot))
    return Inputs(
        static=known.static.take(examples.domain),
        dynamic=_dynamic(snapshot, examples),
        company=met,
        listed=None
        if snapshot.as_of is None
        else listed_table(snapshot, examples, met, store=store, kin=kin),
    )


def name_inputs(names: pa.Array, static: tuple[str, ...], dynamic: tuple[str, ...]) -> Inputs:
    """Inputs, with these columns, of names of which nothing but the spelling is known."""
    spelled = lexical(names)
    values = np.full((len(names), len(static)), np.nan, dtype=np.float32)
    for place, name in enumerate(static):
        if name in spelled.names:
            values[:, place] = spelled.column(name)
        elif name == "registration_created_known":
            values[:, place] = 0
    nothing = np.full((len(names), len(dynamic)), np.nan, dtype=np.float32)
    return Inputs(
        static=FeatureTable(static, values),
        dynamic=FeatureTable(dynamic, nothing),
        company={},
    )


def company_table(company: Mapping[str, Company], examples: int) -> FeatureTable:
    """How many entities an example has in each relation and whom it meets there, in numbers.

    Columns `<relation>_entities`, `_others_mean`, `_others_most`, `_others_fewest`; NaN where the example
    has no entity in the relation.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name, met in company.items():
        entities = np.bincount(met.example, minlength=examples).astype(np.float64)
        others = met.others.astype(np.float64)
        most, fewest = np.full(examples, -np.inf), np.full(examples, np.inf)
        np.maximum.at(most, met.example, others)
        np.minimum.at(fewest, met.example, others)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(met.example, others, minlength=examples) / entities
        columns |= {
            f"{name}_entities": entities,
            f"{name}_others_mean": mean,
            f"{name}_others_most": np.where(entities > 0, most, np.nan),
            f"{name}_others_fewest": np.where(entities > 0, fewest, np.nan),
        }
    if not columns:
        return FeatureTable((), np.empty((examples, 0), dtype=np.float32))
    return FeatureTable.from_columns(columns)


def kind_of(column: str) -> str:
    """Evidence kind of a column of `Inputs.flat` or of a relation."""
    for relation, kind in sorted(KIND_OF_RELATION.items(), key=lambda item: -len(item[0])):
        if column == relation or column.startswith(f"{relation}_"):
            return kind
    for prefix in ("registration", "resolution"):
        if column.startswith(f"{prefix}_"):
            return _dynamic_kind(column) if prefix == "resolution" else prefix
    return "lexical"


def _dynamic_kind(column: str) -> str:
    rest = column.removeprefix("resolution_")
    if rest.startswith("name_server"):
        return "name_server"
    return "mail_server" if rest.startswith("mail_server") else "resolution"


def _dynamic(snapshot: Snapshot, examples: Examples) -> FeatureTable:
    now = registration(snapshot, examples.domain, examples.at)
    resolved = resolution(snapshot, examples.domain, examples.at)
    kept = [name for name in now.names if name not in STATIC_REGISTRATION]
    kept_resolved = [name for name in resolved.names if name not in LEFT_OUT]
    return now.select(kept).concat(resolved.select(kept_resolved))
