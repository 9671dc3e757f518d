"""How fast names are cut to their eTLD+1, beside the two libraries that do it one name at a time.

All of them read the same suffix list and the same generated names in one process; the floor is Arrow cutting
every name at its dots. A time is the median of several runs, taken in turns, after one run that warms up.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.bench.process import peak_rss_bytes
from mithra.errors import MissingExtraError
from mithra.names import SuffixList, etld_plus_one

__all__ = ["bench_names", "generate_names"]

_HOSTS = ("www", "mail", "api", "cdn", "shop", "login", "static", "dev", "m", "blog")
_WORDS = ("river", "data", "cloud", "market", "garden", "stone", "play", "health", "metro", "light")
_SUFFIXES = (
    "com",
    "com",
    "com",
    "net",
    "org",
    "de",
    "co.uk",
    "com.br",
    "github.io",
    "xyz",
    "co.jp",
    "pages.dev",
)


def bench_names(n: int = 200_000, *, repeats: int = 5, seed: int = 7) -> dict[str, Any]:
    """Seconds for the eTLD+1 of `n` names, by mithra, tldextract and publicsuffixlist in the same run.

    Each gets the names as it takes them: an Arrow column here, Python strings for the peers. A peer's `ratio`
    is its seconds over ours, `ratio_to_floor` ours over the floor's, and `disagreements` counts the names on
    which a peer answers otherwise.

    Raises:
        MissingExtraError: tldextract, which comes with the extra `test`, is not installed.
    """
    names = generate_names(n, seed=seed)
    column = pa.array(names)
    peers = {"tldextract": _tldextract(names), "publicsuffixlist": _publicsuffixlist(names)}
    ours = etld_plus_one(column).to_pylist()
    wrong = {name: sum(a != b for a, b in zip(ours, run(), strict=True)) for name, run in peers.items()}
    runs = {"mithra": lambda: etld_plus_one(column), "floor": lambda: pc.split_pattern(column, "."), **peers}
    seconds = _medians(runs, repeats)
    mine, floor = seconds["mithra"], seconds["floor"]
    return {
        "name": "names/etld_plus_one",
        "names": n,
        "seconds": mine,
        "names_per_second": n / mine,
        "repeats": repeats,
        "peak_rss_bytes": peak_rss_bytes(),
        "threads": 1,
        "floor": {"name": "pyarrow split_pattern at dots", "seconds": floor},
        "ratio_to_floor": mine / floor,
        "peers": [
            {
                "name": name,
                "seconds": seconds[name],
                "ratio": seconds[name] / mine,
                "disagreements": wrong[name],
            }
            for name in peers
        ],
        "versions": {
            "python": platform.python_version(),
            "suffix_list": SuffixList.bundled().version,
            **{
                package: version(package)
                for package in ("mithra", "pyarrow", "tldextract", "publicsuffixlist")
            },
        },
    }


def generate_names(n: int, *, seed: int = 7) -> list[str]:
    """Plain host names of two to four labels under common suffixes, the same for the same seed."""
    draw = np.random.default_rng(seed)
    hosts, words, suffixes = (draw.choice(some, (n, 2)) for some in (_HOSTS, _WORDS, _SUFFIXES))
    depth, number = draw.choice((0, 1, 1, 2), n), draw.integers(0, n, n)
    return [
        ".".join([*hosts[i, : depth[i]], f"{words[i, 0]}-{words[i, 1]}{number[i]}", suffixes[i, 0]])
        for i in range(n)
    ]


def _tldextract(names: list[str]) -> Callable[[], list[str | None]]:
    try:
        import tldextract
    except ImportError as error:
        raise MissingExtraError("tldextract", "test") from error
    from pathlib import Path

    from publicsuffixlist import PSLFILE

    extract = tldextract.TLDExtract(
        suffix_list_urls=(Path(PSLFILE).as_uri(),),
        fallback_to_snapshot=False,
        cache_dir=None,
        include_psl_private_domains=True,
    )
    return lambda: [extract.extract_str(name).top_domain_under_public_suffix or None for name in names]


def _publicsuffixlist(names: list[str]) -> Callable[[], list[str | None]]:
    from publicsuffixlist import PublicSuffixList

    oracle = PublicSuffixList()
    return lambda: [oracle.privatesuffix(name) for name in names]


def _medians(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}
