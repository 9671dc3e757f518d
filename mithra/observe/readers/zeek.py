"""Zeek's dns.log, ssl.log and x509.log, as tab-separated text or JSON lines.

What a record is shows in the fields that it has, not in the file's name. Queries are counted by client and
hour, the client hashed; NetBIOS names (port 137) are no DNS. How answers become resolutions is told in
zeekdns.py; a list of answers that leaves doubt is one reject, and its query still counts. ssl.log names a
certificate's host where Zeek found that it matches the name that the client asked for; the address that
served it is no DNS answer and is left out, as is an ssl.log without fingerprints.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError
from mithra.names import canonicalize
from mithra.observe.convert import to_moments, to_numbers, to_reals
from mithra.observe.hourly import EXCERPT_BYTES, Facts, tabulate, tell, without_persons
from mithra.observe.readers import jsonfile
from mithra.observe.readers.jsonlines import Column, read_columns
from mithra.observe.readers.zeekdns import offsets, resolved
from mithra.observe.records import first_reason, where
from mithra.observe.source import MAX_LINE_BYTES, Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

ROWS_PER_BATCH = 1 << 15
NETBIOS_PORT = 137

_TEXT, _NUMBER, _TEXTS = pa.string(), pa.int64(), pa.list_(pa.string())


def _column(kind: pa.DataType, name: str) -> Column:
    """A field; JSON made by other tools than Zeek nests what has dots in its name."""
    nested = tuple(name.split("."))
    return Column(kind, ((name,), nested) if len(nested) > 1 else ((name,),))


COLUMNS = {
    "ts": _column(_TEXT, "ts"),
    "client": _column(_TEXT, "id.orig_h"),
    "port": _column(_NUMBER, "id.resp_p"),
    "query": _column(_TEXT, "query"),
    "qclass": _column(_NUMBER, "qclass"),
    "qtype": _column(_NUMBER, "qtype"),
    "qtype_name": _column(_TEXT, "qtype_name"),
    "rcode": _column(_NUMBER, "rcode"),
    "rcode_name": _column(_TEXT, "rcode_name"),
    "answers": _column(_TEXTS, "answers"),
    "ttls": _column(pa.list_(pa.float64()), "TTLs"),
    "fingerprint": _column(_TEXT, "fingerprint"),
    "subject": _column(_TEXT, "certificate.subject"),
    "issuer": _column(_TEXT, "certificate.issuer"),
    "serial": _column(_TEXT, "certificate.serial"),
    "not_before": _column(_TEXT, "certificate.not_valid_before"),
    "not_after": _column(_TEXT, "certificate.not_valid_after"),
    "names": _column(_TEXTS, "san.dns"),
    "server_name": _column(_TEXT, "server_name"),
    "matches": _column(_TEXT, "sni_matches_cert"),
    "chain": _column(_TEXTS, "cert_chain_fps"),
}
SHARED = frozenset({"ts", "client", "port"})
# The first column of each log, and fields that only it has.
LOGS = {
    "query": ({"qtype_name"}, {"query", "qtype"}, {"rcode_name", "trans_id"}),
    "fingerprint": ({"certificate.subject"}, {"certificate.issuer"}),
    "server_name": (
        {"cert_chain_fps"},
        {"cert_chain_fuids"},
        {"ssl_history"},
        {"server_name", "established"},
    ),
}

_ESCAPED = re.compile(rb"\\(x[0-9A-Fa-f]{2}|\\)")


def sniff_zeek_tsv(sample: bytes) -> bool:
    """A #fields line with the fields of one of the three logs."""
    head = _Header()
    for line in sample.splitlines():
        if line.startswith(b"#"):
            head = head.with_line(line.decode("utf-8", "replace"))
            if _log(head.fields) is not None:
                return True
    return False


