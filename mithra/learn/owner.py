"""Whose a nefarious name is: the attacker's own, a site broken into, or a tenant's of shared hosting.

A name under a private suffix is a tenant's by the Public Suffix List alone. Between the other two, boosted
trees tell, fitted on nefarious names whose owner kind somebody told (`owner_told.py`). They read ages and
records of the name and how long its eTLD+1 has been seen, not its spelling nor its company. Of a name that is
not nefarious a kind means nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.relatives import relatives
from mithra.features.table import feature_table
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.learn.calibrate import Platt
from mithra.learn.owner_told import ATTACKER, COMPROMISED, KINDS, TENANT, Told
from mithra.learn.settings import TrainSettings
from mithra.learn.split import group_folds
from mithra.metrics import calibration_error
from mithra.names import SuffixList

__all__ = ["MIN_GROUPS", "OwnerModel", "Owners"]

log = logging.getLogger(__name__)

MIN_GROUPS = 10  # eTLD+1 of each kind; of fewer nothing is learnt
ROUNDS = 150
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
OF_THE_NAME = ("subdomain_count", "is_www")  # of what its spelling tells


@dataclass(frozen=True, eq=False)
class Owners:
    """Owner kinds of examples, supposing that they are nefarious."""

    kind: NDArray[np.int8]  # [examples] position in KINDS
    probability: NDArray[np.float64]  # [examples] of that kind

    def names(self) -> pa.Array:
        """The kinds in words, [examples]."""
        return pa.array(KINDS).take(pa.array(self.kind))


@dataclass(frozen=True, eq=False)
class OwnerModel:
    """Trees, one for each fold that they left out, and the calibration of their mean log-odds."""

    columns: tuple[str, ...]
    trees: tuple[Any, ...]  # lightgbm.Booster: log-odds of compromised against attacker
    platt: Platt
    about: Mapping[str, Any]  # counts, and how well held-out groups were told

    @classmethod
    def fit(cls, snapshot: Snapshot, told: Told, settings: TrainSettings) -> OwnerModel | None:
        """Fit on what was told by the snapshot's time; None where too few of either kind are."""
        told = told.take((told.kind != TENANT) & ~_tenants(snapshot, told.domain))
        counts = {
            KINDS[kind]: len(np.unique(snapshot.group[told.domain[told.kind == kind]]))
            for kind in (ATTACKER, COMPROMISED)
        }
        if snapshot.as_of is None or min(counts.values()) < MIN_GROUPS:
            log.info("owner kinds are not learnt: %s eTLD+1 of known kind", counts)
            return None
        examples, rows = _moments(told, snapshot, settings)
        y = (told.kind[rows] == COMPROMISED).astype(np.int8)
        table = _table(snapshot, examples)
        fold = group_folds(snapshot.group[examples.domain], settings.folds, seed=settings.seed)
        trees, raw = [], np.zeros(len(y))
        for k in range(settings.folds):
            out = fold == k
            trees.append(_boosted(table.values[~out], y[~out], settings.seed + k, settings.threads))
            raw[out] = trees[-1].predict(table.values[out], raw_score=True)
        platt = Platt.fit(raw, y)
        about = {"etld_plus_one": counts, "held_out": _metrics(y, platt.probability(raw))}
        return cls(table.names, tuple(trees), platt, about)

    def owners(self, snapshot: Snapshot, examples: Examples) -> Owners:
        """The kind of each example, by the Public Suffix List where that tells, else by the trees."""
        if not len(examples):
            return Owners(np.empty(0, np.int8), np.empty(0))
        values = _table(snapshot, examples).select(self.columns).values
        raw = np.mean([booster.predict(values, raw_score=True) for booster in self.trees], axis=0)
        compromised = self.platt.probability(raw)
        kind = np.where(compromised > 0.5, COMPROMISED, ATTACKER)
        tenant = _tenants(snapshot, examples.domain)
        return Owners(
            np.where(tenant, TENANT, kind).astype(np.int8),
            np.where(tenant, 1.0, np.maximum(compromised, 1 - compromised)),
        )

    def to_bytes(self) -> bytes:
        """As JSON, trees in LightGBM's text form."""
        parts = {
            "columns": self.columns,
            "platt": asdict(self.platt),
            "about": self.about,
            "trees": [booster.model_to_string() for booster in self.trees],
        }
        return (json.dumps(parts, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> OwnerModel:
        """What `to_bytes` wrote."""
        import lightgbm

        parts = json.loads(content)
        trees = tuple(lightgbm.Booster(model_str=text) for text in parts["trees"])
        return cls(tuple(parts["columns"]), trees, Platt(**parts["platt"]), parts["about"])


def _tenants(snapshot: Snapshot, domain: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each name lies under a private suffix, [domains]."""
    suffixes, names = SuffixList.bundled(), snapshot.names.take(pa.array(domain))
    return np.asarray(suffixes.depth(names) != suffixes.depth(names, private=False))


def _table(snapshot: Snapshot, examples: Examples) -> FeatureTable:
    """What the trees read, nothing of it first seen after an example's time."""
    own = feature_table(snapshot, examples.domain, examples.at)
    kept = [name for name in own.names if name.startswith(("registration_", "resolution_"))]
    return own.select([*OF_THE_NAME, *kept]).concat(relatives(snapshot, examples.domain, examples.at))


def _moments(told: Told, snapshot: Snapshot, settings: TrainSettings) -> tuple[Examples, NDArray[np.int64]]:
    """Each name a while after it arrived and turned nefarious, and at a random later moment; and its row."""
    end = int(snapshot.as_of.timestamp()) if snapshot.as_of is not None else 0
    begun = np.maximum(snapshot.first_seen[told.domain], told.since)
    soon = np.minimum(begun + settings.arrival_hours * 3600, end)
    later = np.random.default_rng(settings.seed).integers(soon, end + 1)
    rows = np.tile(np.arange(len(told.domain)), 2)
    return Examples(told.domain[rows], np.concatenate([soon, later])), rows


def _boosted(values: NDArray[np.float32], y: NDArray[np.int8], seed: int, threads: int) -> Any:
    import lightgbm

    parameters = {**PARAMETERS, "seed": seed, "num_threads": threads}
    return lightgbm.train(parameters, lightgbm.Dataset(values, y), num_boost_round=ROUNDS)


def _metrics(y: NDArray[np.int8], compromised: NDArray[np.float64]) -> dict[str, float]:
    from sklearn.metrics import log_loss

    return {
        "log_loss": float(log_loss(y, compromised, labels=[0, 1])),
        "log_loss_of_the_share": float(log_loss(y, np.full(len(y), y.mean()), labels=[0, 1])),
        "ece": calibration_error(y, compromised),
    }
