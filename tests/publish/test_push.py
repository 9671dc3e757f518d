"""Pushes to live servers on loopback: what is sent, what is verified, and what happens when it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.query
import dns.tsig
import dns.update
import pytest

from mithra.errors import InputError, RefusedError, UsageError
from mithra.publish import push as module
from mithra.publish.dnsupdate import Change, Place, Zone, difference, place_of, read_key
from mithra.publish.publish import publish
from mithra.publish.push import Push, push
from mithra.publish.rpz import DEFAULT_ZONE
from tests.publish.tables import ALLOW, NOW, SUBTREE, decision, decisions
from tests.servers import answer, binary, free_port, named, named_snippet, running, snippet

ZONE = DEFAULT_ZONE
KEY = 'key "mithra" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==";\n};\n'
UPSTREAM = """$TTL 60
@ IN SOA ns. hostmaster. 1 60 60 60 60
@ IN NS ns.
ns. IN A 127.0.0.1
*.example. IN A 192.0.2.1
example. IN A 192.0.2.1
"""
KNOT = """server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
database:
    storage: {folder}
"""


@dataclass(frozen=True)
class Live:
    port: int
    key: Path

    def push(self, rows: list[dict[str, Any]], *, resolver: bool = True, **options: Any) -> Push:
        asked = f"127.0.0.1:{self.port}" if resolver else None
        made = decisions(rows, **options.pop("origin", {}))
        return push(made, f"127.0.0.1:{self.port}", ZONE, self.key, resolver=asked, now=NOW, **options)

    def held(self) -> dict[str, str]:
        zone = Zone(Place("127.0.0.1", self.port), ZONE, read_key(self.key))
        return {owner.removesuffix(f".{ZONE}."): target for owner, target in zone.transfer()[0].items()}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "mithra.key").write_text(KEY)
    return tmp_path / "mithra.key"


@pytest.fixture
def empty_zone(tmp_path: Path) -> Path:
    publish(decisions([]), "rpz", tmp_path / "mithra.rpz", zone=ZONE, now=NOW, allow_empty=True)
    return tmp_path / "mithra.rpz"


@pytest.fixture
def bind(tmp_path: Path, key: Path, empty_zone: Path) -> Iterator[Live]:
    """BIND with the policy zone, which forwards to another one that knows all of example."""
    upstream, port, above = free_port(), free_port(), tmp_path / "upstream"
    above.mkdir()
    (above / "root.db").write_text(UPSTREAM)
    root = f'zone "." {{ type primary; file "{above}/root.db"; }};'
    options = (
        f"recursion yes; dnssec-validation no; forward only; forwarders {{ 127.0.0.1 port {upstream}; }};"
    )
    with (
        running(upstream, *named(above, upstream, "recursion no;", root)),
        running(port, *named_snippet("BIND, pushed", tmp_path, port, options)),
    ):
        yield Live(port, key)


@pytest.fixture
def knot(tmp_path: Path, key: Path, empty_zone: Path) -> Iterator[Live]:
    port = free_port()
    config = KNOT.format(port=port, folder=tmp_path) + snippet("Knot DNS, pushed", tmp_path)
    (tmp_path / "knot.conf").write_text(config)
    with running(port, binary("knotd"), "-c", str(tmp_path / "knot.conf"), probe=ZONE):
        yield Live(port, key)


ROWS = [
    decision("evil.example", **SUBTREE),
    decision("host.example"),
    decision("a_b.example"),
    decision("ours.example", **ALLOW),
]
HELD = {
    "evil.example": ".",
    "*.evil.example": ".",
    "host.example": ".",
    "a_b.example": ".",
    "ours.example": "rpz-passthru.",
}


@pytest.mark.slow
def test_what_is_pushed_is_in_force_and_only_that(bind: Live) -> None:
    assert answer(bind.port, "evil.example") == "192.0.2.1"
    done = bind.push(ROWS, must_resolve=["ours.example", "innocent.example", "WWW.host.example."])
    assert (done.added, done.removed, done.changed, done.kept, done.messages) == (5, 0, 0, 0, 1)
    assert bind.held() == HELD
    for name in ("evil.example", "www.evil.example", "a.b.evil.example", "host.example"):
        assert answer(bind.port, name) == "NXDOMAIN", name
    for name in ("www.host.example", "notevil.example", "ours.example", "example"):
        assert answer(bind.port, name) == "192.0.2.1", name
    again = bind.push(ROWS)
    assert (again.added, again.kept, again.messages) == (0, 5, 0)


@pytest.mark.slow
def test_an_allowed_name_resolves_again(bind: Live) -> None:
    bind.push(ROWS)
    start = time.perf_counter()
    done = bind.push(
        [decision("evil.example", **(ALLOW | SUBTREE)), *ROWS[1:]], must_resolve=["ours.example"]
    )
    while answer(bind.port, "www.evil.example") != "192.0.2.1":
        assert time.perf_counter() - start < 60
    assert (done.added, done.removed, done.changed, done.kept) == (0, 0, 2, 3)
    freed = bind.push(ROWS[1:])
    assert (freed.added, freed.removed) == (0, 2)
    assert bind.push(ROWS, answer="nodata").changed == 2
    while answer(bind.port, "host.example") != "NODATA":
        assert time.perf_counter() - start < 60


@pytest.mark.slow
def test_a_push_that_breaks_what_must_resolve_is_rolled_back(
    bind: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_BLOCK", 2)
    bind.push(ROWS)
    worse = [*ROWS[1:], decision("innocent.example", **SUBTREE)]
    with pytest.raises(RefusedError, match=r"no longer resolves \(got 'www.innocent.example'\)") as caught:
        bind.push(worse, must_resolve=["www.innocent.example"])
    assert caught.value.exit_code == 1
    assert bind.held() == HELD
    until = time.monotonic() + 5
    while answer(bind.port, "www.innocent.example") != "192.0.2.1":
        assert time.monotonic() < until
    assert answer(bind.port, "evil.example") == "NXDOMAIN"


@pytest.mark.slow
def test_a_push_that_ends_halfway_is_rolled_back(bind: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    bind.push(ROWS)
    ask, sent = Zone._ask, []

    def failing(self: Zone, message: Any) -> Any:
        sent.append(message)
        if len(sent) == 3:
            raise RefusedError("cut off")
        return ask(self, message)

    monkeypatch.setattr(Zone, "_ask", failing)
    many = [decision(f"n{i}.example") for i in range(3_000)]
    with pytest.raises(RefusedError, match="cut off"):
        bind.push(many, resolver=False)
    assert len(sent) > 3
    assert bind.held() == HELD


@pytest.mark.slow
def test_a_zone_that_changes_meanwhile_is_not_written_over(bind: Live) -> None:
    zone = Zone(Place("127.0.0.1", bind.port), ZONE, read_key(bind.key))
    _, soa = zone.transfer()
    bind.push(ROWS[:1])
    with pytest.raises(RefusedError, match="somebody else changed the zone"):
        zone.apply([Change(f"x.example.{ZONE}.", None, ".")], soa)


@pytest.mark.slow
def test_records_of_others_and_a_wrong_key_stop_a_push(bind: Live, tmp_path: Path) -> None:
    update = dns.update.UpdateMessage(ZONE, keyring=read_key(bind.key))
    update.add("walled.example", 60, "CNAME", "garden.example.")
    dns.query.tcp(update, "127.0.0.1", 5, bind.port)
    with pytest.raises(RefusedError, match="records of others"):
        bind.push(ROWS)
    other = tmp_path / "other.key"
    other.write_text(KEY.replace("c2Vj", "c2Vk"))
    with pytest.raises(InputError, match="no transfer of rpz"):
        Live(bind.port, other).push(ROWS)


@pytest.mark.slow
def test_knot(knot: Live) -> None:
    done = knot.push(ROWS, resolver=False)
    assert (done.added, done.resolver) == (5, None)
    assert knot.held() == HELD
    many = [decision(f"n{i}.example") for i in range(2_000)]
    assert knot.push([*ROWS[1:], *many], resolver=False).removed == 2
    assert len(knot.held()) == 2_003


def test_simulated_decisions_stay_on_this_machine(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise AssertionError("contacted")

    monkeypatch.setattr("socket.socket", unreachable)
    made = decisions(ROWS, simulated="true")
    for server, resolver in (("192.0.2.53", None), ("127.0.0.1", "192.0.2.53"), ("[2001:db8::1]:53", None)):
        with pytest.raises(RefusedError, match="simulated data: not for a resolver"):
            push(made, server, ZONE, key, resolver=resolver, now=NOW)


def test_an_empty_list_is_refused_before_anything_is_sent(key: Path) -> None:
    with pytest.raises(RefusedError, match="nothing to block"):
        push(decisions([]), "127.0.0.1:1", ZONE, key, now=NOW)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
    ],
)
def test_places(text: str, place: tuple[str, int]) -> None:
    assert place_of(text) == place
    assert place_of(str(place_of(text))) == place


@pytest.mark.parametrize(
    "text", ["localhost", "ns.example:53", "127.0.0.1:0", "127.0.0.1:99999", "", "[::1", "1:2"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        place_of(text)


def test_keys(key: Path) -> None:
    assert read_key(key) == dns.tsig.Key("mithra", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==", "hmac-sha256")
    for text in ("", "secret", KEY.replace("hmac-sha256", "rot13"), KEY.replace("=", ""), KEY + KEY):
        key.write_text(text)
        with pytest.raises(InputError, match="TSIG key") as caught:
            read_key(key)
        assert "c2Vj" not in str(caught.value)
    with pytest.raises(InputError, match="cannot read the key"):
        read_key(key.with_name("none"))


def test_the_difference_frees_names_before_it_blocks_any() -> None:
    held = {"a.": ".", "b.": ".", "c.": "rpz-passthru.", "d.": "."}
    wanted = {"a.": ".", "b.": "rpz-passthru.", "aa.": ".", "z.": "rpz-passthru."}
    assert list(difference(held, wanted)) == [
        ("c.", "rpz-passthru.", None),
        ("d.", ".", None),
        ("b.", ".", "rpz-passthru."),
        ("z.", None, "rpz-passthru."),
        ("aa.", None, "."),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"must_resolve": ["x.example"]}, "which resolver"),
        ({"must_resolve": ["not a name"], "resolver": "127.0.0.1"}, "no domain name"),
        ({"answer": "drop"}, "unknown answer"),
        ({"zone": "not a zone"}, "no domain name"),
    ],
)
def test_wrong_use(key: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        push(decisions(ROWS), "127.0.0.1:1", **({"zone": ZONE, "key_file": key, "now": NOW} | options))
