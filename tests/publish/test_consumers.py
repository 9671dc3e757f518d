"""Lists loaded into what they are for, on loopback: each is accepted, blocks what was decided, nothing else.

On Debian: apt-get install bind9 bind9-utils unbound knot-dnssecutils knot-resolver nsd dnsmasq-base
pdns-recursor, and suricata 7 from bookworm-backports.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import pytest

from mithra.publish.publish import publish
from mithra.publish.rpz import DEFAULT_ZONE
from tests.publish.tables import ALLOW, NOW, SUBTREE, decision, decisions
from tests.publish.test_hostile import PAYLOADS
from tests.publish.test_push import UPSTREAM
from tests.servers import SECONDS_TO_START, answer, binary, free_port, named, named_snippet, running, snippet

pytestmark = pytest.mark.slow

ZONE = DEFAULT_ZONE
ROWS = [
    decision("evil.example", **SUBTREE),
    decision("host.example"),
    decision("deep.open.example"),
    decision("a_b.example", **SUBTREE),
    decision("-x-.example"),
    decision("ours.example", **ALLOW),
]
BLOCKED_WHOLE = ["evil.example", "www.evil.example", "a.b.EVIL.example", "a_b.example", "x.a_b.example"]
BLOCKED_ALONE = ["host.example", "Host.EXAMPLE", "deep.open.example", "-x-.example"]
INNOCENT = [
    "www.host.example",
    "a.b.host.example",
    "www.deep.open.example",
    "open.example",
    "www.open.example",
    "notevil.example",
    "evil.example.example",
    "xhost.example",
    "ours.example",
    "www.ours.example",
    "axb.example",
    "good.example",
]
UNBOUND = """server:
  interface: 127.0.0.1@{port}
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
remote-control:
  control-enable: no
{more}
"""
KRESD = """net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
modules = {{ 'policy' }}
{listed}
policy.add(policy.all(policy.FORWARD('127.0.0.1@{upstream}')))
cache.size = 10 * MB
"""
RECURSOR = """local-address=127.0.0.1
local-port={port}
forward-zones-recurse=.=127.0.0.1:{upstream}
dont-query=
dnssec=off
lua-config-file={folder}/rpz.lua
socket-dir={folder}
daemon=no
disable-syslog=yes
hint-file=no
webserver=no
"""
DNSMASQ = """port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#{upstream}
pid-file=
user=
keep-in-foreground
{more}
"""


def listed(format: str, path: Path, rows: list[dict[str, Any]] | None = None, **options: Any) -> Path:
    publish(decisions(ROWS if rows is None else rows), format, path, now=NOW, **options)
    return path


def accepts(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An authoritative server that knows an address of every name in example."""
    folder, port = tmp_path_factory.mktemp("upstream"), free_port()
    (folder / "root.db").write_text(UPSTREAM)
    zone = f'zone "." {{ type primary; file "{folder}/root.db"; }};'
    with running(port, *named(folder, port, "recursion no;", zone)):
        yield port


def unbound(folder: Path, port: int, upstream: int, more: str) -> tuple[str, ...]:
    text = UNBOUND.format(folder=folder, port=port, upstream=upstream, more=more)
    (folder / "unbound.conf").write_text(text)
    accepts(binary("unbound-checkconf"), str(folder / "unbound.conf"))
    return binary("unbound"), "-d", "-c", str(folder / "unbound.conf")


