"""Suricata's EVE JSON: dns events of versions 1, 2 and 3, tls events, and the hosts of alerts.

Queries are counted by client and hour, the client hashed. Of answers without error every record is taken that
shows its owner and data: one an event (version 1), a list (`answers`), or, where nothing else is logged, data
by type (`grouped`). In the last the owners are not shown, but aliases are listed in the order of their chain:
the first is of the name asked for, each next one of the one before, all other data of the last. Authority and
additional sections are left out, since anybody may put anything there (RFC 2181, 5.4.1).

A tls event with a certificate gives one; what the client asked for (`sni`) is no part of it. Until version 8
Suricata logs no subject alternative names, so then the subject's common name stands for them, unless the
certificate itself is logged. Other event types are left out and counted.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.errors import FormatError
from mithra.observe.certs import of_der
from mithra.observe.convert import to_moments
from mithra.observe.hourly import Facts, tabulate, tell, without_persons
from mithra.observe.readers import jsonfile
from mithra.observe.readers.alerts import read_alerts
from mithra.observe.readers.jsonlines import Column, read_columns
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

ALERTS = "alert events"
_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_QUESTION = pa.struct([("rrname", _TEXT), ("rrtype", _TEXT)])
_ANSWER = pa.struct([("rrname", _TEXT), ("rrtype", _TEXT), ("ttl", pa.int64()), ("rdata", _TEXT)])
GROUPED = ("A", "AAAA", "NS", "MX", "PTR", "TXT")
_GROUPS = pa.struct([(kind, _TEXTS) for kind in ("CNAME", *GROUPED)])

COLUMNS = {
    "event_type": Column(_TEXT, (("event_type",),)),
    "timestamp": Column(_TEXT, (("timestamp",),)),
    "client": Column(_TEXT, (("src_ip",),)),
    "type": Column(_TEXT, (("dns", "type"),)),
    "rcode": Column(_TEXT, (("dns", "rcode"),)),
    "rrname": Column(_TEXT, (("dns", "rrname"),)),
    "rrtype": Column(_TEXT, (("dns", "rrtype"),)),
    "rdata": Column(_TEXT, (("dns", "rdata"),)),
    "ttl": Column(pa.int64(), (("dns", "ttl"),)),
    "queries": Column(pa.list_(_QUESTION), (("dns", "queries"),)),
    "answers": Column(pa.list_(_ANSWER), (("dns", "answers"),)),
    "grouped": Column(_GROUPS, (("dns", "grouped"),)),
    "fingerprint": Column(_TEXT, (("tls", "fingerprint"),)),
    "names": Column(_TEXTS, (("tls", "subjectaltname"),)),
    "subject": Column(_TEXT, (("tls", "subject"),)),
    "issuer": Column(_TEXT, (("tls", "issuerdn"),)),
    "serial": Column(_TEXT, (("tls", "serial"),)),
    "not_before": Column(_TEXT, (("tls", "notbefore"),)),
    "not_after": Column(_TEXT, (("tls", "notafter"),)),
    "certificate": Column(_TEXT, (("tls", "certificate"),)),
}


def sniff_eve(sample: bytes) -> bool:
    """Objects with an event type and a time."""
    return any({"event_type", "timestamp"} <= record.keys() for record in jsonfile.first_records(sample))


def read_eve(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries, resolutions, certificates and hosts of alerts of an EVE log."""
    left_out = Counter[str]()
    yield from read_columns(
        source, COLUMNS, lambda batch: _convert(batch, source, options, left_out), without_persons
    )
    if left_out.pop(ALERTS, 0):  # few among many, and of other fields: a pass of their own
        yield from read_alerts(source, options)
    tell(source, left_out)


