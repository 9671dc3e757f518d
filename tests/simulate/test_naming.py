from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mithra.names import canonicalize
from mithra.simulate import words
from mithra.simulate.naming import Style, name_all


def named(
    style: Style, n: int, *, family: int = 5, suffix: str = "com", taken: list[str] | None = None
) -> list[str]:
    return name_all(
        np.random.default_rng(3), np.full(n, style, np.int8), np.zeros(n, np.int64), np.full(n, family),
        pa.array(["com"] * n), pa.array(taken or [], pa.string()),
    ).to_pylist()  # fmt: skip


@pytest.mark.parametrize("style", list(Style))
def test_every_style_makes_distinct_canonical_names(style: Style) -> None:
    names = named(style, 3000)
    assert len(set(names)) == 3000
    canonical = canonicalize(pa.array(names))
    assert canonical.names.to_pylist() == names
    assert canonical.reason.null_count == 3000


def test_names_that_run_out_are_made_longer() -> None:
    assert len(set(named(Style.OFFICIAL, 20_000))) == 20_000


def test_a_family_shares_its_stem() -> None:
    stems = {frozenset(n[i : i + 4] for i in range(len(n) - 4)) for n in named(Style.FAMILY, 50)}
    common = frozenset.intersection(*stems)
    assert common, "members of one family have letters in common"
    other = {frozenset(n[i : i + 4] for i in range(len(n) - 4)) for n in named(Style.FAMILY, 50, family=6)}
    assert not (common & frozenset.intersection(*other))


def test_a_taken_name_is_not_given() -> None:
    first = named(Style.SERIES, 500)
    assert not set(first[:200]) & set(named(Style.SERIES, 500, taken=first[:200]))


def test_suffixes_are_public_and_brands_unknown_to_the_word_list() -> None:
    from mithra.names import is_public_suffix

    suffixes = [*words.TLDS, *(s for s, *_ in words.SAAS_SUFFIXES), *(s for s, *_ in words.DYNAMIC_SUFFIXES)]
    assert is_public_suffix(pa.array(suffixes)).to_pylist() == [True] * len(suffixes)
    assert not set(words.BRANDS) & set(words.WORDS)
