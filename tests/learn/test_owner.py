"""Owner kinds: what teaches them, how they are told, and what of the future they may not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mithra as mt
from mithra.errors import InputError
from mithra.graph.company import Examples
from mithra.graph.groups import group_domains
from mithra.graph.snapshot import FACTS, LABELS, Snapshot
from mithra.learn.owner import OwnerModel
from mithra.learn.owner_card import owner_kinds
from mithra.learn.owner_told import KINDS, Told, told_by_labels, told_by_table

DAY = 86_400
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NOW = int(AS_OF.timestamp())
SETTINGS = mt.TrainSettings(seed=1, threads=1)


def snapshot(names: dict[str, int], labels: tuple[dict[str, Any], ...] = ()) -> Snapshot:
    """Names with the day, before AS_OF, on which each was first seen."""
    array = pa.array(list(names), pa.string())
    group, groups = group_domains(array)
    facts = pa.table({f.name: pa.nulls(len(names), f.type) for f in FACTS})
    seen = np.array([NOW + day * DAY for day in names.values()], np.int64)
    told = [{"confidence": None, **label, "domain": list(names).index(label["domain"])} for label in labels]
    return Snapshot(AS_OF, array, group, groups, seen, {}, facts, pa.Table.from_pylist(told, schema=LABELS))


def mixed(extra: dict[str, int] | None = None, each: int = 40) -> tuple[Snapshot, pa.Table]:
    """Attackers' domains of the last weeks, old sites or their subdomains taken over as late, tenants."""
    names, rows = dict(extra or {}), []
    for i in range(each):
        day = -30 + i % 29
        names |= {f"bad{i}.test": day, f"site{i}.test": -900, f"x.site{i}.test": day, f"t{i}.github.io": day}
        taken = f"{'x.' * (i % 2)}site{i}.test"
        kinds = {f"bad{i}.test": "attacker", taken: "compromised", f"t{i}.github.io": "tenant"}
        at = datetime.fromtimestamp(NOW + day * DAY, UTC)
        rows += [{"name": name, "owner": kind, "activated_at": at} for name, kind in kinds.items()]
    return snapshot(names), pa.Table.from_pylist(rows)


def kinds(model: OwnerModel, graph: Snapshot, names: list[str], at: int = NOW) -> list[str]:
    domain = graph.index(pa.array(names))
    return model.owners(graph, Examples(domain, np.full(len(names), at))).names().to_pylist()


@pytest.fixture(scope="module")
def fitted() -> tuple[OwnerModel, Snapshot]:
    graph, table = mixed()
    model = OwnerModel.fit(graph, told_by_table(graph, table), SETTINGS)
    assert model is not None
    return model, graph


