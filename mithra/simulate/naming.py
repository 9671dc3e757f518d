"""Names for everything in the world: labels by style, drawn again until each full name is unique.

A style is a habit of naming. Honest owners and attackers share most habits and differ in how often they
follow them; members of one campaign share a `family`, a number from which its vocabulary, alphabet,
separators and lengths follow.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.simulate import words
from mithra.simulate.text import concat, join, letters, mix, number, pick, take

__all__ = ["Style", "name_all"]

STRIDE = 211  # prime to the length of every word list
ROUNDS = 12  # of drawing again where a name is taken; the last ones make it longer


class Style(IntEnum):
    """A habit of naming."""

    PERSON = 0
    TRADE = 1
    COINED = 2
    WORDS = 3
    ACRONYM = 4
    TOPIC = 5
    SERIES = 6
    OFFICIAL = 7  # brand and an honest word, by the brand, its partners or its fans
    HASH = 8
    PHRASE = 9
    PHISH = 10  # brand, often misspelt, and a keyword
    KEYWORDS = 11
    DICTIONARY = 12
    GENERATED = 13
    FAMILY = 14  # coined words that share a stem
    COMPANY = 15  # hosters, registrars and the like


_Ints = NDArray[np.int64]
_Maker = Callable[[np.random.Generator, _Ints, _Ints], pa.Array]


def name_all(
    rng: np.random.Generator,
    style: NDArray[np.int8],
    brand: _Ints,
    family: _Ints,
    suffix: pa.Array,
    taken: pa.Array,
) -> pa.Array:
    """A unique name for each row: a label of its style, a dot and its suffix.

    Args:
        rng: source of randomness.
        style: [rows] `Style` codes.
        brand: [rows] index into the brands, for styles that use one.
        family: [rows] naming family; rows of one campaign share it.
        suffix: [rows] public suffix of each.
        taken: names that nothing may have.
    """
    order = rng.permutation(len(style))  # so that no kind of owner is served first
    style, brand, family, suffix = style[order], brand[order], family[order], suffix.take(pa.array(order))
    names = join(_labels(rng, style, brand, family), ".", suffix)
    for attempt in range(ROUNDS):
        codes = pc.dictionary_encode(names).indices.to_numpy()
        first = np.zeros(len(names), bool)
        first[np.unique(codes, return_index=True)[1]] = True
        first &= ~pc.is_in(names, value_set=taken).to_numpy(zero_copy_only=False)
        again = np.flatnonzero(~first)
        if len(again) == 0:
            break
        fresh = _labels(rng, style[again], brand[again], family[again])
        if attempt >= ROUNDS // 2:
            fresh = join(
                fresh, pick(rng, words.SYLLABLES, len(again)), pick(rng, words.SYLLABLES, len(again))
            )
        names = pc.replace_with_mask(names, pa.array(~first), join(fresh, ".", suffix.take(pa.array(again))))
    return names.take(pa.array(np.argsort(order)))


def _labels(rng: np.random.Generator, style: NDArray[np.int8], brand: _Ints, family: _Ints) -> pa.Array:
    parts, rows = [], []
    for code in np.unique(style):
        where = np.flatnonzero(style == code)
        parts.append(_MAKERS[Style(code)](rng, brand[where], family[where]))
        rows.append(where)
    if not parts:
        return pa.array([], pa.string())
    return concat(parts).take(pa.array(np.argsort(np.concatenate(rows), kind="stable")))


def _vocabulary(rng: np.random.Generator, of: list[str], family: _Ints, size: int) -> pa.Array:
    """Words from a family's own part of a vocabulary; by strides, as the lists are in order."""
    return take(of, (family + STRIDE * rng.integers(0, size, len(family))) % len(of))


def _separator(rng: np.random.Generator, n: int, hyphens: float) -> pa.Array:
    return take(["", "-"], (rng.random(n) < hyphens).astype(np.int64))


def _choose(rng: np.random.Generator, *options: tuple[float, pa.Array]) -> pa.Array:
    """One of several label columns, row by row, by weight."""
    weights = np.array([w for w, _ in options])
    n = len(options[0][1])
    which = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(n))
    return concat([a for _, a in options]).take(
        pa.array(np.minimum(which, len(options) - 1) * n + np.arange(n))
    )


