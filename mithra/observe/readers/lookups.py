"""Lookups seen on the wire, added up to rows of resolutions and queries.

Equal records of a batch become one row with first and last sight, their count and the largest TTL (a cache
counts down from it). A lookup counts once in queries: by its query, or by its response where no query of that
client, port, id and question is in the file, before or after it.
"""

from __future__ import annotations

import socket
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import canonicalize
from mithra.observe.readers.dnsmessage import IN, TC, BadMessageError, Message, parse_message, type_text
from mithra.observe.readers.responses import judge
from mithra.observe.records import resolutions, seconds_to_time
from mithra.observe.source import Options, Rejects, Rows, Source

__all__ = ["Lookups", "Recent"]

ROWS_PER_BATCH = 100_000
CHARS_PER_BATCH = 1 << 25
REJECTS_PER_BATCH = 10_000
RECENT = 1 << 15
MAX_CLIENTS = 1 << 16
MAX_TTL = (1 << 31) - 1
SHOWN_OCTETS = 32  # of a bad message: too few to reach the client's subnet (RFC 7871)

T = TypeVar("T")


class Recent(Generic[T]):
    """A dict that forgets: it holds the last 32,768 keys at least, and twice as many at most."""

    def __init__(self) -> None:
        self._young: dict[Hashable, T] = {}
        self._old: dict[Hashable, T] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._young or key in self._old

    def pop(self, key: Hashable, default: T) -> T:
        """The value, which is forgotten."""
        return self._young.pop(key) if key in self._young else self._old.pop(key, default)

    def put(self, key: Hashable, value: T) -> None:
        """Remember a value."""
        if len(self._young) >= RECENT:
            self._young, self._old = {}, self._young
        self._young[key] = value


@dataclass
class _LeftOut:
    number: int  # of the first
    what: str
    count: int = 0