def bind_rpz(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("rpz", folder / "mithra.rpz")
    forward = (
        f"recursion yes; dnssec-validation no; forward only; forwarders {{ 127.0.0.1 port {upstream}; }};"
    )
    return named_snippet("BIND", folder, port, forward)


def unbound_rpz(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("rpz", folder / "mithra.rpz")
    return unbound(folder, port, upstream, snippet("Unbound", folder))


def unbound_zones(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("unbound", folder / "mithra.conf")
    return unbound(folder, port, upstream, snippet("Unbound", folder, 1))


def knot_resolver(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("rpz", folder / "mithra.rpz")
    text = KRESD.format(port=port, upstream=upstream, listed=snippet("Knot Resolver", folder))
    (folder / "kresd.conf").write_text(text)
    return binary("kresd"), "-n", "-q", "-c", str(folder / "kresd.conf"), str(folder)


def recursor(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("rpz", folder / "mithra.rpz")
    (folder / "rpz.lua").write_text(snippet("PowerDNS Recursor", folder))
    (folder / "recursor.conf").write_text(RECURSOR.format(folder=folder, port=port, upstream=upstream))
    return binary("pdns_recursor"), f"--config-dir={folder}"


def dnsmasq(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
    listed("dnsmasq", folder / "mithra.conf")
    more = snippet("dnsmasq", folder)
    (folder / "dnsmasq.conf").write_text(DNSMASQ.format(port=port, upstream=upstream, more=more))
    accepts(binary("dnsmasq"), "--test", "-C", str(folder / "dnsmasq.conf"))
    return binary("dnsmasq"), "-C", str(folder / "dnsmasq.conf")


@contextmanager
def resolving(make: Callable[..., tuple[str, ...]], folder: Path, upstream: int) -> Iterator[int]:
    port = free_port()
    with running(port, *make(folder, port, upstream), probe="up.good.example."):
        until = time.monotonic() + SECONDS_TO_START
        while answer(port, "evil.example") == "192.0.2.1":  # BIND loads a policy beside answering
            assert time.monotonic() < until, "evil.example is not blocked"
            time.sleep(0.05)
        yield port


@pytest.mark.parametrize("make", [bind_rpz, unbound_rpz, unbound_zones, knot_resolver, recursor, dnsmasq])
def test_resolvers_block_what_was_decided_and_nothing_else(
    tmp_path: Path, upstream: int, make: Callable[..., tuple[str, ...]]
) -> None:
    alone = "NODATA" if make is unbound_zones else "NXDOMAIN"
    with resolving(make, tmp_path, upstream) as port:
        for name in BLOCKED_WHOLE:
            assert answer(port, name) == "NXDOMAIN", name
        for name in BLOCKED_ALONE:
            assert answer(port, name) == alone, name
        for name in INNOCENT:
            assert answer(port, name) == "192.0.2.1", name


@pytest.mark.parametrize("make", [bind_rpz, unbound_rpz, recursor])
def test_nodata(tmp_path: Path, upstream: int, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = listed
    monkeypatch.setattr(f"{__name__}.listed", lambda format, path: plain(format, path, answer="nodata"))
    with resolving(make, tmp_path, upstream) as port:
        assert [answer(port, name) for name in BLOCKED_WHOLE[:2]] == ["NODATA", "NODATA"]
        assert answer(port, "good.example") == "192.0.2.1"


def test_a_hosts_file_answers_with_the_sinkhole(tmp_path: Path, upstream: int) -> None:
    def make(folder: Path, port: int, upstream: int) -> tuple[str, ...]:
        more = f"addn-hosts={listed('hosts', folder / 'hosts')}"
        (folder / "dnsmasq.conf").write_text(DNSMASQ.format(port=port, upstream=upstream, more=more))
        return binary("dnsmasq"), "-C", str(folder / "dnsmasq.conf")

    with resolving(make, tmp_path, upstream) as port:
        assert [answer(port, name) for name in ("evil.example", "host.example")] == ["0.0.0.0", "0.0.0.0"]
        assert [answer(port, name) for name in ("www.evil.example", "ours.example")] == ["192.0.2.1"] * 2


HOSTILE = [decision(name, **(SUBTREE if at % 2 else {})) for at, name in enumerate(PAYLOADS)]


@pytest.mark.parametrize("rows", [ROWS, HOSTILE], ids=["rows", "hostile"])
@pytest.mark.parametrize(
    "command",
    [("named-checkzone", ZONE), ("kzonecheck", "-o", ZONE), ("nsd-checkzone", ZONE)],
    ids=lambda command: command[0],
)
def test_checkers_take_the_zone(tmp_path: Path, rows: list[dict[str, Any]], command: tuple[str, ...]) -> None:
    program, *arguments = command
    out = accepts(binary(program), *arguments, str(listed("rpz", tmp_path / "mithra.rpz", rows)))
    assert "ignoring" not in out


@pytest.mark.parametrize("rows", [ROWS, HOSTILE], ids=["rows", "hostile"])
def test_checkers_take_the_includes(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    accepts(binary("unbound-checkconf"), str(listed("unbound", tmp_path / "list.conf", rows)))
    accepts(binary("dnsmasq"), "--test", f"--conf-file={listed('dnsmasq', tmp_path / 'dm.conf', rows)}")


QUERIES = [*BLOCKED_WHOLE, *BLOCKED_ALONE, *INNOCENT, "WWW.evil.example", "www.HOST.example", "eVil.eXample"]


def capture(path: Path) -> Path:
    """A query a packet, each from a port of its own, over UDP and IPv4 without a link layer."""
    packets = []
    for at, name in enumerate(QUERIES):
        query = dns.message.make_query(name, "A", id=at + 1)
        wire = query.to_wire()
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        assert labels in wire  # dnspython keeps the case
        udp = struct.pack(">4H", 20_000 + at, 53, 8 + len(wire), 0) + wire
        ends = socket.inet_aton("192.0.2.7"), socket.inet_aton("198.51.100.53")
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), at + 1, 0, 64, 17, 0, *ends) + udp
        packets.append(struct.pack("<4I", 1_780_000_000 + at, 0, len(ip), len(ip)) + ip)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101) + b"".join(packets))
    return path


def alerts(folder: Path, rules: Path) -> set[str]:
    """Names for whose query Suricata raised an alert."""
    suricata = binary("suricata")
    if " 7." not in (version := accepts(suricata, "-V")):
        pytest.skip(f"Suricata 7 is needed: {version.strip()}")
    common = (suricata, "-l", str(folder), "-S", str(rules), "-k", "none")
    accepts(*common, "-T")
    accepts(*common, "-r", str(capture(folder / "queries.pcap")))
    events = [json.loads(line) for line in (folder / "eve.json").read_text().splitlines()]
    ports = [event["src_port"] for event in events if event["event_type"] == "alert"]
    assert len(ports) == len(set(ports))
    return {QUERIES[port - 20_000] for port in ports}


DECIDED = {name for name in QUERIES if name not in INNOCENT} - {"www.HOST.example"}


def test_suricata_alerts_as_decided_whatever_the_case(tmp_path: Path) -> None:
    assert alerts(tmp_path, listed("suricata", tmp_path / "list.rules")) == DECIDED


def test_a_dataset_of_hosts_beside_rules_for_subtrees(tmp_path: Path) -> None:
    listed("suricata-dataset", tmp_path / "names.lst", level="host")
    rules = listed("suricata", tmp_path / "list.rules", level="subtree")
    with rules.open("a") as file:
        file.write(snippet("Suricata", tmp_path))
    assert alerts(tmp_path, rules) == DECIDED


def test_suricata_takes_rules_made_of_hostile_names(tmp_path: Path) -> None:
    rules = listed("suricata", tmp_path / "list.rules", HOSTILE)
    accepts(binary("suricata"), "-T", "-l", str(tmp_path), "-S", str(rules))
    encoded = listed("suricata-dataset", tmp_path / "names.lst", HOSTILE).read_text().split()
    assert all(base64.b64decode(word, validate=True).isascii() for word in encoded)


@pytest.mark.parametrize("rows", [ROWS, HOSTILE], ids=["rows", "hostile"])
def test_the_validator_of_stix_takes_the_bundle(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    validator = pytest.importorskip("stix2validator")
    bundle = listed("stix", tmp_path / "list.json", rows)
    result = validator.validate_file(str(bundle), validator.ValidationOptions(version="2.1"))
    assert result.is_valid, [str(error) for found in result.object_results for error in found.errors][:5]


@pytest.mark.parametrize("rows", [ROWS, HOSTILE], ids=["rows", "hostile"])
def test_pymisp_takes_the_event(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    pymisp = pytest.importorskip("pymisp")
    event = pymisp.MISPEvent(strict_validation=True)
    event.load_file(str(listed("misp", tmp_path / "event.json", rows)))
    kinds = {(item.type, item.category) for item in event.attributes}
    assert kinds == {("hostname", "Network activity"), ("domain", "Network activity")}
    if rows is ROWS:
        assert [item.value for item in event.attributes if item.type == "domain"] == [
            "a_b.example",
            "evil.example",
        ]
