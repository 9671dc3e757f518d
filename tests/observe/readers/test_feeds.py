"""Dated feeds: columns by name, dates from the record."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.errors import InputError
from mithra.observe.readers.feeds import sniff_feed, sniff_feed_json


def test_urlhaus(read):
    got = read(
        "################\n"
        "# Last updated: 2022-09-13 07:28:08 (UTC) #\n"
        "#\n"
        "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"
        '"3","2022-09-13 07:18:04","http://192.0.2.1:42598/i","online","None","malware_download","elf","https://urlhaus.abuse.ch/url/3/","joe"\n'
        '"2","2022-09-13 07:11:34","https://Bad.example/x,y","offline","None","malware_download","js,x","https://urlhaus.abuse.ch/url/2/","joe"\n'
        '"1","2022-09-13 07:11:34"\n'
    )
    assert got.reader == "feed-csv"
    assert got.tables["labels"] == [
        {
            "name": "bad.example",
            "verdict": "nefarious",
            "category": "malware_download",
            "known_at": datetime(2022, 9, 13, 7, 11, 34, tzinfo=UTC),
            "source": "feed",
        }
    ]
    assert got.rejects == [(5, "ip_literal"), (7, "wrong_column_count")]


def test_maltrail_and_blackbook(read):
    got = read("domain,first_seen,family\ngenusstv.cyou,2026-01-04T00:27:47+02:00,lummac2\n")
    assert got.column("labels", "known_at") == [datetime(2026, 1, 3, 22, 27, 47, tzinfo=UTC)]
    assert got.column("labels", "category") == ["lummac2"]
    got = read("Domain,Malware,Date added,Source\nstatsrvv.com,keitaro,2024-09-01,ViriBack\n")
    assert got.column("labels", "known_at") == [datetime(2024, 9, 1, tzinfo=UTC)]
    assert got.column("labels", "source") == ["ViriBack"]


def test_columns_are_found_by_name_in_any_order_and_delimiter(read):
    got = read("Category;Date added;Domain\nphishing;2024-09-01;b.example\n;2024-09-02;c.example\n")
    assert got.column("labels", "name") == ["b.example", "c.example"]
    assert got.column("labels", "category") == ["phishing", None]


def test_records_without_a_date(read):
    text = "domain,first_seen\na.example,2024-09-01\nb.example,\nc.example,soon\nd.example,2031-01-01\n"
    got = read(text)
    assert got.column("labels", "name") == ["a.example"]
    assert got.rejects == [(3, "no_date"), (4, "no_date"), (5, "date_in_future")]
    day = datetime(2026, 1, 1, tzinfo=UTC)
    assert read(text, known_at=day).column("labels", "name") == ["a.example", "b.example", "c.example"]


def test_a_feed_without_dates_needs_one(read):
    with pytest.raises(InputError, match="--known-at"):
        read("domain,family\na.example,x\n")


def test_an_open_quote_costs_one_line(read):
    got = read('domain,first_seen\na.example,2024-09-01\n"b.example,2024-09-01\nc.example,2024-09-01\n')
    assert got.column("labels", "name") == ["a.example", "c.example"]
    assert got.rejects == [(3, "bad_csv")]


def test_json_objects(read):
    got = read(
        '[\n\t{"date": "2020-10-18", "url": "x-polkadot.net"},\n {"date": "2020-10-14", "url": "192.0.2.1"}]'
    )
    assert got.reader == "feed-json"
    assert got.column("labels", "known_at") == [datetime(2020, 10, 18, tzinfo=UTC)]
    assert got.rejects == [(2, "ip_literal")]


def test_a_feed_of_a_day_without_news(read):
    got = read("# Last updated: 2022-09-13 07:28:08 (UTC)\n#\n# id,dateadded,url,url_status,threat\n")
    assert (got.reader, got.tables["labels"], got.rejects) == ("feed-csv", [], [])


THREATFOX_HEAD = (
    '# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias",'
    '"malware_printable","last_seen_utc","confidence_level","is_compromised","reference","tags","anonymous",'
    '"reporter"\n'
)
THREATFOX_ROWS = [
    ("2026-03-01 07:18:04", "192.0.2.1:443", "ip:port", "botnet_cc", "75", "False"),
    ("2026-03-02 07:18:04", "c2.example", "domain", "botnet_cc", "75", "False"),
    ("2026-03-03 07:18:04", "https://shop.example/wp/x.js", "url", "payload_delivery", "100", "True"),
    ("2026-03-03 07:18:05", "d41d8cd98f00b204e9800998ecf8427e", "md5_hash", "payload", "100", "False"),
]
THREATFOX = (
    "################\n# Last updated: 2026-03-04 07:28:08 UTC #\n#\n"
    + THREATFOX_HEAD
    + "".join(
        f'"{at}", "5", "{ioc}", "{kind}", "{threat}", "win.x", "None", "X", "", "{sure}", "{broken}", '
        f'"None", "a,b", "0", "joe"\n'
        for at, ioc, kind, threat, sure, broken in THREATFOX_ROWS
    )
)


def test_threatfox(read):
    got = read(THREATFOX)
    assert got.reader == "feed-csv"
    assert got.tables["labels"] == [
        {
            "name": "c2.example",
            "verdict": "nefarious",
            "category": "botnet_cc",
            "confidence": 0.75,
            "known_at": datetime(2026, 3, 2, 7, 18, 4, tzinfo=UTC),
            "source": "feed",
        },
        {
            "name": "shop.example",
            "verdict": "nefarious",
            "category": "payload_delivery,compromised",
            "confidence": 1.0,
            "known_at": datetime(2026, 3, 3, 7, 18, 4, tzinfo=UTC),
            "source": "feed",
        },
    ]
    assert got.rejects == [(5, "ip_literal"), (8, "hash")]


@pytest.mark.parametrize(
    "text",
    [
        '{"7": [{"ioc_value": "c2.example", "ioc_type": "domain", "threat_type": "botnet_cc", '
        '"first_seen_utc": "2026-03-02 07:18:04", "last_seen_utc": null, "confidence_level": 75, '
        '"is_compromised": true, "tags": "x"}],\n "8": [{"ioc_value": "192.0.2.1:443", '
        '"threat_type": "botnet_cc", "first_seen_utc": "2026-03-02 07:18:05"}]}',
        '{"query_status": "ok", "data": [{"id": "7", "ioc": "c2.example", "threat_type": "botnet_cc", '
        '"first_seen": "2026-03-02 07:18:04 UTC", "confidence_level": 75, "is_compromised": true, "tags": '
        'null}, {"ioc": "192.0.2.1:443", "first_seen": "2026-03-02 07:18:05 UTC"}]}',
    ],
)
def test_threatfox_json_as_a_dump_and_from_the_api(read, text):
    got = read(text)
    assert got.reader == "feed-json"
    [row] = got.tables["labels"]
    assert (row["name"], row["category"], row["confidence"]) == ("c2.example", "botnet_cc,compromised", 0.75)
    assert row["known_at"] == datetime(2026, 3, 2, 7, 18, 4, tzinfo=UTC)
    assert got.rejects == [(2, "ip_literal")]


def test_urlhaus_json(read):
    got = read(
        '{\n  "3": [\n    {\n      "dateadded": "2026-03-02 07:18:04 UTC", "url": "http://a.example/i",'
        '"threat": "malware_download", "tags": ["elf", "mirai"], "reporter": "joe"}]}'
    )
    [row] = got.tables["labels"]
    assert (got.reader, row["name"], row["category"]) == ("feed-json", "a.example", "malware_download")


PHISHTANK = [
    ("1", "http://a.example/x", "2026-02-19T15:15:47+00:00", "yes"),
    ("2", "http://b.example/x", "2026-02-20T15:15:47+00:00", "no"),
]


def test_phishtank(read):
    head = "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n"
    rows = "".join(f"{i},{url},http://d.example/{i},{at},{v},{at},yes,Other\n" for i, url, at, v in PHISHTANK)
    listed = [
        {
            "phish_id": i,
            "url": url,
            "phish_detail_url": "http://d.example/",
            "submission_time": at,
            "verified": v,
            "online": "yes",
            "details": [{"ip_address": "192.0.2.1", "detail_time": at}],
            "target": "Other",
        }
        for i, url, at, v in PHISHTANK
    ]
    for text, reader, line in (
        (head + rows, "feed-csv", 3),
        (json.dumps(listed), "feed-json", 2),
        (json.dumps(listed[0]) + "\n" + json.dumps(listed[1]) + "\n", "feed-json", 2),
    ):
        got = read(text)
        assert got.reader == reader
        [row] = got.tables["labels"]
        assert (row["name"], row["category"]) == ("a.example", "phishing")
        assert row["known_at"] == datetime(2026, 2, 19, 15, 15, 47, tzinfo=UTC)
        assert got.rejects == [(line, "not_verified")]
    assert read(json.dumps(listed[0])).column("labels", "name") == ["a.example"]


def test_openphish_json(read):
    got = read(
        '{"brand": "X", "discover_time": "25-01-2026 17:35:01 UTC", "host": "login.a.example", '
        '"isotime": "2026-01-25T17:35:01Z", "url": "https://login.a.example/x"}\n'
        '{"brand": "X", "host": "192.0.2.1", "isotime": "2026-01-25T17:35:02Z", "url": "http://192.0.2.1/x"}\n'
    )
    assert got.column("labels", "name") == ["login.a.example"]
    assert got.column("labels", "known_at") == [datetime(2026, 1, 25, 17, 35, 1, tzinfo=UTC)]
    assert got.rejects == [(2, "ip_literal")]


def test_tweetfeed_without_a_header(read):
    got = read(
        "2026-05-01 02:47:00,joe,domain,a.example,,https://x.example/1\n"
        "2026-05-01 04:07:22,joe,url,https://b.example/x,#phishing #scam,https://x.example/2\n"
        "2026-05-01 04:07:23,joe,ip,192.0.2.1,#C2,https://x.example/3\n"
    )
    assert got.reader == "feed-csv"
    assert got.column("labels", "name") == ["a.example", "b.example"]
    assert got.column("labels", "category") == [None, "phishing,scam"]
    assert got.column("labels", "known_at")[0] == datetime(2026, 5, 1, 2, 47, tzinfo=UTC)
    assert got.rejects == [(3, "ip_literal")]


def test_half_a_surrogate_pair_costs_one_record(read):
    got = read(
        '[{"date": "2026-01-01", "url": "\\ud800.example"}, {"date": "2026-01-01", "url": "b.example"}]'
    )
    assert got.column("labels", "name") == ["b.example"]
    assert got.rejects == [(1, "bad_idna")]


LOG = {"timestamp": "2026-01-01T00:00:00Z", "host": "sensor.example"}


@pytest.mark.parametrize(
    "record",
    [
        LOG,
        LOG | {"temperature": 21, "name": "x.example"},
        {"first_seen": "2026-01-01", "hostname": "pc1.example"},
        {"timestamp": "2026-01-01", "domain": "www.example.com", "category": "news"},
        {"date": "2026-01-01", "domain": "www.example.com", "client_ip": "10.0.0.7"},
        {"date": "2026-01-01", "host": "shop.example.com", "url": "/a", "status": "200"},
        {"name": "Jo Doe", "added": "2026-01-01", "phone": "555"},
        {"timestamp": "2026-01-01", "hostname": "pc1.example", "malware": "x", "action": "quarantined"},
    ],
)
def test_logs_and_inventories_are_no_feed(record):
    assert not sniff_feed_json(json.dumps(record).encode())
    assert not sniff_feed(f"{','.join(record)}\n{','.join(map(str, record.values()))}\n".encode())


@pytest.mark.parametrize(
    "record",
    [
        LOG | {"threat": "phishing"},
        {"domain": "a.example", "first_seen": "2026-01-01"},
        {"url": "https://a.example/", "date": "2026-01-01"},
        {"hostname": "a.example", "listed_at": "2026-01-01"},
        {"timestamp": "2026-01-01", "ioc": "a.example"},
    ],
)
def test_feeds_say_what_is_listed_and_since_when(record):
    assert sniff_feed_json(json.dumps(record).encode())
    assert sniff_feed(f"{','.join(record)}\n{','.join(record.values())}\n".encode())


@pytest.mark.parametrize("mark", ["event_type", "eventid", "rrname", "client_ip"])
def test_records_of_sensors_are_no_feed(mark):
    record = LOG | {"threat": "x"}
    assert sniff_feed_json(json.dumps(record).encode())
    assert not sniff_feed_json(json.dumps(record | {mark: "x"}).encode())
