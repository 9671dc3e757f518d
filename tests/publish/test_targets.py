"""Every target: what it writes for each level, and what it cannot express."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mithra.errors import UsageError
from mithra.publish.publish import publish
from mithra.publish.targets import TARGETS, table
from tests.publish.tables import ALLOW, NOW, SUBTREE, decision, decisions

ROWS = [
    decision("host.example"),
    decision("sub.example", **SUBTREE),
    decision("in.sub.example"),
    decision("ours.example", **ALLOW),
]


def written(rows: list[dict[str, Any]], format: str, tmp_path: Path, **options: Any) -> tuple[bytes, Any]:
    out = tmp_path / "list"
    origin = options.pop("origin", {})
    done = publish(decisions(rows, **origin), format, out, now=NOW, **options)
    return out.read_bytes(), done


def body(data: bytes) -> list[str]:
    return [line for line in data.decode("ascii").splitlines() if line[:1] not in "#!;"]


LINES = {
    "hosts": ["0.0.0.0 host.example", "0.0.0.0 in.sub.example", "0.0.0.0 sub.example"],
    "plain": ["host.example", "in.sub.example", "sub.example"],
    "dnsmasq": [
        "address=/host.example/",
        "server=/*.host.example/#",
        "server=/ours.example/#",
        "address=/sub.example/",
    ],
    "unbound": [
        "server:",
        'local-zone: "host.example." transparent',
        "local-data: 'host.example. 60 TXT \"blocked\"'",
        'local-zone: "ours.example." transparent',
        'local-zone: "sub.example." always_nxdomain',
    ],
    "adguard": ["|host.example^", "@@|ours.example^", "||sub.example^"],
    "suricata": [
        'alert dns any any -> any any (msg:"mithra host host.example"; dns.query; content:"host.example"; '
        "nocase; startswith; endswith; sid:3273779039; rev:1;)",
        'alert dns any any -> any any (msg:"mithra subtree sub.example"; dns.query; dotprefix; '
        'content:".sub.example"; nocase; endswith; sid:2852272693; rev:1;)',
    ],
    "suricata-dataset": ["aG9zdC5leGFtcGxl", "aW4uc3ViLmV4YW1wbGU=", "c3ViLmV4YW1wbGU="],
    "zeek": [
        "host.example\tIntel::DOMAIN\tmithra\tblocked host",
        "in.sub.example\tIntel::DOMAIN\tmithra\tblocked host",
        "sub.example\tIntel::DOMAIN\tmithra\tblocked subtree",
    ],
    "route53": ['{"Operation": "REPLACE", "Domains": ["host.example", "sub.example", "*.sub.example"]}'],
}


@pytest.mark.parametrize("format", LINES)
def test_the_lines(tmp_path: Path, format: str) -> None:
    data, done = written(ROWS, format, tmp_path)
    assert body(data) == LINES[format]
    target = TARGETS[format]
    assert done.blocked == (2 if target.subtree else 3)
    assert done.allowed == (1 if target.allow else 0)
    assert done.skipped == ({"covered_by_subtree": 1} if target.subtree else {}) | (
        {} if target.allow else {"allow_not_expressible": 1}
    )
    narrowed = {} if target.subtree else {"subtree_as_host": 1}
    assert done.narrowed == narrowed | ({"host_as_nodata": 1} if format == "unbound" else {})


def test_stix(tmp_path: Path) -> None:
    rows = [decision("a_b.sub-x.example", **SUBTREE), decision("host.example", score=0.876)]
    data, _ = written(rows, "stix", tmp_path, origin={"decided_at": "2026-07-01T13:30:00+02:00"})
    identity, subtree, host = json.loads(data)["objects"]
    assert identity["type"] == "identity"
    assert (host["pattern"], host["confidence"]) == ("[domain-name:value = 'host.example']", 88)
    assert (host["valid_from"], host["valid_until"]) == (
        "2026-07-01T11:30:00.000Z",
        "2026-07-02T12:00:00.000Z",
    )
    equals, matches = re.fullmatch(r"\[domain-name:value = '(.*)' OR domain-name:value MATCHES '(.*)'\]",
                                   subtree["pattern"]).groups()  # fmt: skip
    assert equals == "a_b.sub-x.example"
    pattern = matches.replace("\\\\", "\\")  # a string of a STIX pattern has its backslashes doubled
    assert re.search(pattern, "www.a_b.sub-x.example")
    for other in (
        "wwwa_b.sub-x.example",
        "www.aXb.sub-x.example",
        "w.a_b.sub-xyexample",
        "w.a_b.sub-x.example.org",
    ):
        assert not re.search(pattern, other), other


def test_the_same_decisions_are_the_same_objects_and_later_ones_others(tmp_path: Path) -> None:
    def ids(format: str, day: int) -> set[str]:
        origin = {"decided_at": f"2026-06-0{day}T00:00:00+00:00"}
        return set(re.findall(rb'"u?u?id": "([^"]*)"', written(ROWS, format, tmp_path, origin=origin)[0]))

    for format, kept in (("stix", 1), ("misp", 1)):  # mithra itself stays the same
        assert ids(format, 1) == ids(format, 1)
        assert len(ids(format, 1) & ids(format, 2)) == kept


@pytest.mark.parametrize("made", ["x", "2026-06-01", "2026-07-09T00:00:00+00:00"])
def test_a_moment_of_decision_that_cannot_be_is_not_believed(tmp_path: Path, made: str) -> None:
    data, _ = written(ROWS, "stix", tmp_path, origin={"decided_at": made})
    assert json.loads(data)["objects"][1]["valid_from"] == "2026-07-01T12:00:00.000Z"


def test_misp(tmp_path: Path) -> None:
    event = json.loads(written(ROWS, "misp", tmp_path)[0])["Event"]
    assert [(a["type"], a["value"], a["to_ids"]) for a in event["Attribute"]] == [
        ("hostname", "host.example", True),
        ("domain", "sub.example", True),
    ]
    assert event["Attribute"][0]["comment"] == "score 0.9000, until 2026-07-02T12:00:00+00:00"
    assert (event["distribution"], event["date"]) == ("0", "2026-07-01")


def test_rows_as_csv_json_lines_and_parquet_are_the_same(tmp_path: Path) -> None:
    from_csv = list(csv.DictReader(io.StringIO(written(ROWS, "csv", tmp_path)[0].decode())))
    from_json = [json.loads(line) for line in written(ROWS, "jsonl", tmp_path)[0].splitlines()]
    written(ROWS, "parquet", tmp_path)
    from_parquet = pq.read_table(tmp_path / "list").to_pylist()
    assert from_json[1] == {
        "name": "ours.example",
        "action": "allow",
        "level": "host",
        "score": 0.9,
        "expires": None,
        "simulated": False,
        "decided_at": "x",
        "model_digest": "x",
        "policy_digest": "x",
    }
    assert [row["name"] for row in from_json] == ["host.example", "ours.example", "sub.example"]
    assert from_parquet[0]["expires"] == NOW + timedelta(days=1)
    assert [
        row | {"expires": row["expires"] and row["expires"].isoformat()} for row in from_parquet
    ] == from_json
    assert from_csv == [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in from_json
    ]


def test_requests_to_route53_have_a_thousand_domains_at_most(tmp_path: Path) -> None:
    rows = [decision(f"n{i}.example", **(SUBTREE if i % 2 else {})) for i in range(1_500)]
    data, _ = written([*rows, decision("a_b.example")], "route53", tmp_path)
    requests = [json.loads(line) for line in data.splitlines()]
    assert [len(request["Domains"]) for request in requests] == [1_000, 1_000, 250]
    assert [request["Operation"] for request in requests] == ["REPLACE", "ADD", "ADD"]


def test_two_lists_by_level(tmp_path: Path) -> None:
    subtrees, done = written(ROWS, "suricata", tmp_path, level="subtree")
    assert [line.split('"')[1] for line in body(subtrees)] == ["mithra subtree sub.example"]
    assert done.skipped["other_level"] == 1
    hosts, done = written(ROWS, "rpz", tmp_path, level="host", answer="nodata")
    assert body(hosts)[-2:] == ["host.example CNAME *.", "ours.example CNAME rpz-passthru."]
    assert done.narrowed == {}
    with pytest.raises(UsageError, match="unknown level"):
        written(ROWS, "rpz", tmp_path, level="domain")
    with pytest.raises(UsageError, match="unknown answer"):
        written(ROWS, "rpz", tmp_path, answer="refused")


def test_nothing_below_an_allowed_subtree_is_blocked(tmp_path: Path) -> None:
    rows = [
        decision("ours.example", **(ALLOW | SUBTREE)),
        decision("www.ours.example"),
        decision("b.example"),
    ]
    data, done = written(rows, "adguard", tmp_path)
    assert body(data) == ["|b.example^", "@@||ours.example^"]
    assert done.skipped == {"below_allowed": 1}


def test_the_number_of_a_rule_is_its_name_s(tmp_path: Path) -> None:
    def numbers(rows: list[dict[str, Any]]) -> dict[str, str]:
        return dict(
            re.findall(
                r'msg:"mithra \w+ (\S+)".* sid:(\d+);', written(rows, "suricata", tmp_path)[0].decode()
            )
        )

    many = numbers([decision(f"n{i}.example") for i in range(200)])
    assert len(set(many.values())) == 200
    assert all(2**31 <= int(number) < 2**32 - 1 for number in many.values())
    assert numbers([decision("n77.example")]) == {"n77.example": many["n77.example"]}


def test_parquet_needs_a_file_of_bytes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="binary"):
        publish(decisions(ROWS), "parquet", io.StringIO(), now=NOW)
    data = io.BytesIO()
    publish(decisions(ROWS), "parquet", data, now=NOW)
    assert len(pq.read_table(data)) == 3


@pytest.mark.parametrize("format", TARGETS)
def test_every_list_of_a_simulated_model_says_so(tmp_path: Path, format: str) -> None:
    def told(simulated: str) -> bool:
        data, done = written(ROWS, format, tmp_path, origin={"simulated": simulated})
        assert done.simulated is (simulated == "true")
        if format == "suricata-dataset":
            data = b"\n".join(base64.b64decode(line) for line in data.splitlines())
        if format in {"csv", "jsonl", "parquet"}:
            return {"csv": b",True,", "jsonl": b'"simulated": true', "parquet": b""}[format] in data and (
                format != "parquet" or all(pq.read_table(tmp_path / "list")["simulated"].to_pylist())
            )
        return b"SIMULATED" in data

    assert (told("true"), told("false")) == (True, False)


def test_the_page_of_targets_is_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "docs" / "publish.md").read_text()
    assert table() in page