def told(found: Told, graph: Snapshot) -> dict[str, tuple[str, int]]:
    names = graph.names.take(pa.array(found.domain)).to_pylist()
    days = ((found.since - NOW) // DAY).tolist()
    return {name: (KINDS[k], day) for name, k, day in zip(names, found.kind, days, strict=True)}


def test_a_table_tells_of_names_that_were_nefarious_by_then() -> None:
    graph = snapshot(
        {"a.test": -9, "b.test": -9, "c.test": -9, "d.test": -9, "e.test": -9, "f.test": -9},
        ({"domain": "d.test", "verdict": "nefarious", "source": "s", "known_at": NOW - 2 * DAY},),
    )
    day = {n: datetime.fromtimestamp(NOW + n * DAY, UTC) for n in (-3, 1)}
    rows = [
        ("A.Test.", "attacker", "nefarious", day[-3]),
        ("no name", "attacker", "nefarious", day[-3]),
        ("b.test", "tenant", "benign", day[-3]),
        ("c.test", "compromised", "nefarious", day[1]),  # not by the snapshot's time
        ("d.test", "compromised", "nefarious", None),  # since it was listed
        ("e.test", "owner", "nefarious", day[-3]),
        ("f.test", "attacker", "nefarious", None),  # nobody knows since when
        ("elsewhere.test", "attacker", "nefarious", day[-3]),
    ]
    columns = ("name", "owner", "verdict", "activated_at")
    table = pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    assert told(told_by_table(graph, table), graph) == {
        "a.test": ("attacker", -3),
        "d.test": ("compromised", -2),
    }
    no_times = table.select(["name", "owner"])
    assert told(told_by_table(graph, no_times), graph) == {"d.test": ("compromised", -2)}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (pa.table({"name": ["a.test"]}), "lacks columns"),
        (pa.table({"name": ["a.test"], "owner": ["owner"]}), "tells no owner kind"),
        (pa.table({"name": [["a.test"]], "owner": ["attacker"]}), "another type"),
        (pa.table({"name": ["a.test"], "owner": ["attacker"], "activated_at": ["soon"]}), "another type"),
    ],
)
def test_a_table_that_tells_nothing_is_refused(table: pa.Table, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        told_by_table(snapshot({"a.test": -9}), table)


def test_categories_tell_only_where_a_source_looks() -> None:
    says = {"verdict": "nefarious", "source": "looks", "known_at": NOW - 5 * DAY}
    labels = (
        {"domain": "a.test", "category": "phishing,Compromised", **says},
        {"domain": "b.test", "category": "phishing", **says},
        {"domain": "c.test", "category": "phishing", **says, "source": "other"},
        {"domain": "a.test", "category": None, **says, "source": "other", "known_at": NOW - 7 * DAY},
        {"domain": "d.test", "category": "c2", **says},
        {"domain": "d.test", "category": "answer", **says, "verdict": "benign", "source": "analyst:ana"},
    )
    graph = snapshot({"a.test": -9, "b.test": -9, "c.test": -9, "d.test": -9}, labels)
    assert told(told_by_labels(graph), graph) == {"a.test": ("compromised", -7), "b.test": ("attacker", -5)}
    assert len(told_by_labels(snapshot({"a.test": -9}, labels[2:3][:0]))) == 0


def test_kinds_are_told_of_names_that_nobody_told_of(fitted: tuple[OwnerModel, Snapshot]) -> None:
    graph, _ = mixed(
        {
            "fresh.test": -3,
            "grown.test": -800,
            "www.grown.test": -700,
            "pay.grown.test": -3,
            "p.github.io": -3,
        }
    )
    asked = ["fresh.test", "pay.grown.test", "p.github.io"]
    assert kinds(fitted[0], graph, asked) == ["attacker", "compromised", "tenant"]
    domain = graph.index(pa.array(asked))
    sure = fitted[0].owners(graph, Examples(domain, np.full(3, NOW))).probability
    assert sure[2] == 1
    assert ((sure > 0.5) & (sure <= 1)).all()
    assert fitted[0].about["held_out"]["log_loss"] < fitted[0].about["held_out"]["log_loss_of_the_share"] / 2
    assert len(fitted[0].owners(graph, Examples(domain[:0], domain[:0])).kind) == 0


def test_what_comes_later_moves_no_kind(fitted: tuple[OwnerModel, Snapshot]) -> None:
    model, graph = fitted
    at, names = NOW - 5 * DAY, [name for name in graph.names.to_pylist() if not name.startswith("x.")]
    known = graph.first_seen[graph.index(pa.array(names))] <= at
    names = [name for name, there in zip(names, known, strict=True) if there]
    later, _ = mixed(
        {f"new.bad{i}.test": -4 for i in range(40)} | {f"new.site{i}.test": -4 for i in range(40)}
    )
    before, after = (
        one.owners(g, Examples(g.index(pa.array(names)), np.full(len(names), at))).probability
        for one, g in ((model, graph), (model, later))
    )
    assert before.tolist() == after.tolist()


def test_what_the_table_tells_of_later_teaches_nothing() -> None:
    graph, table = mixed()
    future = table.slice(0, 30).set_column(
        2, "activated_at", pa.array([datetime(2026, 6, 2, tzinfo=UTC)] * 30, table.schema[2].type)
    )
    other = pa.concat_tables([table.slice(30), future.set_column(1, "owner", pa.array(["compromised"] * 30))])
    some, same = (told_by_table(graph, one) for one in (table.slice(30), other))
    made = [OwnerModel.fit(graph, one, SETTINGS) for one in (some, same)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].to_bytes() == made[1].to_bytes()


def test_of_too_few_nothing_is_learnt() -> None:
    graph, table = mixed(each=9)
    assert OwnerModel.fit(graph, told_by_table(graph, table), SETTINGS) is None
    graph, table = mixed(each=10)
    assert OwnerModel.fit(graph, told_by_table(graph, table), SETTINGS) is not None
    undated = replace(graph, as_of=None)
    assert OwnerModel.fit(undated, told_by_table(undated, table), SETTINGS) is None


def test_a_model_folder_keeps_the_kinds_and_its_scores(
    fitted: tuple[OwnerModel, Snapshot], small_model: Path, tmp_path: Path
) -> None:
    plain = mt.load(small_model)
    assert plain.owner is None
    assert plain.owners(fitted[1], Examples(np.arange(1), np.full(1, NOW))) is None
    whole = replace(plain, owner=fitted[0])
    assert whole.digest != plain.digest
    loaded = mt.load(whole.save(tmp_path / "model"))
    assert loaded.digest == whole.digest
    assert replace(loaded, owner=None).digest == plain.digest  # a model without is what it was
    everyone = Examples(np.arange(len(fitted[1])), np.full(len(fitted[1]), NOW))
    one, two = (m.owners(fitted[1], everyone) for m in (whole, loaded))
    assert one is not None
    assert two is not None
    assert one.probability.tolist() == two.probability.tolist()
    assert one.kind.tolist() == two.kind.tolist()


def test_the_card_judges_only_what_turned_nefarious_after_training(
    fitted: tuple[OwnerModel, Snapshot], small_model: Path
) -> None:
    model = replace(mt.load(small_model), owner=fitted[0])
    extra = {"fresh.test": -3, "pay.site0.test": -3, "p.github.io": -3, "aged.test": -900, "grown.test": -800}
    extra |= {"x.aged.test": -5}
    graph, table = mixed({**extra, "pay.grown.test": -2})
    day = [datetime.fromtimestamp(NOW + n * DAY, UTC) for n in (-3, -3, -3, -3, -2, -40)]
    names = ["fresh.test", "pay.site0.test", "p.github.io", "aged.test", "pay.grown.test", "grown.test"]
    owners = ["attacker", "compromised", "tenant", "attacker", "compromised", "owner"]
    rows = pa.table({"name": names, "owner": owners, "activated_at": day}).cast(table.schema)
    start, end = (datetime.fromtimestamp(NOW + n * DAY, UTC) for n in (-4, 0))
    before = pa.Table.from_pylist([row for row in table.to_pylist() if row["activated_at"] < start])
    card = owner_kinds(model, graph, pa.concat_tables([rows, before.cast(table.schema)]), start, end)
    assert card is not None
    assert card["names"] == 4  # site0's group was trained on; grown.test itself is its owner's
    assert [row["names"] for row in card["kinds"]] == [2, 1, 1]
    assert card["kinds"][0]["told"] == {
        "attacker": 1,
        "compromised": 1,
        "tenant": 0,
    }  # aged.test looks honest
    assert [row["recall"] for row in card["kinds"]] == [0.5, 1, 1]
    assert [row["precision"] for row in card["kinds"]] == [1, 0.5, 1]
    assert card["macro_f1"]["mithra"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert card["macro_f1"]["suffix list alone"] == pytest.approx((0.8 + 0 + 1) / 3)
    assert card["macro_f1"]["always the attacker"] == pytest.approx((2 / 3) / 3)
    assert owner_kinds(mt.load(small_model), graph, rows, start, end) is None
    assert owner_kinds(model, graph, rows.drop_columns("owner"), start, end) is None
