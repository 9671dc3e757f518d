"""Decisions on tables of scores written by hand: what is blocked, and everything that must not be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mithra.decide.decide import decide
from mithra.decide.policy import Policy
from mithra.errors import InputError
from tests.decide.tables import NOW, filler, found, one, row, scores


def test_a_block_carries_reasons_expiry_and_where_it_came_from() -> None:
    decisions = decide(scores(row(), *filler(20)), Policy(expire_days=2), now=NOW)
    assert decisions.table.to_pylist() == [
        {
            "name": "evil.example",
            "action": "block",
            "level": "subtree",
            "reasons": ["shares an address with 3 listed names", "score 0.9000 is at or over 0.8000"],
            "score": 0.9,
            "rank": 1,
            "expires": NOW + timedelta(days=2),
            "guard": None,
        }
    ]
    origin = decisions.origin
    assert (origin["model_digest"], origin["snapshot_digest"], origin["as_of"]) == (
        "m1",
        "s1",
        "2026-07-01T00:00:00+00:00",
    )
    assert origin["policy_digest"] == Policy(expire_days=2).digest()
    assert (origin["mode"], origin["threshold"], origin["simulated"]) == ("full", "0.8", "false")
    assert origin["decided_at"] == NOW.isoformat()
    assert decisions.simulated is False


@pytest.mark.parametrize(
    ("policy", "score", "action"),
    [
        (Policy(), 0.8, "block"),
        (Policy(), 0.7999, "watch"),
        (Policy(max_fpr=0.0001), 0.9, "watch"),
        (Policy(max_fpr=0.0001), 0.95, "block"),
        (Policy(max_fpr=0.005), 0.9, "block"),  # the next stricter stated rate, .001
        (Policy(max_fpr=0.01), 0.5, "block"),
        (Policy(threshold=0.99), 0.95, "watch"),
        (Policy(max_false_blocks_a_day=1, names_a_day=10_000), 0.9, "watch"),
    ],
)
def test_the_threshold_follows_the_budget(policy: Policy, score: float, action: str) -> None:
    assert one(row(score=score), policy)["action"] == action


def test_names_under_the_watch_threshold_get_no_decision() -> None:
    assert len(decide(scores(row(score=0.49), *filler(20)), now=NOW)) == 0


@pytest.mark.parametrize(
    ("changed", "guard"),
    [
        (row("com"), "public_suffix"),
        (row("co.uk"), "public_suffix"),
        (row("github.io"), "public_suffix"),
        (row("anything.ck"), "public_suffix"),
        (row("unlisted-tld"), "public_suffix"),
        (row("amazonaws.com"), "above_suffix"),
        (row("compute.amazonaws.com"), "above_suffix"),
        (row("kobe.jp"), "above_suffix"),
        (row("Evil.example"), "invalid_name"),
        (row("evil.example."), "invalid_name"),
        (row("192.0.2.1"), "invalid_name"),
        (row("a\nb.example"), "invalid_name"),
        (row(""), "invalid_name"),
        (row(warning_list="parking"), "warning_list"),
        (row(popular_days=14), "popular"),
        (row(popular_rank=100_000), "popular"),
        (row(label_benign=True), "benign_label"),
        (row(verdict="unknown"), "unknown_verdict"),
        (row(verdict="benign"), "benign_verdict"),
        (row(evidence_kinds=["resolution"]), "one_kind"),
        (row(evidence_kinds=["lexical", "lexical"]), "one_kind"),
        (row(evidence_kinds=["lexical", "a feeling"]), "one_kind"),
        (row(evidence_kinds=["resolution", "name_server"]), "one_kind"),  # co-hosting twice over
        (row(evidence_kinds=[]), "one_kind"),
        (row(evidence_kinds=None), "one_kind"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value["name"]),
)
def test_no_score_passes_a_guard(changed: dict[str, Any], guard: str) -> None:
    decision = one(changed | {"score": 1.0}, Policy(threshold=0.5, max_fpr=1.0))
    assert (decision["action"], decision["guard"]) == ("watch", guard)
    assert decision["expires"] is None
    assert "not blocked" in decision["reasons"][-1]


@pytest.mark.parametrize(
    "changed",
    [
        row(popular_days=13),
        row(popular_rank=100_001),
        row(evidence_kinds=["resolution", "name_server", "label"]),
        row("www.ck"),
        row("city.kobe.jp"),
    ],
    ids=lambda value: repr(value["name"]),
)
def test_what_no_guard_holds_is_blocked(changed: dict[str, Any]) -> None:
    assert one(changed)["action"] == "block"


def test_popular_rank_zero_and_plain_counting_turn_two_guards_off() -> None:
    assert one(row(popular_rank=1), Policy(popular_rank=0))["action"] == "block"
    pair = row(evidence_kinds=["resolution", "name_server"])
    assert one(pair, Policy(cohosting_is_one_kind=False))["action"] == "block"


def test_a_guard_is_named_also_for_what_is_only_watched() -> None:
    decision = one(row(score=0.6, warning_list="sinkholes"))
    assert (decision["action"], decision["guard"]) == ("watch", "warning_list")


@pytest.mark.parametrize("name", ["bank.example", "login.bank.example", "a.b.bank.example"])
def test_the_allowlist_wins_over_every_score(name: str) -> None:
    decision = one(row(name, 1.0), Policy(allow={"bank.example": "our bank"}))
    assert (decision["action"], decision["guard"]) == ("allow", "allowlist")
    assert decision["reasons"][-1] == "allowed: our bank"
    assert decision["level"] == ("subtree" if name == "bank.example" else "host")


def test_the_allowlist_does_not_reach_names_that_only_end_alike() -> None:
    assert one(row("evilbank.example"), Policy(allow={"bank.example": "x"}))["action"] == "block"


@pytest.mark.parametrize(
    ("names", "policy", "level"),
    [
        ([row("evil.example")], Policy(), "subtree"),
        ([row("www.evil.example")], Policy(), "host"),
        ([row("evil.github.io")], Policy(), "host"),
        ([row("evil.example", shared_suffix=True)], Policy(), "host"),
        ([row("evil.example")], Policy(subtree=False), "host"),
        ([row("evil.example")], Policy(allow={"good.evil.example": "x"}), "host"),
        ([row("evil.example"), row("ok.evil.example", 0.1, verdict="benign")], Policy(), "host"),
        ([row("evil.example"), row("ok.evil.example", 0.1)], Policy(), "host"),
        ([row("evil.example"), row("ok.evil.example", 0.1, popular_days=20)], Policy(), "host"),
        ([row("evil.example"), row("x.evil.example", 0.1, verdict="unknown")], Policy(), "subtree"),
    ],
)
def test_a_subtree_falls_only_where_one_owner_holds_all_of_it(
    names: list[dict[str, Any]], policy: Policy, level: str
) -> None:
    decisions = decide(scores(*names, *filler(20)), policy, now=NOW).table.to_pylist()
    assert [(d["name"], d["action"], d["level"]) for d in decisions] == [(names[0]["name"], "block", level)]


@pytest.mark.parametrize(
    ("kind", "sure", "level", "days", "reason"),
    [
        (None, None, "subtree", 14, "score 0.9000 is at or over 0.8000"),
        ("attacker", 0.78, "subtree", 14, "owner: the attacker's own, probability 0.78"),  # times .9
        ("attacker", 0.77, "host", 14, "only this host: too uncertain that all of it is the attacker's"),
        ("attacker", None, "host", 14, "only this host: too uncertain that all of it is the attacker's"),
        ("compromised", 0.99, "host", 3, "only this host: its owner is not the attacker"),
        ("tenant", 1.0, "host", 14, "only this host: its owner is not the attacker"),
    ],
)
def test_level_and_expiry_follow_the_owner(
    kind: str | None, sure: float | None, level: str, days: int, reason: str
) -> None:
    decision = one(row(owner_kind=kind, owner_probability=sure))
    assert (decision["action"], decision["level"]) == ("block", level)
    assert decision["expires"] == NOW + timedelta(days=days)
    assert decision["reasons"][-1].startswith(reason)


def test_a_block_is_renewed_for_as_long_as_its_owner_kind_allows() -> None:
    policy = Policy(compromised_expire_days=2)
    names = [row("evil.example", owner_kind="attacker", owner_probability=1.0)]
    names += [row("www.shop.example", owner_kind="compromised", owner_probability=1.0)]
    first = decide(scores(*names, *filler(20)), policy, now=NOW)
    later = NOW + timedelta(days=1)
    again = decide(scores(*names, *filler(20)), policy, now=later, previous=first)
    ends = {d["name"]: d["expires"] for d in again.table.to_pylist()}
    assert ends == {
        "evil.example": later + timedelta(days=14),
        "www.shop.example": later + timedelta(days=2),
    }
    short = decide(scores(*names, *filler(20)), Policy(expire_days=1), now=NOW)
    assert set(short.table["expires"].to_pylist()) == {later}  # never longer than any other block


def test_a_name_told_to_be_another_s_loses_its_subtree() -> None:
    mine = row("evil.example", owner_kind="attacker", owner_probability=1.0)
    first = decide(scores(mine, *filler(20)), now=NOW)
    theirs = row("evil.example", owner_kind="compromised", owner_probability=0.8)
    again = decide(scores(theirs, *filler(20)), now=NOW, previous=first).table.to_pylist()
    assert [(d["level"], d["expires"]) for d in again] == [("host", NOW + timedelta(days=3))]


def test_an_owner_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="unknown owner kind"):
        decide(scores(row(owner_kind="landlord"), *filler(20)), now=NOW)


def test_monitor_blocks_nothing() -> None:
    decision = one(row(score=1.0), Policy(mode="monitor"))
    assert (decision["action"], decision["guard"]) == ("watch", "monitor")


def test_canary_takes_the_same_share_in_every_run_and_order() -> None:
    names = [row(f"evil{i}.example", 0.9 + i / 10**6) for i in range(400)]
    policy = Policy(mode="canary", canary_share=0.25, small_list=10**6)
    first = found(decide(scores(*names), policy, now=NOW))
    assert first == found(decide(scores(*reversed(names)), policy, now=NOW + timedelta(days=1)))
    blocked = {name for name, (action, _) in first.items() if action == "block"}
    assert 70 < len(blocked) < 130
    assert {guard for name, (_, guard) in first.items() if name not in blocked} == {"canary"}
    wider = found(decide(scores(*names), Policy(mode="canary", canary_share=0.5, small_list=10**6), now=NOW))
    assert blocked < {name for name, (action, _) in wider.items() if action == "block"}


def test_blocks_of_names_not_scored_again_stay_until_they_expire() -> None:
    first = decide(scores(row("old.example"), row("fine.example", 0.85), *filler(20)), now=NOW)
    later = NOW + timedelta(days=13)
    old = Policy(max_age_days=30)
    again = decide(
        scores(row("new.example"), row("fine.example", 0.1), *filler(20)), old, now=later, previous=first
    )
    assert found(again) == {"new.example": ("block", None), "old.example": ("block", None)}
    assert again.blocks["expires"].to_pylist() == [later + timedelta(days=14), NOW + timedelta(days=14)]
    after = decide(scores(row("new.example"), *filler(20)), old, now=NOW + timedelta(days=14), previous=first)
    assert set(found(after)) == {"new.example"}
    allowed = Policy(max_age_days=30, allow={"old.example": "we were wrong"})
    lifted = decide(scores(row("new.example"), *filler(20)), allowed, now=later, previous=first)
    assert set(found(lifted)) == {"new.example", "fine.example"}
    monitor = decide(
        scores(row("new.example"), *filler(20)),
        Policy(mode="monitor", max_age_days=30),
        now=later,
        previous=first,
    )
    assert len(monitor.blocks) == 0


def test_a_block_that_falls_a_little_stays_and_is_not_renewed() -> None:
    first = decide(scores(row(), row("gone.example"), *filler(20)), now=NOW)
    later = NOW + timedelta(days=1)
    fallen = scores(
        row(score=0.7), row("gone.example", 0.4, verdict="benign"), row("new.example", 0.7), *filler(20)
    )
    again = decide(fallen, now=later, previous=first)
    assert found(again) == {"evil.example": ("block", None), "new.example": ("watch", None)}
    assert again.blocks["expires"].to_pylist() == [NOW + timedelta(days=14)]
    assert again.blocks["level"].to_pylist() == ["subtree"]
    guarded = decide(scores(row(score=0.7, popular_days=20), *filler(20)), now=later, previous=first)
    assert found(guarded)["evil.example"] == ("watch", "popular")
    ended = decide(fallen, Policy(max_age_days=30), now=NOW + timedelta(days=14), previous=first)
    assert found(ended)["evil.example"] == ("watch", None)


@pytest.mark.parametrize("state", ["parked", "sinkholed", "expired"])
def test_what_is_nobodys_weapon_now_is_typed_and_not_blocked(state: str) -> None:
    assert (one(row(state=state))["action"], one(row(state=state))["guard"]) == ("watch", state)


def test_a_policy_without_subtrees_narrows_blocks_that_it_goes_on_with() -> None:
    first = decide(scores(row("old.example"), *filler(20)), now=NOW)
    narrow, later = Policy(subtree=False), NOW + timedelta(days=1)
    again = decide(scores(row("new.example"), *filler(20)), narrow, now=later, previous=first)
    assert first.blocks["level"].to_pylist() == ["subtree"]
    assert again.blocks["level"].to_pylist() == ["host", "host"]
