"""Look-alikes of brands: confusable characters and single edits."""

import pyarrow as pa
import pytest

from mithra.features.lookalike import brand_lookalikes


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("paypa1", 1),  # confusable digit
        ("rnicrosoft", 1),  # confusable pair of letters
        ("gooogle", 1),  # insertion
        ("facebok", 1),  # deletion
        ("netfl1x-netfiix", 2),  # change, twice
        ("ntefilx", 0),  # two edits
        ("ntflix", 1),
        ("entflix", 1),  # swap of neighbours
        ("paypal", 0),  # the brand itself is no look-alike
        ("ample", 0),  # one edit from apple, but an everyday word
        ("", 0),
        ("-.-", 0),
    ],
)
def test_lookalikes(name: str, count: int) -> None:
    assert brand_lookalikes(pa.array([name])).tolist() == [count]


def test_counts_stay_with_their_string() -> None:
    strings = pa.array(["a", "amazn.amazon", "", "lnstagram"])
    assert brand_lookalikes(strings).tolist() == [0, 1, 0, 1]


def test_no_strings() -> None:
    assert brand_lookalikes(pa.array([], pa.string())).tolist() == []
