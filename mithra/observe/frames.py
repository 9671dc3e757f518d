"""Columns of any table brought to a workspace schema: frames, and generic CSV, JSONL and Parquet files.

In come Arrow columns under the caller's names, with strings, numbers or timestamps as they happen to be;
out go the schema's columns, and for each row why it is refused, if it is.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError, UsageError
from mithra.names import canonicalize
from mithra.observe.convert import (
    to_addresses,
    to_flags,
    to_numbers,
    to_reals,
    to_seconds,
    to_strings,
    to_texts,
)
from mithra.observe.records import (
    HASH,
    date_reason,
    first_reason,
    resolutions,
    seconds_to_time,
)
from mithra.observe.source import Options
from mithra.schema import table_schema

__all__ = ["arrow_of_frame", "conform", "frame_digest", "guess_table", "to_pandas", "to_polars"]

REQUIRED = {
    "resolutions": ("name", "rrtype", "rdata", "first_seen"),
    "registrations": ("domain",),
    "certificates": ("fingerprint", "names", "seen_at"),
    "queries": ("name", "client", "hour"),
    "labels": ("name",),
    "networks": ("start", "end", "asn"),
    "popularity": ("name",),
    "sightings": ("indicator", "seen_at"),
}
# Dates at which something was known or seen; those of a plan (expires, valid_until) may lie ahead.
PAST = {
    "registrations": ("created", "updated", "captured_at"),
    "certificates": ("seen_at",),
    "queries": ("hour",),
    "labels": ("known_at",),
    "popularity": ("day",),
    "networks": ("valid_from",),
    "sightings": ("seen_at",),
    "resolutions": ("captured_at",),
}
VERDICTS = {"nefarious": "nefarious", "malicious": "nefarious", "benign": "benign"}
_NULL = pa.scalar(None, pa.string())


def arrow_of_frame(frame: Any) -> pa.Table:
    """A pandas, polars, pyarrow, DuckDB or other frame that narwhals knows, as an Arrow table.

    Raises:
        UsageError: it is no frame.
    """
    import narwhals as nw

    if isinstance(frame, pa.RecordBatch | pa.RecordBatchReader):
        frame = pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame.read_all()
    try:
        wrapped = nw.from_native(frame)
    except TypeError as error:
        raise UsageError(
            "not a path and not a frame",
            value=type(frame).__name__,
            hint="Give paths, or pandas, polars, pyarrow or DuckDB frames",
        ) from error
    if isinstance(wrapped, nw.LazyFrame):
        collected: pa.Table = wrapped.collect("pyarrow").to_native()
        return collected
    table: pa.Table = wrapped.to_arrow()
    return table


def frame_digest(data: pa.Table) -> str:
    """SHA-256 over names, types and values: the same for the same rows, whatever library held them."""
    digest = hashlib.sha256()
    for name in data.column_names:
        column = data[name].combine_chunks()
        digest.update(f"{name}:{column.type}:{len(column)};".encode())
        with pa.ipc.new_stream(_Hashed(digest), pa.schema([(name, column.type)])) as writer:
            writer.write_batch(pa.record_batch([column], names=[name]))
    return digest.hexdigest()


def guess_table(columns: Collection[str], options: Options) -> str:
    """The table that columns of these (our) names belong to.

    Raises:
        UsageError: it cannot be told.
    """
    have = set(columns) | set(options.columns or ())
    for table, telling in _TELLING:
        if telling <= have and set(REQUIRED[table]) <= have:
            return table
    if "name" in have and options.verdict:
        return "labels"
    raise UsageError(
        "it cannot be told which table these columns belong to",
        value=", ".join(sorted(have)),
        hint=f"Name it with --table (table= in Python): {', '.join(REQUIRED)}",
    )


def conform(table: str, data: pa.Table, options: Options, *, source: str) -> tuple[pa.Table, pa.Array]:
    """The schema's columns of `data`, all rows, and the reason for which each is refused (null if kept).

    Args:
        table: a key of REQUIRED.
        data: with the caller's column names.
        options: `columns` maps ours to theirs; others are taken by our names.
        source: who said it, where no column says so.

    Raises:
        UsageError: a required column is missing, or the mapping names one that is not there.
        InputError: labels without a date.
    """
    if table not in REQUIRED:
        raise UsageError("no table that takes records", value=table, hint=f"Tables: {', '.join(REQUIRED)}")
    given = _chosen(table, data, options.columns or {})
    columns = {
        name: _CONVERTERS[str(table_schema(table).field(name).type)](column) for name, column in given.items()
    }
    rows = data.num_rows
    columns["source"] = _filled(given.get("source"), options.source or source, rows, over=options.source)
    reasons = [_missing(columns, given, REQUIRED[table], rows)]
    finish: Callable[..., list[pa.Array]] = _SPECIAL.get(table, _named)
    reasons += finish(columns, options, rows)
    for name in PAST[table]:
        if name in columns:
            reasons.append(
                pc.if_else(pc.is_null(columns[name]), _NULL, date_reason(columns[name], options.now_seconds))
            )
    return _typed(table, columns, options), first_reason(reasons)


_TELLING: tuple[tuple[str, set[str]], ...] = (
    ("resolutions", {"rrtype"}),
    ("certificates", {"fingerprint"}),
    ("networks", {"asn"}),
    ("queries", {"client"}),
    ("sightings", {"indicator"}),
    ("labels", {"verdict"}),
    ("labels", {"known_at"}),
    ("popularity", {"rank"}),
    ("registrations", {"domain", "registrar"}),
    ("registrations", {"domain", "created"}),
)


class _Hashed:
    """A file that only feeds a digest."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _chosen(table: str, data: pa.Table, mapping: Mapping[str, str]) -> dict[str, pa.Array]:
    names = [name for name in table_schema(table).names if name != "ingest_id"]
    unknown = sorted(set(mapping) - set(names))
    if unknown:
        raise UsageError(f"{table} has no column {unknown[0]}", hint=f"Columns: {', '.join(names)}")
    absent = sorted(set(mapping.values()) - set(data.column_names))
    if absent:
        have = ", ".join(data.column_names)
        raise UsageError("the data has no such column", value=absent[0], hint=f"It has: {have}")
    found = {name: mapping.get(name, name) for name in names if mapping.get(name, name) in data.column_names}
    lost = [name for name in REQUIRED[table] if name not in found]
    if lost:
        raise UsageError(
            f"table {table} needs a column {lost[0]}",
            value=", ".join(data.column_names),
            hint=f"Say which it is with --map {lost[0]}=THEIRS (columns= in Python)",
        )
    return {name: _flat(data[theirs]) for name, theirs in found.items()}