def _person(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    given, surname = pick(rng, words.FIRST_NAMES, n), pick(rng, words.SURNAMES, n)
    return _choose(
        rng,
        (0.6, join(given, _separator(rng, n, 0.2), surname)),
        (0.2, join(surname, _separator(rng, n, 0.3), pick(rng, words.SURNAMES, n))),
        (0.1, join(pc.utf8_slice_codeunits(given, 0, 1), surname)),
        (0.1, join(given, _separator(rng, n, 0.3), pick(rng, words.TRADES, n))),
    )


def _trade(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    trade = pick(rng, words.TRADES, n)
    return _choose(
        rng,
        (0.35, join(pick(rng, words.SURNAMES, n), _separator(rng, n, 0.2), trade)),
        (0.3, join(pick(rng, words.CITIES, n), _separator(rng, n, 0.3), trade)),
        (0.2, join(pick(rng, words.WORDS, n), trade)),
        (0.15, join(trade, _separator(rng, n, 0.4), pick(rng, words.COMPANY_TAILS, n))),
    )


def _coined(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    stem = join(*(pick(rng, words.SYLLABLES, n) for _ in range(2)))
    return _choose(
        rng,
        (0.5, join(stem, pick(rng, words.SYLLABLES, n))),
        (
            0.2,
            join(stem, pick(rng, ["ly", "io", "ix", "ex", "ia", "on", "ar", "us", "el", "tech", "lab"], n)),
        ),
        (0.3, join(stem, pick(rng, words.SYLLABLES, n), pick(rng, words.SYLLABLES, n))),
    )


def _words(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    pair = join(pick(rng, words.WORDS, n), _separator(rng, n, 0.15), pick(rng, words.WORDS, n))
    return _choose(rng, (0.75, pair), (0.25, join(pair, _separator(rng, n, 0.15), pick(rng, words.TAILS, n))))


def _acronym(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    short = letters(rng, words.ALPHABETS, np.zeros(n, np.int64), rng.integers(3, 6, n))
    return _choose(
        rng,
        (0.5, short),
        (0.35, join(short, _separator(rng, n, 0.4), pick(rng, words.TRADES, n))),
        (0.15, join(short, number(rng.integers(1, 100, n)))),
    )


def _topic(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    topic, tail = pick(rng, words.TOPICS, n), pick(rng, words.TAILS, n)
    return _choose(
        rng,
        (0.4, join(pick(rng, words.WORDS, n), topic)),
        (0.4, join(pick(rng, words.WORDS, n), _separator(rng, n, 0.3), topic, _separator(rng, n, 0.3), tail)),
        (0.2, join(topic, _separator(rng, n, 0.3), tail)),
    )


def _series(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    stem = take(words.TOPICS + words.WORDS, mix(family, 1) % (len(words.TOPICS) + len(words.WORDS)))
    return join(stem, take(["", "-", "vip", "pro"], mix(family, 2) % 4), number(rng.integers(10, 10_000, n)))


def _official(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    name, word = take(words.BRANDS, brand), pick(rng, words.BENIGN_BRAND_WORDS, n)
    return _choose(
        rng,
        (0.5, join(name, _separator(rng, n, 0.6), word)),
        (0.2, join(word, _separator(rng, n, 0.6), name)),
        (0.3, join(name, _separator(rng, n, 0.6), pick(rng, words.CITIES, n))),
    )


def _hash(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    code = letters(rng, words.ALPHABETS, rng.choice([1, 4], n), rng.integers(7, 15, n))
    return _choose(rng, (0.6, join("d", code)), (0.4, join(pick(rng, words.WORDS, n), "-", code)))


def _phrase(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    glue = _separator(rng, n, 0.6)
    first = pick(
        rng, ["the", "my", "best", "all", "get", "go", "we", "your", "one", "new", "for", "about"], n
    )
    middle = _choose(rng, (1, pick(rng, words.WORDS, n)), (1, pick(rng, words.CITIES, n)))
    return join(
        first,
        glue,
        middle,
        glue,
        _choose(rng, (1, pick(rng, words.TOPICS, n)), (1, pick(rng, words.TRADES, n))),
    )


def _misspelt() -> tuple[list[str], NDArray[np.int64]]:
    """Misspellings of every brand in one list, and where each brand's begin."""
    swaps = {
        "o": "0",
        "l": "1",
        "i": "l",
        "e": "3",
        "a": "4",
        "m": "rn",
        "w": "vv",
        "v": "u",
        "t": "tt",
        "n": "nn",
    }
    variants: list[str] = []
    starts = [0]
    for brand in words.BRANDS:
        drops = [brand[:i] + brand[i + 1 :] for i in range(1, len(brand) - 1)]
        twins = [brand[:i] + brand[i] + brand[i:] for i in range(1, len(brand))]
        turns = [brand[:i] + brand[i + 1] + brand[i] + brand[i + 2 :] for i in range(1, len(brand) - 2)]
        looks = [brand[:i] + swaps[c] + brand[i + 1 :] for i, c in enumerate(brand) if c in swaps]
        variants += drops + twins + turns + looks * 2
        starts.append(len(variants))
    return variants, np.array(starts)


_VARIANTS, _VARIANT_STARTS = _misspelt()


def _phish(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    span = np.diff(_VARIANT_STARTS)[brand]
    typo = take(_VARIANTS, _VARIANT_STARTS[brand] + (rng.random(n) * span).astype(np.int64))
    name = _choose(rng, (0.55, take(words.BRANDS, brand)), (0.45, typo))
    near = _vocabulary(rng, words.KEYWORDS, mix(family, 3), 12)
    word = _choose(rng, (0.7, near), (0.3, pick(rng, words.KEYWORDS, n)))
    glue = take(["-", "-", "-", ""], mix(family, 4) % 4)
    return _choose(
        rng,
        (0.35, join(name, glue, word)),
        (0.2, join(word, glue, name)),
        (0.2, join(name, glue, word, glue, pick(rng, words.KEYWORDS, n))),
        (0.1, join(name, glue, word, number(rng.integers(1, 1000, n)))),
        (0.15, typo),
    )


def _keywords(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    near = _vocabulary(rng, words.KEYWORDS, mix(family, 5), 10)
    glue = take(["-", "-", ""], mix(family, 6) % 3)
    other = pick(rng, words.KEYWORDS, n)
    return _choose(
        rng,
        (0.4, join(near, glue, other)),
        (0.3, join(near, glue, other, glue, pick(rng, words.KEYWORDS, n))),
        (0.2, join(near, glue, pick(rng, words.TRADES, n))),
        (0.1, join(near, glue, other, number(rng.integers(1, 1000, n)))),
    )


def _dictionary(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    first = _vocabulary(rng, words.WORDS, mix(family, 7), 60)
    second = _vocabulary(rng, words.WORDS, mix(family, 8), 60)
    tail = take(["", "", "", *words.TAILS[:30]], mix(family, 9) % 33)
    return join(first, take(["", "", "-"], mix(family, 10) % 3), second, tail)


def _generated(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    lengths = 6 + mix(family, 11) % 10 + rng.integers(0, 3, len(brand))
    return letters(rng, words.ALPHABETS, mix(family, 12) % len(words.ALPHABETS), lengths)


def _family(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    stem = join(*(take(words.SYLLABLES, mix(family, salt) % len(words.SYLLABLES)) for salt in (13, 14)))
    ends = join(*(_vocabulary(rng, words.SYLLABLES, mix(family, 15), 50) for _ in range(2)))
    return _choose(rng, (0.5, join(stem, ends)), (0.5, join(ends, stem)))


def _company(rng: np.random.Generator, brand: _Ints, family: _Ints) -> pa.Array:
    n = len(brand)
    stem = join(*(pick(rng, words.SYLLABLES, n) for _ in range(3)))
    return join(
        stem, pick(rng, ["host", "hosting", "net", "cloud", "dns", "servers", "names", "online", "data"], n)
    )


_MAKERS: dict[Style, _Maker] = {
    Style.PERSON: _person,
    Style.TRADE: _trade,
    Style.COINED: _coined,
    Style.WORDS: _words,
    Style.ACRONYM: _acronym,
    Style.TOPIC: _topic,
    Style.SERIES: _series,
    Style.OFFICIAL: _official,
    Style.HASH: _hash,
    Style.PHRASE: _phrase,
    Style.PHISH: _phish,
    Style.KEYWORDS: _keywords,
    Style.DICTIONARY: _dictionary,
    Style.GENERATED: _generated,
    Style.FAMILY: _family,
    Style.COMPANY: _company,
}
