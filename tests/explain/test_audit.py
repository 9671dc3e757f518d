"""What an audit says of a list: overlap and delay by hand, disputes by reason, nothing later."""

from __future__ import annotations

import json

import pytest

import mithra as mt
from mithra.errors import InputError, WorkspaceError

FEEDS = {
    "ours": [
        ("both.example", "2026-01-10"),
        ("early.example", "2026-01-01"),
        ("late.example", "2026-01-20"),
        ("alone.example", "2026-01-05"),
        ("popular.example", "2026-01-05"),
        ("good.example", "2026-01-05"),
        ("github.io", "2026-01-05"),
    ],
    "theirs": [
        ("both.example", "2026-01-10"),
        ("early.example", "2026-01-03"),
        ("late.example", "2026-01-19"),
        ("other.example", "2026-01-01"),
    ],
}


@pytest.fixture
def lists(tmp_path):
    """A workspace of two lists, one popular name, one allowed name and a passive DNS record."""
    workspace = mt.Workspace(tmp_path / "lake")
    for source, entries in FEEDS.items():
        rows = [f"{name},{day}T00:00:00Z,phishing" for name, day in entries]
        (tmp_path / f"{source}.csv").write_text("\n".join(["name,known_at,category", *rows]) + "\n")
        mt.ingest(workspace, tmp_path / f"{source}.csv", table="labels", verdict="nefarious", source=source)
    (tmp_path / "good.csv").write_text("name,known_at\ngood.example,2026-01-01T00:00:00Z\n")
    mt.ingest(workspace, tmp_path / "good.csv", table="labels", verdict="benign", source="desk")
    ranks = "".join(f"{i + 1},{name}\n" for i, name in enumerate(["popular.example", "calm.example"]))
    (tmp_path / "tranco-2026-01-02.csv").write_text(ranks)
    mt.ingest(workspace, tmp_path / "tranco-2026-01-02.csv")
    record = {"rrname": "alone.example", "rrtype": "A", "rdata": "192.0.2.1", "count": 1}
    (tmp_path / "pdns.jsonl").write_text(
        json.dumps({**record, "time_first": 1767600000, "time_last": 1767700000}) + "\n"
    )
    mt.ingest(workspace, tmp_path / "pdns.jsonl")
    return workspace


def test_overlap_and_delay(lists):
    found = mt.audit(lists, "ours", "2026-02-01")
    assert (found.entries, found.alone, found.observed, found.ended) == (7, 4, 1, 0)
    [other] = found.overlap
    assert (other.source, other.entries, other.shared, other.earlier, other.later) == ("theirs", 4, 3, 1, 1)
    assert other.median_lead_hours == 0
    [back] = mt.audit(lists, "theirs", "2026-02-01").overlap
    assert (back.earlier, back.later, back.entries) == (1, 1, 7)


def test_disputes_by_reason(lists):
    found = mt.audit(lists, "ours", "2026-02-01")
    assert dict(zip(*(found.disputed[c].to_pylist() for c in ("name", "reason")), strict=True)) == {
        "popular.example": "popular",
        "good.example": "benign_label",
        "github.io": "public_suffix",
    }
    assert found.disputes == {"popular": 1, "benign_label": 1, "public_suffix": 1}
    json.dumps(found.to_dict(), default=str)


def test_nothing_later_counts(lists):
    found = mt.audit(lists, "ours", "2026-01-04")
    assert (found.entries, len(found.overlap)) == (1, 1)
    assert found.overlap[0].shared == 1
    assert mt.audit(lists, "ours", "2026-01-02").overlap == ()


def test_a_list_that_is_not_there_is_named_with_those_that_are(lists, tmp_path):
    with pytest.raises(InputError, match="ours, theirs"):
        mt.audit(lists, "mine", "2026-02-01")
    with pytest.raises(WorkspaceError):
        mt.audit(tmp_path / "nowhere", "ours")


def test_a_moment_of_which_records_were_removed_is_refused(lists, tmp_path):
    """Else the list would seem to name what nobody had seen."""
    record = {"rrname": "new.example", "rrtype": "A", "rdata": "192.0.2.1", "count": 1}
    times = {"time_first": 1769900000, "time_last": 1769900000}  # 31 January
    (tmp_path / "more.jsonl").write_text(json.dumps({**record, **times}) + "\n")
    mt.ingest(lists, tmp_path / "more.jsonl")
    assert mt.audit(lists, "ours", "2026-01-15").observed == 1
    mt.compact(lists, raw_days=7)
    with pytest.raises(WorkspaceError, match="compact removed records"):
        mt.audit(lists, "ours", "2026-01-15")
    assert mt.audit(lists, "ours").entries == 7
