"""The labelled graph of PDNS-Net (Kumarasinghe, Deniz, Nabeel, arXiv 2203.07969) as an undated snapshot.

Four CSV files go in: domains with labels, edges, and features of domains and addresses. Two traits would
trip a newcomer: about half of the `resolves` rows run from address to domain, and a few "domains" carry a
port or a mailbox, so that two nodes can be one name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from mithra.errors import FormatError, InputError
from mithra.features.given import GIVEN_PREFIX
from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import snapshot_from_edges
from mithra.learn.contest import UNKNOWN
from mithra.names import canonicalize, etld_plus_one

__all__ = ["PdnsGraph", "load", "read_columns", "verdicts"]

VERDICTS = {"malicious": 1, "nefarious": 1, "1": 1, "benign": 0, "0": 0, "unknown": UNKNOWN, "": UNKNOWN}

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PdnsGraph:
    """The snapshot, its labels, and where each node of the files went."""

    snapshot: Snapshot
    y: NDArray[np.int8]  # [names] 1 nefarious, 0 benign, -1 unknown
    node_id: pa.Array  # [nodes] int64, as in domains.csv
    position: NDArray[np.int64]  # [nodes] id of the node's name in the snapshot

    def positions(self, node_id: pa.Array) -> NDArray[np.int64]:
        """Ids of names for node ids, -1 for a node that is no domain of the graph."""
        found = pc.index_in(node_id.cast(pa.int64()), value_set=self.node_id)
        positions: NDArray[np.int64] = np.append(self.position, -1)[np.asarray(pc.fill_null(found, -1))]
        return positions


def load(folder: str | Path) -> PdnsGraph:
    """Read `domains.csv`, `edges.csv`, `domain_features.csv` and `ip_features.csv`.

    Relations: address, prefix and asn (by the values of `ip_features`), apex (a name and its subdomains meet
    at the apex), similar (names like `x` meet at `x`), etld_plus_one.

    Raises:
        InputError: a file that is missing.
        FormatError: a column that is missing, or values that do not fit.
    """
    folder = Path(folder)
    domains = read_columns(folder / "domains.csv", ("node_id", "domain", "label"))
    edges = read_columns(folder / "edges.csv", ("source", "target", "type"))
    given = read_columns(folder / "domain_features.csv", ("node_id",))
    addresses = read_columns(folder / "ip_features.csv", ("node_id", "subnet", "asn"))

    names, position = _names(domains, folder / "domains.csv")
    node_id = domains["node_id"].combine_chunks()
    verdict = verdicts(domains["label"], folder / "domains.csv")
    y = np.full(len(names), UNKNOWN, dtype=np.int8)
    np.maximum.at(y, position, verdict)

    graph = PdnsGraph(snapshot_from_edges(names, {}), y, node_id, position)
    group = pc.coalesce(etld_plus_one(names), names)
    relations = {
        **_resolved(edges, graph, addresses, folder / "edges.csv"),
        **_between_names(edges, graph, names, folder / "edges.csv"),
        "etld_plus_one": (np.arange(len(names), dtype=np.int32), group),
    }
    labelled = np.flatnonzero(y != UNKNOWN)
    labels = pa.table(
        {
            "domain": pa.array(labelled, pa.int32()),
            "verdict": np.where(y[labelled] == 1, "nefarious", "benign"),
            "source": pa.array(["pdns-net"] * len(labelled)),
        }
    )
    snapshot = snapshot_from_edges(names, relations, facts=_facts(given, graph, len(names)), labels=labels)
    return PdnsGraph(snapshot, y, node_id, position)


def read_columns(file: Path, columns: tuple[str, ...]) -> pa.Table:
    """A CSV file that has at least these columns.

    Raises:
        InputError: no such file.
        FormatError: no CSV, or a column is missing.
    """
    if not file.is_file():
        raise InputError("no such file", file=file, hint="Point at the files of pdns-net-mini")
    try:
        table = pyarrow.csv.read_csv(file)
    except pa.ArrowInvalid as error:
        raise FormatError(f"not a CSV file: {error}", file=file) from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise FormatError("a column is missing", value=", ".join(missing), file=file, line=1)
    return table


def verdicts(values: pa.ChunkedArray, file: Path) -> NDArray[np.int8]:
    """1 for malicious, 0 for benign, -1 for unknown, from words or digits in any case."""
    words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.string()), "")))
    known = pa.array(list(VERDICTS))
    found = pc.index_in(words, value_set=known)
    if found.null_count:
        row = int(pc.index(pc.is_null(found), True).as_py())
        raise FormatError(
            "not a verdict",
            value=values[row].as_py(),
            file=file,
            line=row + 2,
            hint="Expected malicious or benign, 1 or 0",
        )
    codes: NDArray[np.int8] = np.array(list(VERDICTS.values()), dtype=np.int8)[np.asarray(found)]
    return codes


def _names(domains: pa.Table, file: Path) -> tuple[pa.Array, NDArray[np.int64]]:
    """Distinct canonical names in the file's order, and the name of each node, [nodes]."""
    raw = domains["domain"].combine_chunks().cast(pa.string())
    host = pc.replace_substring_regex(pc.replace_substring_regex(raw, r"^.*@", ""), r":\d+$", "")
    canonical = canonicalize(host)
    if canonical.names.null_count:
        row = int(pc.index(pc.is_null(canonical.names), True).as_py())
        raise FormatError(
            f"not a domain name: {canonical.reason[row].as_py()}",
            value=raw[row].as_py(),
            file=file,
            line=row + 2,
        )
    encoded = canonical.names.dictionary_encode()
    cut = int(pc.sum(pc.not_equal(host, raw)).as_py() or 0)
    if cut or len(encoded.dictionary) < len(raw):
        log.info(
            "%d names lost a port or mailbox; %d nodes are %d names", cut, len(raw), len(encoded.dictionary)
        )
    return encoded.dictionary, np.asarray(encoded.indices).astype(np.int64)


