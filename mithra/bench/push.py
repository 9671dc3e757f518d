"""How long from decisions to a block that a resolver answers with, on a BIND of the bench's own on loopback.

A batch of names goes into its policy zone; the clock stops when it answers NXDOMAIN for them. Then half are
allowed again, and it stops when an allowed name has its address back. The floor is the batch sent as the same
signed updates, without the transfer before and the questions after.
"""

from __future__ import annotations

import base64
import platform
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pyarrow as pa
import pyarrow.compute as pc

from mithra.bench.process import peak_rss_bytes
from mithra.bench.publish import NOW, generate_decisions
from mithra.decide.decisions import Decisions
from mithra.errors import InputError, UsageError
from mithra.publish.dnsupdate import Change, Place, Zone, read_key
from mithra.publish.publish import publish
from mithra.publish.push import push

__all__ = ["bench_push"]

ZONE = "rpz.bench.invalid"
SECONDS_TO_START = 20
_ROOT = "$TTL 60\n@ IN SOA ns. hostmaster. 1 60 60 60 60\n@ IN NS ns.\nns. IN A 127.0.0.1\n"
_CONFIG = """options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }}; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";
  recursion yes; dnssec-validation no; response-policy {{ zone "{zone}"; }} min-update-interval 0; }};
controls {{}};
include "{folder}/bench.key";
zone "." {{ type primary; file "{folder}/root.db"; }};
zone "{zone}" {{ type primary; file "{folder}/rpz.db"; allow-update {{ key bench; }};
  allow-transfer {{ key bench; }}; }};
"""


def bench_push(decisions: int = 1_000, *, repeats: int = 5) -> list[dict[str, Any]]:
    """Two records, `push/block` and `push/allow`, each with the median and the slowest of the runs.

    Raises:
        UsageError: named is not installed, or fewer than two decisions.
    """
    if decisions < 2:
        raise UsageError("a batch has at least two decisions", value=decisions)
    runs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="mithra-bench-") as folder, _bind(Path(folder)) as server:
        for turn in range(repeats):
            runs.append(_run(server, decisions, turn))
    return [
        {
            "name": f"push/{name}",
            "decisions": decisions if name == "block" else decisions // 2,
            "seconds": statistics.median(run[name] for run in runs),
            "slowest_seconds": max(run[name] for run in runs),
            "repeats": repeats,
            "peak_rss_bytes": peak_rss_bytes(),
            "threads": 1,
            "floor": {
                "name": "the same signed updates alone",
                "seconds": statistics.median(run[f"{name}_floor"] for run in runs),
            },
            "ratio_to_floor": statistics.median(run[name] / run[f"{name}_floor"] for run in runs),
            "peers": [],
            "versions": {
                "python": platform.python_version(),
                "named": server.version,
                **{package: version(package) for package in ("mithra", "dnspython")},
            },
        }
        for name in ("block", "allow")
    ]


@dataclass(frozen=True)
class _Server:
    port: int
    key: Path
    version: str

    def push(self, table: pa.Table) -> float:
        """Seconds of a push that the resolver was seen to obey."""
        start = time.perf_counter()
        place = f"127.0.0.1:{self.port}"
        push(Decisions(table), place, ZONE, self.key, resolver=place, now=NOW, allow_empty=True)
        return time.perf_counter() - start

    def apply(self, changes: list[Change]) -> float:
        start = time.perf_counter()
        Zone(Place("127.0.0.1", self.port), ZONE, read_key(self.key)).apply(changes)
        return time.perf_counter() - start

    def rcode(self, name: str, timeout: float = 5) -> dns.rcode.Rcode:
        query = dns.message.make_query(f"{name}.", "A")
        return dns.query.udp(query, "127.0.0.1", timeout, self.port).rcode()


def _run(server: _Server, n: int, turn: int) -> dict[str, float]:
    table = generate_decisions(n).table
    names = pc.binary_join_element_wise(f"t{turn}", table["name"], ".")
    hosts = pa.repeat(pa.scalar("host"), n)
    table = table.set_column(0, "name", names).set_column(2, "level", hosts)
    owners = [f"{name}.{ZONE}." for name in names.to_pylist()]
    adding = server.apply([Change(owner, None, ".") for owner in owners])
    removing = server.apply([Change(owner, ".", None) for owner in owners[: n // 2]])
    server.apply([Change(owner, ".", None) for owner in owners[n // 2 :]])
    blocking = server.push(table)
    start = time.perf_counter()
    server.push(table.slice(n // 2))
    freed = names[0].as_py()
    while server.rcode(freed) != dns.rcode.NOERROR:
        time.sleep(0.01)
    return {
        "block": blocking,
        "block_floor": adding,
        "allow": time.perf_counter() - start,
        "allow_floor": removing,
    }


@contextmanager
def _bind(folder: Path) -> Iterator[_Server]:
    """BIND with an empty policy zone; every name without one has an address."""
    program = shutil.which("named") or shutil.which("named", path="/usr/sbin")
    if program is None:
        raise UsageError("named is not installed", hint="On Debian: apt-get install bind9")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    key = folder / "bench.key"
    key.write_text(f'key "bench" {{ algorithm hmac-sha256; secret "{secret}"; }};\n')
    (folder / "root.db").write_text(f"{_ROOT}*. IN A 192.0.2.1\n")
    (folder / "named.conf").write_text(_CONFIG.format(folder=folder, port=port, zone=ZONE))
    publish(generate_decisions(0), "rpz", folder / "rpz.db", zone=ZONE, now=NOW, allow_empty=True)
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)  # noqa: S603  the BIND of this machine
    server = _Server(port, key, version.stdout.strip())
    command = [program, "-c", str(folder / "named.conf"), "-g"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, stdout=log) as process:  # noqa: S603  likewise
        try:
            _await(server, process, folder / "log")
            yield server
        finally:
            process.terminate()


def _await(server: _Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            server.rcode("up.invalid", timeout=0.2)
            return
        except (dns.exception.Timeout, OSError):
            if process.poll() is not None or time.monotonic() > until:
                raise InputError("BIND does not start", value=log.read_text()[-300:]) from None
            time.sleep(0.05)