TABLES = ("queries", "resolutions", "certificates", "sightings")
READERS = [
    Reader(
        "suricata-eve",
        1,
        TABLES,
        sniff_eve,
        read_eve,
        about="Suricata's EVE JSON: dns (versions 1 to 3), tls and alert events, as in T-Pot too",
        example='{"timestamp":"2026-01-01T12:00:00.1+0000","event_type":"dns","src_ip":"192.0.2.7","dns":{"version":2,'
        '"type":"query","rrname":"www.example.com","rrtype":"A"}}\n'
        '{"timestamp":"2026-01-01T12:00:01.1+0000","event_type":"alert","host":"ids-1","src_ip":"10.0.0.7",'
        '"dest_ip":"192.0.2.7","alert":{"gid":1,"signature_id":2027758},"dns":{"query":[{"rrname":"c2.example"}]}}\n',
        fields=(
            *(
                "timestamp",
                "event_type",
                "src_ip",
                "dns.type",
                "dns.rcode",
                "dns.rrname",
                "dns.rrtype",
                "dns.rdata",
            ),
            *(
                "dns.ttl",
                "dns.queries",
                "dns.answers",
                "dns.grouped",
                "tls.fingerprint",
                "tls.subjectaltname",
            ),
            *(
                "tls.subject",
                "tls.issuerdn",
                "tls.serial",
                "tls.notbefore",
                "tls.notafter",
                "tls.certificate",
            ),
            *(
                "alert.signature_id",
                "alert.metadata.mitre_technique_id",
                "http.hostname",
                "tls.sni",
                "quic.sni",
            ),
        ),
    )
]


def _convert(
    batch: pa.RecordBatch, source: Source, options: Options, left_out: Counter[str]
) -> tuple[list[Rows], pa.Array]:
    seconds = to_moments(batch["timestamp"])
    facts = list[Facts]()
    for kind in pc.unique(batch["event_type"].drop_null()).to_pylist():
        here = np.flatnonzero(pc.fill_null(pc.equal(batch["event_type"], kind), False))
        if kind in _EVENTS:
            at = pa.array(here)
            facts += _EVENTS[kind](batch.take(at), seconds.take(at), here)
        else:
            left_out[f"{kind} events"] += len(here)
    rows, reason = tabulate(facts, batch.num_rows, source.stem, options, left_out)
    untyped = pc.if_else(pc.is_null(batch["event_type"]), "no_event_type", None)
    mine = pc.and_(pc.is_null(seconds), pc.not_equal(batch["event_type"], "alert"))
    undated = pc.if_else(mine, "no_date", None)
    return rows, pc.coalesce(untyped.cast(_TEXT), undated.cast(_TEXT), reason)


def _dns(events: pa.RecordBatch, seconds: pa.Array, record: NDArray[np.int64]) -> list[Facts]:
    asks = pc.is_in(events["type"], value_set=pa.array(["query", "request"]))
    answers = pc.is_in(events["type"], value_set=pa.array(["answer", "response"]))
    fine = pc.fill_null(pc.equal(events["rcode"], "NOERROR"), True)
    asked, answered = np.flatnonzero(asks), np.flatnonzero(pc.and_(answers, fine))
    questions = _asked(events.take(pa.array(asked)))
    told = events.take(pa.array(answered))
    parts = [_single(told), _detailed(told), _grouped(told)]
    at = record[answered]
    return [
        _facts("queries", record[asked], seconds, record, questions),
        *(_facts("resolutions", at, seconds, record, part) for part in parts),
    ]


def _facts(
    table: str, at: NDArray[np.int64], seconds: pa.Array, record: NDArray[np.int64], part: dict[str, Any]
) -> Facts:
    """Facts of records `at`, from columns that say in `row` which of those each fact is of."""
    of = at[part.pop("row")]
    return Facts(table, of, seconds.take(pa.array(np.searchsorted(record, of))), part)


def _asked(events: pa.RecordBatch) -> dict[str, Any]:
    """The names asked for: one an event, or a list of them (version 3)."""
    row, names = _flat(events["queries"])
    listed = pc.list_value_length(events["queries"]).fill_null(0).to_numpy(zero_copy_only=False)
    alone = np.flatnonzero(listed == 0)
    row = np.concatenate([alone, row])
    name, rrtype = (
        pa.concat_arrays([events[key].take(pa.array(alone)), pc.struct_field(names, key)])
        for key in ("rrname", "rrtype")
    )
    return {"row": row, "name": name, "client": events["client"].take(pa.array(row)), "rrtype": rrtype}


