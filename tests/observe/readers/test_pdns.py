"""Passive DNS: plain lines by DuckDB, odd ones by line in a second pass."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError

DAY = 86400
PLAIN = {
    "rrname": "www.example.com",
    "rrtype": "A",
    "rdata": "192.0.2.1",
    "time_first": 1_600_000_000,
    "time_last": 1_600_086_400,
    "count": 7,
}


def lines(*records: object) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


def test_plain_record(read):
    got = read(lines({**PLAIN, "rrname": "WWW.Example.COM.", "origin": "sensor-1"}))
    assert got.reader == "cof"
    assert got.rejects == []
    [row] = got.tables["resolutions"]
    assert row == {
        "name": "www.example.com",
        "rrtype": "A",
        "rdata": "192.0.2.1",
        "first_seen": datetime.fromtimestamp(1_600_000_000, UTC),
        "last_seen": datetime.fromtimestamp(1_600_086_400, UTC),
        "count": 7,
        "captured_at": datetime.fromtimestamp(1_600_086_400, UTC),
        "source": "sensor-1",
    }


def test_source_is_the_callers_then_the_records_then_the_files(read):
    records = lines({**PLAIN, "origin": "sensor-1"}, PLAIN)
    assert read(records, name="pdns-2026-01-02.jsonl").column("resolutions", "source") == ["sensor-1", "pdns"]
    assert read(records, source="mine").column("resolutions", "source") == ["mine", "mine"]


def test_rdata_is_made_canonical_by_type(read):
    values = {
        "A": "192.0.2.1",
        "AAAA": "2001:DB8:0:0:0:0:0:1",
        "NS": "NS1.Example.NET.",
        "CNAME": "münchen.example.",
        "MX": "10 Mail.Example.COM.",
        "SOA": "NS1.example.com. Host.example.com. 1 2 3 4 5",
        "TXT": "v=spf1 Include:x",
    }
    got = read(lines(*({**PLAIN, "rrtype": kind.lower(), "rdata": value} for kind, value in values.items())))
    assert got.rejects == []
    assert dict(
        zip(got.column("resolutions", "rrtype"), got.column("resolutions", "rdata"), strict=True)
    ) == {
        "A": "192.0.2.1",
        "AAAA": "2001:db8::1",
        "NS": "ns1.example.net",
        "CNAME": "xn--mnchen-3ya.example",
        "MX": "mail.example.com",
        "SOA": "ns1.example.com host.example.com 1 2 3 4 5",
        "TXT": "v=spf1 Include:x",
    }


def test_arrays_strings_and_numbers_in_strings(read):
    got = read(
        lines(
            {**PLAIN, "rdata": ["192.0.2.1", "192.0.2.2"]},
            {**PLAIN, "rdata": "192.0.2.3", "time_first": "1600000000", "count": "3"},
            {**PLAIN, "rdata": ["192.0.2.4"], "time_last": 1600086400.0},
        )
    )
    assert sorted(got.column("resolutions", "rdata")) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]
    assert got.rejects == []


def test_rrdata_zone_times_iso_dates_and_numeric_types(read):
    zone = {"rrname": "a.example", "rrtype": "NS", "rrdata": ["ns.example."], "count": 2}
    got = read(
        lines(
            {**zone, "zone_time_first": 1_500_000_000, "zone_time_last": 1_500_000_001},
            {**PLAIN, "time_first": "2020-09-13T12:26:40Z", "rrtype": 1},
        )
    )
    assert got.rejects == []
    assert sorted(got.column("resolutions", "first_seen")) == [
        datetime.fromtimestamp(1_500_000_000, UTC),
        datetime.fromtimestamp(1_600_000_000, UTC),
    ]
    assert sorted(got.column("resolutions", "rrtype")) == ["A", "NS"]


def test_bad_lines_are_told_by_number_and_reason(read):
    text = "\n".join(
        [
            json.dumps(PLAIN),  # 1
            "",  # 2
            "   ",  # 3
            "garbage",  # 4
            '{"rrname":"trunc',  # 5
            "[1, 2]",  # 6
            json.dumps({**PLAIN, "rdata": "300.1.1.1"}),  # 7
            json.dumps({**PLAIN, "rrname": "a..b"}),  # 8
            json.dumps({**PLAIN, "rrname": "nul\0.example"}),  # 9
            json.dumps({**PLAIN, "rrname": "x" * 1_000_000}),  # 10
            json.dumps({**PLAIN, "time_first": "yesterday"}),  # 11
            json.dumps({**PLAIN, "time_last": 1}),  # 12
            json.dumps({**PLAIN, "time_last": 4_000_000_000}),  # 13
            json.dumps({key: value for key, value in PLAIN.items() if key != "time_first"}),  # 14
            json.dumps({**PLAIN, "rdata": {"a": 1}}),  # 15
            json.dumps({**PLAIN, "rrtype": "MX", "rdata": "0 ."}),  # 16
            json.dumps({**PLAIN, "rdata": []}),  # 17
            json.dumps({**PLAIN, "time_first": 99999999999999999999}),  # 18
            json.dumps(PLAIN) + " " + json.dumps(PLAIN),  # 19
            json.dumps({**PLAIN, "rrname": "last.example.com"}),  # 20
        ]
    )
    got = read(text)
    assert got.column("resolutions", "name") == ["www.example.com", "last.example.com"]
    assert got.rejects == [
        (4, "not_json"),
        (5, "not_json"),
        (6, "not_an_object"),
        (7, "bad_ipv4"),
        (8, "empty_label"),
        (9, "control_character"),
        (10, "too_long"),
        (11, "bad_date"),
        (12, "last_seen_before_first_seen"),
        (13, "date_in_future"),
        (14, "no_date"),
        (15, "bad_rdata"),
        (16, "null_mx"),
        (17, "no_rdata"),
        (18, "bad_date"),
        (19, "not_json"),
    ]
    assert all(len(excerpt) < 1000 for excerpt in got.excerpts)


def test_one_bad_value_of_an_array_costs_only_itself(read):
    got = read(lines({**PLAIN, "rdata": ["192.0.2.1", "x", "192.0.2.2"]}))
    assert got.column("resolutions", "rdata") == ["192.0.2.1", "192.0.2.2"]
    assert got.rejects == [(1, "bad_ipv4")]


def test_windows_line_ends_and_byte_order_mark(read):
    text = "\ufeff" + json.dumps(PLAIN) + "\r\n\r\n" + json.dumps({**PLAIN, "rrname": "a..b"}) + "\r\n"
    got = read(text)
    assert got.column("resolutions", "name") == ["www.example.com"]
    assert got.rejects == [(3, "empty_label")]


def test_a_line_beyond_duckdbs_limit_is_a_reject(read):
    huge = json.dumps({**PLAIN, "rrname": "x" * 40_000_000})
    got = read(lines(PLAIN, huge, {**PLAIN, "rrname": "after.example"}))
    assert got.column("resolutions", "name") == ["www.example.com", "after.example"]
    assert got.rejects in ([(2, "line_too_long")], [(2, "too_long")])


def test_dnsdb_frames(read):
    begin, end = {"cond": "begin"}, {"cond": "succeeded"}
    got = read(lines(begin, {"obj": {**PLAIN, "rdata": ["192.0.2.9"]}}, {"cond": "ongoing"}, end))
    assert got.column("resolutions", "rdata") == ["192.0.2.9"]
    assert got.rejects == []


@pytest.mark.parametrize("ending", [[], [{"cond": "failed", "msg": "timeout"}], ['{"cond":"succ']])
def test_dnsdb_answer_that_is_not_whole_is_refused(read, ending):
    with pytest.raises(FormatError, match="closing frame"):
        read(lines({"cond": "begin"}, {"obj": PLAIN}, *ending))


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


PACKERS = [gzip.compress, zstd, bz2.compress, lzma.compress]


@pytest.mark.parametrize("pack", PACKERS)
def test_packed(read, pack):
    other = {**PLAIN, "rrname": "b.example"}
    got = read(pack(lines(PLAIN).encode()) + pack(lines("bad", other).encode()))
    assert sorted(got.column("resolutions", "name")) == ["b.example", "www.example.com"]
    assert got.rejects == [(2, "not_json")]


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_data_cut_short_is_refused(read, pack):
    data = pack(lines(*({**PLAIN, "rrname": f"host{i * 7919}.example"} for i in range(5000))).encode())
    for cut in (len(data) // 2, -1):
        with pytest.raises(FormatError, match="cut short or damaged"):
            read(data[:cut], "cof")


def test_milliseconds(read):
    times = {"time_first_ms": 1_600_000_123, "time_last_ms": 1_700_000_000}
    bare = {key: value for key, value in PLAIN.items() if not key.startswith("time")}
    texts = {key: str(value) for key, value in times.items()}
    got = read(lines({**bare, **times}, {**bare, **texts, "rrtype": 1}, {**bare, "time_first_ms": "x"}))
    assert got.column("resolutions", "first_seen") == [datetime.fromtimestamp(1_600_000, UTC)] * 2
    assert got.column("resolutions", "last_seen") == [datetime.fromtimestamp(1_700_000, UTC)] * 2
    assert got.rejects == [(3, "bad_date")]
    assert read(lines({**PLAIN, **times, "time_first": 1})).column("resolutions", "first_seen") == [
        datetime.fromtimestamp(1, UTC)
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_one_array(read, indent):
    other = {**PLAIN, "rrname": "b.example", "rdata": ["192.0.2.1", "bad"]}
    got = read(json.dumps([PLAIN, other, 5], indent=indent))
    assert got.reader == "cof"
    assert got.column("resolutions", "name") == ["www.example.com", "b.example"]
    assert got.rejects == [(2, "bad_ipv4"), (3, "not_an_object")]


def test_of_several_dnsdb_answers_each_must_be_whole(read):
    whole = [{"cond": "begin"}, {"obj": PLAIN}, {"cond": "limited", "msg": "Result limit reached"}]
    assert len(read(lines(*whole, *whole)).tables["resolutions"]) == 2
    with pytest.raises(FormatError, match="closing frame"):
        read(lines(*whole[:2], *whole))


def test_gzip_cut_short_is_refused(read, packed):
    data = packed(lines(*({**PLAIN, "rrname": f"host{i * 7919}.example"} for i in range(50_000))))
    with pytest.raises(FormatError, match="cut short or damaged"):
        read(data[: len(data) // 2])
    with pytest.raises(FormatError, match="cut short or damaged"):
        read(data[:-9] + b"\0" * 9)


def test_lines_are_told_right_across_batches(read):
    good = json.dumps(PLAIN)
    text = "\n".join("bad" if i % 70_001 == 0 else "" if i % 50 == 1 else good for i in range(200_000))
    got = read(text)
    assert got.rejects == [(i + 1, "not_json") for i in range(0, 200_000, 70_001)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.just(json.dumps(PLAIN)),
            st.text(
                alphabet=st.characters(codec="utf-8", exclude_characters="\n"),
                max_size=30,
            ),
            st.builds(
                lambda name, rdata: json.dumps({**PLAIN, "rrname": name, "rdata": rdata}),
                st.text(max_size=20),
                st.one_of(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3), st.integers()),
            ),
        ),
        max_size=12,
    )
)
def test_every_line_is_kept_or_told(read, texts):
    """No line is lost and none raises, whatever it holds."""
    texts = [json.dumps(PLAIN), *texts]
    got = read("\n".join(texts), "cof")
    told = {line for line, _ in got.rejects}
    assert told <= set(range(1, len(texts) + 1))
    for number, text in enumerate(texts, 1):
        if text == json.dumps(PLAIN):
            assert number not in told
    filled = sum(bool(text.encode("utf-8", "surrogatepass").strip()) for text in texts)
    assert len(got.tables["resolutions"]) + len(got.rejects) >= filled - sum("[]" in t for t in texts)


def test_half_a_surrogate_pair_is_not_json(read):
    got = read(lines(PLAIN, json.dumps({**PLAIN, "rrname": "x"}).replace('"x"', r'"\ud800.example"')))
    assert got.rejects == [(2, "not_json")]
