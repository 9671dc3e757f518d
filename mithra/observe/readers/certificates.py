"""Certificates: entries of Certificate Transparency logs as JSON, and PEM or DER files.

JSON comes in the shapes of certstream, Cert Spotter and crt.sh, or raw as a log gives it (RFC 6962, 4.6);
fields are found by their names, and a certificate that is there in DER is read itself. `seen_at` is when a
log took the certificate or a monitor saw it there: what the entry says, else the first timestamp that a log
signed into the certificate, else what the caller states. The begin of its validity may lie before all those.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError, InputError
from mithra.observe.certs import of_der
from mithra.observe.convert import to_moments
from mithra.observe.hourly import Facts, tabulate, tell
from mithra.observe.readers import examples, jsonfile
from mithra.observe.readers.jsonlines import Column, read_columns
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

MAX_DER_BYTES = 1 << 20
CERTIFICATES_PER_BATCH = 1 << 13
X509_ENTRY, PRECERT_ENTRY = 0, 1
MILLISECONDS = 1000

_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_LEAF = ("data", "leaf_cert")


def _column(kind: pa.DataType, *paths: str) -> Column:
    found = [tuple(path.split(".")) for path in paths]
    return Column(kind, tuple(_LEAF + path[1:] if path[0] == "leaf" else path for path in found))


COLUMNS = {
    "seen_at": _column(_TEXT, "data.seen", "entry_timestamp", "seen_at", "logged_at", "seen"),
    "fingerprint": _column(
        _TEXT,
        "leaf.sha256",
        "cert_sha256",
        "cert.sha256",
        "sha256",
        "fingerprint_sha256",
        "leaf.fingerprint",
        "fingerprint",
    ),
    "names": _column(_TEXTS, "leaf.all_domains", "dns_names", "all_domains"),
    "lines": _column(_TEXT, "name_value"),  # crt.sh: a name a line
    "subject": _column(_TEXT, "leaf.subject", "common_name", "subject"),
    "issuer": _column(_TEXT, "leaf.issuer", "issuer_name", "issuer"),
    "serial": _column(_TEXT, "leaf.serial_number", "serial_number"),
    "not_before": _column(_TEXT, "leaf.not_before", "not_before"),
    "not_after": _column(_TEXT, "leaf.not_after", "not_after"),
    "der": _column(_TEXT, "leaf.as_der", "cert_der", "cert.data"),
    "leaf_input": _column(_TEXT, "leaf_input"),
    "extra_data": _column(_TEXT, "extra_data"),
    "message_type": _column(_TEXT, "message_type"),
}
_SAID = ("fingerprint", "names", "subject", "issuer", "serial", "not_before", "not_after", "seen_at")
_TYPES = {name: pa.int64() if name in _SAID[5:] else COLUMNS[name].type for name in _SAID}
MARKS = (
    {"leaf_input"},
    {"dns_names", "not_before"},
    {"dns_names", "tbs_sha256"},
    {"name_value", "issuer_name"},
    {"name_value", "entry_timestamp"},
)

_BEGIN = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_END = b"-----END"


def sniff_ct(sample: bytes) -> bool:
    """Entries of a log in one of the known shapes."""
    for record in jsonfile.first_records(sample):
        leaf = record.get("data")
        if any(mark <= record.keys() for mark in MARKS) or (isinstance(leaf, dict) and "leaf_cert" in leaf):
            return True
    return (
        sample.lstrip().startswith((b"{", b"[")) and b'"leaf_input"' in sample and b'"extra_data"' in sample
    )


def read_ct(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Certificates of a log's entries.

    Raises:
        InputError: no entry says when it was logged, nor does the caller.
    """
    reader = _Certificates(source, options)
    yield from read_columns(source, COLUMNS, reader.of_entries, _shown, _entries)
    reader.finish()


def sniff_pem(sample: bytes) -> bool:
    """The line that begins a certificate."""
    return _BEGIN.search(sample) is not None