def _single(events: pa.RecordBatch) -> dict[str, Any]:
    """One record an event (version 1)."""
    row = np.flatnonzero(pc.is_valid(events["rdata"]))
    at = pa.array(row)
    columns = {"name": "rrname", "rrtype": "rrtype", "rdata": "rdata", "ttl": "ttl"}
    return {"row": row, **{ours: events[theirs].take(at) for ours, theirs in columns.items()}}


def _detailed(events: pa.RecordBatch) -> dict[str, Any]:
    """All records of an answer, each with its owner; those whose data is no text (SOA, SRV) left out."""
    row, answers = _flat(events["answers"])
    keep = pc.is_valid(pc.struct_field(answers, "rdata"))
    fields = {"name": "rrname", "rrtype": "rrtype", "rdata": "rdata", "ttl": "ttl"}
    columns = {ours: pc.struct_field(answers, theirs).filter(keep) for ours, theirs in fields.items()}
    return {"row": row[np.asarray(keep)], **columns}


def _grouped(events: pa.RecordBatch) -> dict[str, Any]:
    """Data by type, of answers that show neither list nor single record."""
    listed = pc.fill_null(pc.greater(pc.list_value_length(events["answers"]), 0), False)
    used = np.flatnonzero(pc.and_not(pc.is_null(events["rdata"]), listed))
    part = events.take(pa.array(used))
    row, names = _flat(part["queries"])
    alone = np.bincount(row, minlength=len(used)) == 1
    at = np.full(len(used), -1)
    at[row] = np.arange(len(row))
    only = pc.struct_field(names, "rrname").take(pa.array(at, mask=~alone))
    asked = pc.coalesce(part["rrname"], only)

    row, aliases = _flat(pc.struct_field(part["grouped"], "CNAME"))
    begins = np.concatenate([[True], row[1:] != row[:-1]])[: len(row)]
    before = aliases.take(pa.array(np.maximum(np.arange(len(row)) - 1, 0)))
    owner = pc.if_else(pa.array(begins), asked.take(pa.array(row)), before)
    last = np.full(len(asked), -1)
    last[row] = np.arange(len(row))
    end = pc.coalesce(aliases.take(pa.array(last, mask=last < 0)), asked)

    parts = [(row, owner, "CNAME", aliases)]
    for kind in GROUPED:
        row, values = _flat(pc.struct_field(part["grouped"], kind))
        parts.append((row, end.take(pa.array(row)), kind, values))
    rows = np.concatenate([row for row, _, _, _ in parts])
    return {
        "row": used[rows],
        "name": pa.concat_arrays([names for _, names, _, _ in parts]),
        "rrtype": pa.array(np.repeat([kind for _, _, kind, _ in parts], [len(p[0]) for p in parts]), _TEXT),
        "rdata": pa.concat_arrays([values for _, _, _, values in parts]),
        "ttl": pa.nulls(len(rows), pa.int64()),
    }


def _tls(events: pa.RecordBatch, seconds: pa.Array, record: NDArray[np.int64]) -> list[Facts]:
    there = pc.or_(pc.is_valid(events["fingerprint"]), pc.is_valid(events["certificate"]))
    here = np.flatnonzero(
        pc.or_(there, pc.and_(pc.is_valid(events["serial"]), pc.is_valid(events["issuer"])))
    )
    part = events.take(pa.array(here))
    names = ("fingerprint", "names", "subject", "issuer", "serial")
    columns = {name: part[name] for name in names}
    for name in ("not_before", "not_after"):
        columns[name] = to_moments(part[name])
    whole = [_parsed(text) for text in part["certificate"].to_pylist()]
    if any(whole):
        for name, column in columns.items():
            values = [c[name] if c else v for c, v in zip(whole, column.to_pylist(), strict=True)]
            columns[name] = pa.array(values, column.type)
    return [Facts("certificates", record[here], seconds.take(pa.array(here)), columns)]


# By event type. Alerts (with their dns, tls and http parts) would become sightings here.
_EVENTS = {"dns": _dns, "tls": _tls}


def _parsed(text: str | None) -> dict[str, Any] | None:
    """What a certificate in base64 says; None where there is none, or it is damaged."""
    try:
        return None if text is None else of_der(base64.b64decode(text))
    except (ValueError, FormatError):
        return None


def _flat(lists: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """The row of each value, and the values."""
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64), pc.list_flatten(lists)
