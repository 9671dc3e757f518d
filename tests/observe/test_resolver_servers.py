"""Logs that real servers write on loopback: BIND, Unbound and dnsmasq, where they are installed.

On Debian: apt-get install bind9 unbound dnsmasq-base.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mithra.observe import Workspace, ingest
from tests.servers import ask, binary, free_port, named, running

pytestmark = pytest.mark.slow

ZONE = """$TTL 60
@ IN SOA ns hostmaster 1 60 60 60 60
@ IN NS ns
ns IN A 127.0.0.1
a IN A 192.0.2.1
a IN A 192.0.2.2
a IN AAAA 2001:db8::1
www IN CNAME a
deep IN CNAME www
gone IN CNAME nothere
mail IN MX 10 a
text IN TXT "192.0.2.66"
"""
BIND = """logging {{
  channel local {{ file "{folder}/local.log"; print-time local; print-category yes; print-severity yes; }};
  channel iso {{ file "{folder}/iso.log"; print-time iso8601; }};
  channel utc {{ file "{folder}/utc.log"; print-time iso8601-utc; print-severity yes; }};
  category queries {{ local; iso; utc; }};
}};
zone "test.example" {{ type primary; file "{folder}/zone.db"; }};
"""
UNBOUND = """server:
  interface: 127.0.0.1@{port}
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  log-queries: {queries}
  log-replies: yes
  log-tag-queryreply: {tag}
  log-time-ascii: {ascii}
  local-zone: "test.example." static
  local-data: "a.test.example. A 192.0.2.1"
remote-control:
  control-enable: no
"""
DNSMASQ = """port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#{upstream}
{log}
log-facility={folder}/dnsmasq.log
pid-file=
user=
keep-in-foreground
"""
NAMES = ["a", "a", "www", "deep", "deep", "gone", "mail", "nothere"]


def look_up(port: int, name: str, kind: str = "A") -> None:
    ask(port, f"{name}.test.example.", kind)


def bind(folder: Path, port: int) -> tuple[str, ...]:
    (folder / "zone.db").write_text(ZONE)
    return named(folder, port, "recursion no;", BIND.format(folder=folder))


def counted(workspace: Workspace) -> dict[str, int]:
    with workspace.connect() as con:
        rows = con.execute("SELECT name, sum(count)::INT FROM queries GROUP BY name").fetchall()
    return {name.removesuffix(".test.example"): count for name, count in rows if not name.startswith("up.")}


def test_bind(tmp_path):
    port = free_port()
    with running(port, *bind(tmp_path, port)):
        for name in NAMES:
            look_up(port, name)
    for log in ("local", "iso", "utc"):
        workspace = Workspace(tmp_path / f"lake-{log}")
        report = ingest(workspace, tmp_path / f"{log}.log")
        assert (report.files[0].reader, report.rejected) == ("bind-query-log-2", 0), log
        assert counted(workspace) == {name: NAMES.count(name) for name in NAMES}, log


@pytest.mark.parametrize(
    ("queries", "tag", "ascii"), [("yes", "no", "no"), ("yes", "yes", "yes"), ("no", "no", "no")]
)
def test_unbound(tmp_path, queries, tag, ascii):
    port = free_port()
    config = UNBOUND.format(folder=tmp_path, port=port, queries=queries, tag=tag, ascii=ascii)
    (tmp_path / "unbound.conf").write_text(config)
    with running(port, binary("unbound"), "-d", "-c", str(tmp_path / "unbound.conf")):
        for name in NAMES:
            look_up(port, name)
    workspace = Workspace(tmp_path / "lake")
    report = ingest(workspace, tmp_path / "unbound.log", known_at=datetime.now(UTC))
    assert (report.files[0].reader, report.rejected) == ("unbound-log-1", 0)
    assert counted(workspace) == {name: NAMES.count(name) for name in NAMES}


@pytest.mark.parametrize("log", ["log-queries", "log-queries=extra"])
def test_dnsmasq(tmp_path, log):
    upstream, port = free_port(), free_port()
    config = DNSMASQ.format(folder=tmp_path, port=port, upstream=upstream, log=log)
    (tmp_path / "dnsmasq.conf").write_text(config)
    dnsmasq = (binary("dnsmasq"), "-C", str(tmp_path / "dnsmasq.conf"))
    with running(upstream, *bind(tmp_path, upstream)), running(port, *dnsmasq):
        for name in NAMES:
            look_up(port, name)
        look_up(port, "deep", "AAAA")
        look_up(port, "mail", "MX")
        look_up(port, "text", "TXT")
    workspace = Workspace(tmp_path / "lake")
    report = ingest(workspace, tmp_path / "dnsmasq.log", known_at=datetime.now(UTC))
    assert (report.files[0].reader, report.rejected) == ("dnsmasq-log-1", 0)
    assert counted(workspace) == {
        **{name: NAMES.count(name) for name in NAMES},
        "deep": 3,
        "mail": 2,
        "text": 1,
    }
    with workspace.connect() as con:
        answers = con.execute("SELECT DISTINCT name, rrtype, rdata FROM resolutions ORDER BY ALL").fetchall()
    assert answers == [
        ("a.test.example", "A", "192.0.2.1"),
        ("a.test.example", "A", "192.0.2.2"),
        ("a.test.example", "AAAA", "2001:db8::1"),
        ("deep.test.example", "CNAME", "www.test.example"),
        ("gone.test.example", "CNAME", "nothere.test.example"),
        ("www.test.example", "CNAME", "a.test.example"),
    ]
