"""A hand-made graph of a dozen names, and a model that scores them by a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mithra.graph.company import Examples, companies
from mithra.graph.csr import relation_from_edges
from mithra.graph.groups import group_domains
from mithra.graph.snapshot import FACTS, LABELS, Snapshot
from mithra.learn.drift import Drift
from mithra.learn.owner import Owners

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 86_400
NOW = int(AS_OF.timestamp())


@dataclass
class Prediction:
    logit: np.ndarray

    @property
    def score(self) -> np.ndarray:
        return 1 / (1 + np.exp(-self.logit))


@dataclass(frozen=True)
class Model:
    """Log-odds: -2, +3 for `login` in the name, +1 for each other name met at an address."""

    thresholds: Mapping[str, float | None] = field(
        default_factory=lambda: {"0.01": 0.3, "0.001": 0.7, "0.0001": None}
    )
    simulated: bool = True
    digest: str = "m1"
    base_rate: float = 0.01

    drifted: Drift | None = None
    told: Callable[[Snapshot, Examples], Owners] | None = None

    def drift(self, snapshot: Snapshot) -> Drift | None:
        return self.drifted

    def contributions(self, snapshot: Snapshot, examples: Examples) -> dict[str, np.ndarray]:
        names = snapshot.names.take(pa.array(examples.domain)).to_pylist()
        met = companies(snapshot, examples).get("address")
        others = np.zeros(len(examples))
        if met is not None:
            others = np.bincount(met.example, met.others, minlength=len(examples)).astype(float)
        return {"lexical": spelling(names), "address": np.minimum(others, 4.0)}

    def predict(self, snapshot: Snapshot, examples: Examples) -> Prediction:
        return Prediction(-2.0 + sum(self.contributions(snapshot, examples).values()))

    def owners(self, snapshot: Snapshot, examples: Examples) -> Owners | None:
        return self.told and self.told(snapshot, examples)

    def predict_names(self, names: pa.Array) -> Prediction:
        return Prediction(-2.0 + spelling(names.to_pylist()))


def spelling(names: list[str]) -> np.ndarray:
    return np.array([3.0 * ("login" in name) for name in names])


def snapshot(
    names: list[str],
    edges: Mapping[str, list[tuple[str, str, int]]] | None = None,
    labels: list[tuple[str, str, str, int]] = (),
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    first_seen: Mapping[str, int] | None = None,
    as_of: datetime | None = AS_OF,
) -> Snapshot:
    """Edges (name, entity, day), labels (name, verdict, source, day); days before as_of are negative."""
    at = {name: number for number, name in enumerate(names)}
    now = 0 if as_of is None else int(as_of.timestamp())
    array = pa.array(names, pa.string())
    group, groups = group_domains(array)
    relations = {}
    for kind, rows in {"etld_plus_one": [], **(edges or {})}.items():
        domain = np.array([at[name] for name, _, _ in rows], dtype=np.int32)
        seen = np.array([now + day * DAY for _, _, day in rows], dtype=np.int64)
        keys = pa.array([key for _, key, _ in rows], pa.string())
        relations[kind] = relation_from_edges(kind, domain, keys, seen, seen, domains=len(names))
    rows = [(facts or {}).get(name, {}) for name in names]
    columns = {f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in FACTS}
    told = [
        {
            "domain": at[name],
            "verdict": verdict,
            "source": source,
            "category": "phishing",
            "known_at": now + day * DAY,
        }
        for name, verdict, source, day in labels
    ]
    seen = np.array([now + (first_seen or {}).get(name, -30) * DAY for name in names], dtype=np.int64)
    return Snapshot(
        as_of=as_of,
        names=array,
        group=group,
        groups=groups,
        first_seen=seen,
        relations=relations,
        facts=pa.table(columns),
        labels=pa.Table.from_pylist(told, schema=LABELS),
    )


def world() -> Snapshot:
    """login-paypa1.top shares 192.0.2.1 with five names of others, three of them listed."""
    bad = ["a.test", "b.test", "c.test"]
    names = ["login-paypa1.top", "www.login-paypa1.top", *bad, "d.test", "e.test", "old.test", "bare.test"]
    together = ["login-paypa1.top", "www.login-paypa1.top", *bad, "d.test", "e.test"]
    return snapshot(
        names,
        {
            "address": [
                *((name, "192.0.2.1", -10) for name in together),
                ("old.test", "198.51.100.7#2", -400),
                ("old.test", "198.51.100.7", -900),
            ],
            "name_server": [(name, "ns1.host.test", -10) for name in ("login-paypa1.top", "old.test")],
            "registrar": [("login-paypa1.top", "iana:1", -3)],
        },
        labels=[
            ("a.test", "nefarious", "feed-s", -29),
            ("b.test", "nefarious", "feed-s", -20),
            ("c.test", "nefarious", "feed-r", -25),
            ("www.login-paypa1.top", "nefarious", "feed-r", -40),
            ("old.test", "benign", "analyst", -5),
        ],
        facts={
            "login-paypa1.top": {
                "created": NOW - 5 * DAY,
                "registration_captured": NOW - 3 * DAY,
                "registrar": "Bad\x1b[2J Registrar",
            },
            "old.test": {
                "created": NOW - 3300 * DAY,
                "registration_captured": NOW - 3 * DAY,
                "popular_days": 30,
                "popular_rank": 900,
                "warning_list": "top-sites",
            },
        },
        first_seen={"login-paypa1.top": -3, "old.test": -900},
    )


@pytest.fixture(scope="session")
def s() -> SimpleNamespace:
    """The helpers of this file; test modules cannot import each other."""
    return SimpleNamespace(
        Model=Model, snapshot=snapshot, world=world, replace=replace, AS_OF=AS_OF, NOW=NOW, DAY=DAY
    )
