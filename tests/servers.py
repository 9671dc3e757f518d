"""Real DNS servers on loopback, on unprivileged ports, for tests of what they write and of what they read.

On Debian: apt-get install bind9 unbound knot knot-resolver pdns-recursor dnsmasq-base.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

SECONDS_TO_START = 20
PAGE = Path(__file__).parents[1] / "docs" / "publish.md"
_PLACES = ("/etc/mithra", "/var/cache/bind", "/var/lib/knot")


def binary(name: str) -> str:
    """The program's path; without it the test is skipped."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """A port that nobody has over TCP."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


def ask(port: int, name: str, kind: str = "A", timeout: float = 5) -> dns.message.Message:
    """The answer of a server on loopback."""
    return dns.query.udp(dns.message.make_query(name, kind), "127.0.0.1", timeout, port)


def answer(port: int, name: str, kind: str = "A") -> str:
    """The answer in a word: the first record's data, NODATA, or the error's name."""
    got = ask(port, name, kind)
    if got.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(got.rcode())
    return got.answer[-1][0].to_text() if got.answer else "NODATA"


@contextmanager
def running(port: int, *command: str, probe: str = "up.test.example.") -> Iterator[None]:
    """The server, once it answers; until then it is asked for the name `probe`."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + SECONDS_TO_START
            while True:
                try:
                    ask(port, probe, timeout=0.2)
                    break
                except (dns.exception.Timeout, OSError):
                    assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                    assert time.monotonic() < until, f"{command[0]} does not answer"
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()


def named(folder: Path, port: int, options: str, zones: str) -> tuple[str, ...]:
    """The command that runs BIND in a folder, with more options and its zones."""
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }};\n'
        f'  listen-on-v6 {{ none; }}; pid-file "{folder}/named.pid"; '
        f'session-keyfile "{folder}/session.key"; {options} }};\n'
        f"controls {{}};\n{zones}\n"
    )
    return binary("named"), "-c", str(folder / "named.conf"), "-f"


def snippet(heading: str, folder: Path, at: int = 0) -> str:
    """A block of docs/publish.md below a heading, with its files in that folder."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n### {heading}\n", 1)[1].split("\n### ", 1)[0]
    text: str = re.findall(r"```\n(.*?)```", part, re.DOTALL)[at]
    for place in _PLACES:
        text = text.replace(place, str(folder))
    return text


def named_snippet(heading: str, folder: Path, port: int, options: str) -> tuple[str, ...]:
    """The same for BIND, with more options: the command that runs it."""
    text = snippet(heading, folder)
    (found,) = re.findall(r"^options \{\n(.*?)^\};\n", text, re.DOTALL | re.MULTILINE)
    return named(folder, port, options + found, re.sub(r"(?ms)^options \{\n.*?^\};\n", "", text))
