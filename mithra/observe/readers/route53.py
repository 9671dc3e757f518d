"""Amazon Route 53 Resolver query logs: queries of a VPC, and the answers that they got.

Answers name no owner: it is the name asked for until a CNAME, and that one's target afterwards. What the DNS
firewall put in place of an answer (`BLOCK`) is none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.observe.dates import parse_date
from mithra.observe.readers.loglines import MAX_COUNTED, QueryCounts, answer_rows, not_internet, rejected
from mithra.observe.readers.logtimes import parsed
from mithra.observe.readers.route53json import records_of, sniff_route53
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]


def read_route53(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries and resolutions of a Route 53 Resolver log.

    Raises:
        FormatError: a document that is not JSON, or is too large.
    """
    counts = QueryCounts(source, options)
    for records, rejects in records_of(source):
        if rejects.lines:
            yield rejects
        if not len(records):
            continue
        seconds = parsed(records["query_timestamp"], parse_date)
        reason = counts.add(records, seconds, refused=not_internet(records["query_class"]))
        yield from rejected(records, reason)
        yield from counts.rows(MAX_COUNTED)
        kept = pc.is_null(reason)
        told = _answers(records.filter(kept), seconds.filter(kept))
        rows, reason = answer_rows(
            told["owner"], told["rrtype"], told["rdata"], told["seconds"], source, options
        )
        yield rows
        yield from rejected(*_once(told, reason))
    yield from counts.rows()


READERS = [
    Reader(
        "route53-resolver",
        1,
        ("queries", "resolutions"),
        sniff_route53,
        read_route53,
        about="Route 53 Resolver query logs: lines, and as S3, CloudWatch, Firehose and Kinesis wrap them",
        example='{"version":"1.1","query_timestamp":"2026-01-01T12:00:00Z","query_name":"www.example.com.",'
        '"query_type":"A","query_class":"IN","rcode":"NOERROR","answers":[{"Rdata":"198.51.100.1","Type":"A",'
        '"Class":"IN"}],"srcaddr":"10.0.0.7"}\n',
        fields=("query_timestamp", "query_name", "query_class", "srcaddr", "answers", "firewall_rule_action"),
    )
]


def _answers(records: pa.RecordBatch, seconds: pa.Array) -> pa.RecordBatch:
    """The answers of records, one a row, with their owners."""
    true = pc.not_equal(records["firewall_rule_action"].fill_null(""), "BLOCK")
    records, seconds = records.filter(true), seconds.filter(true)
    parent = pc.list_parent_indices(records["answers"])
    told = pc.list_flatten(records["answers"])
    rrtype, rdata = (pc.struct_field(told, name) for name in ("Type", "Rdata"))
    alias = pc.equal(rrtype, "CNAME").fill_null(False)
    at, of = np.arange(len(told)), parent.to_numpy()
    # The last alias before each answer, if it is of the same record.
    last = np.concatenate([[-1], np.maximum.accumulate(np.where(alias, at, -1))])[:-1]
    after = (last >= 0) & (of[last] == of) if len(at) else np.zeros(0, dtype=bool)
    owner = pc.if_else(
        pa.array(after),
        rdata.take(pa.array(np.maximum(last, 0)[: len(at)])),
        records["query_name"].take(parent),
    )
    asked = records["query_type"].take(parent)
    columns = {
        "record": parent,
        "line": records["line"].take(parent),
        "text": records["text"].take(parent),
        "owner": owner,
        "rrtype": rrtype,
        "rdata": rdata,
        "seconds": seconds.take(parent),
    }
    wanted = pc.or_(alias, pc.or_(pc.equal(rrtype, asked), pc.equal(asked, "ANY")))
    return pa.record_batch(columns).filter(pc.fill_null(wanted, True))


def _once(told: pa.RecordBatch, reason: pa.Array) -> tuple[pa.RecordBatch, pa.Array]:
    """The answers that have a reason, the first of each record."""
    bad = pc.is_valid(reason)
    told, reason = told.filter(bad), reason.filter(bad)
    first = np.unique(told["record"].to_numpy(), return_index=True)[1]
    return told.take(pa.array(first)), reason.take(pa.array(first))