def _flat(column: pa.ChunkedArray) -> pa.Array:
    flat = column.combine_chunks()
    if isinstance(flat, pa.ChunkedArray):
        flat = pa.concat_arrays(flat.chunks) if flat.num_chunks else pa.array([], column.type)
    return flat.dictionary_decode() if pa.types.is_dictionary(flat.type) else flat


_CONVERTERS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "string": to_strings,
    "int64": to_numbers,
    "double": to_reals,
    "bool": to_flags,
    "timestamp[us, tz=UTC]": to_seconds,
    "list<item: string>": to_texts,
    "list<element: string>": to_texts,
    "fixed_size_binary[16]": to_addresses,
}


def _missing(
    columns: dict[str, pa.Array], given: dict[str, pa.Array], required: tuple[str, ...], rows: int
) -> pa.Array:
    """Reason where a required value is missing, or is none of its type."""
    reasons = [pa.nulls(rows, pa.string())]
    for name in required:
        empty = pc.if_else(pc.is_null(given[name]), f"no_{name}", f"bad_{name}")
        reasons.append(pc.if_else(pc.is_null(columns[name]), empty, _NULL))
    return first_reason(reasons)


def _named(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
    """Canonical names, in whichever column they stand."""
    for hosts in {"names", "name_servers"} & columns.keys():
        columns[hosts] = _canonical_lists(columns[hosts])
    reasons = []
    for name in {"name", "domain"} & columns.keys():
        found = canonicalize(columns[name])
        columns[name] = found.names
        reasons.append(found.reason)
    return reasons


def _resolutions(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
    columns.setdefault("last_seen", columns["first_seen"])
    columns["last_seen"] = pc.coalesce(columns["last_seen"], columns["first_seen"])
    keys = ("name", "rrtype", "rdata", "first_seen", "last_seen")
    table, reason = resolutions(*(columns[key] for key in keys), now=options.now_seconds)
    for key in ("name", "rrtype", "rdata"):
        columns[key] = table[key].combine_chunks()
    columns.setdefault("captured_at", columns["last_seen"])
    columns["captured_at"] = pc.coalesce(columns["captured_at"], columns["last_seen"])
    return [reason]


def _labels(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
    raw = columns["name"]
    reasons = [
        pc.if_else(pc.match_substring_regex(raw, HASH), "hash", _NULL),
        *_named(columns, options, rows),
    ]
    reasons.append(pc.if_else(pc.match_substring(columns["name"], "."), _NULL, "single_label"))
    if options.verdict is not None or "verdict" not in columns:
        if options.verdict is None:
            raise UsageError(
                "these labels have no verdict", hint="Pass --verdict nefarious or --verdict benign"
            )
        columns["verdict"] = pa.repeat(pa.scalar(options.verdict), rows)
    words = pc.utf8_lower(columns["verdict"])
    at = pc.index_in(words, pa.array(list(VERDICTS)))
    columns["verdict"] = pa.array(list(VERDICTS.values())).take(at)
    reasons.append(pc.if_else(pc.is_null(at), "bad_verdict", _NULL))
    columns["category"] = _filled(columns.get("category"), options.category, rows)
    known = columns.get("known_at", pa.nulls(rows, pa.int64()))
    if options.known_at is not None:
        known = known.fill_null(int(options.known_at.timestamp()))
    if rows and "known_at" not in columns and options.known_at is None:
        raise InputError(
            "these labels do not say since when they have been known",
            hint="Map a column to known_at, or pass --known-at (known_at= in Python)",
        )
    columns["known_at"] = known
    reasons.append(pc.if_else(pc.is_null(known), "no_date", _NULL))
    return reasons


def _queries(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
    clients = columns["client"].dictionary_encode()
    hashed = options.clients(clients.dictionary.to_pylist())
    columns["client"] = pa.array(hashed, pa.string()).take(clients.indices)
    hours = pc.divide(columns["hour"], options.period_seconds)
    columns["hour"] = pc.multiply(hours, options.period_seconds)
    columns["count"] = (
        pc.fill_null(columns["count"], 1) if "count" in columns else pa.repeat(pa.scalar(1), rows)
    )
    return _named(columns, options, rows)


def _dated(column: str, table: Callable[..., list[pa.Array]]) -> Callable[..., list[pa.Array]]:
    """Fill the date column of an undated table with what the caller states."""

    def run(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
        if options.known_at is not None:
            stated = int(options.known_at.timestamp())
            columns[column] = columns.get(column, pa.nulls(rows, pa.int64())).fill_null(stated)
        return table(columns, options, rows)

    return run


def _popularity(columns: dict[str, pa.Array], options: Options, rows: int) -> list[pa.Array]:
    columns["list_id"] = _filled(columns.get("list_id"), options.source, rows)
    columns["list_id"] = pc.coalesce(columns["list_id"], columns["source"])
    return _named(columns, options, rows)


_SPECIAL: dict[str, Callable[..., list[pa.Array]]] = {
    "resolutions": _resolutions,
    "labels": _labels,
    "queries": _queries,
    "popularity": _dated("day", _popularity),
    "networks": _dated("valid_from", _named),
    "registrations": _dated("captured_at", _named),
}


def _canonical_lists(column: pa.Array) -> pa.Array:
    """Lists of names in canonical form, without those that are none."""
    flat, parents = pc.list_flatten(column), pc.list_parent_indices(column).to_pylist()
    names: list[list[str]] = [[] for _ in range(len(column))]
    for row, name in zip(parents, canonicalize(flat).names.to_pylist(), strict=True):
        if name is not None:
            names[row].append(name)
    return pa.array(names, pa.list_(pa.string()))


def _filled(column: pa.Array | None, value: str | None, rows: int, *, over: str | None = None) -> pa.Array:
    """A column of strings with its nulls filled; all of them replaced by `over` where that is given."""
    if column is None or over is not None:
        return pa.repeat(pa.scalar(over or value, pa.string()), rows)
    words = to_strings(column)
    return words if value is None else words.fill_null(value)


def _typed(table: str, columns: dict[str, pa.Array], options: Options) -> pa.Table:
    """Seconds to timestamps. Dates of a plan are not capped at now."""
    done = {}
    for name, column in columns.items():
        if str(table_schema(table).field(name).type).startswith("timestamp"):
            past = table == "resolutions" or name in PAST[table]
            column = seconds_to_time(column, options.now_seconds if past else _LATEST)
        done[name] = column
    return pa.table(done)


_LATEST = 253_402_300_799  # the end of the year 9999


def to_pandas(table: pa.Table) -> Any:
    """The table as a pandas frame.

    Raises:
        UsageError: pandas is not installed.
    """
    _needs("pandas")
    return table.to_pandas()


def to_polars(table: pa.Table) -> Any:
    """The table as a polars frame.

    Raises:
        UsageError: polars is not installed.
    """
    return _needs("polars").from_arrow(table)


def _needs(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise UsageError(f"{library} is not installed", hint=f"Run: pip install {library}") from error
