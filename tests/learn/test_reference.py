"""Training of the reference models: they learn, the seed fixes them, and names arrive alone."""

from collections.abc import Callable

import numpy as np
import pytest

from mithra.learn.contest import Case
from mithra.learn.reference import ReferenceSettings, fit_reference
from mithra.metrics import roc_auc

TRUTH = (np.arange(240) % 3 == 0).astype(int)  # see conftest
QUICK = ReferenceSettings(hidden=8, steps=200, learning_rate=0.02, patience=200)


@pytest.mark.parametrize("kind", ["rgcn", "sage", "hgt"])
@pytest.mark.parametrize("regime", ["arrival", "etld1"])
def test_company_tells_bad_addresses(kind: str, regime: str, make_case: Callable[..., Case]) -> None:
    case = make_case(regime)
    probability = fit_reference(kind, case, 0, QUICK)(case.test)
    assert roc_auc(TRUTH[case.test], probability) > 0.7


def test_the_seed_fixes_the_scores(make_case: Callable[..., Case]) -> None:
    case = make_case()
    first, again = (fit_reference("sage", case, 5, QUICK)(case.test) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, fit_reference("sage", case, 6, QUICK)(case.test))
