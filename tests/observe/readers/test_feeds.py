"""Dated feeds: columns by name, dates from the record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mithra.errors import InputError


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
