"""What records of sensors say, as rows of tables: repeats within an hour are one row with a count.

A sensor logs the same answer many thousand times. Facts of a batch that agree in everything but the minute
become one row; one that spans batches comes in several, whose counts add up. Names are examined after that,
once each.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.names import Canonical, canonicalize
from mithra.observe.certs import NOTHING, certificates
from mithra.observe.convert import repeated
from mithra.observe.records import (
    client_hash,
    date_reason,
    first_reason,
    masked,
    resolutions,
    seconds_to_time,
    where,
)
from mithra.observe.source import Options, Rows, Source

__all__ = ["EXCERPT_BYTES", "Facts", "tabulate", "tell", "without_persons"]

SECONDS_PER_HOUR = 3600
EXCERPT_BYTES = 1000
MOST_CODES = 1 << 62
MOST_APART = 1 << 32
NO_NUMBER = -(1 << 63)

log = logging.getLogger(__name__)

_PERSON = re.compile(
    r"\b(CN|SN|GN|givenName|surname|emailAddress|E|UID|serialNumber|unstructuredName)=[^,/\t\"]*|[^\s,=\"]+@[^\s,\"]+"
)


@dataclass(frozen=True)
class Facts:
    """What some records say, for one table.

    Attributes:
        table: resolutions (name, rrtype, rdata, ttl), queries (name, client) or certificates (fingerprint,
            names, subject, issuer, serial, not_before, not_after).
        record: the record that each fact comes from, as its place in the batch.
        seconds: when it was seen, int64 epoch seconds.
        columns: as the source spells them.
        examined: of the dictionary of column name, where several facts share it.
    """

    table: str
    record: NDArray[np.int64]
    seconds: pa.Array
    columns: dict[str, pa.Array]
    examined: Canonical | None = None

    def names(self, at: pa.Array) -> Canonical:
        """Column name in these rows, examined."""
        names = self.columns["name"].take(at)
        return canonicalize(names) if self.examined is None else self.examined.take(names.indices)


def tabulate(
    facts: list[Facts], records: int, source: str, options: Options, left_out: Counter[str]
) -> tuple[list[Rows], pa.Array]:
    """Rows of the facts, and for each record the first reason for which one of its facts is refused.

    Args:
        records: how many the facts come from.
        left_out: counts certificates that name no host.
    """
    rows, reasons = list[Rows](), np.full(records, None, dtype=object)
    for fact in facts:
        if not len(fact.record):
            continue
        table, reason, group = _TABLES[fact.table](fact, options)
        table = table.append_column("source", repeated(options.source or source, table.num_rows))
        fine = reason.null_count == len(reason)
        rows.append(Rows(fact.table, table if fine else table.filter(pc.is_null(reason))))
        if not fine:
            words = np.array(reason.to_pylist(), dtype=object)
            left_out["certificates without a host"] += int((words == NOTHING)[group].sum())
            refused = np.array([bool(word) for word in words])
            bad = np.flatnonzero(refused[group])[::-1]  # of several reasons the first is to stay
            bad = bad[[reasons[record] is None for record in fact.record[bad]]]
            reasons[fact.record[bad]] = words[group[bad]]
    return rows, pa.array(reasons, pa.string())


def tell(source: Source, left_out: Counter[str]) -> None:
    """Log what a file holds that no table takes."""
    counted = ", ".join(f"{number} {what}" for what, number in sorted(left_out.items()) if number)
    if counted:
        log.info("%s: left out %s", source.name, counted)


def without_persons(line: bytes) -> str:
    """A line's beginning as rejects may show it: without clients' addresses and subjects' names."""
    return _PERSON.sub("<name>", masked(line[:EXCERPT_BYTES].decode("utf-8", "replace")))


def _queries(fact: Facts, options: Options) -> tuple[pa.Table, pa.Array, NDArray[np.int64]]:
    name, client, hour = fact.columns["name"], _words(fact.columns["client"]), _hours(fact.seconds)
    group, first = _groups([name, client, hour])
    names, hours, clients = fact.names(first), hour.take(first), client.take(first)
    key = options.client_key()
    hashed = pa.array([client_hash(address, key) for address in clients.dictionary.to_pylist()], pa.string())
    table = pa.table(
        {
            "name": names.names,
            "client": pa.DictionaryArray.from_arrays(clients.indices, hashed),
            "hour": seconds_to_time(hours, options.now_seconds),
            "count": pa.array(np.bincount(group)),
        }
    )
    nobody = where(pc.is_null(clients.indices), "no_client")
    reason = first_reason([names.reason, date_reason(hours, options.now_seconds), nobody])
    return table, reason, group


