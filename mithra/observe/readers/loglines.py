"""What the readers of resolvers' logs share: lines as columns, queries counted, answers kept.

One regular expression (RE2) turns a batch of lines into columns. A client's address is replaced by a keyed
hash (HMAC-SHA-256 with the workspace's own key) before anything is kept, and is masked in what rejects show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import canonicalize
from mithra.observe.records import (
    date_reason,
    first_reason,
    masked,
    resolutions,
    seconds_to_time,
)
from mithra.observe.source import MAX_LINE_BYTES, SECONDS_PER_HOUR, Options, Rejects, Rows, Source

__all__ = [
    "ADDRESS",
    "MAX_COUNTED",
    "SHOWN_CHARS",
    "QueryCounts",
    "answer_rows",
    "batches",
    "fields",
    "not_internet",
    "questions",
    "rejected",
    "sniffer",
    "unlike",
]

SHOWN_CHARS = 1000
MAX_COUNTED = 1 << 19  # rows of name, client and hour held in memory
MAX_PARTS = 64  # counts of batches that are not added up yet
MAX_CLIENTS = 1 << 18  # hashes held

ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?:%\w+)?"


def sniffer(pattern: str) -> Callable[[bytes], bool]:
    """Whether a line among the first matches."""
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda sample: (
        compiled.search(_text(sample.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))) is not None
    )


def batches(source: Source) -> Iterator[tuple[pa.RecordBatch, list[Rejects]]]:
    """Lines that are not blank as columns `line` (number) and `text`; longer ones than 1 MiB are rejects."""
    for first, lines in source.lines():
        rejects = Rejects()
        for i, line in enumerate(lines):
            if len(line) > MAX_LINE_BYTES:
                rejects.add(first + i, "line_too_long", masked(_text(line[:SHOWN_CHARS])))
                lines[i] = b""
        if first == 1:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        numbers = pa.array(range(first, first + len(lines)), pa.int64())
        batch = pa.record_batch({"line": numbers, "text": _texts(lines)})
        yield batch.filter(pc.match_substring_regex(batch["text"], r"\S")), [rejects] if rejects.lines else []


def fields(batch: pa.RecordBatch, pattern: str) -> pa.RecordBatch:
    """The batch with a column for each named group, null where a line does not match."""
    found = pc.extract_regex(batch["text"], pattern)
    # A struct's nulls are its own; flatten puts them into the columns.
    columns = dict(zip((field.name for field in found.type), found.flatten(), strict=True))
    return pa.record_batch({"line": batch["line"], "text": batch["text"], **columns})


def rejected(batch: pa.RecordBatch, reason: pa.Array | str) -> Iterator[Rejects]:
    """The lines that have a reason, addresses masked; all, if the reason is a word."""
    if isinstance(reason, str):
        reason = pa.repeat(pa.scalar(reason), len(batch))
    bad = pc.is_valid(reason)
    if not pc.any(bad).as_py():
        return
    batch, rejects = batch.filter(bad), Rejects()
    for line, why, text in zip(
        batch["line"].to_pylist(), reason.filter(bad).to_pylist(), batch["text"].to_pylist(), strict=True
    ):
        rejects.add(line, why, masked(text[:SHOWN_CHARS]))
    yield rejects


def unlike(text: pa.Array, line: str, record: str) -> pa.Array:
    """Why lines that were not read are refused: they are none of the log's at all (`line`), or such as a
    record should be (`record`). The others tell of something else, and have no reason."""
    told = pc.match_substring_regex(text, line)
    broken = pc.match_substring_regex(text, record)
    null = pa.scalar(None, pa.string())
    return pc.if_else(broken, "bad_query", pc.if_else(told, null, "not_a_log_line"))


def questions(batch: pa.RecordBatch, kind: str) -> pa.RecordBatch:
    """The lines that are queries; in a batch that has none, the replies."""
    asked = pc.equal(batch["kind"], kind)
    return batch.filter(asked) if pc.any(asked).as_py() else batch


def not_internet(classes: pa.Array) -> pa.Array:
    """A reason where the class is not IN, but CH, say, for `version.bind`."""
    return pc.if_else(pc.equal(classes, "IN"), pa.scalar(None, pa.string()), "class_not_in")


class QueryCounts:
    """Queries counted by name, client and hour (by second and type where `exact`). A pair may come in several
    rows for one hour, whose counts add up."""

    def __init__(self, source: Source, options: Options) -> None:
        self._source, self._options = source, options
        self._hashes: dict[str, str] = {}
        self._parts: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch, seconds: pa.Array, *, refused: pa.Array | None = None) -> pa.Array:
        """Count the queries of a batch with columns name and client; the reason of each that is not counted.

        Args:
            seconds: when each was asked.
            refused: why rows are not to be counted, null where they are.
        """
        names = canonicalize(batch["name"].dictionary_encode())
        reason = first_reason(
            [
                names.reason,
                *([] if refused is None else [refused]),
                pc.if_else(pc.equal(batch["client"], ""), "no_client", pa.scalar(None, pa.string())),
                date_reason(seconds, self._options.now_seconds),
            ]
        )
        columns = {
            "name": names.names,
            "client": self._hashed(batch["client"]),
            "hour": _floor(seconds, self._options.period_seconds),
        }
        if self._options.exact:
            columns["rrtype"] = batch["type" if "type" in batch.schema.names else "query_type"]
        counted = pa.table(columns | {"count": pa.repeat(pa.scalar(1, pa.int64()), len(batch))})
        self._parts.append(_summed(counted.filter(pc.is_null(reason))))
        if len(self._parts) >= MAX_PARTS:
            self._parts = [_summed(pa.concat_tables(self._parts))]
        return reason

    def rows(self, at_least: int = 1) -> Iterator[Rows]:
        """What has been counted since it was last told, if that is so many rows."""
        if sum(map(len, self._parts)) < at_least:
            return
        table, self._parts = _summed(pa.concat_tables(self._parts)), []
        hour = seconds_to_time(table["hour"], self._options.now_seconds)
        table = table.set_column(table.schema.get_field_index("hour"), "hour", hour)
        said_by = pa.repeat(pa.scalar(self._options.source or self._source.stem), len(table))
        yield Rows("queries", table.append_column("source", said_by))

    def _hashed(self, clients: pa.Array) -> pa.Array:
        coded = clients.dictionary_encode()
        words = [word for word in coded.dictionary.to_pylist() if word]
        if len(self._hashes) + len(words) > MAX_CLIENTS:
            self._hashes.clear()
        new = [word for word in words if word not in self._hashes]
        if new:
            self._hashes.update(zip(new, self._options.clients(new), strict=True))
        hashes = [self._hashes.get(word) for word in coded.dictionary.to_pylist()]
        return pa.array(hashes, pa.string()).take(coded.indices)


def answer_rows(
    name: pa.Array, rrtype: pa.Array, rdata: pa.Array, seconds: pa.Array, source: Source, options: Options
) -> tuple[Rows, pa.Array]:
    """Resolutions of some answers, those of one hour in one row, and why answers are refused."""
    table, reason = resolutions(name, rrtype, rdata, seconds, seconds, now=options.now_seconds)
    table = table.append_column("hour", _floor(seconds)).filter(pc.is_null(reason))
    table = table.set_column(1, "rrtype", table["rrtype"].cast(pa.string()))
    grouped = table.group_by(["name", "rrtype", "rdata", "hour"], use_threads=False).aggregate(
        [("first_seen", "min"), ("last_seen", "max"), ([], "count_all")]
    )
    said_by = pa.repeat(pa.scalar(options.source or source.stem), len(grouped))
    kept = {
        "name": grouped["name"],
        "rrtype": grouped["rrtype"],
        "rdata": grouped["rdata"],
        "first_seen": grouped["first_seen_min"],
        "last_seen": grouped["last_seen_max"],
        "count": grouped["count_all"],
        "captured_at": grouped["last_seen_max"],
        "source": said_by,
    }
    return Rows("resolutions", pa.table(kept)), reason


def _floor(seconds: pa.Array, length: int = SECONDS_PER_HOUR) -> pa.Array:
    return pc.multiply(pc.divide(seconds, length), length)


def _summed(counted: pa.Table) -> pa.Table:
    keys = [name for name in counted.column_names if name != "count"]
    grouped = counted.group_by(keys, use_threads=False).aggregate([("count", "sum")])
    return grouped.rename_columns({"count_sum": "count"})


def _texts(lines: list[bytes]) -> pa.Array:
    """Lines as strings; bytes that are no UTF-8 become U+FFFD."""
    try:
        return pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(line) for line in lines], pa.string())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
