"""Baselines: they learn what is there to learn, are fixed by the seed, and never read the test labels."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.learn.baselines import BASELINES
from mithra.learn.contest import Case
from mithra.learn.trees import with_indicators
from mithra.metrics import roc_auc

TRUTH = (np.arange(240) % 3 == 0).astype(int)  # see conftest


@pytest.mark.parametrize("name", ["trees-neighbours", "belief-propagation"])
@pytest.mark.parametrize("regime", ["arrival", "etld1"])
def test_company_tells_bad_addresses(name: str, regime: str, make_case: Callable[..., Case]) -> None:
    case = make_case(regime)
    probability = BASELINES[name](case, 0)(case.test)
    assert roc_auc(TRUTH[case.test], probability) > 0.8
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_names_alone_tell_nothing_here(make_case: Callable[..., Case]) -> None:
    case = make_case()
    probability = BASELINES["trees-lexical"](case, 0)(case.test)
    assert 0.3 < roc_auc(TRUTH[case.test], probability) < 0.7


@pytest.mark.parametrize("name", list(BASELINES))
def test_the_seed_fixes_the_scores_and_company_of_rows_does_not_matter(
    name: str, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    predict = BASELINES[name](case, 7)
    np.testing.assert_array_equal(predict(case.test), BASELINES[name](case, 7)(case.test))
    np.testing.assert_allclose(predict(case.test[:3]), predict(case.test)[:3], rtol=0, atol=1e-12)


def test_an_arriving_name_is_not_moved_by_others_that_arrive(make_case: Callable[..., Case]) -> None:
    case = make_case()
    relation = case.snapshot.relations["address"]
    moved = relation.indices.copy()
    moved[case.test[1:]] = 0  # every other test name moves to one address
    elsewhere = replace(
        case, snapshot=replace(case.snapshot, relations={"address": replace(relation, indices=moved)})
    )
    for name in ("trees-neighbours", "belief-propagation"):
        first = BASELINES[name](case, 0)(case.test[:1])
        assert BASELINES[name](elsewhere, 0)(case.test[:1]) == first


def test_indicators_are_fitted_on_training_rows() -> None:
    codes = [1.0] * 20 + [2.0] * 20
    table = FeatureTable.from_columns({"tld_code": codes, "suffix_code": codes, "x": codes})
    result = with_indicators(table, np.arange(25))
    assert result.names == ("x", "tld_code_1", "suffix_code_1")
    assert result.column("tld_code_1").sum() == 20


def test_given_columns_are_read_from_facts(make_case: Callable[..., Case]) -> None:
    case = make_case()
    column = pa.array([None, *range(1, 240)], pa.float64())
    facts = case.snapshot.facts.append_column("given_x", column).append_column("other", column)
    table = given(replace(case.snapshot, facts=facts))
    assert table.names == ("given_x",)
    assert np.isnan(table.values[0, 0])
    assert table.values[5, 0] == 5
    assert given(case.snapshot).values.shape == (240, 0)
