"""Suricata EVE: dns of all three versions, tls, and what is left out."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rows, Source

SHARED = Path(__file__).parents[4] / "shared" / "data" / "formats"
HOUR = datetime(2022, 2, 8, 14, tzinfo=UTC)
EVENT = {"timestamp": "2022-02-08T09:40:31.080710-0500", "src_ip": "192.0.2.7", "dest_ip": "192.0.2.53"}
NAME = "www.example.com"
ANSWERS = [
    {"rrname": NAME, "rrtype": "CNAME", "ttl": 60, "rdata": "cdn.example.net"},
    {"rrname": "cdn.example.net", "rrtype": "A", "ttl": 20, "rdata": "198.51.100.1"},
    {"rrname": "cdn.example.net", "rrtype": "A", "ttl": 20, "rdata": "198.51.100.2"},
]
GROUPED = {"CNAME": ["cdn.example.net"], "A": ["198.51.100.1", "198.51.100.2"]}
SINGLE = {"type": "answer", "rcode": "NOERROR"}
RRS = [(a["rrname"], a["rrtype"], a["rdata"], a["ttl"]) for a in ANSWERS]


def dns(**fields):
    return {**EVENT, "event_type": "dns", "dns": fields}


def tls(**fields):
    return {**EVENT, "event_type": "tls", "tls": fields}


def lines(*events):
    return "".join(f"{event if isinstance(event, str) else json.dumps(event)}\n" for event in events)


def rrs(got):
    return [(r["name"], r["rrtype"], r["rdata"], r["ttl"]) for r in got.tables["resolutions"]]


@pytest.mark.parametrize(
    "event",
    [
        dns(type="query", rrname=NAME, rrtype="A"),
        dns(version=2, type="query", rrname="WWW.example.com", rrtype="A"),
        dns(version=3, type="request", queries=[{"rrname": NAME, "rrtype": "A"}], rcode="NOERROR"),
    ],
)
def test_queries(read, event):
    got = read(lines(event, {**event, "timestamp": "2022-02-08T14:59:59Z"}))
    assert (got.reader, got.rejects, got.tables["resolutions"]) == ("suricata-eve", [], [])
    [query] = got.tables["queries"]
    assert (query["name"], query["hour"], query["count"]) == (NAME, HOUR, 2)
    assert "192.0.2" not in str(got)


def test_several_questions_of_one_request(read):
    got = read(
        lines(dns(version=3, type="request", queries=[{"rrname": "a.example"}, {"rrname": "b.example"}]))
    )
    assert got.column("queries", "name") == ["a.example", "b.example"]


@pytest.mark.parametrize(
    "events",
    [
        [dns(**SINGLE, **answer) for answer in ANSWERS],
        [dns(version=2, **SINGLE, rrname=NAME, rrtype="A", answers=ANSWERS, grouped=GROUPED)],
        [dns(version=3, type="response", rcode="NOERROR", queries=[{"rrname": NAME}], answers=ANSWERS)],
        [dns(type="answer", rrname=NAME, answers=ANSWERS, authorities=[{**ANSWERS[0], "rrtype": "NS"}])],
    ],
)
def test_answers_that_show_owners(read, events):
    got = read(lines(*events))
    assert (got.rejects, got.tables["queries"]) == ([], [])
    assert rrs(got) == RRS
    assert got.column("resolutions", "first_seen")[0] == datetime(2022, 2, 8, 14, 40, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "event",
    [
        dns(version=2, **SINGLE, rrname=NAME, rrtype="A", grouped=GROUPED),
        dns(version=3, type="response", rcode="NOERROR", queries=[{"rrname": NAME}], grouped=GROUPED),
    ],
)
def test_grouped_answers_belong_to_the_end_of_the_chain(read, event):
    chain = {"CNAME": ["a.example", "b.example"], "AAAA": ["2001:db8::1"], "TXT": ["v=spf1"]}
    longer = {**event, "dns": {**event["dns"], "grouped": chain}}
    assert rrs(read(lines(event))) == [(*rr[:3], None) for rr in RRS]
    assert sorted(rr[:3] for rr in rrs(read(lines(event, longer, event)))) == sorted(
        [
            *(rr[:3] for rr in RRS),
            (NAME, "CNAME", "a.example"),
            ("a.example", "CNAME", "b.example"),
            ("b.example", "AAAA", "2001:db8::1"),
            ("b.example", "TXT", "v=spf1"),
        ]
    )


def test_answers_with_errors_or_without_text_make_nothing(read):
    soa = {"rrname": NAME, "rrtype": "SOA", "ttl": 9, "soa": {"mname": "a.example"}}
    got = read(
        lines(
            dns(type="answer", rcode="NXDOMAIN", rrname=NAME, answers=ANSWERS),
            dns(type="answer", rcode="NXDOMAIN", **ANSWERS[1]),
            dns(**SINGLE, rrname=NAME, answers=[soa]),
            dns(version=3, type="response", rcode="SERVFAIL", queries=[{"rrname": NAME}], grouped=GROUPED),
        )
    )
    assert got.rejects == []
    assert not any(got.tables.values())


CERTIFICATE = {
    "subject": "CN=www.bing.com",
    "issuerdn": "C=US, O=Microsoft Corporation, CN=Microsoft RSA TLS CA 01",
    "serial": "12:00:1F",
    "fingerprint": "a8:4b:0a:38:cf:a4:37:f4:ec:17:48:c0:6a:18:82:ce:b5:3b:c9:a9",
    "sni": "other.example",
    "notbefore": "2021-12-22T01:34:07",
    "notafter": "2122-06-22T01:34:07",
}


def test_tls(read):
    got = read(lines(tls(**CERTIFICATE), tls(**CERTIFICATE, subjectaltname=["a.bing.com", "*.bing.com"])))
    assert got.rejects == []
    assert got.tables["certificates"][0] == {
        "fingerprint": "a84b0a38cfa437f4ec1748c06a1882ceb53bc9a9",
        "names": ["www.bing.com"],
        "issuer": "CN=Microsoft RSA TLS CA 01,O=Microsoft Corporation,C=US",
        "not_before": datetime(2021, 12, 22, 1, 34, 7, tzinfo=UTC),
        "not_after": datetime(2122, 6, 22, 1, 34, 7, tzinfo=UTC),
        "seen_at": datetime(2022, 2, 8, 14, 40, 31, tzinfo=UTC),
        "source": "feed",
    }
    assert got.tables["certificates"][1]["names"] == ["a.bing.com", "bing.com"]


def test_tls_with_the_certificate_itself_and_without_any(read):
    key, nobody = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    san = x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")])
    builder = x509.CertificateBuilder(nobody, nobody, key.public_key(), 7, HOUR, HOUR)
    der = builder.add_extension(san, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    digest = hashlib.sha256(der).hexdigest()
    logged = base64.b64encode(der).decode()
    got = read(
        lines(
            tls(**{**CERTIFICATE, "certificate": logged}),
            tls(**{**CERTIFICATE, "certificate": "AAAA"}),  # damaged: what is logged beside it counts
            tls(sni="a.example", version="TLS 1.3"),
        )
    )
    assert got.rejects == []
    assert [(c["fingerprint"][:8], c["names"]) for c in got.tables["certificates"]] == [
        (digest[:8], ["a.example", "b.example"]),
        ("a84b0a38", ["www.bing.com"]),
    ]


def test_other_events_are_counted_and_no_rejects(read, caplog):
    caplog.set_level(logging.INFO)
    got = read(
        lines(*({**EVENT, "event_type": kind} for kind in ("flow", "flow", "stats")), tls(**CERTIFICATE))
    )
    assert got.rejects == []
    assert "left out 2 flow events, 1 stats events" in caplog.text


def test_bad_events_are_one_reject_each(read):
    bad = [
        (dns(type="query", rrname="a..b"), "empty_label"),
        (dns(type="query", rrname={"a": 1}), "bad_character"),
        (dns(type="query"), "empty"),
        ({**dns(type="query", rrname=NAME), "timestamp": "2031-01-01T00:00:00+0000"}, "date_in_future"),
        ({**dns(type="query", rrname=NAME), "timestamp": "soon"}, "no_date"),
        ({**dns(type="query", rrname=NAME), "src_ip": None}, "no_client"),
        (dns(**SINGLE, rrname=NAME, answers=[{**ANSWERS[1], "rdata": v} for v in "xy"]), "bad_ipv4"),
        ({"timestamp": EVENT["timestamp"]}, "no_event_type"),
        (tls(**{**CERTIFICATE, "fingerprint": "zz"}), "bad_fingerprint"),
        ("{broken", "not_json"),
        ('{"a":' * 100_000, "not_json"),
    ]
    got = read(lines(*(event for event, _ in bad), dns(type="query", rrname=NAME)))
    assert got.rejects == list(enumerate((reason for _, reason in bad), 1))
    assert got.column("queries", "name") == [NAME]
    assert "192.0.2" not in str(got.excerpts)


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not here")
def test_real_log():
    source, options = Source.at(SHARED / "suricata" / "eve-2.json"), Options(client_key=lambda: b"k")
    items = list(find_reader(source).read(source, options))
    queries = [n for rows in items if rows.table == "queries" for n in rows.data["count"].to_pylist()]
    records = [n for rows in items if rows.table == "resolutions" for n in rows.data["count"].to_pylist()]
    assert all(isinstance(item, Rows) for item in items)
    assert (sum(queries), sum(records)) == (574, 768)