def read_zeek_tsv(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of logs in Zeek's own format; several may follow each other in one file.

    Raises:
        FormatError: gzip data cut short, or a last line that is cut short in a log without `#close`.
    """
    head, batch, left_out = _Header(), _Batch(), Counter[str]()
    for first, lines in source.lines():
        for number, line in enumerate(lines, first):
            if number == 1:
                line = line.removeprefix(jsonfile.BOM)
            if line[:1] == b"#" and len(line) <= MAX_LINE_BYTES:
                yield from _flushed(batch, head, source, options, left_out)
                head = head.with_line(line.decode("utf-8", "replace"))
                batch = _Batch()
                continue
            if head.take_row(number, line, batch) and len(batch.rows) >= ROWS_PER_BATCH:
                yield from _flushed(batch, head, source, options, left_out)
                batch = _Batch()
    if batch.rejects.lines and batch.rejects.lines[-1] == batch.last and not head.closed and _cut(source):
        raise FormatError(
            "the last line is cut short, and no #close follows it",
            file=source.path,
            hint="Fetch the file again, or wait until Zeek has closed it",
        )
    yield from _flushed(batch, head, source, options, left_out)
    tell(source, left_out)


def sniff_zeek_json(sample: bytes) -> bool:
    """An object among the first with the fields of one of the three logs."""
    return bool(_logs(sample))


def read_zeek_json(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of logs as JSON lines."""
    left_out = Counter[str]()
    yield from read_columns(
        source,
        COLUMNS,
        lambda batch: _convert(batch, source, options, left_out),
        without_persons,
        left_out=_columns_of_others(source.sample),
        shared=SHARED,
    )
    tell(source, left_out)


_FIELDS = (
    *("ts", "id.orig_h", "id.resp_p", "query", "qclass", "qtype_name", "rcode_name", "answers", "TTLs"),
    *("fingerprint", "certificate.*", "san.dns", "server_name", "cert_chain_fps", "sni_matches_cert"),
)

READERS = [
    Reader(
        "zeek",
        1,
        ("queries", "resolutions", "certificates"),
        sniff_zeek_tsv,
        read_zeek_tsv,
        about="Zeek's dns.log, ssl.log and x509.log as tables, with any columns",
        example="#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
        "#fields\tts\tid.orig_h\tid.resp_p\tquery\tqclass\tqtype_name\trcode_name\tanswers\tTTLs\n"
        "#types\ttime\taddr\tport\tstring\tcount\tstring\tstring\tvector[string]\tvector[interval]\n"
        "1767225600.1\t192.0.2.7\t53\twww.example.com\t1\tA\tNOERROR\t198.51.100.1\t300.0\n",
        fields=_FIELDS,
    ),
    Reader(
        "zeek-json",
        1,
        ("queries", "resolutions", "certificates"),
        sniff_zeek_json,
        read_zeek_json,
        about="Zeek's dns.log, ssl.log and x509.log as JSON lines, times in seconds or ISO 8601",
        example='{"ts":1767225600.1,"id.orig_h":"192.0.2.7","id.resp_p":53,"query":"www.example.com","qclass":1,'
        '"qtype_name":"A","rcode_name":"NOERROR","answers":["198.51.100.1"],"TTLs":[300.0]}\n',
        fields=_FIELDS,
    ),
]


@dataclass
class _Batch:
    """Lines under one header, split into the fields of COLUMNS that the header has."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)
    last: int = 0


class _Header:
    """What the lines that begin with # say of those that follow."""

    def __init__(self) -> None:
        self.separator, self.set_separator, self.empty, self.unset = "\t", ",", "(empty)", "-"
        self.fields: list[str] = []
        self.closed = True
        self.found: dict[str, int] = {}  # our column: its place in a row
        self._pick: Any = None

    def with_line(self, line: str) -> _Header:
        """The header after one more of its lines; a new one where a log begins."""
        if line.startswith("#separator"):
            new = _Header()
            new.separator = _plain(line[len("#separator") :].strip(" ")) or "\t"
            return new
        key, *values = line.split(self.separator)
        value = values[0] if values else ""
        if key == "#set_separator":
            self.set_separator = _plain(value) or ","
        elif key == "#empty_field":
            self.empty = value
        elif key == "#unset_field":
            self.unset = value
        elif key == "#fields":
            self.fields, self.closed = values, False
            places = {c.paths[0][0]: name for name, c in COLUMNS.items()}
            at = [(places[name], i) for i, name in enumerate(values) if name in places]
            self.found = {name: place for place, (name, _) in enumerate(at)}
            picked = [i for _, i in at]
            self._pick = itemgetter(*picked, 0) if picked else itemgetter(0, 0)
        elif key == "#close":
            self.closed = True
        return self

    def take_row(self, number: int, line: bytes, batch: _Batch) -> bool:
        """A line that begins with no #; whether it is one more row."""
        reason = "line_too_long" if len(line) > MAX_LINE_BYTES else None if self.fields else "no_header"
        cells = [] if reason else line.decode("utf-8", "replace").split(self.separator)
        if reason is None and len(cells) != len(self.fields):
            reason = "wrong_column_count"
        if reason and line.strip():
            batch.rejects.add(number, reason, without_persons(line))
            batch.last = number
        if reason:
            return False
        batch.last = number
        batch.rows.append(self._pick(cells))
        batch.numbers.append(number)
        batch.raw.append(line[:EXCERPT_BYTES])
        return True

    def batch(self, rows: list[tuple[str, ...]]) -> pa.RecordBatch:
        """The rows as COLUMNS wants them."""
        cells = list(zip(*rows, strict=True))
        arrays = []
        for name, column in COLUMNS.items():
            if name not in self.found:
                arrays.append(pa.nulls(len(rows), column.type))
                continue
            text = pa.array(cells[self.found[name]], pa.string())
            arrays.append(self._typed(pc.if_else(pc.equal(text, self.unset), None, text), column.type))
        return pa.RecordBatch.from_arrays(arrays, names=list(COLUMNS))

    def _typed(self, text: pa.Array, kind: pa.DataType) -> pa.Array:
        if pa.types.is_list(kind):
            text = pc.if_else(pc.equal(text, self.empty), None, text)
            lists = pc.split_pattern(text, self.set_separator)
            flat = self._typed(pc.list_flatten(lists), kind.value_type)
            return pa.ListArray.from_arrays(offsets(lists), flat, mask=pc.is_null(lists))
        if pa.types.is_integer(kind):
            return to_numbers(text)
        if pa.types.is_floating(kind):
            return to_reals(text)
        if pc.any(pc.match_substring(text, "\\")).as_py():
            text = pa.array([t if t is None or "\\" not in t else _plain(t) for t in text.to_pylist()])
        return pc.if_else(pc.equal(text, self.empty), "", text)


def _log(fields: Iterable[str]) -> str | None:
    """The log that has these fields, by its first column."""
    have = set(fields)
    found = [log for log, marks in LOGS.items() if any(mark <= have for mark in marks)]
    return found[0] if "ts" in have and found else None


def _logs(sample: bytes) -> set[str]:
    """The logs that the first lines of a file are of."""
    found = set()
    for record in jsonfile.first_records(sample):
        inner = {
            f"{key}.{part}" for key, value in record.items() if isinstance(value, dict) for part in value
        }
        found.add(_log(record.keys() | inner))
    return {log for log in found if log is not None}


def _columns_of_others(sample: bytes) -> frozenset[str]:
    """Columns of logs that a file does not begin with, none in a stream of several (they state `_path`)."""
    logs = set(LOGS) if b'"_path"' in sample else _logs(sample) or set(LOGS)
    others, log = set[str](), "query"
    for name in COLUMNS:
        log = name if name in LOGS else log
        if log not in logs and name not in SHARED:
            others.add(name)
    return frozenset(others)


def _plain(text: str) -> str:
    r"""Without Zeek's escapes: `\x09` for a byte, `\\` for a backslash."""

    def byte(found: re.Match[bytes]) -> bytes:
        return b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)])

    return _ESCAPED.sub(byte, text.encode()).decode("utf-8", "replace")


