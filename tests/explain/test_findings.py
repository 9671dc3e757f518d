"""Findings as OCSF (against its schema), as STIX (parsed by its library), and hostile text in both."""

from __future__ import annotations

import functools
import json
import sys
from datetime import UTC, datetime

import jsonschema
import ocsf_json_schema
import pyarrow as pa
import pytest
import stix2

from mithra.errors import MissingExtraError
from mithra.explain.findings import SCHEMA, Findings
from mithra.explain.ocsf import VERSION, ocsf_events
from mithra.explain.querylog import Counts
from mithra.explain.sightings import stix_bundle

NOW = datetime(2026, 7, 10, tzinfo=UTC)
HOSTILE = "\x1b[31m=cmd()\u202e</script>\U0001f600'\"]"
FULL = {
    "rank": 1,
    "status": "open",
    "name": "evil.example",
    "score": 0.97,
    "verdict": "nefarious",
    "client": "0123456789abcdef0123456789abcdef",
    "clients": 3,
    "first": datetime(2026, 7, 2, 10, tzinfo=UTC),
    "last": datetime(2026, 7, 2, 12, tzinfo=UTC),
    "count": 7,
    "rrtypes": ["A", "TXT"],
    "hosts": ["a.evil.example", "evil.example"],
    "then": ["none 5", "block 2"],
    "blocked": 2,
    "now": "block",
    "guard": None,
    "kinds": ["lexical"],
    "reasons": [HOSTILE],
    "group": "evil.example",
    "sources": ["query"],
    "simulated": False,
    "uid": "u1",
}
CLOSED = FULL | {
    "rank": None, "status": "closed", "because": "popular", "client": None, "uid": "u2", "guard": "popular",
    "now": "none",
}  # fmt: skip
NAMELESS = {
    "rank": 2, "status": "open", "now": "none", "client": "198.51.100.7", "count": 1, "blocked": 0,
    "rrtypes": [], "hosts": [], "then": [], "kinds": [], "reasons": [], "sources": ["eve"],
    "tool": "suricata", "title": HOSTILE,
    "severity": "high", "alert": "a1", "simulated": True, "uid": "u3",
}  # fmt: skip


def findings(*rows):
    return Findings(pa.Table.from_pylist(list(rows), schema=SCHEMA), Counts())


@functools.cache
def schema():
    made = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema(VERSION))
    return jsonschema.Draft202012Validator(made.get_class_schema("detection_finding"))


def test_every_event_is_a_detection_finding_by_the_schema_of_ocsf():
    events = list(ocsf_events(findings(FULL, NAMELESS, CLOSED), NOW))
    for event in events:
        assert [error.message for error in schema().iter_errors(json.loads(json.dumps(event)))] == []
    assert {event["class_uid"] for event in events} == {2004}
    broken = events[0] | {"severity_id": 77}
    assert list(schema().iter_errors(broken))
    assert list(schema().iter_errors(events[0] | {"evidences": [{"query": {}}]}))


def test_an_event_says_who_asked_for_what():
    event, nameless, closed = ocsf_events(findings(FULL, NAMELESS, CLOSED), NOW)
    assert (event["status_id"], event["severity_id"], event["is_alert"], event["risk_score"]) == (
        1,
        4,
        True,
        97,
    )
    assert (event["start_time"], event["end_time"], event["count"]) == (1782986400000, 1782993600000, 7)
    assert event["evidences"][0] == {
        "query": {"hostname": "a.evil.example", "class": "IN", "type": "A, TXT"},
        "src_endpoint": {"uid": FULL["client"]},
    }
    assert event["enrichments"][0]["data"]["reasons"] == [HOSTILE]
    assert event["unmapped"] == {
        "then": ["none 5", "block 2"],
        "now": "block",
        "asked_while_blocked": 2,
        "rank": 1,
    }
    assert event["metadata"]["correlation_uid"] == "evil.example"
    assert (closed["status_id"], closed["status_detail"], closed["severity_id"]) == (3, "popular", 1)
    assert nameless["evidences"] == [{"src_endpoint": {"ip": "198.51.100.7"}}]
    assert nameless["metadata"]["labels"] == ["simulated"]
    assert (nameless["severity_id"], nameless["time"]) == (0, 1783641600000)


def test_the_bundle_sights_open_names_only_and_is_the_same_each_time():
    text = stix_bundle(findings(FULL, NAMELESS, CLOSED), NOW)
    assert text == stix_bundle(findings(FULL, NAMELESS, CLOSED), NOW)
    assert text.isascii()
    bundle = stix2.parse(text)
    kinds = sorted(each.type for each in bundle.objects)
    assert kinds == ["domain-name", "identity", "indicator", "observed-data", "sighting"]
    [sighting] = [each for each in bundle.objects if each.type == "sighting"]
    [indicator] = [each for each in bundle.objects if each.type == "indicator"]
    assert (sighting.count, sighting.sighting_of_ref, sighting.confidence) == (7, indicator.id, 97)
    assert (sighting.first_seen, sighting.last_seen) == (FULL["first"], FULL["last"])
    assert indicator.pattern == "[domain-name:value = 'evil.example']"
    assert json.loads(sighting.description)["client"] == FULL["client"]


def test_a_bundle_of_nothing_is_one():
    assert [each.type for each in stix2.parse(stix_bundle(findings(CLOSED), NOW)).objects] == ["identity"]


def test_without_stix2_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stix2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mithra\[share\]'"):
        stix_bundle(findings(FULL), NOW)