def _resolutions(fact: Facts, options: Options) -> tuple[pa.Table, pa.Array, NDArray[np.int64]]:
    keys = [fact.columns[key] for key in ("name", "rrtype", "rdata")]
    group, first = _groups([*keys, _hours(fact.seconds)])
    earliest, latest = _least(fact.seconds, group), _greatest(fact.seconds, group)
    rrtype, rdata = keys[1].take(first), _plain(keys[2].take(first))
    now = options.now_seconds
    table, reason = resolutions(fact.names(first), rrtype, rdata, earliest, latest, now=now)
    table = table.append_column("count", pa.array(np.bincount(group)))
    table = table.append_column("captured_at", table["last_seen"])
    return table.append_column("ttl", _greatest(fact.columns["ttl"], group)), reason, group


def _certificates(fact: Facts, options: Options) -> tuple[pa.Table, pa.Array, NDArray[np.int64]]:
    columns = fact.columns
    names = pc.binary_join(columns["names"], "\n")
    keys = [columns["fingerprint"], columns["serial"], columns["issuer"], columns["subject"], names]
    group, first = _groups([*keys, _hours(fact.seconds)])
    given = {key: column.take(first) for key, column in columns.items()}
    seen = _least(fact.seconds, group)
    table, reason = certificates(**given, seen_at=seen, now=options.now_seconds)
    return table, reason, group


_TABLES: dict[str, Callable[[Facts, Options], tuple[pa.Table, pa.Array, NDArray[np.int64]]]] = {
    "queries": _queries,
    "resolutions": _resolutions,
    "certificates": _certificates,
}


def _hours(seconds: pa.Array) -> pa.Array:
    return pc.multiply(pc.divide(seconds, SECONDS_PER_HOUR), SECONDS_PER_HOUR)


def _groups(columns: list[pa.Array]) -> tuple[NDArray[np.int64], pa.Array]:
    """The group of each row, numbered as they appear, and each group's first row."""
    codes: NDArray[np.int64] = np.zeros(len(columns[0]), dtype=np.int64)
    most = 1  # above every code
    for column in columns:
        words = _near(column) if pa.types.is_integer(column.type) else None
        words = _codes(column) if words is None else words
        kinds = int(words.max(initial=0)) + 1
        if most * kinds > MOST_CODES:
            codes = _codes(pa.array(codes))
            most = len(codes)  # so is `kinds` at most, and the product of two numbers of rows fits
        codes = codes * kinds + words if kinds > 1 else codes
        most *= kinds
    codes = _codes(pa.array(codes))
    first = np.empty(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, pa.array(first)


def _near(column: pa.Array) -> NDArray[np.int64] | None:
    """Numbers that lie near each other, counted from the least; None where they do not."""
    bounds = pc.min_max(column).as_py()
    if column.null_count or bounds["min"] is None or bounds["max"] - bounds["min"] > MOST_APART:
        return None
    numbers: NDArray[np.int64] = column.to_numpy() - bounds["min"]
    return numbers


def _codes(column: pa.Array) -> NDArray[np.int64]:
    """A number for each value (null is one too), from 0 on and as they appear where they are made here."""
    words = _words(column)
    codes = words.indices.fill_null(len(words.dictionary))
    numbers: NDArray[np.int64] = codes.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _words(column: pa.Array) -> pa.Array:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _least(values: pa.Array, group: NDArray[np.int64]) -> pa.Array:
    """The least value of each group, null where it has none."""
    return pc.negate(_greatest(pc.negate(values), group))


def _greatest(values: pa.Array, group: NDArray[np.int64]) -> pa.Array:
    """The greatest value of each group, null where it has none."""
    found = np.full(int(group.max(initial=-1)) + 1, NO_NUMBER)
    np.maximum.at(found, group, values.fill_null(NO_NUMBER).to_numpy(zero_copy_only=False))
    return pa.array(found, mask=found == NO_NUMBER)
