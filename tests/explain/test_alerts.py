"""Alerts of other tools: each comes out once, with what is known of its name, open or closed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError, UsageError
from tests.explain.detecting import decisions, finding, scores


def test_alerts_of_suricata_each_come_out_once(run, known_lake):
    events = [
        alert("1", dns={"query": [{"rrname": "evil.example"}]}),
        alert("2", dns={"query": [{"rrname": "evil.example"}]}),
        alert("2", dns={"query": [{"rrname": "evil.example"}]}),  # the same record twice
        alert("3", http={"hostname": "www.popular.example"}),
        alert("4", tls={"sni": "ours.example"}),
        alert("5", tls={"sni": "unseen.example"}),
        alert("6"),
        {"event_type": "dns", "timestamp": "2026-07-02T10:00:00+0000", "src_ip": "10.0.0.9",
         "dns": {"type": "query", "rrname": "evil.example", "rrtype": "A"}},
    ]  # fmt: skip
    log = "".join(json.dumps(event) + "\n" for event in events)
    found = run(log, "eve.json", scores=scores(evil_example=(0.9, "nefarious")), show_clients=True)
    rows = found.table.to_pylist()
    assert found.counts.alerts == 7
    assert sum(row["tool"] == "suricata" for row in rows) == 7
    assert len({row["uid"] for row in rows}) == len(rows) == 8
    assert {row["name"]: row["because"] for row in rows if row["status"] == "closed"} == {
        "www.popular.example": "popular: listed for long, or ranked high",
        "ours.example": "labelled benign",
    }
    opened = found.open.to_pylist()
    assert [row["name"] for row in opened] == [*["evil.example"] * 4, "unseen.example", None]
    assert [row["client"] for row in opened if row["tool"] is None] == ["10.0.0.9"]
    assert {row["client"] for row in rows if row["tool"]} == {"10.0.0.1"}
    assert opened[-1]["title"] == "ET MALWARE 6"


def alert(number, **layers):
    """An EVE alert; the answer to a client, so that the client is its destination."""
    return (
        {
            "event_type": "alert",
            "timestamp": "2026-07-02T10:00:00.5+0000",
            "src_ip": "8.8.8.8",
            "dest_ip": "10.0.0.1",
            "alert": {
                "gid": 1,
                "signature_id": int(number),
                "signature": f"ET MALWARE {number}",
                "severity": 1,
            },
        }
        | ({"src_ip": "10.0.0.1", "dest_ip": "8.8.8.8"} if number == "6" else {})
        | layers
    )


def capital(value):
    """A finding as the API writes it."""
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: capital(inner) for key, inner in value.items()}
    return [capital(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("wrap", [
    lambda findings: "".join(json.dumps(each) + "\n" for each in findings),
    lambda findings: json.dumps({"Findings": [capital(each) for each in findings]}, indent=1),
    lambda findings: "".join(json.dumps({"source": "aws", "detail": each}) + "\n" for each in findings),
])  # fmt: skip
def test_findings_of_guardduty_however_they_are_wrapped(run, wrap):
    made = decisions(("evil.example", "block", "subtree"))
    log = wrap([finding("c2.evil.example"), finding("popular.example"), finding("203.0.113.7")])
    found = run(log, "findings.json", decisions=made, show_clients=True)
    first, address, closed = found.table.to_pylist()
    assert (first["name"], first["status"], first["alert"]) == (
        "c2.evil.example",
        "open",
        "id-c2.evil.example",
    )
    assert (first["then"], first["now"], first["count"]) == (["block 5"], "block", 5)
    assert (first["client"], first["tool"], first["severity"]) == ("10.0.0.1", "guardduty", "8")
    assert (address["name"], address["status"]) == (None, "open")
    assert (closed["name"], closed["status"]) == ("popular.example", "closed")


def test_a_long_answer_of_guardduty_is_known_by_its_beginning(run):
    answer = {"Findings": [capital(finding("evil.example", description="x" * 70_000))]}
    found = run(json.dumps(answer, indent=2), "f.json", scores=scores(evil_example=(0.9, "nefarious")))
    assert found.table["name"].to_pylist() == ["evil.example"]


def test_alerts_of_any_tool_come_with_a_map(run):
    rows = [
        {"dest": {"host": "https://evil.example/x"}, "who": "10.0.0.1", "t": 1782986400, "what": "beacon"}
    ]
    columns = {"name": "dest.host", "client": "who", "seen_at": "t", "title": "what"}
    given = scores(evil_example=(0.9, "nefarious"))
    found = run(json.dumps(rows), "siem.json", scores=given, columns=columns, show_clients=True)
    [row] = found.table.to_pylist()
    assert (row["name"], row["client"], row["title"], row["tool"]) == (
        "evil.example",
        "10.0.0.1",
        "beacon",
        "siem",
    )
    assert row["first"] == datetime(2026, 7, 2, 10, tzinfo=UTC)
    half = run(
        '{"d": "evil.example", "w": 1}\n{"d": "evil.example", "w": "\\ud800"}\n',
        scores=given,
        columns={"name": "d"},
    )
    assert (len(half), half.counts.rejected) == (1, {"not_json": 1})
    times = ["1782986400.25", 1782986400123, "2026-07-02T12:00:00+02:00", "nan", "9" * 40, True, "soon"]
    log = "".join(json.dumps({"d": "evil.example", "t": time}) + "\n" for time in times)
    found = run(log, "b.json", scores=given, columns={"name": "d", "seen_at": "t"})
    told = [moment and moment.isoformat() for moment in found.table["first"].to_pylist()]
    assert sorted(told, key=str) == ["2026-07-02T10:00:00+00:00"] * 3 + [None] * 4
    found = run("domain,ip\nevil.example,10.0.0.2\n", "siem.csv", scores=given, columns={"name": "domain"})
    assert found.table["name"].to_pylist() == ["evil.example"]
    wide = "domain,ip\nevil.example,10.0.0.2,more,and more\n"
    found = run(wide, "x.csv", scores=given, columns={"name": "domain"})
    assert found.table["name"].to_pylist() == ["evil.example"]
    with pytest.raises(FormatError, match="no record has a domain name"):
        run("domain,ip\nevil.example,10.0.0.2\n", "siem.csv", scores=given, columns={"name": "fqdn"})
    with pytest.raises(UsageError, match="does not fit"):
        run("{}", "siem.json", scores=given, columns={"name": "a", "colour": "b"})