def _resolved(
    edges: pa.Table, graph: PdnsGraph, addresses: pa.Table, file: Path
) -> dict[str, tuple[NDArray[np.int32], pa.Array]]:
    """Relations address, prefix and asn from `resolves` rows in either direction."""
    rows = edges.filter(pc.equal(edges["type"], "resolves"))
    source, target = (rows[side].combine_chunks() for side in ("source", "target"))
    from_source, from_target = graph.positions(source), graph.positions(target)
    if ((from_source < 0) == (from_target < 0)).any():
        row = int(np.flatnonzero((from_source < 0) == (from_target < 0))[0])
        raise FormatError(
            "a resolves row needs one domain and one address",
            value=f"{source[row].as_py()},{target[row].as_py()}",
            file=file,
        )
    domain = np.where(from_source >= 0, from_source, from_target).astype(np.int32)
    address = pc.if_else(pa.array(from_source >= 0), target, source)
    found = pc.index_in(address, value_set=addresses["node_id"].combine_chunks())
    relations = {"address": (domain, address.cast(pa.string()))}
    for name, column in (("prefix", "subnet"), ("asn", "asn")):
        key = addresses[column].combine_chunks().cast(pa.string()).take(found)
        known = np.asarray(key.is_valid())
        relations[name] = (domain[known], key.filter(pa.array(known)))
    return relations


def _between_names(
    edges: pa.Table, graph: PdnsGraph, names: pa.Array, file: Path
) -> dict[str, tuple[NDArray[np.int32], pa.Array]]:
    """Relations apex and similar: an entity is a name, its members are that name and what points at it."""
    relations = {}
    for kind in ("apex", "similar"):
        rows = edges.filter(pc.equal(edges["type"], kind))
        source, target = (graph.positions(rows[side].combine_chunks()) for side in ("source", "target"))
        if (source < 0).any() or (target < 0).any():
            raise FormatError(f"an {kind} row names a node that is no domain", file=file)
        ends = [(source, target), (target, target)]
        if kind == "similar":
            ends += [(target, source), (source, source)]
        domain = np.concatenate([end[0] for end in ends]).astype(np.int32)
        entity = np.concatenate([end[1] for end in ends])
        relations[kind] = (domain, names.take(pa.array(entity)))
    return relations


def _facts(given: pa.Table, graph: PdnsGraph, names: int) -> pa.Table:
    """The authors' features of each name, `given_*`; null where they give none."""
    position = graph.positions(given["node_id"].combine_chunks())
    row = np.full(names, -1)
    row[position[position >= 0]] = np.flatnonzero(position >= 0)
    rows = pa.array(row, mask=row < 0)
    return pa.table(
        {
            GIVEN_PREFIX + column: given[column].combine_chunks().cast(pa.float64()).take(rows)
            for column in given.column_names
            if column != "node_id"
        }
    )
