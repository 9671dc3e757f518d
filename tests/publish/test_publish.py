"""Published lists: their bytes, what is left out and counted, and that an old list outlives every failure."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dns.name
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import InputError, RefusedError, UsageError
from mithra.names import canonicalize
from mithra.publish.publish import publish
from mithra.publish.rpz import DEFAULT_ZONE, next_serial
from tests.publish.tables import ALLOW, NOW, SUBTREE, WATCH, decision, decisions

SERIAL = int(NOW.timestamp())


def body(path: Path, comment: str) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith(comment)]


def checked(path: Path, zone: str = DEFAULT_ZONE) -> dns.zone.Zone:
    """The zone as dnspython reads it, after named-checkzone has taken it where it is installed."""
    if tool := shutil.which("named-checkzone"):
        done = subprocess.run([tool, zone, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "ignoring" not in done.stdout
    return dns.zone.from_file(str(path), origin=f"{zone}.")


def owners(zone: dns.zone.Zone) -> dict[str, str]:
    found = zone.iterate_rdatas(dns.rdatatype.CNAME)
    return {str(name): rdata.target.to_text() for name, _, rdata in found}


def test_the_zone_to_the_byte(tmp_path: Path) -> None:
    rows = [
        decision("evil.example", **SUBTREE),
        decision("host.bad.example"),
        decision("ours.example", **ALLOW),
        decision("all.ours.example", **(ALLOW | SUBTREE)),
        decision("maybe.example", **WATCH),
    ]
    done = publish(decisions(rows, model_digest="m1", threshold="0.8"), "rpz", tmp_path / "zone", now=NOW)
    assert (tmp_path / "zone").read_text() == (
        "; mithra block list: 2 names\n"
        "; decided_at: x\n"
        "; as_of: x\n"
        "; mode: x\n"
        "; threshold: 0.8\n"
        "; model_digest: m1\n"
        "; snapshot_digest: x\n"
        "; policy_digest: x\n"
        "$ORIGIN rpz.mithra.invalid.\n"
        "$TTL 300\n"
        f"@ 300 IN SOA localhost. hostmaster.localhost. {SERIAL} 300 60 86400 60\n"
        "@ IN NS localhost.\n"
        "all.ours.example CNAME rpz-passthru.\n"
        "*.all.ours.example CNAME rpz-passthru.\n"
        "evil.example CNAME .\n"
        "*.evil.example CNAME .\n"
        "host.bad.example CNAME .\n"
        "ours.example CNAME rpz-passthru.\n"
    )
    assert (done.blocked, done.allowed, done.lines, done.serial) == (2, 2, 18, SERIAL)
    assert (done.skipped, done.narrowed, done.simulated) == ({}, {}, False)
    zone = checked(tmp_path / "zone")
    assert owners(zone)["evil.example"] == "."
    assert zone.get_soa().serial == SERIAL


@pytest.mark.skipif(
    shutil.which("named-checkzone") is None, reason="named-checkzone (bind9-utils) is not installed"
)
def test_named_checkzone_takes_a_zone_of_odd_names(tmp_path: Path) -> None:
    odd = [
        "_dmarc.a.example",
        "-x-.example",
        "in.example",
        "cname.example",
        "ttl.example",
        "xn--mnchen-3ya.de",
        "1.x.example",
    ]
    longest = ".".join(["a" * 61] * 3) + "." + "b" * (253 - 186 - len(DEFAULT_ZONE) - 1)
    rows = [decision(name, **SUBTREE) for name in odd] + [decision(longest), decision("*.w.example")]
    done = publish(decisions(rows), "rpz", tmp_path / "zone", now=NOW)
    assert done.skipped == {"invalid_name": 1}
    zone = checked(tmp_path / "zone")
    assert len(owners(zone)) == 2 * len(odd) + 1
    long_zone = publish(decisions(rows), "rpz", tmp_path / "other", now=NOW, zone="Block.Example.")
    assert long_zone.blocked == len(odd) + 1
    checked(tmp_path / "other", "block.example")


def test_names_that_do_not_fit_the_zone_are_counted(tmp_path: Path) -> None:
    room = 253 - len(DEFAULT_ZONE) - 1
    tail = ".".join(["a" * 61] * 3)
    rows = [
        decision("b" * (room - len(tail) - 1) + "." + tail),  # fits to the octet
        decision("c" * (room - len(tail)) + "." + tail),  # one too long
        decision("d" * (room - len(tail) - 1) + "." + tail, **SUBTREE),  # its wildcard is too long
        decision("e" * (room - len(tail) - 3) + "." + tail, **SUBTREE),  # fits with it
    ]
    done = publish(decisions(rows), "rpz", tmp_path / "zone", now=NOW)
    assert done.skipped == {"too_long_for_zone": 1}
    assert done.narrowed == {"wildcard_too_long": 1}
    assert sorted(name[:3] for name in owners(checked(tmp_path / "zone"))) == ["*.e", "bbb", "ddd", "eee"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [
        decision("evil.example", **SUBTREE),
        decision("www.evil.example"),
        decision("com", **SUBTREE),
        decision("github.io"),
        decision("amazonaws.com", **SUBTREE),
        decision("past.example", expires=NOW),
        decision("endless.example", expires=None),
        decision("Upper.example"),
        decision("inject.example CNAME .\n*"),
        decision("$INCLUDE /etc/passwd"),
        decision("24.0.2.0.192.rpz-ip"),
        decision("ns.example.rpz-nsdname"),
        decision("rpz-client-ip"),
        decision("both.example"),
        decision("both.example", **ALLOW),
    ]
    done = publish(decisions(rows), "rpz", tmp_path / "zone", now=NOW)
    assert owners(checked(tmp_path / "zone")) == {
        "evil.example": ".",
        "*.evil.example": ".",
        "both.example": "rpz-passthru.",
    }
    assert done.skipped == {
        "above_suffix": 1,
        "covered_by_subtree": 1,
        "expired": 1,
        "invalid_name": 3,
        "no_expiry": 1,
        "public_suffix": 3,
        "repeated": 1,
        "rpz_trigger": 2,
    }


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    rows = [decision(f"n{(i * 7) % 50}.example", score=i / 50) for i in range(50)]
    publish(decisions(rows), "rpz", tmp_path / "a", now=NOW)
    publish(decisions(reversed(rows)), "rpz", tmp_path / "b", now=NOW)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("format", ["rpz", "hosts", "plain"])
def test_the_simulated_mark_is_in_every_list(tmp_path: Path, format: Any) -> None:
    made = decisions([decision("evil.example")], simulated="true")
    assert publish(made, format, tmp_path / "list", now=NOW).simulated is True
    assert "SIMULATED" in (tmp_path / "list").read_text().splitlines()[0]
    publish(decisions([decision("evil.example")]), format, tmp_path / "list", now=NOW)
    assert "SIMULATED" not in (tmp_path / "list").read_text()


def test_the_simulated_mark_is_a_record_of_the_zone(tmp_path: Path) -> None:
    publish(decisions([decision("evil.example")], simulated="true"), "rpz", tmp_path / "zone", now=NOW)
    text = checked(tmp_path / "zone").get_rdataset("@", dns.rdatatype.TXT)
    assert text is not None
    assert b"SIMULATED" in text[0].strings[0]


def test_metadata_cannot_write_records(tmp_path: Path) -> None:
    made = decisions([decision("evil.example")], model_digest="x\n*. CNAME .\r\x1b[2J\u202e")
    publish(made, "rpz", tmp_path / "zone", now=NOW)
    assert set(owners(checked(tmp_path / "zone"))) == {"evil.example"}
    assert (tmp_path / "zone").read_text().isascii()


def test_hosts(tmp_path: Path) -> None:
    rows = [decision("evil.example", **SUBTREE), decision("b.example"), decision("ok.example", **ALLOW)]
    done = publish(decisions(rows), "hosts", tmp_path / "hosts", now=NOW)
    assert body(tmp_path / "hosts", "#") == ["0.0.0.0 b.example", "0.0.0.0 evil.example"]
    assert done.narrowed == {"subtree_as_host": 1}
    assert done.skipped == {"allow_not_expressible": 1}
    assert (done.blocked, done.allowed, done.serial) == (2, 0, None)
    publish(decisions(rows[:1]), "hosts", tmp_path / "hosts", now=NOW, sinkholes=("127.0.0.1", "0:0::0"))
    assert body(tmp_path / "hosts", "#") == ["127.0.0.1 evil.example", ":: evil.example"]


def test_plain(tmp_path: Path) -> None:
    rows = [decision("evil.example", **SUBTREE), decision("b.example"), decision("w.example", **WATCH)]
    done = publish(decisions(rows), "plain", tmp_path / "list.txt", now=NOW)
    assert body(tmp_path / "list.txt", "#") == ["b.example", "evil.example"]
    assert done.narrowed == {"subtree_as_host": 1}


def test_an_open_file_and_a_file_of_decisions(tmp_path: Path) -> None:
    path = decisions([decision("evil.example")]).write(tmp_path / "d.csv")
    out = io.StringIO()
    done = publish(path, "plain", out, now=NOW)
    assert out.getvalue().endswith("\nevil.example\n")
    assert done.path is None
    written = publish(path, "plain", tmp_path / "list", now=NOW)
    assert (written.sha256, written.lines) == (done.sha256, done.lines)


@pytest.mark.parametrize(
    "rows", [[], [decision("w.example", **WATCH)], [decision("com")], [decision("ok.example", **ALLOW)]]
)
def test_nothing_to_block_leaves_the_old_list(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "zone").write_text("old")
    with pytest.raises(RefusedError, match="nothing to block") as caught:
        publish(decisions(rows), "rpz", tmp_path / "zone", now=NOW)
    assert caught.value.exit_code == 1
    assert (tmp_path / "zone").read_text() == "old"
    publish(decisions(rows), "rpz", tmp_path / "zone", now=NOW, allow_empty=True)
    checked(tmp_path / "zone")


def test_a_write_that_fails_leaves_the_old_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zone").write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        publish(decisions([decision("evil.example")]), "rpz", tmp_path / "zone", now=NOW)
    assert (tmp_path / "zone").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_serial_always_grows(tmp_path: Path) -> None:
    made, zone = decisions([decision("evil.example")]), tmp_path / "zone"
    assert publish(made, "rpz", zone, now=NOW).serial == SERIAL
    assert publish(made, "rpz", zone, now=NOW).serial == SERIAL + 1
    assert publish(made, "rpz", zone, now=NOW - timedelta(hours=1)).serial == SERIAL + 2
    assert publish(made, "rpz", zone, now=NOW + timedelta(hours=1)).serial == SERIAL + 3600
    assert publish(made, "rpz", zone, now=NOW, serial=7).serial == 7
    assert publish(made, "rpz", zone, now=NOW, serial=2**32 - 1).serial == 2**32 - 1
    assert next_serial(datetime.fromtimestamp(2**31 + 5, UTC), zone) == 0  # wraps, RFC 1982
    (tmp_path / "foreign").write_text("no zone")
    assert next_serial(NOW, tmp_path / "foreign") == SERIAL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "bind"}, "unknown format"),
        ({"zone": "not a zone"}, "no domain name"),
        ({"zone": "."}, "no domain name"),
        ({"serial": 2**32}, "a serial is between"),
        ({"format": "hosts", "sinkholes": ["localhost"]}, "IP addresses"),
        ({"format": "hosts", "sinkholes": []}, "list of addresses"),
        ({"now": datetime(2026, 7, 1)}, "time zone"),
    ],
)
def test_wrong_use(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    options = {"format": "rpz", "now": NOW} | changes
    with pytest.raises(UsageError, match=message):
        publish(decisions([decision("evil.example")]), out=tmp_path / "x", **options)
    assert not list(tmp_path.iterdir())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.text(max_size=30), st.from_regex(r"\A[a-z0-9_-]{1,20}(\.[a-z0-9_-]{1,20}){1,3}\Z")),
            st.sampled_from(["block", "allow"]),
            st.sampled_from(["host", "subtree"]),
        ),
        max_size=20,
    )
)
def test_no_decision_breaks_the_zone(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    given_rows = [decision(name, action=action, level=level) for name, action, level in rows]
    publish(decisions(given_rows), "rpz", tmp_path / "zone", now=NOW, allow_empty=True)
    zone = dns.zone.from_file(str(tmp_path / "zone"), origin=f"{DEFAULT_ZONE}.")
    expected = {name for name in canonicalize([name for name, _, _ in rows]).names.to_pylist() if name}
    for owner, target in owners(zone).items():
        assert owner.removeprefix("*.") in expected
        assert target in (".", "rpz-passthru.")
        dns.name.from_text(f"{owner}.{DEFAULT_ZONE}.")
