"""Suricata's alerts: hosts, never clients' addresses, never labels."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.observe.readers.alerts import alert_sightings, read_alerts
from mithra.observe.source import Options, Rejects, Rows, Source


def alert(**fields: object) -> dict[str, object]:
    return {
        "timestamp": "2026-06-01T08:00:00.080710-0400",
        "flow_id": 1201228494666661,
        "event_type": "alert",
        "host": "ids-1",
        "src_ip": "10.2.8.102",
        "src_port": 49730,
        "dest_ip": "192.0.2.80",
        "dest_port": 80,
        "proto": "TCP",
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": 2027758,
            "rev": 2,
            "signature": "ET DNS Query for .cc TLD",
            "category": "Potentially Bad Traffic",
            "severity": 2,
        },
        **fields,
    }


def lines(*records: object) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_hosts_of_alerts(read):
    technique = {"gid": 1, "signature_id": 5, "metadata": {"mitre_technique_id": ["T1071"]}}
    got = read(
        lines(
            alert(http={"hostname": "C2.example", "url": "/x"}),
            alert(tls={"sni": "tls.example", "version": "TLS 1.2"}, alert=technique),
            alert(dns={"query": [{"type": "query", "rrname": "v2.example", "rrtype": "A"}]}),
            alert(dns={"version": 3, "queries": [{"rrname": "v3.example"}, {"rrname": "other.example"}]}),
            alert(dns={"type": "answer", "rrname": "v1.example", "answers": [{"rrname": "v1.example"}]}),
            alert(quic={"sni": "quic.example"}, tls=None),
            alert(http={"hostname": "proxy.example", "url": "http://far.example/x"}),
            alert(ssh={"client": {}}),
        )
    )
    assert got.reader == "suricata-eve"
    assert got.rejects == []
    assert [(row["indicator"], row["technique"]) for row in got.tables["sightings"]] == [
        ("c2.example", "1:2027758"),
        ("tls.example", "T1071"),
        ("v2.example", "1:2027758"),
        ("v3.example", "1:2027758"),
        ("other.example", "1:2027758"),
        ("v1.example", "1:2027758"),
        ("quic.example", "1:2027758"),
        ("proxy.example", "1:2027758"),
        ("far.example", "1:2027758"),
    ]
    first = got.tables["sightings"][0]
    assert first == {
        "indicator": "c2.example",
        "kind": "alert",
        "sensor": "ids-1",
        "technique": "1:2027758",
        "seen_at": datetime(2026, 6, 1, 12, tzinfo=UTC),
        "source": "ids-1",
    }
    assert "labels" not in got.tables


@pytest.mark.parametrize(
    ("ends", "host", "kept"),
    [
        (("10.2.8.102", "93.184.216.34"), "93.184.216.34", True),  # from inside to a server
        (("93.184.216.34", "10.2.8.102"), "93.184.216.34", True),  # its answer
        (("93.184.216.34", "10.2.8.102"), "10.2.8.102", False),  # a scan, with the sensor's address as host
        (("93.184.216.34", "151.101.1.1"), "151.101.1.1", False),  # the same where it is public
        (("93.184.216.34", "10.2.8.102"), "151.101.1.1", False),  # the same behind translation
        (("10.2.8.102", "10.2.8.1"), "93.184.216.34", True),  # through a proxy inside
    ],
)
def test_no_clients_address_is_kept(ends, host, kept):
    record = alert(src_ip=ends[0], dest_ip=ends[1], http={"hostname": host})
    assert [sighting.indicator for sighting in alert_sightings(record)] == ([host] if kept else [])


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event_type": "dns", "dns": {"rrname": "a.example"}},
        alert(alert=None, http={"hostname": "a.example"}),
        alert(http=[], dns=5, tls="x"),
        alert(dns={"query": {"rrname": "a.example"}, "queries": [None, 5]}),
        alert(http={"hostname": 5, "url": None}),
    ],
)
def test_nothing_to_see(record):
    assert alert_sightings(record) == []


def test_bad_records(read):
    host = {"hostname": "a.example"}
    late, undated = alert(http=host, timestamp="2031-01-01T00:00:00Z"), alert(http=host, timestamp=None)
    bad = alert(http={"hostname": "bad name"}, timestamp="2026-06-01T12:00:00Z", alert={})
    got = read(lines(alert(http=host), late, undated, bad, {"stats": {}}, 5) + "{cut")
    assert len(got.tables["sightings"]) == 1
    assert sorted(got.rejects) == [
        (2, "date_in_future"),
        (3, "no_date"),
        (4, "whitespace"),
        (5, "no_event_type"),
        (6, "not_an_object"),
        (7, "not_json"),
    ]


def test_alerts_among_other_events(read):
    mixed = lines(
        {"event_type": "stats", "timestamp": "2026-06-01T12:00:00Z"},
        alert(http={"hostname": "a.example"}),
        {
            "event_type": "dns",
            "timestamp": "2026-06-01T12:00:00Z",
            "src_ip": "10.0.0.1",
            "dns": {"type": "query", "rrname": "b.example", "rrtype": "A"},
        },
    )
    got = read(mixed)
    assert got.column("sightings", "indicator") == ["a.example"]
    assert got.column("queries", "name") == ["b.example"]


def test_the_pass_over_alerts_is_silent_about_the_rest(tmp_path):
    path = tmp_path / "eve.json"
    path.write_text(
        lines(
            {"event_type": "dns", "timestamp": "2026-06-01T12:00:00Z", "dns": {"rrname": "a.example"}},
            alert(dns={"query": [{"rrname": "b.example"}]}),
            {"event_type": "stats", "stats": {"alert": 1}},
            alert(tls={"sni": "c.example"}, timestamp=None),
        )
        + "{cut"
    )
    found = list(read_alerts(Source.at(path), Options()))
    rows = [row["indicator"] for item in found if isinstance(item, Rows) for row in item.data.to_pylist()]
    rejects = [(item.lines, item.reasons) for item in found if isinstance(item, Rejects)]
    assert (rows, rejects) == (["b.example"], [([4], ["no_date"])])
