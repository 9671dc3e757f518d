"""Canonical names: the table of cases, the properties, and one answer for a name alone and in a column."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mithra.errors import InvalidNameError, UsageError
from mithra.names import (
    REASONS,
    canonical,
    canonicalize,
    display,
    etld_plus_one,
    is_public_suffix,
    public_suffix,
    registered_domain,
)

ACCEPTED = {
    "example.com": "example.com",
    "WWW.Example.COM": "www.example.com",
    "example.com.": "example.com",
    "EXAMPLE.com.": "example.com",
    "com": "com",
    "_dmarc._tcp.example.com": "_dmarc._tcp.example.com",
    "-odd-.example.com": "-odd-.example.com",  # hyphens at the border of a label are in the DNS
    "r3---sn-a.googlevideo.com": "r3---sn-a.googlevideo.com",
    "4.3.2.1.in-addr.arpa": "4.3.2.1.in-addr.arpa",
    "1.2.3.4.example": "1.2.3.4.example",
    "münchen.de": "xn--mnchen-3ya.de",
    "MÜNCHEN.de": "xn--mnchen-3ya.de",
    "mu\u0308nchen.de": "xn--mnchen-3ya.de",  # not composed
    "XN--MNCHEN-3YA.DE": "xn--mnchen-3ya.de",
    "straße.de": "xn--strae-oqa.de",  # non-transitional
    "例え。テスト": "xn--r8jz45g.xn--zckzah",
    "www．example｡com": "www.example.com",
    "ｅｘａｍｐｌｅ.com": "example.com",
    "ﬁne.com": "fine.com",
    "soft\u00adhyphen.com": "softhyphen.com",
    "\u212aelvin.com": "kelvin.com",
    "☕.example": "xn--53h.example",
    "i❤.ws": "xn--i-7iq.ws",
    "xn--a.example": "xn--a.example",  # no valid A-label, and yet names like it are queried
    "בדיקה.com": "xn--5dbedt4e.com",
    "a" * 63 + ".com": "a" * 63 + ".com",
    ".".join(["a" * 49] * 5) + ".co.": ".".join(["a" * 49] * 5) + ".co",
    ".".join(["a" * 61] * 4) + ".abcde": ".".join(["a" * 61] * 4) + ".abcde",  # 253 octets
}

REFUSED = {
    "": "empty",
    ".": "root",
    "。": "root",
    "*": "root",
    "*.": "root",
    "..": "empty_label",
    ".com": "empty_label",
    "a..com": "empty_label",
    "a.com..": "empty_label",
    "*..com": "empty_label",
    "192.0.2.1": "ip_literal",
    "192.0.2.1.": "ip_literal",
    "１９２.0.2.1": "ip_literal",
    "192.0.2.0/24": "ip_literal",
    "2001:db8::1": "ip_literal",
    "[2001:db8::1]": "ip_literal",
    "::": "ip_literal",
    "example.1": "ip_literal",
    "999.999.999.999": "ip_literal",
    "42": "ip_literal",
    "http://example.com/": "url",
    "example.com/path": "bad_character",
    "example.com:443": "bad_character",
    "user@example.com": "bad_character",
    "100%.com": "bad_character",
    "a%2ecom": "bad_character",
    "℀.com": "bad_character",  # maps to a/c
    "*.*.com": "bad_character",
    "a*.com": "bad_character",
    '"quoted".com': "bad_character",
    "a;b.com": "bad_character",
    "$ORIGIN.com": "bad_character",
    "=cmd.com": "bad_character",
    "ex ample.com": "whitespace",
    " example.com": "whitespace",
    "example.com\n": "whitespace",
    "exa\u00a0mple.com": "whitespace",
    "exa\u3000mple.com": "whitespace",
    "nul\0.com": "control_character",
    "bell\x07.com": "control_character",
    "del\x7f.com": "control_character",
    "a\\032b.com": "escape",
    "a\\.b.com": "escape",
    "a" * 64 + ".com": "label_too_long",
    "ü" * 60 + ".com": "label_too_long",
    ".".join(["a" * 61] * 4) + ".abcdef": "too_long",  # 254 octets
    "a" * 1_000_000: "too_long",
    "é" * 1_000_000: "too_long",
    "1אב.com": "bad_idna",  # bidi rule
    "a\u200db.com": "bad_idna",  # joiner out of context
    "\u0301a.com": "bad_idna",  # begins with a combining mark
    "xn--ü.com": "bad_idna",
    "\ufffd.com": "bad_idna",
    "\u202eevil.com": "bad_idna",  # right-to-left override
    "a\u0085b.com": "bad_idna",
}

NAME_TEXT = st.one_of(
    st.text(max_size=80),
    st.text("abcXYZ019-_.*。ü☕\0\\ %:/\u200d", max_size=80),
    st.text("ab1.", max_size=300),
    st.lists(
        st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63), min_size=1, max_size=6
    ).map(".".join),
)


@pytest.mark.parametrize(("given_name", "expected"), ACCEPTED.items())
def test_accepted(given_name: str, expected: str) -> None:
    assert canonical(given_name) == expected
    result = canonicalize([given_name])
    assert result.names.to_pylist() == [expected]
    assert result.reason.to_pylist() == [None]
    assert result.wildcard.to_pylist() == [False]


@pytest.mark.parametrize(("given_name", "reason"), REFUSED.items(), ids=[name[:20] for name in REFUSED])
def test_refused(given_name: str, reason: str) -> None:
    result = canonicalize([given_name])
    assert result.names.to_pylist() == [None]
    assert result.reason.to_pylist() == [reason]
    with pytest.raises(InvalidNameError) as caught:
        canonical(given_name)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 1000


def test_every_reason_is_described_and_reached() -> None:
    assert set(REFUSED.values()) == set(REASONS)


def test_a_column_of_everything_keeps_its_rows() -> None:
    rows = list(ACCEPTED.items()) + [(name, None) for name in REFUSED]
    mixed = [rows[at % len(rows)] for at in range(0, 7 * len(rows), 7)]
    result = canonicalize([name for name, _ in mixed])
    assert result.names.to_pylist() == [expected for _, expected in mixed]
    assert result.reason.to_pylist() == [REFUSED.get(name) for name, _ in mixed]


def test_a_leading_wildcard_is_a_flag() -> None:
    result = canonicalize(["*.Example.com.", "＊.example.com", "*.com", "x.com", None])
    assert result.names.to_pylist() == ["example.com", "example.com", "com", "x.com", None]
    assert result.wildcard.to_pylist() == [True, True, True, False, False]
    assert result.reason.to_pylist() == [None, None, None, None, "empty"]


def test_plain_names_are_passed_on_without_a_copy() -> None:
    column = pa.array(["a.example", "b.example"])
    assert canonicalize(column).names.buffers()[2].address == column.buffers()[2].address


@pytest.mark.parametrize("place", ["{}a.example", "a{}a.example", "a.example{}"])
def test_every_byte_is_judged_in_a_column_as_it_is_alone(place: str) -> None:
    names = [place.format(chr(code)) for code in range(256)]
    alone = [canonicalize([name]) for name in names]
    together = canonicalize([*names, *["plain.example"] * 100])
    assert together.names.to_pylist()[:256] == [one.names[0].as_py() for one in alone]
    assert together.reason.to_pylist()[:256] == [one.reason[0].as_py() for one in alone]
    accepted = {chr(code) for code, one in enumerate(alone[:128]) if one.reason[0].as_py() is None}
    letters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert letters - set("0123456789") <= accepted <= letters | {"."}


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["A.com", None, "bad name"]),
        pa.array(["x", "A.com", None, "bad name"]).slice(1),
        pa.array(["A.com", None, "bad name"], pa.large_string()),
        pa.array(["A.com", None, "bad name"], pa.string_view()),
        pa.array([b"A.com", None, b"bad name"], pa.binary()),
        pa.array(["A.com", None, "bad name"]).dictionary_encode(),
        pa.chunked_array([pa.array(["A.com"]), pa.array([None, "bad name"], pa.string())]),
        pa.chunked_array(
            [pa.array(["A.com", None]).dictionary_encode(), pa.array(["bad name"]).dictionary_encode()]
        ),
        ["A.com", None, "bad name"],
        ("A.com", None, "bad name"),
        np.array(["A.com", None, "bad name"], dtype=object),
        (name for name in ["A.com", None, "bad name"]),
    ],
)
def test_columns_of_every_kind(column: object) -> None:
    result = canonicalize(column)
    assert result.names.to_pylist() == ["a.com", None, None]
    assert result.names.type == pa.string()
    assert result.reason.to_pylist() == [None, "empty", "whitespace"]
    assert result.wildcard.to_pylist() == [False, False, False]


def test_frames_columns() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for column in (pandas.Series(["A.com", None]), polars.Series(["A.com", None])):
        assert canonicalize(column).names.to_pylist() == ["a.com", None]


def test_empty_columns() -> None:
    for column in ([], pa.array([], pa.string()), pa.chunked_array([], pa.string()), pa.array([], pa.null())):
        assert len(canonicalize(column)) == 0
    assert canonicalize(pa.nulls(2)).reason.to_pylist() == ["empty", "empty"]


def test_bytes_that_are_no_text_are_refused_and_do_not_raise() -> None:
    assert canonicalize(pa.array([b"\xff.com", b"ok.com"])).reason.to_pylist() == ["bad_idna", None]
    assert canonicalize(["\ud800.com", "ok.com"]).reason.to_pylist() == ["bad_idna", None]
    unchecked = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 5], np.int32)), pa.py_buffer(b"\xff.com")]
    )
    assert canonicalize(unchecked).reason.to_pylist() == ["bad_idna"]


@pytest.mark.parametrize("column", ["example.com", b"example.com", [1, 2], pa.array([1]), 5])
def test_what_is_no_column_of_names_is_wrong_use(column: object) -> None:
    with pytest.raises(UsageError, match="expected a column"):
        canonicalize(column)


@given(NAME_TEXT)
@example("A" * 64)
@example("a." * 127 + "a")
@example("*.*.a")
def test_alone_and_in_a_column_agree(name: str) -> None:
    result = canonicalize(["first.example", name, "last.example.", None])
    assert result.names.to_pylist()[0::2] == ["first.example", "last.example"]
    try:
        expected, reason = canonical(name), None
    except InvalidNameError as error:
        expected, reason = None, error.reason
    assert result.names.to_pylist()[1] == expected
    assert result.reason.to_pylist()[1] == reason


@given(NAME_TEXT)
def test_canonical_form_is_idempotent_and_within_the_limits(name: str) -> None:
    found = canonicalize([name]).names.to_pylist()[0]
    if found is None:
        return
    assert canonical(found) == found
    assert canonical(found.upper() + ".") == found
    assert found.isascii()
    assert found == found.lower()
    assert 1 <= len(found) <= 253
    assert all(1 <= len(label) <= 63 for label in found.split("."))


@given(NAME_TEXT)
def test_suffix_and_domain_are_tails_of_the_name(name: str) -> None:
    found = canonicalize([name]).names.to_pylist()[0]
    suffix, plus_one = public_suffix([name]).to_pylist()[0], etld_plus_one([name]).to_pylist()[0]
    icann = registered_domain([name]).to_pylist()[0]
    if found is None:
        assert (suffix, plus_one, icann) == (None, None, None)
        return
    assert f".{found}".endswith(f".{suffix}")
    assert (plus_one is None) == (found == suffix) == is_public_suffix([name]).to_pylist()[0]
    if plus_one is not None:
        assert f".{found}".endswith(f".{plus_one}")
        assert plus_one.split(".", 1)[1] == suffix
        assert icann is not None
        assert f".{plus_one}".endswith(f".{icann}")
        assert etld_plus_one([plus_one]).to_pylist() == [plus_one]


@given(st.text(max_size=100))
def test_display_is_printable_ascii(name: str) -> None:
    shown = display(name)
    assert shown.isascii()
    assert all(" " <= character <= "~" for character in shown)


def test_display() -> None:
    assert display("*.MÜNCHEN.de") == "*.xn--mnchen-3ya.de"
    assert display("\x1b]0;title\x07.com") == "\\x1b]0;title\\x07.com"
    assert display("\u202egnp.exe") == "\\u202egnp.exe"
    assert display("x" * 1_000_000) == "x" * 253 + "..."


def test_importing_names_costs_no_heavy_package() -> None:
    import subprocess

    heavy = ("torch", "sklearn", "pandas", "duckdb")
    code = f"import mithra.names, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
