"""Campaigns of a small hand-made internet: who is tied, by what, under which identifier, what is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

import mithra as mt
from mithra.errors import FormatError, UsageError
from mithra.explain.campaign_ids import Before, identities, keep, last_kept
from mithra.explain.campaign_result import Tie
from mithra.explain.campaigns import grouped
from mithra.explain.ties import owners_of, sharings
from mithra.graph.csr import relation_from_edges
from mithra.graph.groups import group_domains
from mithra.graph.snapshot import FACTS, LABELS, Snapshot
from mithra.score.scores import SCHEMA

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NOW, DAY = int(AS_OF.timestamp()), 86_400
RED = [f"redlake{letter}.shop" for letter in "abcdef"]  # one address, one batch
BLUE = [f"{word}.top" for word in ("quartz", "violin", "hamster", "ferry")]  # one name server
LONE = ["www.umbrella.biz", "pigment.org"]  # on the shared host, as many good names are
GOOD = [f"plain{number}x{number * 7919 % 1000}.com" for number in range(200)]
BATCH = NOW - 40 * DAY


def internet(
    red: list[str] = RED, later: list[tuple[str, str, int]] = (), as_of: datetime = AS_OF
) -> Snapshot:
    """The names above; `later` are edges (name, address, day from AS_OF)."""
    names = sorted(
        {*red, f"www.{red[0]}", *BLUE, *LONE, "umbrella.biz", *GOOD, *(name for name, *_ in later)}
    )
    host = [(name, "198.51.100.1", -9) for name in [*GOOD, *LONE, *red, *BLUE]]
    edges = {
        "address": [*((name, "192.0.2.66", -9) for name in red), *host, *later],
        "name_server": [
            *((name, "ns1.evil.example", -9) for name in BLUE),
            *((name, "ns1.host.example", -9) for name in [*GOOD, *red]),
        ],
        "registrar": [(name, "iana:7", -9) for name in red],
    }
    at = {name: number for number, name in enumerate(names)}
    array = pa.array(names)
    group, groups = group_domains(array)
    relations = {}
    for kind, rows in edges.items():
        domain = np.array([at[name] for name, *_ in rows], dtype=np.int32)
        seen = np.array([NOW + day * DAY for *_, day in rows], dtype=np.int64)
        keys = pa.array([key for _, key, _ in rows])
        relations[kind] = relation_from_edges(kind, domain, keys, seen, seen, domains=len(names))
    order = {name: number for number, name in enumerate([*red, *BLUE])}
    first = np.array([NOW - 9 * DAY + order.get(name, 99) * 3_600 for name in names])
    facts = [{"created": BATCH + 60 * order[name]} if name in red else {} for name in names]
    label = {"verdict": "nefarious", "source": "feed", "category": "phishing", "known_at": NOW - DAY}
    return Snapshot(
        as_of=as_of,
        names=array,
        group=group,
        groups=groups,
        first_seen=first,
        relations=relations,
        facts=pa.Table.from_pylist(
            [{field.name: row.get(field.name) for field in FACTS} for row in facts], schema=FACTS
        ),
        labels=pa.Table.from_pylist([label | {"domain": at[name]} for name in red[:2]], schema=LABELS),
    )


def scores_of(snapshot: Snapshot, bad: list[str], as_of: datetime = AS_OF) -> mt.Scores:
    """The bad names score .9 and are nefarious, the others are benign."""
    rows = []
    for name in snapshot.names.to_pylist():
        row = {field.name: [] if pa.types.is_list(field.type) else None for field in SCHEMA}
        row |= {"name": name, "given": name, "group": name, "known": True, "label_benign": False}
        row |= {"score": 0.9, "verdict": "nefarious"} if name in bad else {"score": 0.1, "verdict": "benign"}
        rows.append(row | {"shared_suffix": False})
    origin = {"simulated": "false", "as_of": as_of.isoformat(), "thresholds": json.dumps({"0.01": 0.5})}
    return mt.Scores(pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(origin)))


@pytest.fixture
def found() -> mt.Campaigns:
    snapshot = internet()
    return mt.campaigns(scores_of(snapshot, [*RED, f"www.{RED[0]}", *BLUE, *LONE]), snapshot)


def test_names_are_tied_by_what_few_others_have(found):
    assert [set(each.names) for each in found] == [{*RED, f"www.{RED[0]}"}, set(BLUE)]
    assert found.lone == len(LONE)
    assert [(each.owners, len(each.names)) for each in found] == [(6, 7), (4, 4)]


def test_what_ties_them_is_told_with_counts(found):
    red, blue = found
    assert Tie("address", "192.0.2.66", 6, 6) in red.ties
    assert Tie("registration_batch", "iana:7 2026-04-22 00:00", 6, 6) in red.ties
    assert Tie("name_server", "ns1.evil.example", 4, 4) in blue.ties
    assert all("198.51.100.1" not in tie.entity for each in found for tie in each.ties)


def test_what_is_not_listed_and_what_to_block(found):
    red, _ = found
    assert set(red.unlisted) == {*RED[2:], f"www.{RED[0]}"}
    assert dict(red.block) == {f"www.{RED[0]}": "host"} | dict.fromkeys(RED, "subtree")
    assert (red.first_seen, red.growth) == ("2026-05-23", (("2026-05-23", 6), ("2026-05-27", 1)))


def test_a_good_name_below_keeps_the_block_to_the_host():
    snapshot = internet()
    red = mt.campaigns(scores_of(snapshot, [*RED, *BLUE]), snapshot).campaigns[0]
    assert dict(red.block)[RED[0]] == "host"  # www below it is benign
    assert dict(red.block)[RED[1]] == "subtree"


def test_what_a_guard_holds_back_is_in_the_campaign_but_not_to_block():
    snapshot = internet()
    table = scores_of(snapshot, [*RED, *BLUE]).to_arrow()
    days = [40 if name == RED[3] else None for name in table["name"].to_pylist()]
    at = table.schema.get_field_index("popular_days")
    popular = mt.Scores(table.set_column(at, SCHEMA.field("popular_days"), pa.array(days, pa.int64())))
    found = mt.campaigns(popular, snapshot)
    assert RED[3] in found.campaigns[0].names
    assert RED[3] not in dict(found.campaigns[0].block)
    held = {row["name"]: row["held"] for row in found.members.to_pylist()}
    assert (held[RED[3]], held[RED[4]]) == ("popular", None)


def test_a_crowd_of_good_names_ties_nobody():
    snapshot = internet()
    domains = snapshot.index(pa.array(LONE))
    assert set(grouped(snapshot, domains)) == {-1}


def test_a_batch_that_goes_over_the_hour_is_one():
    """Created at 23:59 and 00:01: in one of the two countings of hours they are together."""
    snapshot = internet(red=RED[:2])
    for start in (0, 1_740, 3_540):
        created = [
            BATCH + start + 120 * RED.index(n) if n in RED else None for n in snapshot.names.to_pylist()
        ]
        facts = snapshot.facts.set_column(0, FACTS.field(0), pa.array(created, pa.int64()))
        moved = replace(snapshot, facts=facts)
        owners = owners_of(moved, moved.index(pa.array(RED[:2])))
        [batch] = [each for each in sharings(moved, owners) if each.relation == "registration_batch"]
        assert set(batch.owner) == {0, 1}


def test_nothing_later_counts():
    """Labels of a later moment change nothing; scores and results of one are refused."""
    snapshot = internet()
    scores = scores_of(snapshot, [*RED, *BLUE])
    before = mt.campaigns(scores, snapshot)
    tomorrow = datetime(2026, 6, 2, tzinfo=UTC)
    with pytest.raises(UsageError, match="later moment than the snapshot"):
        mt.campaigns(scores_of(snapshot, RED, as_of=tomorrow), snapshot)
    later = mt.campaigns(scores, replace(snapshot, as_of=tomorrow))
    with pytest.raises(UsageError, match="later moment than these"):
        mt.campaigns(scores, snapshot, previous=later)
    label = {"domain": int(snapshot.index(pa.array([GOOD[0]]))[0]), "verdict": "nefarious", "source": "feed"}
    labels = pa.concat_tables(
        [snapshot.labels, pa.Table.from_pylist([label | {"known_at": NOW + DAY}], schema=LABELS)]
    )
    assert mt.campaigns(scores, replace(snapshot, labels=labels)).to_dict() == before.to_dict()


def test_the_same_in_another_order_is_the_same(found):
    snapshot = internet()
    scores = scores_of(snapshot, [*RED, f"www.{RED[0]}", *BLUE, *LONE])
    backwards = mt.Scores(scores.to_arrow().take(pa.array(np.arange(len(scores))[::-1])))
    assert mt.campaigns(backwards, snapshot).to_dict() == found.to_dict()


def test_a_campaign_keeps_its_identifier_as_it_grows(found, tmp_path):
    """Two names more, and the oldest gone, from which the identifier was made."""
    red = [*RED[1:], "redlakeg.shop", "redlakeh.shop"]
    tomorrow = datetime(2026, 6, 2, tzinfo=UTC)
    snapshot = internet(red=red, as_of=tomorrow)
    scores = scores_of(snapshot, [*red, *BLUE])
    alone = mt.campaigns(scores, snapshot)
    known = mt.campaigns(scores, snapshot, previous=found)
    (tmp_path / "before.json").write_text(json.dumps(found.to_dict()))
    assert mt.campaigns(scores, snapshot, previous=tmp_path / "before.json").to_dict() == known.to_dict()
    assert known.campaigns[0].id == found.campaigns[0].id != alone.campaigns[0].id
    assert (known.campaigns[0].added, known.campaigns[0].since) == (2, AS_OF.isoformat())
    assert (alone.campaigns[0].added, alone.campaigns[0].since) == (None, tomorrow.isoformat())


def test_identifiers_go_to_who_has_most_of_the_names():
    before = [Before("aa", "", frozenset("abcdef")), Before("bb", "", frozenset("uvw"))]

    def ids(*found: str) -> list[str]:
        return [each.id for each in identities(found, before)]

    assert ids("abcdefgh", "uvw") == ["aa", "bb"]
    split = ids("ab", "cdef")
    assert split[1] == "aa"
    assert split[0] not in {"aa", "bb"}
    assert ids("uvwabcdef") == ["aa"]
    assert ids("axyzmn", "uvw")[1] == "bb"
    assert not {"aa", "bb"} & set(ids("axyzmnopq", "xyz"))
    first = identities(["ab"], [])[0].id
    again = identities(["ab"], [Before(first, "", frozenset("qrs"))])[0].id
    assert again != first  # it was in use for other names


def test_a_workspace_remembers_what_was_found_before_a_moment(found, tmp_path):
    for day in (3, 1, 2):
        keep(tmp_path, datetime(2026, 6, day, tzinfo=UTC), found.to_dict())
    assert last_kept(tmp_path, datetime(2026, 6, 1, tzinfo=UTC)) is None
    file = last_kept(tmp_path, datetime(2026, 6, 3, tzinfo=UTC))
    assert file is not None
    assert file.name == "20260602T000000Z.json"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"as_of": "2026-06-01"}',
        '{"as_of": null, "campaigns": [{"id": "<b>", "since": "", "names": []}]}',
        '{"as_of": "2026-06-01", "campaigns": []}',
    ],
)
def test_a_file_that_holds_no_campaigns_is_named(tmp_path, text):
    (tmp_path / "odd.json").write_text(text)
    snapshot = internet()
    with pytest.raises(FormatError, match=r"odd\.json"):
        mt.campaigns(scores_of(snapshot, RED), snapshot, previous=tmp_path / "odd.json")


def test_hostile_strings_are_harmless_wherever_they_are_shown():
    name, entity = "<script>\x1b[31m\u202e.shop", "<b>evil\x1b[2J\u202e</b>"
    tie = Tie("address", "<b>&", 2, 3)
    snapshot = internet(later=[(each, entity, -5) for each in BLUE])
    found = mt.campaigns(scores_of(snapshot, [*RED, *BLUE]), snapshot)
    odd = replace(found.campaigns[0], names=(name, *found.campaigns[0].names), ties=(tie,))
    shown = replace(found, campaigns=(odd, *found.campaigns[1:]))
    for text in (shown.to_text(), "".join(each.to_text() for each in found)):
        assert all(" " <= c <= "~" or c == "\n" for c in text)
    page = shown._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "\x1b" not in page + found._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert all(set(each.id) <= set("0123456789abcdef") for each in found)


def test_nothing_suspect_is_no_campaign():
    snapshot = replace(internet(), labels=pa.Table.from_pylist([], schema=LABELS))
    found = mt.campaigns(scores_of(snapshot, []), snapshot)
    assert (len(found), found.lone, len(found.members)) == (0, 0, 0)
    assert found.to_dict()["campaigns"] == []


def test_an_undated_snapshot_has_campaigns_without_dates():
    snapshot = internet()
    still = {
        name: replace(r, first_seen=np.zeros_like(r.first_seen)) for name, r in snapshot.relations.items()
    }
    labels = snapshot.labels.set_column(4, LABELS.field("known_at"), pa.array([0, 0], pa.int64()))
    undated = replace(
        snapshot, as_of=None, first_seen=np.zeros(len(snapshot), int), relations=still, labels=labels
    )
    found = mt.campaigns(scores_of(undated, [*RED, *BLUE]), undated)
    assert len(found) == 2
    assert (found.campaigns[0].first_seen, found.campaigns[0].growth, found.campaigns[0].since) == (
        None,
        (),
        "",
    )
    assert found.to_text()
