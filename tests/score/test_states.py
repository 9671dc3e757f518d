"""What is parked, sinkholed or expired, told from records alone."""

from __future__ import annotations

import pytest

from mithra.score.batch import score
from mithra.score.explain import explain


@pytest.fixture
def found(s):
    servers = {
        "parked.test": ["ns1.sedoparking.com", "ns2.sedoparking.com"],
        "half.test": ["ns1.sedoparking.com", "ns1.own.test"],
        "like.test": ["ns1.notsedoparking.com"],
        "taken.test": ["ns1.sinkhole.shadowserver.org"],
        "none.test": [],
    }
    ends = {"ended.test": (-9, -8), "renewed.test": (-9, -10), "later.test": (5, -1)}
    day = 86_400
    now = int(s.AS_OF.timestamp())
    return s.snapshot(
        [*servers, *ends],
        {"name_server": [(name, server, -5) for name, held in servers.items() for server in held]},
        facts={
            name: {"expires": now + expires * day, "registration_captured": now + captured * day}
            for name, (expires, captured) in ends.items()
        },
    )


def test_states_are_told_only_where_they_are_sure(s, found):
    rows = score(s.Model(), found).to_arrow().to_pylist()
    assert {row["name"]: row["state"] for row in rows} == {
        "parked.test": "parked",
        "half.test": None,
        "like.test": None,
        "taken.test": "sinkholed",
        "none.test": None,
        "ended.test": "expired",
        "renewed.test": None,
        "later.test": None,
    }


def test_a_name_that_the_snapshot_does_not_hold_has_no_state(s, found):
    assert score(s.Model(), found, ["new.test"]).to_arrow()["state"].to_pylist() == [None]


def test_a_state_is_told_in_words(s, found):
    for name, words in (("ended.test", "expired"), ("parked.test", "of a parking service")):
        assert any(words in item.text for item in explain(s.Model(), found, name).against)
