"""STIX bundles, and the subset of the pattern grammar against the full parser."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithra.errors import FormatError
from mithra.observe.readers import jsonstream
from mithra.observe.readers.stix import hosts_of_pattern

AT = "2026-03-01T01:04:58.000Z"
ID = "indicator--19dbf62a-d916-56f7-8d00-f8737075f7d1"


def indicator(pattern="[domain-name:value = 'a.example']", **fields):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": ID,
        "created": AT,
        "modified": AT,
        "valid_from": AT,
        "pattern": pattern,
        "pattern_type": "stix",
    } | fields


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": f"bundle{ID[9:]}", "objects": list(objects)})


def test_bundle(read):
    author = {"type": "identity", "id": f"identity{ID[9:]}", "name": "Team"}
    got = read(
        bundle(
            indicator(
                "[domain-name:value = 'A.example' OR url:value = 'http://b.example:80/x'] "
                "OR [ipv4-addr:value = '192.0.2.1']",
                indicator_types=["malicious-activity"],
                labels=["phishing"],
                confidence=80,
                valid_until="2027-03-01T00:00:00Z",
                created_by_ref=author["id"],
            ),
            author,
            indicator("[ipv4-addr:value = '192.0.2.1']"),
            indicator("[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']"),
            {"type": "relationship", "id": f"relationship{ID[9:]}"},
            {"type": "domain-name", "id": f"domain-name{ID[9:]}", "value": "seen.example"},
        )
    )
    assert got.reader == "stix"
    row = {
        "verdict": "nefarious",
        "category": "phishing",
        "confidence": 0.8,
        "known_at": datetime(2026, 3, 1, 1, 4, 58, tzinfo=UTC),
        "valid_until": datetime(2027, 3, 1, tzinfo=UTC),
        "source": "Team",
    }
    assert got.tables["labels"] == [row | {"name": "a.example"}, row | {"name": "b.example"}]
    assert got.rejects == [(3, "ip_literal"), (4, "hash"), (6, "observed_only")]


def test_known_at_is_the_later_of_created_and_valid_from(read):
    early, late = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    got = read(bundle(indicator(valid_from=early, created=late), indicator(valid_from=late, created=early)))
    assert set(got.column("labels", "known_at")) == {datetime(2026, 2, 1, tzinfo=UTC)}
    got = read(bundle(indicator(valid_from="2031-01-01T00:00:00Z"), indicator(valid_from=None, created=None)))
    assert got.rejects == [(1, "date_in_future"), (2, "no_date")]


def test_revoked_means_ended(read):
    end = datetime(2026, 4, 1, tzinfo=UTC)
    got = read(
        bundle(indicator(revoked=True, modified="2026-04-01T00:00:00Z", valid_until="2027-01-01T00:00:00Z"))
    )
    assert got.column("labels", "valid_until") == [end]


@pytest.mark.parametrize(
    ("fields", "category"),
    [
        ({"indicator_types": ["compromised"], "labels": ["phishing"]}, "phishing,compromised"),
        ({"indicator_types": ["malicious-activity"]}, "malicious-activity"),
        ({"labels": ["malicious-activity", "c2"]}, "c2"),
        ({"labels": ['misp:type="domain"', 'misp:to_ids="True"']}, None),
        ({}, None),
    ],
)
def test_category(read, fields, category):
    assert read(bundle(indicator(**fields))).column("labels", "category") == [category]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"indicator_types": ["benign"]}, "not_called_malicious"),
        ({"labels": ["anomalous-activity"]}, "not_called_malicious"),  # as STIX 2.0 has it
        ({"pattern_type": "snort"}, "not_a_stix_pattern"),
        ({"pattern": None}, "no_pattern"),
        ({"pattern": "[domain-name:value"}, "bad_pattern"),
        ({"pattern": "[domain-name:value = 'a.example' AND file:size = 3]"}, "conditional_pattern"),
        ({"pattern": "[mutex:name = 'x']"}, "not_a_name"),
    ],
)
def test_what_is_no_label(read, fields, reason):
    got = read(bundle(indicator(**fields)))
    assert (got.tables["labels"], got.rejects) == ([], [(1, reason)])


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("[domain-name:value='a']", ["a"]),
        ("[ (domain-name:value = 'a' OR domain-name:value IN ('b', 'c')) ]", ["a", "b", "c"]),
        ("([url:value = 'a'] OR [url:value = 'b\\'c\\\\d'])", ["a", "b'c\\d"]),
        ("[domain-name:value = 'a' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']", ["a"]),
        ("[domain-name:value = 'a' OR x-thing:'odd key'[*].size = 3]", ["a"]),
    ],
)
def test_patterns_that_name_hosts(pattern, hosts):
    assert hosts_of_pattern(pattern) == hosts


@pytest.mark.parametrize(
    "pattern",
    [
        "[domain-name:value != 'a']",
        "[domain-name:value NOT = 'a']",
        "[domain-name:value LIKE '%a']",
        "[domain-name:value MATCHES 'a']",
        "[domain-name:value = 'a'] AND [url:value = 'b']",
        "[domain-name:value = 'a'] FOLLOWEDBY [url:value = 'b']",
        "[domain-name:value = 'a'] REPEATS 5 TIMES",
        "[domain-name:value = 'a'] WITHIN 30 SECONDS",
        "[domain-name:value = 'a'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
    ],
)
def test_patterns_that_need_more_than_the_name(pattern):
    assert hosts_of_pattern(pattern) == "conditional_pattern"


PIECES = [
    "domain-name:resolves_to_refs[*].value",
    "[",
    "]",
    "(",
    ")",
    " OR ",
    " AND ",
    "domain-name:value",
    "ipv4-addr:value",
    " = ",
    " IN ",
    ", ",
    "'a'",
    "1",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_what_is_taken_is_a_pattern_for_the_full_parser_too(pattern):
    validator = pytest.importorskip("stix2patterns.validator")
    if isinstance(hosts_of_pattern(pattern), list):
        assert validator.validate(pattern)


def test_the_short_way_and_the_long_way_agree(read, monkeypatch):
    text = bundle(
        indicator(labels=["c2"], confidence=50, created_by_ref=f"identity{ID[9:]}"),
        indicator(revoked=True, valid_until="2027-01-01T00:00:00Z"),
        indicator("[file:size = 3]", valid_from=7, labels="x"),
        {"type": "identity", "id": f"identity{ID[9:]}", "name": "Team"},
        {"type": "url", "value": "http://a.example"},
    )
    short = read(text)
    assert short.column("labels", "source") == ["Team", "feed"]
    monkeypatch.setattr(jsonstream, "TEXT_BYTES", 1 << 30)
    long = read(text)
    assert (long.tables, long.rejects) == (short.tables, short.rejects)
    assert short.rejects == [(3, "not_a_name"), (5, "observed_only")]


@pytest.mark.parametrize(
    "odd", ["3", '{"type": "indicator", "pattern": "\\ud800"}', '{"id": "\0"}', '{"id": 1e999}']
)
def test_one_odd_object_costs_itself(read, odd):
    got = read(bundle(indicator()).replace('"objects": [', f'"objects": [{odd},'))
    assert got.column("labels", "name") == ["a.example"]


def test_cut_short(read):
    with pytest.raises(FormatError, match="not JSON"):
        read(bundle(indicator())[:-20])
