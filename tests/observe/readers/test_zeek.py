"""Zeek logs: any order of columns, several headers, JSON; answers paired only without doubt."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rows, Source

SHARED = Path(__file__).parents[4] / "shared" / "data" / "formats"
TS = 1_600_000_000.25
HOUR = datetime(2020, 9, 13, 12, tzinfo=UTC)
DNS = {
    "ts": TS,
    "uid": "C1",
    "id.orig_h": "192.0.2.7",
    "id.resp_p": 53,
    "query": "www.example.com",
    "qclass": 1,
    "qtype_name": "A",
    "rcode_name": "NOERROR",
    "answers": ["cdn.example.net", "edge.example.org", "198.51.100.1", "198.51.100.2"],
    "TTLs": [300.0, 60.0, 20.5, 20.0],
}
SHA256 = "ab" * 32
X509 = {
    "ts": TS,
    "fingerprint": SHA256,
    "certificate.serial": "0A",
    "certificate.subject": "CN=www.example.com",
    "certificate.issuer": "CN=R3,O=Let's Encrypt,C=US",
    "certificate.not_valid_before": 1_599_000_000.0,
    "certificate.not_valid_after": 1_699_000_000.0,
    "san.dns": ["*.Example.com", "example.com", "www.example.com"],
}
SSL = {
    "ts": TS,
    "server_name": "shop.example.com",
    "established": True,
    "cert_chain_fps": [SHA256, "cd" * 32],
    "sni_matches_cert": True,
}


def as_json(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def cell(value, sets=","):
    if value is None:
        return "-"
    if isinstance(value, list):
        return sets.join(map(str, value)) or "(empty)"
    return {True: "T", False: "F"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def as_tsv(*records, order=None, sep="\t", close=True, sets=","):
    fields = list(order or records[0])
    lines = [
        f"#separator \\x{ord(sep):02x}",
        f"#set_separator{sep}{sets}",
        f"#empty_field{sep}(empty)",
        f"#unset_field{sep}-",
        f"#path{sep}dns",
        f"#open{sep}2020-09-13-12-00-00",
        sep.join(["#fields", *fields]),
        sep.join(["#types", *("string" for _ in fields)]),
        *(sep.join(cell(record.get(field), sets) for field in fields) for record in records),
        *([f"#close{sep}2020-09-13-13-00-00"] if close else []),
    ]
    return "".join(f"{line}\n" for line in lines)


def rrs(got):
    return [(r["name"], r["rrtype"], r["rdata"], r["ttl"], r["count"]) for r in got.tables["resolutions"]]


CHAIN = [
    ("www.example.com", "CNAME", "cdn.example.net", 300, 1),
    ("cdn.example.net", "CNAME", "edge.example.org", 60, 1),
    ("edge.example.org", "A", "198.51.100.1", 20, 1),
    ("edge.example.org", "A", "198.51.100.2", 20, 1),
]


@pytest.mark.parametrize("write", [as_tsv, as_json])
def test_dns_record(read, write):
    got = read(write(DNS), name="dns.log")
    assert got.reader == {as_tsv: "zeek", as_json: "zeek-json"}[write]
    assert got.rejects == []
    assert rrs(got) == CHAIN
    row = got.tables["resolutions"][0]
    assert row["first_seen"] == row["last_seen"] == row["captured_at"] == datetime.fromtimestamp(int(TS), UTC)
    [query] = got.tables["queries"]
    client = hmac.new(b"k" * 32, b"192.0.2.7", hashlib.sha256).hexdigest()[:32]
    assert query == {"name": "www.example.com", "client": client, "hour": HOUR, "count": 1, "source": "dns"}


def test_repeats_of_an_hour_are_counted(read):
    got = read(as_json(DNS, {**DNS, "ts": TS + 60}, {**DNS, "ts": TS + 3600}, {**DNS, "id.orig_h": "::1"}))
    assert [row["count"] for row in got.tables["queries"]] == [2, 1, 1]
    first, last = got.column("resolutions", "first_seen"), got.column("resolutions", "last_seen")
    assert [row[-1] for row in rrs(got)] == [3] * 4 + [1] * 4
    assert (last[0] - first[0]).total_seconds() == 60


def test_columns_in_any_order_other_separators_and_several_logs(read):
    text = as_tsv(DNS, order=sorted(DNS), sep="|", sets=";") + as_tsv(
        {**DNS, "query": "b.example"}, order=["query", "ts", "id.orig_h", "qtype_name", "rcode", "answers"]
    )
    got = read(text + as_tsv(X509) + as_tsv(SSL))
    assert got.rejects == []
    assert rrs(got) == CHAIN  # the second log has no rcode, so no answer that is without error
    assert got.column("queries", "name") == ["www.example.com", "b.example"]
    assert got.column("certificates", "names") == [
        ["example.com", "www.example.com"],
        ["shop.example.com"],
    ]


def test_an_array_and_a_byte_order_mark(read):
    for text in (json.dumps([DNS, DNS, 5]), "\ufeff" + as_json(DNS, DNS), "\ufeff" + as_tsv(DNS, DNS)):
        got = read(text)
        assert got.rejects == ([(3, "not_an_object")] if text.startswith("[") else [])
        assert got.column("queries", "count") == [2]


@pytest.mark.parametrize("path", [{}, {"_path": "x"}])
def test_other_logs_behind_the_first_lines(read, path):
    records = [{**DNS, **path}] * 400  # more than what is looked at to tell which log it is
    got = read(as_json(*records, *({**record, **path} for record in (X509, SSL, {"ts": TS}, DNS))))
    assert got.rejects == []
    assert sum(got.column("queries", "count")) == 401
    assert got.column("certificates", "names") == [["example.com", "www.example.com"], ["shop.example.com"]]


def test_unset_empty_and_escaped_values(read):
    txt = {**DNS, "qtype_name": "TXT", "answers": [r"TXT 7 a\x2cb c\\d", "TXT 1 x TXT 2 yz"], "TTLs": [5, 5]}
    unset = {**DNS, "query": None, "answers": None}
    empty = {**DNS, "query": r"m\xc3\xbcnchen.example", "answers": [], "TTLs": None}
    got = read(as_tsv(txt, unset, empty))
    assert got.rejects == []
    assert [row[:3] for row in rrs(got)] == [
        ("www.example.com", "TXT", "a,b c\\d"),
        ("www.example.com", "TXT", "xyz"),
    ]
    assert got.column("queries", "name") == ["www.example.com", "xn--mnchen-3ya.example"]


def test_iso_millisecond_and_nested_json(read):
    nested = {key: value for key, value in DNS.items() if "." not in key}
    nested |= {"_path": "dns", "id": {"orig_h": "192.0.2.7", "resp_p": 53}}
    times = ["2020-09-13T12:26:40.250000Z", 1_600_000_000_250, "1600000000.25"]
    got = read(as_json({"ts": 1.0, "_path": "conn"}, *({**nested, "ts": time} for time in times)))
    assert got.rejects == []
    assert [(r["count"], r["hour"]) for r in got.tables["queries"]] == [(3, HOUR)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rcode_name": "NXDOMAIN"}, []),
        ({"rcode_name": None}, []),
        ({"qclass": 3}, []),
        ({"id.resp_p": 137}, []),
        ({"qtype_name": None, "qtype": 1}, CHAIN),
        ({"rcode_name": None, "rcode": 0}, CHAIN),
        ({"TTLs": [1.0]}, [(*rr[:3], None, 1) for rr in CHAIN]),
        ({"answers": ["2001:DB8::1"], "TTLs": [9]}, [("www.example.com", "AAAA", "2001:db8::1", 9, 1)]),
        (
            {"qtype_name": "MX", "answers": ["mx1.example", "mx2.example"], "TTLs": [9, 9]},
            [("www.example.com", "MX", f"mx{i}.example", 9, 1) for i in (1, 2)],
        ),
        ({"qtype_name": "SRV", "answers": ["a.example"], "TTLs": [9]}, []),
        ({"qtype_name": "*", "answers": ["a.example", "192.0.2.1"], "TTLs": [9, 9]}, []),
        (
            {"qtype_name": "*", "answers": ["192.0.2.1"], "TTLs": [9]},
            [("www.example.com", "A", "192.0.2.1", 9, 1)],
        ),
        (
            {
                "qtype_name": "HTTPS",
                "answers": ["a.example", "<unknown type=65>", "NSEC3"],
                "TTLs": [9, 9, 9],
            },
            [("www.example.com", "CNAME", "a.example", 9, 1)],
        ),
    ],
)
def test_answers_are_paired(read, change, expected):
    got = read(as_json(DNS, {**DNS, **change}))
    assert got.rejects == []
    all_at_once = read(as_json({**DNS, "query": "first.example", "answers": []}, {**DNS, **change}))
    assert rrs(all_at_once) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"answers": ["198.51.100.1", "cdn.example.net"], "TTLs": [1, 1]},
        {"qtype_name": "NS", "answers": ["alias.example", "ns.example"], "TTLs": [300, 60]},
    ],
)
def test_doubtful_answers_are_one_reject_and_the_query_counts(read, change):
    for write in (as_json, as_tsv):
        got = read(write(DNS, {**DNS, **change, "query": "b.example"}))
        assert [reason for _, reason in got.rejects] == ["ambiguous_answers"]
        assert rrs(got) == CHAIN
        assert got.column("queries", "name") == ["www.example.com", "b.example"]


BAD = [
    ({"query": "a..b"}, "empty_label"),
    ({"query": "x" * 10_000}, "too_long"),
    ({"query": ""}, "root"),
    ({"query": "nul\0.example"}, "control_character"),
    ({"ts": 4_000_000_000.0}, "date_in_future"),
    ({"ts": "yesterday"}, "no_date"),
    ({"id.orig_h": None}, "no_client"),
    ({"answers": ["bad name.example", "a..b", "192.0.2.1"]}, "rdata_empty_label"),
    ({"answers": ["300.1.1.1"]}, "bad_ipv4"),
    ({"qtype_name": "TXT", "answers": ["TXT 5000 " + "x" * 5000]}, "rdata_too_long"),
]


def test_a_bad_record_is_one_reject(read):
    records = [{**DNS, **change} for change, _ in BAD]
    got = read("\n" + as_json(*records) + "garbage\n[1]\n" + as_json(DNS))
    places = enumerate([*(reason for _, reason in BAD), "not_json", "not_an_object"], 2)
    assert got.rejects == list(places)
    assert {rr[:4] for rr in CHAIN} <= {rr[:4] for rr in rrs(got)}
    assert "192.0.2.7" not in str(got.excerpts)


def test_a_bad_line_is_one_reject(read):
    records = [{**DNS, **change} for change, _ in BAD]
    text = as_tsv(*records, DNS, close=False).replace("\0", r"\x00").replace("\t\t", "\t(empty)\t")
    got = read(text + "too\tfew\n" + "y" * (1 << 20) + "yy\n\n" + as_tsv(DNS))
    assert got.rejects == [
        *enumerate((reason for _, reason in BAD), 9),
        (20, "wrong_column_count"),
        (21, "line_too_long"),
    ]
    assert "192.0.2.7" not in str(got.excerpts)
    assert all(len(excerpt) < 1000 for excerpt in got.excerpts)


def test_a_log_that_is_cut_short(read, packed):
    whole = as_tsv(DNS, DNS, close=False)
    assert read(whole[:-1]).column("queries", "count") == [2]  # closed or not, its lines are whole
    with pytest.raises(FormatError, match="cut short"):
        read(whole[:-30])
    with pytest.raises(FormatError, match="cut short"):
        read(packed(whole)[:-9])
    assert [reason for _, reason in read(whole + "a\tb\n").rejects] == ["wrong_column_count"]
    assert read(as_tsv(DNS).replace("\n", "\r\n")).rejects == []


def test_certificates_of_x509(read):
    for write in (as_tsv, as_json):
        got = read(write(X509, {**X509, "san.dns": ["fe80::1", "printer"], "fingerprint": "CD" * 20}))
        assert got.rejects == []
        first, second = got.tables["certificates"]
        assert first == {
            "fingerprint": SHA256,
            "names": ["example.com", "www.example.com"],
            "issuer": "CN=R3,O=Let's Encrypt,C=US",
            "not_before": datetime.fromtimestamp(1_599_000_000, UTC),
            "not_after": datetime.fromtimestamp(1_699_000_000, UTC),
            "seen_at": datetime.fromtimestamp(int(TS), UTC),
            "source": "feed",
        }
        assert (second["fingerprint"], second["names"]) == ("cd" * 20, ["printer"])


def test_names_of_a_certificate_keep_their_order(read):
    lists = [["b.example", "a.example"], ["a.example", "*.b.example", "b.example", "a.example"]]
    got = read(as_json(*({**X509, "san.dns": names, "ts": TS + i} for i, names in enumerate(lists))))
    assert got.column("certificates", "names") == [["b.example", "a.example"], ["a.example", "b.example"]]


def test_certificates_without_fingerprint_names_or_date(read):
    old = {key: value for key, value in X509.items() if key != "fingerprint"}
    records = [
        old,
        {**old, "certificate.serial": "00:0a"},
        {**X509, "san.dns": []},  # the common name stands for it
        {
            **X509,
            "san.dns": [],
            "certificate.subject": "CN=Jane Doe,emailAddress=jane@doe.example",
        },  # left out
        {**X509, "fingerprint": "xyz"},
        {**old, "certificate.serial": None},
        {**X509, "san.dns": ["a..b"], "certificate.subject": "CN=John Doe,emailAddress=john@doe.example"},
        {**X509, "ts": 4e9},
    ]
    got = read(as_json(*records))
    keys = got.column("certificates", "fingerprint")
    assert keys[0].startswith("serial-")
    assert set(keys) == {keys[0], SHA256}
    assert got.column("certificates", "names")[-1] == ["www.example.com"]
    assert got.rejects == [
        (5, "bad_fingerprint"),
        (6, "no_fingerprint"),
        (7, "empty_label"),
        (8, "date_in_future"),
    ]
    assert "Doe" not in str(got)
    assert "doe.example" not in str(got)


def test_persons_stay_out_of_issuers(read):
    own = "CN=Jane Doe,O=Doe & Sons,emailAddress=jane@doe.example"
    host = "emailAddress=root@a.example,CN=a.example,O=Dovecot"
    got = read(
        as_json(
            {**X509, "certificate.issuer": own, "certificate.subject": own},
            {**X509, "certificate.issuer": host, "certificate.subject": host},
            {**X509, "certificate.issuer": r"O=VMware\, Inc,CN=CA"},
        )
    )
    assert got.column("certificates", "issuer") == [
        "O=Doe & Sons",
        "CN=a.example,O=Dovecot",
        r"CN=CA,O=VMware\, Inc",
    ]


def test_only_matching_certificates_of_ssl(read):
    for write in (as_tsv, as_json):
        got = read(
            write(
                SSL,
                {**SSL, "sni_matches_cert": False, "server_name": "other.example"},
                {**SSL, "sni_matches_cert": None, "server_name": "unknown.example"},
                {**SSL, "cert_chain_fps": [], "server_name": "resumed.example"},
                {**SSL, "server_name": "b.example.com", "ts": TS + 1},
            )
        )
        assert got.rejects == []
        assert [(c["fingerprint"], c["names"]) for c in got.tables["certificates"]] == [
            (SHA256, ["shop.example.com"]),
            (SHA256, ["b.example.com"]),
        ]


NAMES, ADDRESSES = ["a.example", "b.example", "c.example"], ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
answer_lists = st.lists(st.sampled_from([*NAMES, *ADDRESSES, "TXT 1 x", "<unknown type=65>"]), max_size=5)


def reference(qtype, answers):
    """The rule, record by record."""
    if qtype == "NS":
        return [("q.example", "NS", value) for value in answers if value in NAMES]
    if qtype == "SRV" and set(answers) & set(NAMES):
        return []
    found, owner, ended = [], "q.example", False
    for value in answers:
        if value.startswith("<"):
            continue
        if value in NAMES:
            if ended:
                return []
            found.append((owner, "CNAME", value))
            owner = value
        else:
            ended = True
            kind = "TXT" if value.startswith("TXT") else "AAAA" if ":" in value else "A"
            found.append((owner, kind, value.removeprefix("TXT 1 ")))
    return found


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["A", "NS", "SRV"]), answer_lists), min_size=1, max_size=6))
def test_many_records_at_once_are_paired_as_one_by_one(read, records):
    rows = [
        {**DNS, "query": "q.example", "qtype_name": qtype, "answers": answers, "TTLs": [1] * len(answers)}
        for qtype, answers in records
    ]
    expected = sorted({rr for qtype, answers in records for rr in reference(qtype, answers)})
    for write in (as_json, as_tsv):
        assert sorted({rr[:3] for rr in rrs(read(write(*rows)))}) == expected


def test_other_zeek_logs_are_not_taken(read):
    conn = {"ts": TS, "uid": "C1", "id.orig_h": "192.0.2.7", "proto": "udp", "service": "dns"}
    for write in (as_tsv, as_json):
        with pytest.raises(FormatError, match="no reader knows"):
            read(write(conn))


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not here")
@pytest.mark.parametrize(
    ("name", "expected", "rejected"),
    [
        ("dns", {"queries": 49_739, "resolutions": 79_494}, 40),
        ("ssl", {"certificates": 668}, 0),
        ("x509", {"certificates": 341}, 1),
    ],
)
def test_real_logs(name, expected, rejected):
    source, options = Source.at(SHARED / "zeek" / f"{name}.log.gz"), Options(client_key=lambda: b"k")
    counted, refused = dict.fromkeys(expected, 0), 0
    for item in find_reader(source).read(source, options):
        if isinstance(item, Rows):
            counts = (
                item.data["count"].to_pylist() if "count" in item.data.schema.names else [1] * len(item.data)
            )
            counted[item.table] += sum(counts)
        else:
            refused += len(item.lines)
    assert (counted, refused) == (expected, rejected)
