"""What the spelling of names says: all towards nefarious, to be told where the model counts it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.features import words as lists
from mithra.features.lexical import lexical
from mithra.features.lookalike import brand_lookalikes
from mithra.names import public_suffix
from mithra.score.facts import FOR, Facts, fact
from mithra.score.words import counted, sentence

__all__ = ["facts_of_spelling"]

MACHINE_MADE = 0.5  # of the feature dga_likeness
DEEP_LABELS = 3
LONG_NAME = 40


def facts_of_spelling(names: pa.Array) -> list[Facts]:
    """What the names themselves say, all towards nefarious and all to be backed by the model."""
    spelled = lexical(names)
    suffix = public_suffix(names)
    tld = pc.replace_substring_regex(names, r".*\.", "")

    def rows(flag: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.flatnonzero(flag)

    def say(at: NDArray[np.int64], strength: float, *text: str | pa.Array) -> Facts:
        chosen = [part if isinstance(part, str) else part.take(pa.array(at)) for part in text]
        told: pa.Array | str = chosen[0] if len(chosen) == 1 else sentence(*chosen)
        return fact(at, "lexical", FOR, strength, told, backed=True)

    machine, length = spelled.column("dga_likeness"), spelled.column("name_length")
    depth = spelled.column("subdomain_count")
    brands = spelled.column("sld_brands") + spelled.column("sub_brands")
    keywords = spelled.column("sld_keywords") + spelled.column("sub_keywords")
    cheap = (spelled.column("tld_free") > 0) | (spelled.column("tld_low_cost") > 0)
    return [
        *_lookalikes(names, rows(spelled.column("brand_lookalikes") > 0)),
        *_word_in(
            names,
            rows((brands > 0) & (spelled.column("sld_is_brand") == 0)),
            lists.BRANDS,
            1.5,
            "has the brand word {} in it",
        ),
        *_word_in(
            names,
            rows(keywords > 0),
            lists.KEYWORDS,
            1.0,
            "has a word of sign-in and payment pages in it: {}",
        ),
        say(
            rows(machine >= MACHINE_MADE),
            1.5,
            "its label looks machine-made (",
            pa.array(np.char.mod("%.2f", machine)) if len(machine) else pa.array([], pa.string()),
            " on a scale to 1)",
        ),
        say(rows(spelled.column("tld_in_sub") > 0), 1.5, "writes a well-known ending before its real one"),
        say(rows(cheap), 0.7, "ends in .", tld, ", where names cost little"),
        say(rows(spelled.column("is_idn") > 0), 0.7, "is an internationalised name"),
        say(
            rows(spelled.column("under_private_suffix") > 0),
            0.5,
            "lies under ",
            suffix,
            ", where anyone can get a name",
        ),
        say(rows(depth >= DEEP_LABELS), 0.5, counted(np.nan_to_num(depth), "label"), " below its eTLD+1"),
        say(rows(length >= LONG_NAME), 0.5, "is ", counted(np.nan_to_num(length), "character"), " long"),
    ]


def _lookalikes(names: pa.Array, rows: NDArray[np.int64]) -> list[Facts]:
    some = names.take(pa.array(rows))
    told = []
    for brand in lists.BRANDS if len(rows) else ():
        at = rows[brand_lookalikes(some, (brand,)) > 0]
        if len(at):
            told.append(fact(at, "lexical", FOR, 2.0, f"looks like the brand {brand}", backed=True))
    return told


def _word_in(
    names: pa.Array, rows: NDArray[np.int64], wanted: tuple[str, ...], strength: float, text: str
) -> list[Facts]:
    """A sentence with the first of the wanted words that each name holds."""
    longest_first = sorted(wanted, key=lambda word: (-len(word), word))
    found = pc.extract_regex(names.take(pa.array(rows)), f"(?P<word>{'|'.join(longest_first)})")
    word = pc.struct_field(found, "word")
    before, after = text.split("{}")
    return [fact(rows, "lexical", FOR, strength, sentence(before, word, after), backed=True)]