def _flushed(
    batch: _Batch, head: _Header, source: Source, options: Options, left_out: Counter[str]
) -> Iterator[Rows | Rejects]:
    if batch.rows:
        found, reasons = _convert(head.batch(batch.rows), source, options, left_out)
        yield from found
        for number, raw, why in zip(batch.numbers, batch.raw, reasons.to_pylist(), strict=True):
            if why is not None:
                batch.rejects.add(number, why, without_persons(raw))
    if batch.rejects.lines:
        yield batch.rejects


def _cut(source: Source) -> bool:
    """Whether the file does not end with a line's end. (Of packed data gzip's own end tells.)"""
    with source.open() as stream:
        if source.packing:
            return False
        stream.seek(-1, 2)
        return stream.read(1) != b"\n"


def _convert(
    batch: pa.RecordBatch, source: Source, options: Options, left_out: Counter[str]
) -> tuple[list[Rows], pa.Array]:
    """Rows of a batch with COLUMNS, and why records are refused."""
    seconds = to_moments(batch["ts"])
    query = batch["query"].dictionary_encode()
    names = pc.if_else(pc.equal(query.dictionary, ""), ".", query.dictionary)  # Zeek's way to log the root
    query = pa.DictionaryArray.from_arrays(query.indices, names)
    batch = batch.set_column(batch.schema.get_field_index("query"), "query", query)
    netbios = pc.fill_null(pc.equal(batch["port"], NETBIOS_PORT), False)
    left_out["NetBIOS queries"] += pc.sum(pc.and_(netbios, pc.is_valid(batch["query"]))).as_py() or 0
    asked, client = (
        np.flatnonzero(pc.and_not(pc.is_valid(query), netbios)),
        batch["client"].dictionary_encode(),
    )
    at = pa.array(asked)
    examined = canonicalize(query.dictionary)
    columns = {"name": query.take(at), "client": client.take(at)}
    facts = [Facts("queries", asked, seconds.take(at), columns, examined)]
    answers, doubtful = resolved(batch, seconds, pc.invert(netbios), examined)
    facts += [answers, _logged(batch, seconds), _presented(batch, seconds)]
    rows, reason = tabulate(facts, batch.num_rows, source.stem, options, left_out)
    used = np.zeros(batch.num_rows, dtype=bool)
    for fact in facts:
        used[fact.record] = True
    left_out["records of no use"] += int((~used).sum())
    return rows, first_reason([where(pc.is_null(seconds), "no_date"), reason, doubtful])


