"""Names, and whatever else a decision holds, that try to be more: no target lets them out of their place."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import dns.rdatatype
import dns.zone
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.decide.decisions import ORIGIN
from mithra.errors import InvalidNameError
from mithra.names import SuffixList, canonical
from mithra.publish.publish import publish
from mithra.publish.rpz import DEFAULT_ZONE
from mithra.publish.targets import TARGETS
from tests.publish.tables import NOW, decision, decisions

Read = Callable[[bytes], Iterable[tuple[str, str, str]]]  # name, action, level


def _zone(data: bytes) -> Iterable[tuple[str, str, str]]:
    zone = dns.zone.from_text(data.decode("ascii"), origin=f"{DEFAULT_ZONE}.")
    found = {str(name): rdata.target.to_text() for name, _, rdata in zone.iterate_rdatas(dns.rdatatype.CNAME)}
    for owner, target in found.items():
        if not owner.startswith("*."):
            action = {".": "block", "rpz-passthru.": "allow"}[target]
            yield owner, action, "subtree" if f"*.{owner}" in found else "host"


def _body(data: bytes) -> list[str]:
    return [line for line in data.decode("ascii").splitlines() if line[:1] not in "#!;"]


def _each(*patterns: tuple[str, str, str]) -> Read:
    """Every line that is no comment must be one of the patterns, whole."""

    def read(data: bytes) -> Iterable[tuple[str, str, str]]:
        for line in _body(data):
            for pattern, action, level in patterns:
                if found := re.fullmatch(pattern, line):
                    if action:
                        yield found[1], action, level
                    break
            else:
                raise AssertionError(line)

    return read


N = r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"


def _requests(data: bytes) -> Iterable[tuple[str, str, str]]:
    domains = [domain for line in data.splitlines() for domain in json.loads(line)["Domains"]]
    for domain in domains:
        assert re.fullmatch(r"(\*\.)?[A-Za-z0-9.-]{1,253}", domain)
        if not domain.startswith("*."):
            yield domain, "block", "subtree" if f"*.{domain}" in domains else "host"


def _indicators(data: bytes) -> Iterable[tuple[str, str, str]]:
    for thing in json.loads(data)["objects"][1:]:
        quoted = re.findall(r"'([^']*)'", thing["pattern"])
        assert re.fullmatch(
            r"\[domain-name:value = '[^']*'( OR domain-name:value MATCHES '[^']*')?\]", thing["pattern"]
        )
        yield quoted[0], "block", "subtree" if len(quoted) == 2 else "host"


def _event(data: bytes) -> Iterable[tuple[str, str, str]]:
    for item in json.loads(data)["Event"]["Attribute"]:
        yield item["value"], "block", {"domain": "subtree", "hostname": "host"}[item["type"]]


def _parquet(data: bytes) -> Iterable[tuple[str, str, str]]:
    for row in pq.read_table(io.BytesIO(data)).to_pylist():
        yield row["name"], row["action"], row["level"]


def _csv(data: bytes) -> Iterable[tuple[str, str, str]]:
    for row in csv.DictReader(io.StringIO(data.decode("ascii"))):
        assert not any(value.startswith(("=", "+", "-", "@")) for value in row.values()), row
        yield row["name"], row["action"], row["level"]


READS: dict[str, Read] = {
    "rpz": _zone,
    "hosts": _each((rf"0\.0\.0\.0 {N}", "block", "host")),
    "plain": _each((N, "block", "host")),
    "dnsmasq": _each(
        (rf"address=/{N}/", "block", ""), (rf"server=/\*\.{N}/#", "", ""), (rf"server=/{N}/#", "allow", "")
    ),
    "unbound": _each(
        ("(server):", "", ""),
        (rf'local-zone: "{N}\." always_nxdomain', "block", "subtree"),
        (rf'local-zone: "{N}\." transparent', "", ""),
        (rf"local-data: '{N}\. 60 TXT \"blocked\"'", "block", "host"),
    ),
    "adguard": _each((rf"\|\|{N}\^", "block", "subtree"), (rf"\|{N}\^", "block", "host")),
    "suricata": _each(
        (
            rf'alert dns any any -> any any \(msg:"mithra host {N}"; dns\.query; content:"\1"; nocase; '
            r"startswith; endswith; sid:\d+; rev:1;\)",
            "block",
            "host",
        ),
        (
            rf'alert dns any any -> any any \(msg:"mithra subtree {N}"; dns\.query; dotprefix; '
            r'content:"\.\1"; nocase; endswith; sid:\d+; rev:1;\)',
            "block",
            "subtree",
        ),
    ),
    "suricata-dataset": lambda data: [
        (base64.b64decode(line, validate=True).decode(), "block", "host") for line in data.splitlines()
    ],
    "zeek": _each((rf"{N}\tIntel::DOMAIN\tmithra\tblocked \w+", "block", "host")),
    "route53": _requests,
    "stix": _indicators,
    "misp": _event,
    "csv": _csv,
    "jsonl": lambda data: [
        (row["name"], row["action"], row["level"]) for row in map(json.loads, data.splitlines())
    ],
    "parquet": _parquet,
}
TRICKS = [
    "x.example\n* CNAME .", "x.example CNAME evil.", "$INCLUDE /etc/passwd", "$ORIGIN .", "@", "x (", 'x "',
    "=cmd|' /C calc'!A0", "+1+1.example", "-2+3.example", "-1.example", "@SUM(1).example", "=1.example",
    "<script>alert(1)</script>.example", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "a\x00.example", "a\x1b[31m.example", "\x7f.example", "\u202egnp.example", "a\u200b.example",
    "a\u2028.example", "a;b.example", 'a".example', "a'.example", "a\\.example", "a\\032b.example",
    "a`id`.example", "$(id).example", 'x.example\r\nlocal-zone: "." always_nxdomain',
    "x.example/\naddress=/#/", "x/example/192.0.2.1", "x.example/#", "||x.example^", "x.example^$important",
    "@@||x.example^", "!x.example", "#x.example", "; x.example", "x.example#",
    "x.example; sid:1;)\nalert ip any any -> any any (", 'x"; drop', "|41|.example",
    "x.example\tIntel::ADDR", "x' OR domain-name:value LIKE '%", "x'] OR [domain-name:value = 'y",
    '","to_ids":true,"x":"', "x,y.example", "*.com", "*", ".", "", "com", "co.uk", "github.io", "*.example",
    "192.0.2.1", "::1", "0x7f.1", "x.123", "1e5", "24.0.2.0.192.rpz-ip", "x.rpz-nsdname", "rpz-passthru",
    "rpz-passthru.example", "rpz-drop", "m\u00fcnchen.example", "\U0001f4a9.example", "\uff45xample.com",
    "xn--.example", "xn--a.example", "\u0430pple.example", "a" * 64 + ".example", ".".join(["a" * 60] * 5),
    "x.example.", "X.example", " x.example", "x.example ", "a..b.example", ".x.example", "-x-.example",
    "_dmarc.x.example", "a_b.example", "--.example", "in.example", "cname.example", "ttl.example",
    "%s.example", "%00.example", "http://x.example/", "x.example:80", "u@x.example", "null.example",
    "nan.example", "true", "localhost", "invalid", "{{7*7}}.example", "${7*7}.example", "ok.example",
]  # fmt: skip
TURNS: list[Callable[[str], str]] = [
    lambda trick: trick,
    lambda trick: f"www.{trick}",
    lambda trick: f"{trick}.example",
    lambda trick: f"evil.example{trick}",
    lambda trick: f"{trick}\nevil.example",
    lambda trick: f"evil-{trick}",
]
PAYLOADS = sorted({turn(trick) for turn in TURNS for trick in TRICKS})
NAME_LIKE = r"\A[a-z_-]{1,9}(\.[a-z0-9_-]{1,9}){1,3}\Z"
LEFT_OUT = {
    "rpz": lambda name: name.rpartition(".")[2].startswith("rpz-"),
    "route53": lambda name: "_" in name,
    "csv": lambda name: name.startswith("-"),
}


def publishable(payloads: Iterable[str], format: str, level: str) -> set[str]:
    """What must come through, worked out name by name."""
    suffixes = SuffixList.bundled()
    names = set()
    for payload in payloads:
        try:
            same = canonical(payload) == payload
        except InvalidNameError:
            same = False
        if same and not LEFT_OUT.get(format, lambda _: False)(payload):
            one = pa.array([payload])
            if not (suffixes.exact(one)[0].as_py() or suffixes.above(one)[0].as_py()):
                names.add(payload)
    if level == "host" or not TARGETS[format].subtree:
        return names
    return {name for name in names if not any(name.endswith(f".{other}") for other in names)}


def come_back(payloads: list[str], format: str, level: str, tmp_path: Path) -> None:
    hostile = {key: "\r\n* CNAME .\x1b[2J=cmd()<script>\u202e;\"'" for key in ORIGIN if key != "simulated"}
    rows = [decision(name, level=level, reasons=["=<script>\x1b"]) for name in payloads]
    made = decisions(rows, **hostile)
    done = publish(made, format, tmp_path / "list", now=NOW, allow_empty=True)
    data = (tmp_path / "list").read_bytes()
    found = list(READS[format](data))
    assert {name for name, _, _ in found} == publishable(payloads, format, level)
    assert {action for _, action, _ in found} <= {"block"}
    assert {got for *_, got in found} <= {level if TARGETS[format].subtree else "host", ""}
    assert len(found) == done.blocked
    assert done.blocked + sum(done.skipped.values()) == len(payloads)
    if format != "parquet":
        assert not re.search(rb"[^\n\t -~]", data)
        assert b"<script" not in data


def test_there_are_500_payloads_and_a_reader_of_every_target() -> None:
    assert len(PAYLOADS) >= 500
    assert READS.keys() == TARGETS.keys()


@pytest.mark.parametrize("level", ["host", "subtree"])
@pytest.mark.parametrize("format", TARGETS)
def test_hostile_names_come_back_equal_or_are_counted(tmp_path: Path, format: str, level: str) -> None:
    come_back(PAYLOADS, format, level, tmp_path)


@pytest.mark.parametrize("format", TARGETS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.text(max_size=40) | st.from_regex(r"\A[a-z_-]{1,9}(\.[a-z0-9_-]{1,9}){1,3}\Z"), max_size=20
    )
)
def test_no_text_breaks_out(tmp_path: Path, format: str, names: list[str]) -> None:
    come_back(sorted(set(names)), format, "host", tmp_path)
