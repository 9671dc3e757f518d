"""CSV, JSON lines and Parquet with a column map."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mithra.errors import FormatError, InputError, UsageError
from mithra.observe import ingest
from mithra.observe.readers import READERS

DAY = datetime(2026, 3, 4, tzinfo=UTC)


BY_NAME = {reader.name: reader for reader in READERS}


def test_csv_with_a_map(read):
    got = read(
        "FQDN,when,kind\nBad.example.,2026-01-02T03:04:05Z,phishing\na..b,2026-01-02,x\nshort\n",
        columns={"name": "FQDN", "known_at": "when", "category": "kind"},
        verdict="nefarious",
    )
    assert got.reader == "csv"
    assert got.tables["labels"] == [
        {
            "name": "bad.example",
            "verdict": "nefarious",
            "category": "phishing",
            "known_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "source": "feed",
        }
    ]
    assert got.rejects == [(3, "empty_label"), (4, "wrong_column_count")]


def test_a_map_of_one_column(read):
    got = read("fqdn\nbad.example\n", columns={"name": "fqdn"}, verdict="benign", known_at=DAY)
    assert [(r["name"], r["verdict"]) for r in got.tables["labels"]] == [("bad.example", "benign")]


def test_columns_by_place(read):
    got = read(
        "2026-08-01 01:40:00,user,domain,bad.example,#phishing\n",
        columns={"name": "4", "known_at": "1"},
        verdict="nefarious",
    )
    assert got.column("labels", "known_at") == [datetime(2026, 8, 1, 1, 40, tzinfo=UTC)]


def test_our_own_names_need_no_map(read):
    got = read(
        "name,rrtype,rdata,first_seen,last_seen,count,ttl\n"
        "www.example.com,A,192.0.2.1,1600000000,2020-09-14,4,60\n"
        "www.example.com,A,x,1600000000,2020-09-14,4,60\n"
        "www.example.com,A,192.0.2.1,later,2020-09-14,4,60\n"
        "www.example.com,A,192.0.2.1,2031-01-01,2031-01-01,4,60\n"
    )
    assert got.reader == "csv"
    [row] = got.tables["resolutions"]
    assert (row["rdata"], row["count"], row["ttl"]) == ("192.0.2.1", 4, 60)
    assert row["first_seen"] == datetime.fromtimestamp(1_600_000_000, UTC)
    assert row["captured_at"] == row["last_seen"] == datetime(2020, 9, 14, tzinfo=UTC)
    assert got.rejects == [(3, "bad_ipv4"), (4, "bad_first_seen"), (5, "date_in_future")]


def test_json_lines(read):
    records = [
        {"host": "example.com", "reg": "R", "ns": ["NS1.example.net."], "on": "2020-01-01"},
        {"host": "example.org", "ns": "ns1.example.net ns2.example.net", "on": None},
        {"host": None},
    ]
    got = read(
        "".join(f"{json.dumps(r)}\n" for r in [*records, 5]),
        columns={"domain": "host", "registrar": "reg", "name_servers": "ns", "created": "on"},
        table="registrations",
    )
    assert [(r["domain"], r["registrar"], r["created"]) for r in got.tables["registrations"]] == [
        ("example.com", "R", datetime(2020, 1, 1, tzinfo=UTC)),
        ("example.org", None, None),
    ]
    assert got.tables["registrations"][0]["name_servers"] == ["ns1.example.net"]
    assert got.rejects == [(3, "no_domain"), (4, "not_an_object")]


def test_parquet(read, tmp_path):
    data = pa.table(
        {"d": ["a.example", "b..c"], "t": pa.array([DAY, DAY], pa.timestamp("ns", tz="Europe/Paris"))}
    )
    pq.write_table(data, tmp_path / "x.parquet")
    content = (tmp_path / "x.parquet").read_bytes()
    got = read(content, columns={"name": "d", "known_at": "t"}, verdict="nefarious")
    assert got.column("labels", "known_at") == [DAY]
    assert got.rejects == [(2, "empty_label")]
    with pytest.raises(FormatError, match="Parquet"):
        read(content[:-30], columns={"name": "d"}, verdict="nefarious")


def test_queries_hash_the_client_and_do_not_show_it(read):
    got = read("name,client,hour\na.example,192.0.2.7,2026-01-02T03:59:00Z\na..b,192.0.2.8,2026-01-02\n")
    [row] = got.tables["queries"]
    assert (row["hour"], row["count"]) == (datetime(2026, 1, 2, 3, tzinfo=UTC), 1)
    assert "192.0.2" not in str(got)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("name,client,hour\na..b,192.0.2.8,2026-01-02\nb.example,192.0.2.8\n", "a..b"),
        ('{"name": "a..b", "client": "192.0.2.8", "hour": "2026-01-02"}\n{"client": "192.0.2.8\n', "a..b"),
        ("domain,registrar,who\na..b,x,192.0.2.8 Jo Doe\nb.example,x\n", "a..b"),
    ],
)
def test_rejects_tell_of_no_people(read, text, shown):
    got = read(text)
    assert [line for line, _ in got.rejects] == ([1, 2] if text.startswith("{") else [2, 3])
    assert sorted(got.excerpts) == [shown, "not shown: it may hold a person's data"]


def test_networks_sightings_and_certificates(read):
    got = read(
        "from,to,as\n192.0.2.0,192.0.2.255,64500\nx,y,1\n",
        columns={"start": "from", "end": "to", "asn": "as"},
    )
    assert got.tables["networks"][0]["asn"] == 64500
    assert got.rejects == [(3, "bad_start")]
    got = read("indicator,seen_at\n192.0.2.9,2026-01-01\n", table="sightings")
    assert got.column("sightings", "indicator") == ["192.0.2.9"]
    got = read('{"fingerprint": "ab", "names": ["*.A.example", "a b"], "seen_at": "2026-01-01"}\n')
    assert got.column("certificates", "names") == [["a.example"]]


@pytest.mark.parametrize(
    ("text", "options", "error", "match"),
    [
        ("a,b\n1,2\n", {"columns": {"name": "zzz"}, "verdict": "benign"}, UsageError, "no such column"),
        ("a,b\n1,2\n", {"columns": {"nome": "a"}, "table": "labels"}, UsageError, "no column nome"),
        ("a,b\n1,2\n", {"columns": {"ttl": "a"}}, UsageError, "cannot be told"),
        ("a,b\n1,2\n", {"columns": {"name": "a"}, "table": "resolutions"}, UsageError, "needs a column"),
        ("a,b\n1,2\n", {"columns": {"name": "a"}, "table": "rejects"}, UsageError, "no table that takes"),
        (
            "a,b\nx.y,2\n",
            {"columns": {"name": "a"}, "table": "labels", "known_at": DAY},
            UsageError,
            "--verdict",
        ),
        ("a,b\nx.y,2\n", {"columns": {"name": "a"}, "verdict": "benign"}, InputError, "--known-at"),
    ],
)
def test_wrong_use_says_what_to_do(read, text, options, error, match):
    with pytest.raises(error, match=match):
        read(text, **options)


def test_parquet_with_bytes_that_are_no_text_is_damaged(read):
    data = BY_NAME["parquet"].example_bytes
    assert read(data).tables["resolutions"]
    with pytest.raises(FormatError, match="damaged Parquet"):
        read(data.replace(b"example.com", b"\xe8xample.com", 1))


@pytest.mark.parametrize("packing", ["gzip", "zip"])
def test_parquet_that_is_packed_is_told_to_be_unpacked(tmp_path, packing):
    plain, packed = tmp_path / "t.parquet", tmp_path / "t.packed"
    pq.write_table(pa.table({"name": ["a.example"]}), plain)
    if packing == "gzip":
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(plain)
    with pytest.raises(FormatError, match=rf"a Parquet file in {packing} data.*Unpack it"):
        ingest(tmp_path / "lake", packed)