def _logged(batch: pa.RecordBatch, seconds: pa.Array) -> Facts:
    """Certificates of x509.log."""
    record = np.flatnonzero(pc.or_(pc.is_valid(batch["fingerprint"]), pc.is_valid(batch["subject"])))
    at = pa.array(record)
    columns = {k: batch[k].take(at) for k in ("fingerprint", "names", "subject", "issuer", "serial")}
    for name in ("not_before", "not_after"):
        columns[name] = to_moments(batch[name].take(at))
    return Facts("certificates", record, seconds.take(at), columns)


def _presented(batch: pa.RecordBatch, seconds: pa.Array) -> Facts:
    """Certificates of ssl.log that Zeek found to match the name asked for."""
    matches = pc.is_in(batch["matches"], value_set=pa.array(["T", "true"]))
    there = pc.and_(pc.is_valid(batch["server_name"]), pc.greater(pc.list_value_length(batch["chain"]), 0))
    record = np.flatnonzero(pc.and_(matches, pc.fill_null(there, False)))
    at = pa.array(record)
    none, dates = pa.nulls(len(record), pa.string()), pa.nulls(len(record), pa.int64())
    columns = {
        "fingerprint": pc.list_element(batch["chain"].take(at), 0),
        "names": pa.ListArray.from_arrays(
            np.arange(len(record) + 1, dtype=np.int32), batch["server_name"].take(at)
        ),
        "subject": none,
        "issuer": none,
        "serial": none,
        "not_before": dates,
        "not_after": dates,
    }
    return Facts("certificates", record, seconds.take(at), columns)
