"""The record of a workspace's decisions: runs, allows, and lists that can be put back."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from mithra.decide.decide import decide
from mithra.decide.ledger import Ledger, allow
from mithra.decide.policy import Policy
from mithra.errors import InputError, InvalidNameError, RefusedError, UsageError, WorkspaceError
from mithra.observe.workspace import Workspace
from mithra.publish.publish import publish
from tests.decide.tables import NOW, filler, found, row, scores


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    Workspace(tmp_path / "lake").create()
    return Ledger(tmp_path / "lake")


def test_there_is_no_record_without_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        Ledger(tmp_path / "nothing")


def test_a_run_is_kept_whole_with_its_policy_and_author(ledger: Ledger) -> None:
    policy = Policy(expire_days=3)
    assert ledger.last() is None
    made = decide(scores(row(), *filler(20)), policy, now=NOW, ledger=ledger, author="ana")
    last = ledger.last()
    assert last is not None
    assert last.table.equals(made.table)
    record = ledger.records("EVIL.example.")[0]
    assert (record.row["action"], record.author, record.origin["model_digest"]) == ("block", "ana", "m1")
    assert "block, subtree until 2026-07-04 12:00 UTC; score 0.9000" in record.to_text()
    rules = json.loads((ledger.path / "policies" / f"{policy.digest()}.json").read_text())
    assert rules["expire_days"] == 3
    assert ledger.records("calm1.example") == []


def test_the_last_run_is_what_the_next_one_goes_on_from(ledger: Ledger) -> None:
    first = decide(scores(row("old.example"), *filler(20)), now=NOW, ledger=ledger)
    day = timedelta(days=1)
    second = decide(scores(row("new.example"), *filler(20)), now=NOW + day, ledger=ledger)
    assert found(second) == {"new.example": ("block", None), "old.example": ("block", None)}
    assert second.blocks["expires"].to_pylist()[1] == first.blocks["expires"].to_pylist()[0]
    assert ledger.added() == [1, 1]


def test_a_run_may_not_add_far_more_than_usual(ledger: Ledger) -> None:
    policy = Policy(small_list=2, max_share=1, refuse_share=1, max_growth=100)
    for day in range(5):
        bad = [row(f"a{day}n{i}.example", 0.9 + i / 100) for i in range(2 + day % 2)]
        decide(scores(*bad, *filler(20)), policy, now=NOW + timedelta(hours=day), ledger=ledger)
    assert ledger.added() == [2, 3, 2, 3, 2]
    many = [row(f"b{i}.example", 0.9 + i / 1000) for i in range(20)]
    made = decide(scores(*many, *filler(20)), policy, now=NOW + timedelta(hours=6), ledger=ledger)
    assert ledger.added()[-1] == 4  # mean 2.4 and three standard deviations of .55
    assert [guard for _, guard in found(made).values()].count("run_share") == 16


def test_an_allow_counts_from_the_next_publish_on(ledger: Ledger, tmp_path: Path) -> None:
    names = [row("evil.example"), row("www.shop.example"), row("worse.example", 0.95)]
    decide(scores(*names, *filler(20)), now=NOW, ledger=ledger)
    out = tmp_path / "list.txt"
    publish(ledger.workspace, "plain", out, now=NOW)
    assert "evil.example" in out.read_text().split()
    allow(ledger.workspace, "Evil.Example", "our own", author="ana", now=NOW)
    allow(ledger.workspace, "shop.example", "a client", now=NOW)
    allow(ledger.workspace, "mail.worse.example", "mail goes there", now=NOW)
    publish(ledger.workspace, "plain", out, now=NOW)
    assert [line for line in out.read_text().split() if line.endswith(".example")] == ["worse.example"]
    held = {each["name"]: each for each in ledger.in_force(NOW).table.to_pylist()}
    assert held["worse.example"]["level"] == "host"
    assert "allowed: our own (ana, 2026-07-01T12:00)" in held["evil.example"]["reasons"]
    assert held["shop.example"]["action"] == "allow"
    later = decide(scores(*names, *filler(20)), now=NOW + timedelta(hours=1), ledger=ledger)
    assert found(later)["evil.example"] == ("allow", "allowlist")


def test_an_allow_ends_or_is_taken_back(ledger: Ledger) -> None:
    ledger.allow("a.example", "for a day", until=NOW + timedelta(days=1), now=NOW)
    ledger.allow("b.example", "trusted", now=NOW)
    assert set(ledger.allows(NOW)) == {"a.example", "b.example"}
    assert set(ledger.allows(NOW - timedelta(seconds=1))) == set()
    assert set(ledger.allows(NOW + timedelta(days=1))) == {"b.example"}
    ledger.allow("b.example", "no longer", revoke=True, now=NOW + timedelta(hours=1))
    assert set(ledger.allows(NOW + timedelta(hours=1))) == {"a.example"}
    for name, reason, options in (
        ("c.example", " ", {}),
        ("c.example", "why", {"revoke": True}),
        ("c.example", "why", {"until": NOW - timedelta(days=1)}),
    ):
        with pytest.raises(UsageError):
            ledger.allow(name, reason, now=NOW, **options)
    with pytest.raises(InvalidNameError):
        ledger.allow("not a name", "why", now=NOW)


def test_a_published_list_is_restored_byte_for_byte(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "mithra.rpz"
    decide(scores(row(), *filler(20)), now=NOW, ledger=ledger)
    publish(ledger.workspace, "rpz", out, now=NOW)
    good = out.read_bytes()
    with pytest.raises(RefusedError):
        ledger.restore(out)
    day = NOW + timedelta(days=1)
    decide(scores(row(), row("mistake.example"), *filler(20)), now=day, ledger=ledger)
    publish(ledger.workspace, "rpz", out, now=day)
    assert out.read_bytes() != good
    ledger.allow("other.example", "ours")
    record, later = ledger.restore(out)
    assert (record["blocked"], later) == (1, ["other.example"])
    assert out.read_bytes() == good
    with pytest.raises(RefusedError):  # and not forward to the bad one
        ledger.restore(out)
    assert out.read_bytes() == good
    publish(ledger.workspace, "rpz", out, now=day)
    bad = out.read_bytes()
    copy = ledger.path / "published" / hashlib.sha256(good).hexdigest()
    copy.write_bytes(b"damaged")
    with pytest.raises(InputError, match="damaged"):
        ledger.restore(out)
    assert out.read_bytes() == bad


def test_a_line_that_was_cut_short_never_counted(ledger: Ledger) -> None:
    ledger.allow("a.example", "why", now=NOW)
    file = ledger.path / "allows.jsonl"
    file.write_bytes(file.read_bytes() + b'{"name": "b.exa')
    assert set(ledger.allows(NOW)) == {"a.example"}
    ledger.allow("c.example", "why", now=NOW)
    assert set(ledger.allows(NOW)) == {"a.example", "c.example"}
    file.write_bytes(b"rubbish\n" + file.read_bytes())
    with pytest.raises(InputError, match="damaged"):
        ledger.allows(NOW)


def test_nothing_is_published_before_a_run(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nothing has been decided"):
        publish(ledger.workspace, "plain", tmp_path / "list.txt")
    assert not (tmp_path / "list.txt").exists()


def test_the_last_good_list_outlives_any_number_of_equal_ones(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "list.txt"
    decide(scores(row(), *filler(20)), now=NOW, ledger=ledger)
    publish(ledger.workspace, "plain", out, now=NOW)
    good = out.read_bytes()
    decide(scores(row(), row("mistake.example"), *filler(20)), now=NOW, ledger=ledger)
    for _ in range(25):
        publish(ledger.workspace, "plain", out, now=NOW)
    ledger.restore(out)
    assert out.read_bytes() == good


def test_an_allow_that_was_taken_back_is_published_no_more(ledger: Ledger) -> None:
    ledger.allow("evil.example", "trusted", now=NOW)
    policy = Policy(allow={"kept.example": "by the policy"})
    decide(scores(row(), row("kept.example"), *filler(20)), policy, now=NOW, ledger=ledger)
    hour = NOW + timedelta(hours=1)
    ledger.allow("evil.example", "no longer", revoke=True, now=hour)
    assert found(ledger.in_force(NOW))["evil.example"] == ("allow", "allowlist")
    assert found(ledger.in_force(hour)) == {
        "evil.example": ("watch", None),
        "kept.example": ("allow", "allowlist"),
    }


def test_nobody_allows_a_whole_public_suffix(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="everything below a public suffix"):
        ledger.allow("com", "why not", now=NOW)
    ledger.allow("github.io", "our pages", now=NOW)
    assert set(ledger.allows(NOW)) == {"github.io"}


def test_a_run_that_was_changed_is_refused(ledger: Ledger) -> None:
    decide(scores(row(), *filler(20)), now=NOW, ledger=ledger)
    file = next((ledger.path / "runs").glob("*.parquet"))
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(InputError, match="has been changed"):
        ledger.last()
