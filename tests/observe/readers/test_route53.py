"""Route 53 Resolver query logs: plain, and in every wrapping."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mithra.errors import FormatError

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "formats" / "route53"
RECORD = {
    "version": "1.100000",
    "query_timestamp": "2026-08-24T02:47:36Z",
    "query_name": "www.Example.com.",
    "query_type": "A",
    "query_class": "IN",
    "rcode": "NOERROR",
    "answers": [
        {"Rdata": "edge.example.net.", "Type": "CNAME", "Class": "IN"},
        {"Rdata": "198.51.100.1", "Type": "A", "Class": "IN"},
        {"Rdata": "198.51.100.2", "Type": "A", "Class": "IN"},
    ],
    "srcaddr": "10.0.0.7",
    "srcport": "15083",
    "transport": "UDP",
}
ANSWERS = [
    ("edge.example.net", "A", "198.51.100.1"),
    ("edge.example.net", "A", "198.51.100.2"),
    ("www.example.com", "CNAME", "edge.example.net"),
]
ONE = json.dumps(RECORD)
EVENTS = {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "timestamp": 1, "message": ONE}] * 2}
PACKED = base64.b64encode(gzip.compress(json.dumps(EVENTS).encode())).decode()


def record(**other):
    return {**RECORD, **other}


def lines(*records):
    return "".join(json.dumps(r) + "\n" for r in records)


def answers(got):
    return sorted({(r["name"], r["rrtype"], r["rdata"]) for r in got.tables["resolutions"]})


def test_a_query_and_its_answers(read):
    got = read(lines(RECORD, record(srcaddr="10.0.0.8")))
    moment = datetime(2026, 8, 24, 2, 47, 36, tzinfo=UTC)
    assert (got.reader, got.rejects) == ("route53-resolver", [])
    assert [(r["name"], r["hour"].hour, r["count"]) for r in got.tables["queries"]] == [
        ("www.example.com", 2, 1),
        ("www.example.com", 2, 1),
    ]
    assert answers(got) == ANSWERS
    assert {(r["first_seen"], r["last_seen"], r["count"]) for r in got.tables["resolutions"]} == {
        (moment, moment, 2)
    }
    assert "10.0.0" not in str(got)


@pytest.mark.parametrize(
    "content",
    [
        ONE + "\n" + ONE,
        json.dumps([RECORD, RECORD], indent=2),
        json.dumps({"Records": [RECORD, RECORD]}),
        json.dumps({"records": [RECORD, RECORD]}, indent=1),
        json.dumps(EVENTS),
        json.dumps(EVENTS).replace("logEvents", "events"),
        (json.dumps({"logEvents": [{"message": ONE}]}) + "\n") * 2,
        json.dumps({"logEvents": [{"message": ONE}]}) * 2,
        json.dumps({"logEvents": [{"message": RECORD}, {"message": RECORD}]}),
        f"2026-08-24T02:47:36.000Z {ONE}\n2026-08-24T02:47:37.000Z {ONE}\n",
        json.dumps({"awslogs": {"data": PACKED}}),
        json.dumps({"requestId": "r", "timestamp": 1, "records": [{"data": PACKED}]}),
        json.dumps({"Records": [{"kinesis": {"data": PACKED}}]}),
        json.dumps({"Records": [{"Data": base64.b64encode(ONE.encode()).decode()}] * 2}),
        json.dumps(RECORD, indent=4) * 2,
        "\ufeff" + ONE + "\r\n" + ONE + "\r\n",
    ],
)
def test_every_wrapping(read, content):
    got = read(content)
    assert (got.reader, got.rejects) == ("route53-resolver", [])
    assert sum(got.column("queries", "count")) == 2
    assert answers(got) == ANSWERS


def test_gzip(read, packed):
    assert read(packed(ONE + "\n" + ONE)).column("queries", "count") == [2]
    with pytest.raises(FormatError, match="cut short"):
        read(packed(lines(*[record(query_name=f"a{i}.example") for i in range(9999)]))[:-9])


def test_a_document_cut_short(read):
    with pytest.raises(FormatError, match="not JSON"):
        read(json.dumps([RECORD, RECORD], indent=2)[:-9])


def test_only_true_answers_are_resolutions(read):
    block = record(firewall_rule_action="BLOCK", query_name="blocked.example.")
    alert = record(firewall_rule_action="ALERT", answers=[{"Rdata": "198.51.100.9", "Type": "A"}])
    signed = record(answers=[{"Rdata": "A 8 2 60 …", "Type": "RRSIG"}])
    nothing = [record(answers=[]), record(answers=None), {k: v for k, v in RECORD.items() if k != "answers"}]
    got = read(lines(block, alert, signed, *nothing))
    assert sum(got.column("queries", "count")) == 6
    assert answers(got) == [("www.example.com", "A", "198.51.100.9")]


def test_an_alias_of_one_record_is_not_that_of_the_next(read):
    alias = record(answers=[{"Rdata": "edge.example.net.", "Type": "CNAME"}])
    plain = record(query_name="other.example.", answers=[{"Rdata": "198.51.100.9", "Type": "A"}])
    assert answers(read(lines(alias, plain))) == [
        ("other.example", "A", "198.51.100.9"),
        ("www.example.com", "CNAME", "edge.example.net"),
    ]


def test_one_reject_for_a_bad_record(read):
    got = read(
        lines(
            RECORD,
            record(query_name="10.0.0.9"),
            record(query_name=None),
            record(query_timestamp="2036-08-24T02:47:36Z"),
            record(query_timestamp="yesterday"),
            record(srcaddr=None),
            record(query_class="CH"),
            record(
                answers=[
                    {"Rdata": "x", "Type": "A"},
                    {"Rdata": "y", "Type": "A"},
                    {"Rdata": "198.51.100.1", "Type": "A"},
                ]
            ),
            {"some": "other"},
        )
        + "{cut\n"
        + '[1]\n"\\ud800"\n'
        + lines(record(query_name="\ud800.example"), record(query_name=7, srcport=15083)),
        name="r53.json",
    )
    assert got.rejects == [
        (2, "ip_literal"),
        (3, "empty"),
        (4, "date_in_future"),
        (5, "no_date"),
        (6, "no_client"),
        (7, "class_not_in"),
        (8, "bad_ipv4"),
        (9, "not_a_query"),
        (10, "not_json"),
        (11, "not_an_object"),
        (12, "not_json"),
        (13, "bad_character"),
        (14, "ip_literal"),
    ]
    assert sum(got.column("queries", "count")) == 2
    assert "10.0.0" not in str(got)


def test_control_messages_are_no_records(read):
    control = {"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL CONTROL MESSAGE: Checking"}]}
    assert read(lines(EVENTS, control)).rejects == []


def test_wrappings_within_wrappings_have_an_end(read):
    deep = {"Records": json.loads("[" * 20 + ONE + "]" * 20)}
    assert read(lines(RECORD, RECORD, deep)).rejects == [(3, "nested_too_deep")]


def test_bombs(read):
    deep = '{"query_name":' + "[" * 100_000 + "]" * 100_000 + "}"
    bomb = base64.b64encode(gzip.compress(b" " * (1 << 27))).decode()
    got = read(lines(RECORD, RECORD) + deep + "\n" + lines({"data": bomb}), name="r53.json")
    assert [line for line, _ in got.rejects] in ([3], [3, 4])
    assert got.column("queries", "count") == [2]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples of ../shared/data are not here")
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*")), ids=lambda path: path.name)
def test_real_records(read, path):
    got = read(path.read_bytes())
    assert (got.reader, got.rejects) == ("route53-resolver", [])
    assert got.column("queries", "name") == ["ip-127-0-0-62.alert.firewall.canary"]
    assert answers(got) == [("ip-127-0-0-62.alert.firewall.canary", "A", "127.0.0.62")]


def test_a_null_first_is_one_reject(read):
    got = read("null\n" + lines(RECORD), "route53-resolver")
    assert (got.rejects, len(got.tables["queries"])) == ([(1, "not_an_object")], 1)
