"""Boosted trees as baselines: on the spelling of names, and on the company that names keep.

Each is a contestant: fitted on a case, it is a function from names to probabilities. Trees see no label but
those that they train on; neighbours' labels are no input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.features.lexical import lexical
from mithra.features.position import position
from mithra.features.resolution import TENURE
from mithra.features.table import feature_table
from mithra.graph.company import Examples
from mithra.learn.boosting import LabelledTable, boosted, with_indicators
from mithra.learn.contest import Case, Positions, Predict
from mithra.learn.neighbours import neighbour_table

__all__ = ["trees_lexical", "trees_neighbours"]

# Lexical columns whose mean over a name's company is worth a column each.
POOLED = (
    "name_length", "sld_length", "sld_digits", "name_hyphens", "sld_bigram_bits", "tld_free", "tld_country",
    "tld_legacy", "tld_low_cost", "subdomain_count", "suffix_labels", "is_www",
)  # fmt: skip
Table = Callable[[Positions], FeatureTable]


def trees_lexical(case: Case, seed: int) -> Predict:
    """Boosted trees on the spelling of names (and on columns that the data's authors gave with them)."""
    own = with_indicators(lexical(case.snapshot.names), case.train).concat(given(case.snapshot))
    model = _fit(own.take, case, seed)

    def predict(rows: Positions) -> NDArray[np.float64]:
        return np.asarray(model.predict(own.take(rows).values))

    return predict


def trees_neighbours(case: Case, seed: int) -> Predict:
    """Boosted trees on own features and statistics of the company, trained as names arrive where they do.

    Two models, averaged in log-odds: with and without the mean lexical features of the company.
    """
    pooled = lexical(case.snapshot.names).select(POOLED).concat(given(case.snapshot))
    tables = {use: _company_tables(case, pooled if use else None) for use in (False, True)}
    models = [(use, _fit(table, case, seed)) for use, table in tables.items()]

    def predict(rows: Positions) -> NDArray[np.float64]:
        logits = [model.predict(tables[use](rows).values, raw_score=True) for use, model in models]
        return np.asarray(1 / (1 + np.exp(-np.mean(logits, axis=0))))

    return predict


def _fit(table: Table, case: Case, seed: int) -> Any:
    """Trees of the case's training rows, stopped on its validation rows."""
    parts = [LabelledTable(table(rows), case.y[rows]) for rows in (case.train, case.val)]
    return boosted(*parts, seed=seed)


def _company_tables(case: Case, pooled: FeatureTable | None) -> Table:
    """Own features beside neighbour statistics, for names at the moment at which the case judges them."""
    snapshot = case.snapshot
    everyone = np.arange(len(snapshot))
    own = feature_table(snapshot, everyone, case.at).concat(position(snapshot, everyone, case.at))
    own = own.select([name for name in own.names if name not in TENURE]).concat(given(snapshot))
    own = with_indicators(own, case.train)
    # Nobody arrives with relatives in the store, so eTLD+1 tells something only where all is in view.
    relations = [name for name in snapshot.relations if name != "etld_plus_one" or not case.arrives]

    def table(rows: Positions) -> FeatureTable:
        company = neighbour_table(
            snapshot,
            Examples(rows, case.at[rows]),
            store=case.store,
            relations=relations,
            values=pooled,
            kin=not case.arrives,
        )
        return own.take(rows).concat(company)

    return table
