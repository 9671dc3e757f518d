"""The Public Suffix List as a trie in arrays, and its matching over whole columns of names.

In come the list's own text file and Arrow arrays of canonical names; out goes, for each name, how many of
its labels are public suffix. The list has two sections: ICANN (registries) and private (`github.io`); the
private one can be left out. A TLD that the list does not hold falls under the list's default rule `*`.
Users call the functions of `mithra.names`, which accept any spelling of a name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import idna
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import FormatError, InputError

__all__ = ["SuffixList", "string_buffers"]

CHUNK_ROWS = 1 << 17  # rows matched at once: keeps the temporaries in the cache
_ICANN, _PRIVATE = 1, 2
_DOT = 46
_VERSION = re.compile(r"^//\s*VERSION:\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class SuffixList:
    """One version of the list. Nodes are label paths from the root; `rule`, `wildcard` and `exception` hold
    the sections (bit 1 ICANN, bit 2 private) in which the node is a rule, has `*` below it, or is a `!` rule.
    """

    version: str
    digest: str  # sha256 of the text
    rules: int
    labels: pa.Array  # vocabulary: TLDs as "com", all other labels with their dot, as "co."
    edge_keys: NDArray[np.int64]  # [edges] sorted: parent node * len(labels) + label
    edge_nodes: NDArray[np.int32]  # [edges] child node
    rule: NDArray[np.uint8]  # [nodes]
    wildcard: NDArray[np.uint8]  # [nodes]
    exception: NDArray[np.uint8]  # [nodes]

    @classmethod
    def bundled(cls) -> SuffixList:
        """The list that the installed `publicsuffixlist` package carries."""
        return _bundled()

    @classmethod
    def from_file(cls, path: str | Path) -> SuffixList:
        """A list in the format of https://publicsuffix.org/list/, for example a newer one.

        Raises:
            InputError: the file cannot be read as UTF-8 text.
            FormatError: no section markers, or a line that is no rule.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the suffix list: {error}", file=path, hint="Pass a public_suffix_list.dat"
            ) from error
        return _build(text, path)

    def depth(self, names: pa.Array, *, private: bool = True) -> NDArray[np.int32]:
        """Labels of each name that are public suffix, at least 1; -1 for null. `names`: canonical."""
        parts = [self._match(_Labels.of(chunk), private) for chunk in _chunks(names)]
        found = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return np.where(_valid(names), found, np.int32(-1))

    def cut(self, names: pa.Array, *, extra: int, private: bool = True) -> pa.Array:
        """Each name's public suffix with `extra` labels before it; null where there are fewer."""
        parts = [self._cut(chunk, extra, private) for chunk in _chunks(names)]
        return pa.concat_arrays(parts) if parts else pa.array([], pa.string())

    def exact(self, names: pa.Array, *, private: bool = True) -> pa.BooleanArray:
        """Whether each canonical name is itself a public suffix; null stays null."""
        return _flags(names, lambda labels: self._match(labels, private) >= labels.count)

    def above(self, names: pa.Array) -> pa.BooleanArray:
        """Whether public suffixes lie below each name (`amazonaws.com`): its subtree holds strangers."""
        return _flags(names, self._above)

    def _cut(self, chunk: pa.Array, extra: int, private: bool) -> pa.Array:
        labels = _Labels.of(chunk)
        keep = self._match(labels, private) + np.int32(extra)
        enough = (keep <= labels.count) & _valid(chunk)
        return labels.tail(np.where(enough, keep, 0), ~enough)

    def _match(self, labels: _Labels, private: bool) -> NDArray[np.int32]:
        """Depth of the longest rule; an exception prevails, `*` is the default (publicsuffix.org/list/)."""
        sections = np.uint8(_ICANN | _PRIVATE if private else _ICANN)
        best = np.ones(len(labels.count), np.int32)
        excepted = np.zeros(len(best), np.int32)
        for depth, rows, nodes, children in self._walk(labels):
            best[rows[(self.wildcard[nodes] & sections) != 0]] = depth
            known = children >= 0
            rows, children = rows[known], children[known]
            best[rows[(self.rule[children] & sections) != 0]] = depth
            excepted[rows[(self.exception[children] & sections) != 0]] = depth - 1
        return np.where(excepted > 0, excepted, best)

    def _above(self, labels: _Labels) -> NDArray[np.bool_]:
        inner = self.wildcard != 0
        inner[self.edge_keys // len(self.labels)] = True
        above = np.zeros(len(labels.count), bool)
        for depth, rows, _, children in self._walk(labels):
            whole = (labels.count[rows] == depth) & (children >= 0)
            above[rows[whole]] = inner[children[whole]]
        return above

    def _walk(
        self, labels: _Labels
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Depth, rows still on the trie, their node above that depth, and the child there (-1 for none)."""
        ids = pc.index_in(labels.flat, value_set=self.labels)
        ids = pc.fill_null(ids, -1).to_numpy(zero_copy_only=False)
        count = labels.count
        rows = np.flatnonzero(count > 0)
        nodes = np.zeros(len(rows), np.int64)
        depth = 0
        while len(rows):
            depth += 1
            children = self._children(nodes, ids[labels.first[rows + 1] - depth])
            yield depth, rows, nodes, children
            on = (children >= 0) & (count[rows] > depth)
            rows, nodes = rows[on], children[on]

    def _children(self, nodes: NDArray[np.int64], label_ids: NDArray[np.int32]) -> NDArray[np.int64]:
        """Child node of each (node, label), -1 where the trie ends (for most names, early)."""
        found = np.full(len(nodes), -1, np.int64)
        known = np.flatnonzero(label_ids >= 0)
        keys = nodes[known] * len(self.labels) + label_ids[known]
        at = np.minimum(np.searchsorted(self.edge_keys, keys), len(self.edge_keys) - 1)
        hit = self.edge_keys[at] == keys
        found[known[hit]] = self.edge_nodes[at[hit]]
        return found


@dataclass(frozen=True, eq=False)
class _Labels:
    """A chunk of names cut at its dots without copying: every label but a name's last keeps its dot."""

    data: NDArray[np.uint8]  # the names' bytes, one after the other
    starts: NDArray[np.int64]  # [labels + 1] where each label begins in `data`
    first: NDArray[np.int64]  # [names + 1] first label of each name
    flat: pa.Array  # [labels]

    @classmethod
    def of(cls, chunk: pa.Array) -> _Labels:
        offsets, data = string_buffers(chunk)
        begins = np.zeros(len(data) + 1, bool)
        begins[1:] = data == _DOT
        begins[offsets] = True
        starts = np.flatnonzero(begins)
        first = np.searchsorted(starts, offsets)
        flat = pa.Array.from_buffers(
            pa.string(),
            len(starts) - 1,
            [None, pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(data)],
        )
        return cls(data, starts, first, flat)

    @property
    def count(self) -> NDArray[np.int32]:
        """Labels of each name, [names]; 0 for empty and null."""
        return np.diff(self.first).astype(np.int32)

    def tail(self, keep: NDArray[np.int32], null: NDArray[np.bool_]) -> pa.Array:
        """Each name's last `keep` labels as an array of strings."""
        ends = self.starts[self.first[1:]]
        begins = self.starts[self.first[1:] - keep]
        lengths = ends - begins
        offsets = np.zeros(len(keep) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        source = np.arange(offsets[-1], dtype=np.int64) + np.repeat(begins - offsets[:-1], lengths)
        valid = None if not null.any() else pa.array(~null).buffers()[1]
        return pa.Array.from_buffers(
            pa.string(), len(keep), [valid, pa.py_buffer(offsets), pa.py_buffer(self.data[source])]
        )


def string_buffers(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets from 0 [rows + 1] and bytes of a `string` array; null rows come as empty ones."""
    whole = pc.fill_null(array, "") if array.null_count else array
    if len(whole) == 0:
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    _, offset_buffer, data_buffer = whole.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[whole.offset : whole.offset + len(whole) + 1].astype(
        np.int64
    )
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    return offsets - offsets[0], data[offsets[0] : offsets[-1]]


def _chunks(names: pa.Array) -> Iterator[pa.Array]:
    for start in range(0, len(names), CHUNK_ROWS):
        yield names.slice(start, CHUNK_ROWS)


def _flags(names: pa.Array, of: Callable[[_Labels], NDArray[np.bool_]]) -> pa.BooleanArray:
    parts = [of(_Labels.of(chunk)) for chunk in _chunks(names)]
    return pa.array(np.concatenate(parts) if parts else np.empty(0, bool), mask=~_valid(names))


def _valid(names: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(names).to_numpy(zero_copy_only=False), dtype=bool)


@cache
def _bundled() -> SuffixList:
    import publicsuffixlist

    return SuffixList.from_file(publicsuffixlist.PSLFILE)


def _build(text: str, path: str | Path) -> SuffixList:
    trie = _Trie()
    for line, rule, section in _rules(text, path):
        trie.add(rule, section, path, line)
    if not trie.rules:
        raise FormatError(
            "a public suffix list without a rule", file=path, hint="The download may be cut short"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    stated = _VERSION.search(text)
    vocabulary = {label: number for number, label in enumerate(sorted({label for _, label in trie.edges}))}
    keys = np.array([node * len(vocabulary) + vocabulary[label] for node, label in trie.edges], np.int64)
    order = np.argsort(keys)
    return SuffixList(
        version=stated.group(1) if stated else f"sha256:{digest[:16]}",
        digest=digest,
        rules=trie.rules,
        labels=pa.array(list(vocabulary), pa.string()),
        edge_keys=keys[order],
        edge_nodes=np.array(list(trie.edges.values()), np.int32)[order],
        rule=np.array(trie.flags["rule"], np.uint8),
        wildcard=np.array(trie.flags["wildcard"], np.uint8),
        exception=np.array(trie.flags["exception"], np.uint8),
    )


def _rules(text: str, path: str | Path) -> Iterator[tuple[int, str, int]]:
    """Line number, rule and section of every rule. A rule ends at the first white space."""
    section = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if line.startswith("// ===BEGIN ICANN"):
            section = _ICANN
        elif line.startswith("// ===BEGIN PRIVATE"):
            section = _PRIVATE
        if not words or words[0].startswith("//"):
            continue
        if not section:
            raise FormatError(
                "a rule before the first section marker", value=words[0], file=path, line=number,
                hint="Expected '// ===BEGIN ICANN DOMAINS==='",
            )  # fmt: skip
        yield number, words[0], section
    if not section:
        raise FormatError("not a public suffix list: no section markers", file=path)


class _Trie:
    """The list while it is being read: node numbers by (parent, label), and sections by node."""

    def __init__(self) -> None:
        self.rules = 0
        self.edges: dict[tuple[int, str], int] = {}
        self.flags: dict[str, list[int]] = {"rule": [0], "wildcard": [0], "exception": [0]}

    def add(self, rule: str, section: int, path: str | Path, line: int) -> None:
        kind = "exception" if rule.startswith("!") else "wildcard" if rule.startswith("*.") else "rule"
        labels = rule.removeprefix("!").removeprefix("*.").split(".")
        node = 0
        for depth, label in enumerate(reversed(labels)):
            node = self._child(node, _alabel(label, path, line) + ("." if depth else ""))
        self.flags[kind][node] |= section
        self.rules += 1

    def _child(self, node: int, label: str) -> int:
        child = self.edges.setdefault((node, label), len(self.flags["rule"]))
        if child == len(self.flags["rule"]):
            for flags in self.flags.values():
                flags.append(0)
        return child


def _alabel(label: str, path: str | Path, line: int) -> str:
    try:
        if label.isascii() and re.fullmatch(r"[a-zA-Z0-9_-]{1,63}", label):
            return label.lower()
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise FormatError(f"not a suffix rule: {error}", value=label, file=path, line=line) from error
