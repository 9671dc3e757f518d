"""Boosted trees as baselines: on the spelling of names, and on the company that names keep.

Each is a contestant: fitted on a case, it is a function from names to probabilities. Trees see no label but
those that they train on; neighbours' labels are no input. Codes of suffixes become one column each for those
that training knows well, which beats LightGBM's own categories on a few thousand names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.features.lexical import CATEGORICAL, lexical
from mithra.features.position import position
from mithra.features.resolution import TENURE
from mithra.features.table import feature_table
from mithra.graph.company import Examples
from mithra.learn.contest import Case, Positions, Predict
from mithra.learn.neighbours import neighbour_table

__all__ = ["fit_trees", "trees_lexical", "trees_neighbours", "with_indicators"]

# Lexical columns whose mean over a name's company is worth a column each.
POOLED = (
    "name_length", "sld_length", "sld_digits", "name_hyphens", "sld_bigram_bits", "tld_free", "tld_country",
    "tld_legacy", "tld_low_cost", "subdomain_count", "suffix_labels", "is_www",
)  # fmt: skip
STOPPING_ROUNDS = 100
MIN_CODE_NAMES = 15  # a suffix with fewer training names gets no column of its own
TREES: Mapping[str, Any] = {
    "n_estimators": 2000,
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_child_samples": 10,
    "extra_trees": True,
    "colsample_bytree": 0.4,
    "subsample": 0.8,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}


def trees_lexical(case: Case, seed: int) -> Predict:
    """Boosted trees on the spelling of names (and on columns that the data's authors gave with them)."""
    own = with_indicators(lexical(case.snapshot.names), case.train).concat(given(case.snapshot))
    model = fit_trees(own.take(case.train), own.take(case.val), case, seed)

    def predict(rows: Positions) -> NDArray[np.float64]:
        return _probability(model, own.take(rows))

    return predict


def trees_neighbours(case: Case, seed: int) -> Predict:
    """Boosted trees on own features and statistics of the company, trained as names arrive where they do.

    Two models, averaged in log-odds: with and without the mean lexical features of the company.
    """
    pooled = lexical(case.snapshot.names).select(POOLED).concat(given(case.snapshot))
    tables = {use: _company_tables(case, pooled if use else None) for use in (False, True)}
    models = [
        (use, fit_trees(table(case.train), table(case.val), case, seed)) for use, table in tables.items()
    ]

    def predict(rows: Positions) -> NDArray[np.float64]:
        logits = [_logit(_probability(model, tables[use](rows))) for use, model in models]
        return np.asarray(1 / (1 + np.exp(-np.mean(logits, axis=0))))

    return predict


def with_indicators(table: FeatureTable, fitted_on: Positions) -> FeatureTable:
    """The table with a 0/1 column for each frequent code in place of the columns `lexical.CATEGORICAL`.

    Args:
        fitted_on: rows whose codes are counted, the training names.
    """
    columns: dict[str, NDArray[np.generic]] = {
        name: table.column(name) for name in table.names if name not in CATEGORICAL
    }
    for name in CATEGORICAL:
        codes = table.column(name)
        known, count = np.unique(codes[fitted_on], return_counts=True)
        columns |= {f"{name}_{int(code)}": codes == code for code in known[count >= MIN_CODE_NAMES]}
    return FeatureTable.from_columns(columns)


def fit_trees(train: FeatureTable, val: FeatureTable, case: Case, seed: int) -> Any:
    """A LightGBM classifier of the case's training rows, stopped on the average precision of validation."""
    import lightgbm

    model = lightgbm.LGBMClassifier(**TREES, random_state=seed)
    model.fit(
        train.values,
        case.y[case.train],
        eval_X=(val.values,),
        eval_y=(case.y[case.val],),
        eval_metric="average_precision",
        callbacks=[lightgbm.early_stopping(STOPPING_ROUNDS, verbose=False)],
    )
    return model


def _company_tables(case: Case, pooled: FeatureTable | None) -> Callable[[Positions], FeatureTable]:
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


def _probability(model: Any, table: FeatureTable) -> NDArray[np.float64]:
    return np.asarray(model.predict_proba(table.values)[:, 1], dtype=np.float64)


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(probability) - np.log1p(-probability))
