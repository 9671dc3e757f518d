"""The matching against tldextract on the same list data, the list's own test vectors, and small lists."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pyarrow as pa
import pytest
from publicsuffixlist import PSLFILE, PublicSuffixList

from mithra.errors import FormatError, InputError
from mithra.names import (
    SuffixList,
    canonicalize,
    etld_plus_one,
    is_public_suffix,
    public_suffix,
    registered_domain,
)

tldextract = pytest.importorskip("tldextract")

NAMES = 120_000
SNAPSHOT = Path(tldextract.__file__).with_name(".tld_set_snapshot")

SMALL = """// VERSION: 2026-01-02_03-04-05_UTC
// ===BEGIN ICANN DOMAINS===
com
uk
co.uk   // text after white space is no part of the rule
*.ck
!www.ck
公司.cn
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
github.io
*.compute.example.com
!keep.compute.example.com
// ===END PRIVATE DOMAINS===
"""


def _small(tmp_path: Path, text: str = SMALL) -> SuffixList:
    path = tmp_path / "list.dat"
    path.write_text(text, encoding="utf-8")
    return SuffixList.from_file(path)


def _rules(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("//")]


def _spelling(name: str, chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.15:
        return name.upper()
    if kind < 0.30:
        return name + "."
    if kind < 0.40 and not name.isascii():
        return name.replace(".", "。")
    return name


def _generated(path: Path, seed: int) -> list[str]:
    """Names under rules of every kind, at the rule, above and below it, in several spellings."""
    chance = random.Random(seed)
    rules = _rules(path)
    special = [rule for rule in rules if rule[0] in "*!" or not rule.isascii()]
    labels = [
        "www",
        "a",
        "foo-bar",
        "xn--mnchen-3ya",
        "city",
        "mail",
        "_dmarc",
        "b2",
        "kobe",
        "com",
        "co",
        "blog",
    ]
    names = []
    while len(names) < NAMES:
        rule = chance.choice(special if chance.random() < 0.3 else rules)
        rule = rule.removeprefix("!").replace("*", chance.choice(labels))
        if chance.random() < 0.05:
            rule = f"{chance.choice(labels)}.unlisted-tld"
        if not rule.isascii() and chance.random() < 0.5:
            rule = rule.encode("idna").decode()
        if chance.random() < 0.1:
            rule = rule.partition(".")[2] or rule
        above = [chance.choice(labels) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
        names.append(_spelling(".".join([*above, rule]), chance))
    return names


def _oracle(path: Path, names: list[str], *, private: bool) -> tuple[list[str], list[str | None]]:
    """Suffix and suffix plus one by tldextract. An unlisted TLD, no suffix to it, is one here."""
    extract = tldextract.TLDExtract(
        suffix_list_urls=(path.as_uri(),) if path != SNAPSHOT else (),
        fallback_to_snapshot=path == SNAPSHOT,
        cache_dir=None,
        include_psl_private_domains=private,
    )
    suffixes: list[str] = []
    domains: list[str | None] = []
    for name in names:
        found = extract(name)
        if found.suffix:
            suffixes.append(found.suffix)
            domains.append(found.top_domain_under_public_suffix or None)
        else:
            labels = name.rstrip(".。").replace("。", ".").split(".")
            suffixes.append(labels[-1])
            domains.append(".".join(labels[-2:]) if len(labels) > 1 else None)
    return suffixes, domains


def _spelled(names: list[str] | list[str | None]) -> list[str | None]:
    return canonicalize(pa.array(names, pa.string())).names.to_pylist()


def _differences(names: list[str], ours: pa.Array, theirs: list[str | None]) -> list[tuple[str, str, str]]:
    return [row for row in zip(names, ours.to_pylist(), theirs, strict=True) if row[1] != row[2]]


def _shadowed(path: Path) -> tuple[str, ...]:
    """Labels that tldextract misreads: with the rules `*.b` and `x.a.b` but no rule `a.b`, it overlooks that
    `*.b` covers `a.b`, since it follows the exact label first. The list's algorithm takes the longest match.
    """
    rules = set(_rules(path))
    inner = {
        ".".join(labels[at:])
        for labels in (rule.split(".") for rule in rules)
        for at in range(1, len(labels))
    }
    return tuple(name for name in inner - rules if f"*.{name.partition('.')[2]}" in rules)


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "path", [Path(PSLFILE), pytest.param(SNAPSHOT, marks=pytest.mark.slow)], ids=["our-list", "its-own-list"]
)
def test_agrees_with_tldextract_on_120_000_names(path: Path, private: bool) -> None:
    suffixes = SuffixList.from_file(path)
    names = _generated(path, seed=11)
    assert len(set(names)) >= 100_000
    expected_suffix, expected_domain = _oracle(path, names, private=private)
    plus_one = etld_plus_one if private else registered_domain
    wrong = _differences(
        names, public_suffix(names, private=private, suffixes=suffixes), _spelled(expected_suffix)
    )
    wrong += _differences(names, plus_one(names, suffixes=suffixes), _spelled(expected_domain))
    shadowed = _shadowed(path)
    assert [row for row in wrong if not row[0].lower().rstrip(".").endswith(shadowed)] == []
    assert len(wrong) < NAMES / 1000


@pytest.mark.parametrize("private", [True, False])
def test_agrees_with_publicsuffixlist_on_every_name(private: bool) -> None:
    """The second oracle has the default rule and reads shadowed wildcards as the list means them; to it `*.b`
    makes `b` a suffix as well, which neither the list's algorithm nor tldextract says.
    """
    oracle = PublicSuffixList(only_icann=not private)
    names = [name for name in canonicalize(_generated(Path(PSLFILE), seed=12)).names.to_pylist() if name]
    wildcards = {str(name) for name in _spelled([r[2:] for r in _rules(Path(PSLFILE)) if r.startswith("*.")])}
    plus_one = etld_plus_one if private else registered_domain
    wrong = _differences(
        names, public_suffix(names, private=private), [oracle.publicsuffix(n) for n in names]
    )
    wrong += _differences(names, plus_one(names), [oracle.privatesuffix(n) for n in names])
    assert [row for row in wrong if row[0] not in wildcards] == []


def test_the_lists_own_vectors() -> None:
    lines = Path(PSLFILE).with_name("test_psl.txt").read_text(encoding="utf-8").splitlines()
    pairs = [re.match(r"checkPublicSuffix\((null|'.*?'), (null|'.*?')\)", line) for line in lines]
    cases = [tuple(None if v == "null" else v[1:-1] for v in m.groups()) for m in pairs if m]
    assert len(cases) > 70
    given, expected = zip(*cases, strict=True)
    assert _differences(list(given), etld_plus_one(list(given)), _spelled(list(expected))) == []


def test_sections_wildcards_and_exceptions_of_a_small_list(tmp_path: Path) -> None:
    suffixes = _small(tmp_path)
    assert suffixes.version == "2026-01-02_03-04-05_UTC"
    assert suffixes.rules == 9
    rows = {
        # name: public suffix with the private section, without it
        "a.b.co.uk": ("co.uk", "co.uk"),
        "b.ck": ("b.ck", "b.ck"),
        "ck": ("ck", "ck"),
        "a.www.ck": ("ck", "ck"),
        "x.xn--55qx5d.cn": ("xn--55qx5d.cn", "xn--55qx5d.cn"),
        "cn": ("cn", "cn"),
        "foo.github.io": ("github.io", "io"),
        "a.n1.compute.example.com": ("n1.compute.example.com", "com"),
        "n1.compute.example.com": ("n1.compute.example.com", "com"),
        "compute.example.com": ("com", "com"),
        "a.keep.compute.example.com": ("compute.example.com", "com"),
        "notco.uk": ("uk", "uk"),
        "com.unlisted": ("unlisted", "unlisted"),
    }
    names = list(rows)
    assert public_suffix(names, suffixes=suffixes).to_pylist() == [
        with_private for with_private, _ in rows.values()
    ]
    assert public_suffix(names, private=False, suffixes=suffixes).to_pylist() == [
        icann for _, icann in rows.values()
    ]


def test_suffixes_themselves(tmp_path: Path) -> None:
    suffixes = _small(tmp_path)
    names = ["github.io", "www.github.io", "x.ck", "www.ck", "com", None, "192.0.2.1"]
    assert is_public_suffix(names, suffixes=suffixes).to_pylist() == [
        True,
        False,
        True,
        False,
        True,
        None,
        None,
    ]
    assert is_public_suffix(names, private=False, suffixes=suffixes).to_pylist()[0] is False
    assert etld_plus_one(names, suffixes=suffixes).to_pylist() == [
        None,
        "www.github.io",
        None,
        "www.ck",
        None,
        None,
        None,
    ]


def test_chunk_borders_and_nulls_do_not_shift_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mithra.suffixes.CHUNK_ROWS", 3)
    monkeypatch.setattr("mithra.names.CHUNK_ROWS", 2)
    names = ["a.b.example.com", None, "x.co.uk", "", "y.z.github.io", "bad name", "q.com.", "W.X.DE"]
    expected = ["example.com", None, "x.co.uk", None, "z.github.io", None, "q.com", "x.de"]
    assert etld_plus_one(names).to_pylist() == expected
    assert etld_plus_one(pa.array(names).slice(2, 5)).to_pylist() == expected[2:7]
    assert etld_plus_one([]).to_pylist() == []


def test_a_list_without_a_version_is_known_by_its_digest(tmp_path: Path) -> None:
    suffixes = _small(tmp_path, SMALL.partition("\n")[2])
    assert suffixes.version == f"sha256:{suffixes.digest[:16]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>not found</html>", "before the first section marker"),
        ("", "no section markers"),
        ("// ===BEGIN ICANN DOMAINS===\n// cut", "without a rule"),
        ("// ===BEGIN ICANN DOMAINS===\na.*.com\n", "not a suffix rule"),
        ("// ===BEGIN ICANN DOMAINS===\ncom\n\nex ample\n..\n", "not a suffix rule"),
    ],
)
def test_a_file_that_is_no_list_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        _small(tmp_path, text)
    assert caught.value.file == tmp_path / "list.dat"


def test_an_unreadable_list_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the suffix list"):
        SuffixList.from_file(tmp_path / "missing.dat")
    (tmp_path / "binary.dat").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read the suffix list"):
        SuffixList.from_file(tmp_path / "binary.dat")


def test_the_bundled_list_is_read_once_and_states_its_version() -> None:
    bundled = SuffixList.bundled()
    assert bundled is SuffixList.bundled()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_UTC|sha256:[0-9a-f]{16}", bundled.version)
    assert bundled.rules > 9_000


def test_names_above_suffixes_hold_strangers(tmp_path: Path) -> None:
    names = [
        "compute.example.com",
        "example.com",
        "github.io",
        "io",
        "ck",
        "co.uk",
        "uk",
        "other.com",
        "x.ck",
        None,
        "",
    ]
    found = _small(tmp_path).above(pa.array(names)).to_pylist()
    assert found == [True, True, False, True, True, False, True, False, False, None, False]
    real = pa.array(["amazonaws.com", "compute.amazonaws.com", "example.com", "kobe.jp"])
    assert SuffixList.bundled().above(real).to_pylist() == [True, True, False, True]
