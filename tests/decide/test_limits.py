"""What a run as a whole may do: broken, stale and oversized results are refused, good ones bounded."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from mithra.decide.decide import decide
from mithra.decide.policy import Policy
from mithra.errors import RefusedError
from tests.decide.tables import METADATA, NOW, filler, found, row, scores


def test_a_run_adds_no_more_than_its_share() -> None:
    bad = [row(f"evil{i}.example", 0.9 + i / 10**4) for i in range(20)]
    decisions = decide(scores(*bad, *filler(80)), Policy(max_share=0.05, small_list=3), now=NOW)
    result = found(decisions)
    assert [name for name, (action, _) in result.items() if action == "block"] == [
        f"evil{i}.example" for i in range(19, 14, -1)
    ]
    assert result["evil14.example"] == ("watch", "run_share")
    assert decisions.counts() == {"block": 5, "watch": 15, "allow": 0, "guard:run_share": 15}


@pytest.mark.parametrize(
    ("changes", "policy", "what"),
    [
        ({"addresses": ["192.0.2.7"]}, Policy(max_per_address=3), "address 192.0.2.7"),
        ({"addresses": ["192.0.2.7", "192.0.2.7"]}, Policy(max_per_address=3), "address 192.0.2.7"),
        (
            {"name_servers": ["ns1.host.example"]},
            Policy(max_per_name_server=3),
            "name server ns1.host.example",
        ),
        ({"registrar": "Some Registrar"}, Policy(max_per_registrar=3), "registrar Some Registrar"),
        ({"asn": ["AS64500"]}, Policy(max_per_asn=3), "network AS64500"),
    ],
)
def test_a_run_adds_no_more_than_a_number_behind_one_thing(
    changes: dict[str, Any], policy: Policy, what: str
) -> None:
    bad = [row(f"evil{i}.example", 0.9 + i / 10**4, **changes) for i in range(5)]
    other = row("other.example", 0.85)
    decisions = decide(scores(*bad, other, *filler(20)), policy, now=NOW)
    result = found(decisions)
    assert [name for name, (action, _) in result.items() if action == "block"] == [
        "evil4.example",
        "evil3.example",
        "evil2.example",
        "other.example",
    ]
    assert result["evil1.example"] == ("watch", "blast_radius")
    reasons = decisions.table.to_pylist()[3]["reasons"]
    assert reasons[-1] == f"not blocked: 3 new blocks behind {what} already"


def test_what_is_blocked_already_does_not_count_as_added() -> None:
    bad = [row(f"evil{i}.example", 0.9 + i / 10**4, addresses=["192.0.2.7"]) for i in range(5)]
    policy = Policy(max_per_address=3)
    first = decide(scores(*bad, *filler(20)), policy, now=NOW)
    second = decide(scores(*bad, *filler(20)), policy, now=NOW + timedelta(days=1), previous=first)
    assert len(first.blocks) == 3
    assert len(second.blocks) == 5
    assert second.blocks["expires"].to_pylist() == [NOW + timedelta(days=15)] * 5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (scores(), "the scores are empty"),
        (scores(*[row(f"n{i}.example", None) for i in range(3)]), "no name has a score"),
        (scores(*[row(f"n{i}.example", float("nan")) for i in range(3)]), "no name has a score"),
        (scores(*[row(f"n{i}.example", 0.9) for i in range(10)]), "all scores are the same"),
        (scores(*filler(5), *filler(5)), "doubled"),
        (scores(row("a.example", 0.9), row("a.example", 0.1), *filler(5)), "a name has two scores"),
        (scores(*[row(f"n{i}.example", 0.9 + i / 1000) for i in range(50)]), "more than 50% of the names"),
    ],
)
def test_a_broken_result_is_refused(table: pa.Table, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        decide(table, now=NOW)
    assert caught.value.exit_code == 1


def test_a_list_that_grows_too_fast_or_empties_is_refused() -> None:
    bad = [row(f"evil{i}.example", 0.9 + i / 10**4) for i in range(90)]
    policy = Policy(max_share=0.5)
    small = decide(scores(*bad[:30], *filler(100)), policy, now=NOW)
    assert len(small.blocks) == 30
    with pytest.raises(RefusedError, match="more than 2 times its size") as caught:
        decide(scores(*bad, *filler(100)), policy, now=NOW, previous=small)
    assert caught.value.value == "30 to 90"
    mild = [row(f"evil{i}.example", 0.1 + i / 10**4) for i in range(30)]
    with pytest.raises(RefusedError, match="blocks nothing"):
        decide(scores(*mild, *filler(100)), policy, now=NOW, previous=small)
    lifted = decide(scores(*mild[:15], *filler(100)), policy, now=NOW, previous=small)
    assert len(lifted.blocks) == 15  # lifting single blocks is always possible


def test_no_threshold_no_decision() -> None:
    for stated in ({}, {"0.01": 0.5}, {"0.001": None, "0.01": 0.5}):
        table = scores(row(), *filler(5), metadata=METADATA | {"thresholds": json.dumps(stated)})
        with pytest.raises(RefusedError, match="no threshold for so low a false-positive rate"):
            decide(table, now=NOW)
    stricter = scores(
        row(), *filler(5), metadata=METADATA | {"thresholds": '{"0.001": null, "0.0001": 0.85}'}
    )
    assert found(decide(stricter, now=NOW)) == {"evil.example": ("block", None)}


def test_stale_scores_decide_nothing() -> None:
    week = NOW + timedelta(days=7)
    assert len(decide(scores(row(), *filler(20)), now=week - timedelta(hours=12)).blocks) == 1
    with pytest.raises(RefusedError, match="stale"):
        decide(scores(row(), *filler(20)), now=week)
    world = METADATA | {"simulated": "true"}
    assert len(decide(scores(row(), *filler(20), metadata=world), now=week).blocks) == 1
    first = decide(scores(row(), *filler(20)), now=NOW)
    before = METADATA | {"as_of": "2026-07-01T01:59:00+02:00"}
    with pytest.raises(RefusedError, match="older than the decisions in force"):
        decide(scores(row(), *filler(20), metadata=before), now=NOW, previous=first)