class Lookups:
    """Messages go in one by one, rows come out in batches. A message is told by its `number` in the file."""

    def __init__(self, source: Source, options: Options) -> None:
        self._said_by = options.source or source.stem
        self._options, self._now = options, options.now_seconds
        self._records: dict[tuple[str, int, str], list[int]] = {}  # first, last, count, ttl, number
        # by name, client, hour and, where `exact`, type: count, number
        self._queries: dict[tuple[str, str, int, int], list[int]] = {}
        self._unpaired: Recent[int] = Recent()  # queries less responses
        self._clients: dict[bytes, str] = {}
        self._left_out: dict[str, _LeftOut] = {}  # by reason
        self._chars = 0  # of names and rdata held
        self._rejects = Rejects()

    @property
    def full(self) -> bool:
        """Whether it is time to ask for `rows`."""
        return (
            len(self._records) >= ROWS_PER_BATCH
            or len(self._queries) >= ROWS_PER_BATCH
            or self._chars >= CHARS_PER_BATCH
            or len(self._rejects.lines) >= REJECTS_PER_BATCH
        )

    def read(self, number: int, seconds: int, wire: bytes) -> Message | None:
        """The message, if it is a lookup of class IN in a time that was."""
        if not 0 < seconds <= self._now:
            late = seconds > self._now
            self.set_aside(number, "date_in_future" if late else "date_not_after_1970", str(seconds))
            return None
        try:
            message = parse_message(wire)
        except BadMessageError as bad:
            self.set_aside(number, str(bad), _shown(wire))
            return None
        if message.opcode:
            self.leave_out("not_a_lookup", number, f"opcode {message.opcode}")
        elif message.questions != 1:
            self.leave_out("not_one_question", number, f"{message.questions} questions")
        elif message.qclass != IN:
            self.leave_out("not_class_in", number, message.qname)
        else:
            return message
        return None

    def query(
        self, number: int, seconds: int, message: Message, client: bytes, key: Hashable, counts: bool = True
    ) -> None:
        """A query; `key` is what its response has in common with it."""
        unpaired = self._unpaired.pop(key, 0)
        if unpaired != -1:
            self._unpaired.put(key, unpaired + 1)
        if counts and unpaired >= 0:
            self._count(number, seconds, message, client)

    def asked(
        self,
        number: int,
        seconds: int,
        message: Message,
        client: bytes,
        key: Hashable,
        *,
        alone: bool = True,
        counts: bool = True,
    ) -> bool:
        """Whether a response was asked for. If it may stand `alone`, it counts for a query not seen."""
        unpaired = self._unpaired.pop(key, 0)
        if unpaired <= 0 and not alone:
            return False
        if unpaired != 1:
            self._unpaired.put(key, unpaired - 1)
        if counts and unpaired <= 0:
            self._count(number, seconds, message, client)
        return True

    def response(
        self, number: int, seconds: int, message: Message, *, recursive: bool, zone: str | None = None
    ) -> None:
        """The records of a response; one that failed has none, a truncated one is void (RFC 2181, 9)."""
        if message.rcode:
            return
        if message.flags & TC:
            if message.answer or message.authority:
                self.leave_out("truncated_response", number, message.qname)
            return
        try:
            judged = list(judge(message, recursive=recursive, zone=zone))
        except BadMessageError as bad:
            self.set_aside(number, str(bad), _shown(message.wire))
            return
        for record, rdata, fault in judged:
            if fault is not None:
                self.leave_out(fault, number, f"{record.owner} {type_text(record.rrtype)}")
                continue
            key = (record.owner, record.rrtype, rdata)
            ttl = record.ttl if record.ttl <= MAX_TTL else 0  # RFC 2181, 8
            seen = self._records.get(key)
            if seen is None:
                self._records[key] = [seconds, seconds, 1, ttl, number]
                self._chars += len(record.owner) + len(rdata)
            else:
                first, last, count, largest, line = seen
                seen[:] = min(first, seconds), max(last, seconds), count + 1, max(largest, ttl), line

    def set_aside(self, number: int, reason: str, what: str) -> None:
        """One reject."""
        self._rejects.add(number, reason, what)

    def leave_out(self, reason: str, number: int, what: str) -> None:
        """One more of what is not kept by rule; all of a reason make one reject at the end."""
        told = self._left_out.setdefault(reason, _LeftOut(number, what))
        told.count += 1

    def rows(self) -> Iterator[Rows | Rejects]:
        """What has come together since the last time."""
        if self._records:
            yield self._resolution_rows()
        if self._queries:
            yield self._query_rows()
        if self._rejects.lines:
            yield self._rejects
        self._records, self._queries, self._rejects, self._chars = {}, {}, Rejects(), 0

    def end(self) -> Iterator[Rows | Rejects]:
        """The last rows, and what was left out."""
        for reason, told in sorted(self._left_out.items()):
            self.set_aside(told.number, reason, f"{told.count} left out, the first: {told.what}")
        yield from self.rows()

    def _count(self, number: int, seconds: int, message: Message, client: bytes) -> None:
        if client not in self._clients:
            if len(self._clients) >= MAX_CLIENTS:
                self._clients.clear()
            self._clients[client] = self._options.clients([_address(client)])[0]
        hour = seconds - seconds % self._options.period_seconds
        key = (message.qname, self._clients[client], hour, message.qtype if self._options.exact else 0)
        told = self._queries.setdefault(key, [0, number])
        told[0] += 1

    def _resolution_rows(self) -> Rows:
        keys = list(self._records)
        first, last, count, ttl, numbers = (
            pa.array(column, pa.int64()) for column in zip(*self._records.values(), strict=True)
        )
        names, rdata = (pa.array([key[i] for key in keys], pa.string()) for i in (0, 2))
        types = pa.array([type_text(kind) for _, kind, _ in keys], pa.string())
        table, reason = resolutions(names, types, rdata, first, last, now=self._now)
        columns = {"count": count, "ttl": ttl, "captured_at": table["last_seen"]}
        for column, values in columns.items():
            table = table.append_column(column, values)
        shown = [f"{name} {type_text(kind)} {value}" for name, kind, value in keys]
        return self._kept("resolutions", table, reason, numbers, shown)

    def _query_rows(self) -> Rows:
        keys = list(self._queries)
        found = canonicalize(pa.array([name for name, *_ in keys], pa.string()))
        hours = pa.array([hour for _, _, hour, _ in keys], pa.int64())
        count, numbers = (
            pa.array(column, pa.int64()) for column in zip(*self._queries.values(), strict=True)
        )
        table = pa.table(
            {
                "name": found.names,
                "client": pa.array([client for _, client, *_ in keys], pa.string()),
                "hour": seconds_to_time(hours, self._now),
                "count": count,
            }
        )
        if self._options.exact:
            table = table.append_column(
                "rrtype", pa.array([type_text(kind) for *_, kind in keys], pa.string())
            )
        shown = [f"queries for {name}" for name, *_ in keys]
        return self._kept("queries", table, found.reason, numbers, shown)

    def _kept(
        self, name: str, table: pa.Table, reason: pa.Array, numbers: pa.Array, shown: list[str]
    ) -> Rows:
        for row, why in enumerate(reason.to_pylist() if reason.null_count < len(reason) else ()):
            if why is not None:
                self.set_aside(numbers[row].as_py(), why, shown[row])
        table = table.append_column("source", pa.repeat(pa.scalar(self._said_by), len(table)))
        return Rows(name, table.filter(pc.is_null(reason)))


def _address(packed: bytes) -> str:
    """The text of an address of 4 or 16 octets."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _shown(wire: bytes) -> str:
    return f"{len(wire)} octets: {wire[:SHOWN_OCTETS].hex()}"