def read_pem(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Certificates of a PEM file (RFC 7468); keys and all else in it are passed over.

    Raises:
        FormatError: the last certificate is cut short.
        InputError: no certificate says when it was logged, nor does the caller.
    """
    yield from _each(source, options, _pem_blocks(source))


def sniff_der(sample: bytes) -> bool:
    """Two ASN.1 sequences, one in the other, as a certificate begins."""
    return re.match(rb"0(?:\x81.|\x82..|\x83...)0[\x81\x82\x83]", sample, re.DOTALL) is not None


def read_der(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Certificates in DER, one after the other.

    Raises:
        FormatError: the last certificate is cut short.
        InputError: no certificate says when it was logged, nor does the caller.
    """
    yield from _each(source, options, _der_blocks(source))


_FIELDS = ("subjectAltName", "subject", "issuer", "serial", "validity", "signed certificate timestamps")

READERS = [
    Reader(
        "ct",
        1,
        ("certificates",),
        sniff_ct,
        read_ct,
        about="Certificate transparency logs: certstream, Cert Spotter, crt.sh and get-entries (RFC 6962)",
        example='{"issuer_name":"C=US, O=Example CA, CN=R1","name_value":"example.com\\nwww.example.com",'
        '"entry_timestamp":"2026-01-02T03:04:05.1","not_before":"2026-01-01T00:00:00",'
        '"not_after":"2026-04-01T00:00:00","serial_number":"0a0b"}\n',
        fields=(
            *("all_domains", "dns_names", "name_value", "issuer", "serial_number", "not_before", "not_after"),
            *("seen", "entry_timestamp", "fingerprint", "cert_sha256", "leaf_input", "extra_data"),
        ),
    ),
    Reader(
        "pem",
        1,
        ("certificates",),
        sniff_pem,
        read_pem,
        about="X.509 certificates in PEM, one or many",
        example=lambda: (
            b"-----BEGIN CERTIFICATE-----\n"
            + base64.encodebytes(examples.certificate())
            + b"-----END CERTIFICATE-----\n"
        ),
        fields=_FIELDS,
    ),
    Reader(
        "der",
        1,
        ("certificates",),
        sniff_der,
        read_der,
        about="X.509 certificates in DER, one after the other",
        example=examples.certificate,
        fields=_FIELDS,
    ),
]


class _Certificates:
    """Turns entries and certificates of one file into rows, and sees whether any was dated."""

    def __init__(self, source: Source, options: Options) -> None:
        self._source, self._options = source, options
        self._known_at = None if options.known_at is None else int(options.known_at.timestamp())
        self._left_out = Counter[str]()
        self._dated = self._undated = 0

    def of_entries(self, batch: pa.RecordBatch) -> tuple[list[Rows], pa.Array]:
        """Rows of a batch with COLUMNS, and why entries are refused."""
        columns = {name: batch[name] for name in _SAID}
        columns["names"] = pc.coalesce(batch["names"], pc.split_pattern(batch["lines"], "\n"))
        for name in _SAID[5:]:
            columns[name] = to_moments(batch[name])
        columns, damaged = _with_certificates(columns, batch)
        other = pc.invert(pc.fill_null(pc.equal(batch["message_type"], "certificate_update"), True))
        self._left_out["other messages"] += pc.sum(other).as_py() or 0
        empty = pc.and_(pc.is_null(columns["names"]), pc.is_null(columns["issuer"]))
        unknown = pc.if_else(pc.and_not(empty, other), "not_a_certificate", None)
        reasons = pc.coalesce(damaged, unknown.cast(_TEXT))
        used = np.flatnonzero(pc.and_not(pc.is_null(reasons), other))
        columns = {name: column.take(pa.array(used)) for name, column in columns.items()}
        rows, refused = self._rows(columns, used, batch.num_rows)
        return rows, pc.coalesce(reasons, refused)

    def of_der(self, found: list[dict[str, Any]]) -> tuple[list[Rows], pa.Array]:
        """Rows of parsed certificates, and why they are refused."""
        columns = {name: pa.array([each[name] for each in found], _TYPES[name]) for name in _SAID}
        return self._rows(columns, np.arange(len(found)), len(found))

    def finish(self) -> None:
        """The end of the file.

        Raises:
            InputError: it holds certificates, and none was dated.
        """
        tell(self._source, self._left_out)
        if self._undated and not self._dated:
            raise InputError(
                "these certificates do not say when they were logged or seen",
                file=self._source.path,
                hint="Ingest them by themselves with a date: --known-at 2026-06-01 (known_at= in Python)",
            )

    def _rows(self, columns: dict[str, pa.Array], used: Any, records: int) -> tuple[list[Rows], pa.Array]:
        seconds = columns.pop("seen_at")
        if self._known_at is not None:
            seconds = seconds.fill_null(self._known_at)
        self._undated += seconds.null_count
        self._dated += len(seconds) - seconds.null_count
        facts = Facts("certificates", used, seconds, columns)
        return tabulate([facts], records, self._source.stem, self._options, self._left_out)


def _with_certificates(
    columns: dict[str, pa.Array], batch: pa.RecordBatch
) -> tuple[dict[str, pa.Array], pa.Array]:
    """The columns, with what the entries' own certificates say; and a reason for each that is damaged."""
    raw = pc.or_(pc.is_valid(batch["der"]), pc.is_valid(batch["leaf_input"]))
    reasons: list[str | None] = [None] * batch.num_rows
    if not pc.any(raw).as_py():
        return columns, pa.array(reasons, _TEXT)
    said = {name: column.to_pylist() for name, column in columns.items()}
    entries = zip(*(batch[name].to_pylist() for name in ("der", "leaf_input", "extra_data")), strict=True)
    for i, entry in enumerate(entries):
        if entry[:2] == (None, None):
            continue
        try:
            found = _certificate(*entry)
        except (ValueError, FormatError):
            reasons[i] = "bad_certificate"
            continue
        if said["seen_at"][i] is not None:
            found["seen_at"] = said["seen_at"][i]
        for name in _SAID:
            said[name][i] = found[name]
    return {name: pa.array(said[name], _TYPES[name]) for name in _SAID}, pa.array(reasons, _TEXT)


def _certificate(der: str | None, leaf_input: str | None, extra_data: str | None) -> dict[str, Any]:
    """What an entry's certificate says; of a raw entry also when the log took it."""
    if leaf_input is None:
        return of_der(base64.b64decode(der or ""))
    leaf = base64.b64decode(leaf_input)
    if len(leaf) < 15 or leaf[:2] != b"\0\0":
        raise ValueError("no MerkleTreeLeaf of version 1 (RFC 6962, 3.4)")
    kind = int.from_bytes(leaf[10:12])
    if kind == X509_ENTRY:
        data = _vector(leaf[12:])
    elif kind == PRECERT_ENTRY:
        data = _vector(base64.b64decode(extra_data or ""))
    else:
        raise ValueError("entry of unknown type")
    return {**of_der(data), "seen_at": int.from_bytes(leaf[2:10]) // MILLISECONDS}


def _vector(data: bytes) -> bytes:
    """The first vector, with its length in three bytes before it (RFC 5246, 4.3)."""
    length = int.from_bytes(data[:3])
    if len(data) < 3 + length:
        raise ValueError("the entry is cut short")
    return data[3 : 3 + length]


def _each(
    source: Source, options: Options, blocks: Iterator[tuple[int, bytes | None]]
) -> Iterator[Rows | Rejects]:
    """Certificates of numbered blocks in DER; None is a block that is none."""
    reader = _Certificates(source, options)
    found, numbers, rejects = list[dict[str, Any]](), list[int](), Rejects()

    def flush() -> Iterator[Rows | Rejects]:
        rows, reasons = reader.of_der(found)
        yield from rows
        for number, why in zip(numbers, reasons.to_pylist(), strict=True):
            if why is not None:
                rejects.add(number, why, "a certificate")
        if rejects.lines:
            yield rejects

    for number, data in blocks:
        try:
            found.append(of_der(data or b""))
            numbers.append(number)
        except FormatError:
            rejects.add(number, "bad_certificate", f"{len(data or b'')} bytes")
        if len(found) + len(rejects.lines) >= CERTIFICATES_PER_BATCH:
            yield from flush()
            found, numbers, rejects = [], [], Rejects()
    yield from flush()
    reader.finish()


def _pem_blocks(source: Source) -> Iterator[tuple[int, bytes | None]]:
    """The line at which each certificate begins, and its DER."""
    begun, size = 0, 0
    text = list[bytes]()
    for first, lines in source.lines():
        for number, line in enumerate(lines, first):
            if begun and line.startswith(_END):
                yield begun, _decoded(text) if size <= MAX_DER_BYTES * 4 // 3 else None
                begun = 0
            elif _BEGIN.match(line.lstrip(b"\xef\xbb\xbf \t")):
                if begun:
                    yield begun, None
                begun, size, text = number, 0, []
            elif begun:
                size += len(line)
                if size <= MAX_DER_BYTES * 4 // 3:
                    text.append(line)
    if begun:
        raise _cut(source)


def _decoded(text: list[bytes]) -> bytes | None:
    try:
        return base64.b64decode(b"".join(line.strip() for line in text), validate=True)
    except ValueError:
        return None


def _der_blocks(source: Source) -> Iterator[tuple[int, bytes | None]]:
    """The place at which each certificate begins, from 1, and its DER."""
    at = 1
    with source.open() as stream:
        while head := stream.read(2):
            octets = head[1] & 0x7F if len(head) == 2 and head[1] & 0x80 else 0
            more = stream.read(octets) if octets <= 3 else b""
            length = int.from_bytes(more) if octets else head[-1]
            if head[:1] != b"0" or octets > 3 or length > MAX_DER_BYTES:
                yield at, None  # where the next one begins cannot be known
                return
            data = stream.read(length)
            if len(head) < 2 or len(more) < octets or len(data) < length:
                raise _cut(source)
            yield at, head + more + data
            at += len(head) + octets + length


def _cut(source: Source) -> FormatError:
    return FormatError("the last certificate is cut short", file=source.path, hint="Fetch the file again")


def _entries(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a log's answer, or the record itself."""
    entries = record.get("entries")
    if not isinstance(entries, list):
        return [record]
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _shown(line: bytes) -> str:
    """Names and no more: a subject may be a person."""
    found = re.search(rb'"(?:all_domains|dns_names|name_value)"\s*:\s*[^\]}]{0,150}', line)
    return found[0].decode("utf-8", "replace") if found else f"{len(line)} bytes"
