"""Lexical features: values of single names, and independence of a name from its company."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithra.features import lexical as module
from mithra.features.lexical import CATEGORICAL, SUFFIX_BUCKETS, TLD_BUCKETS, lexical
from mithra.features.words import BIGRAM_BITS


def value(name: str, feature: str) -> float:
    return float(lexical([name]).column(feature)[0])


@pytest.mark.parametrize(
    ("name", "feature", "expected"),
    [
        ("www.example.co.uk", "name_length", 17),
        ("www.example.co.uk", "label_count", 4),
        ("www.example.co.uk", "longest_label", 7),
        ("www.example.co.uk", "mean_label", 14 / 4),
        ("www.example.co.uk", "subdomain_count", 1),
        ("www.example.co.uk", "etld1_length", 13),
        ("www.example.co.uk", "suffix_labels", 2),
        ("www.example.co.uk", "is_www", 1),
        ("www.example.co.uk", "is_service_host", 0),
        ("cpanel.example.com", "is_service_host", 1),
        ("a.b.example.com", "subdomain_count", 2),
        ("example.com", "subdomain_count", 0),
        ("aabb.com", "sld_entropy", 1.0),
        ("aaaa.com", "sld_entropy", 0.0),
        ("aabb.com", "sld_distinct_share", 0.5),
        ("a12b345.com", "sld_digits", 5),
        ("a12b345.com", "sld_digit_run", 3),
        ("a-b--c.com", "sld_hyphens", 3),
        ("strengths.com", "sld_consonant_run", 5),
        ("strengths.com", "sld_vowel_share", 1 / 9),
        ("beef1z.com", "sld_hex_share", 5 / 6),
        ("_dmarc.example.com", "underscores", 1),
        ("xn--bcher-kva.example", "is_idn", 1),
        ("secure-login.example.com", "sub_keywords", 2),
        ("secure-login.example.com", "sld_keywords", 0),
        ("paypal.example.com", "sub_brands", 1),
        ("paypal.com", "sld_is_brand", 1),
        ("paypa1.com", "brand_lookalikes", 1),
        ("paypal.com-verify.example", "tld_in_sub", 1),
        ("www.example.com", "tld_in_sub", 0),
        ("example.tk", "tld_free", 1),
        ("example.de", "tld_country", 1),
        ("example.com", "tld_country", 0),
        ("example.com", "tld_legacy", 1),
        ("foo.github.io", "under_private_suffix", 1),
        ("foo.github.io", "sld_length", 3),
        ("github.com", "under_private_suffix", 0),
    ],
)
def test_value(name: str, feature: str, expected: float) -> None:
    assert value(name, feature) == pytest.approx(expected)


def test_empty_parts_are_missing_not_zero() -> None:
    assert np.isnan(value("example.com", "sub_entropy"))
    assert np.isnan(value("com", "sld_vowel_share"))


def test_null_name_has_no_features() -> None:
    assert np.isnan(lexical(pa.array([None, "example.com"])).values[0]).all()
    assert lexical(pa.array([None, "example.com"])).column("name_length")[1] == 11


def test_bigram_bits_follow_the_table() -> None:
    before, after = " abcdefghijklmnopqrstuvwxyz", " abcdefghijklmnopqrstuvwxyz"
    pairs = [" q", "qu", "u "]
    bits = [int(BIGRAM_BITS[before.index(p[0])][after.index(p[1])], 36) / 2 for p in pairs]
    assert value("qu.com", "sld_bigram_bits") == pytest.approx(np.mean(bits))


def test_generated_names_look_generated() -> None:
    assert value("xkqzvwtrjhpd7.com", "dga_likeness") > 0.9
    assert value("national-theatre.com", "dga_likeness") < 0.2


def test_codes_are_in_range_and_fixed() -> None:
    table = lexical(["example.com", "example.co.uk", "other.com"])
    assert CATEGORICAL == ("tld_code", "suffix_code")
    assert table.column("tld_code")[0] == table.column("tld_code")[2] == 742  # crc32(b"com") % 1024
    assert table.column("tld_code").max() < TLD_BUCKETS
    assert table.column("suffix_code").max() < SUFFIX_BUCKETS


LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@given(st.lists(NAME, min_size=1, max_size=6))
def test_a_name_has_the_same_features_in_any_company(names: list[str]) -> None:
    together = lexical(names).values
    alone = np.concatenate([lexical([name]).values for name in names])
    np.testing.assert_array_equal(together, alone)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"host{i}.example{i % 3}.com" for i in range(7)]
    whole = lexical(names).values
    monkeypatch.setattr(module, "CHUNK_NAMES", 3)
    np.testing.assert_array_equal(lexical(names).values, whole)


def test_no_names() -> None:
    assert lexical(pa.array([], pa.string())).values.shape[0] == 0
