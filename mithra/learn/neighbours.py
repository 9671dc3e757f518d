"""Statistics of the company that a name keeps: how many share its entities, and what their names are like.

One row an example, a handful of columns a relation. With `kin=False` the example's own eTLD+1 is left out
everywhere, as when it arrives for the first time; with `kin=True` everyone but the name itself counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.graph.company import Company, Examples, companies, company_sum
from mithra.graph.snapshot import Snapshot

__all__ = ["neighbour_table"]


def neighbour_table(
    snapshot: Snapshot,
    examples: Examples,
    *,
    store: NDArray[np.bool_],
    relations: Sequence[str] | None = None,
    values: FeatureTable | None = None,
    kin: bool = False,
) -> FeatureTable:
    """Neighbour statistics of examples, [examples, features].

    For each relation: `degree` (own entities), `shared` (those with company), mean, most and least company at
    one of them; with `kin` also the mean number of own relatives; with `values`, [domains], the mean of each
    over the company, every entity weighing the same.

    Args:
        store: which domains can be met, [domains].
        relations: which to read, in this order (None: all of the snapshot).
    """
    known = companies(snapshot, examples, store=store)
    columns: dict[str, NDArray[np.float64]] = {}
    for name in relations if relations is not None else tuple(known):
        if name not in known:
            continue
        company = known[name]
        itself = store[examples.domain[company.example]].astype(np.float64) if kin else None
        columns |= {f"{name}_{key}": column for key, column in _statistics(company, itself).items()}
        if values is not None:
            means = _means(company, np.nan_to_num(values.values.astype(np.float64)), examples, itself)
            columns |= {f"{name}_mean_{key}": means[:, i] for i, key in enumerate(values.names)}
    return FeatureTable.from_columns(columns)


def _statistics(company: Company, itself: NDArray[np.float64] | None) -> dict[str, NDArray[np.float64]]:
    n, example = company.examples, company.example
    met = _met(company, itself)
    degree = np.bincount(example, minlength=n).astype(np.float64)
    some = np.where(degree > 0, degree, np.nan)
    most, least = np.full(n, -np.inf), np.full(n, np.inf)
    np.maximum.at(most, example, met)
    np.minimum.at(least, example, met)
    columns = {
        "degree": degree,
        "shared": np.bincount(example, met > 0, n),
        "company": np.bincount(example, met, n) / some,
        "company_most": np.where(degree > 0, most, np.nan),
        "company_least": np.where(degree > 0, least, np.nan),
    }
    if itself is not None:
        columns["kin"] = np.bincount(example, company.kin.length - itself, n) / some
    return columns


def _met(company: Company, itself: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Names met at each pair, [pairs]."""
    if itself is None:
        return company.others.astype(np.float64)
    return company.everyone.length - itself


def _means(
    company: Company, values: NDArray[np.float64], examples: Examples, itself: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Mean over entities of the mean over the names met there, [examples, columns]; NaN without company."""
    met = _met(company, itself)
    if itself is None:
        total = company_sum(company, values)
    else:
        kinless = replace(company, kin=replace(company.kin, stop=company.kin.start))
        total = company_sum(kinless, values) - values[examples.domain[company.example]] * itself[:, None]
    pairs = np.flatnonzero(met > 0)
    result = np.zeros((company.examples, values.shape[1]))
    np.add.at(result, company.example[pairs], total[pairs] / met[pairs, None])
    entities = np.bincount(company.example[pairs], minlength=company.examples)
    return result / np.where(entities > 0, entities, np.nan)[:, None]
