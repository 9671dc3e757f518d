"""Who asked for what, what was in force then and is now, and what becomes of every alert."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import mithra as mt
from mithra.errors import FormatError, RefusedError, WorkspaceError
from mithra.observe.records import client_hash
from tests.explain.detecting import DECIDED, HOSTILE, NOW, bind, decisions, finding, scores


def test_a_finding_says_who_asked_when_how_often_and_what_for(run, known_lake):
    log = bind(
        ("10:00:00", 1, "EVIL.example", "A"),
        ("10:00:05", 1, "evil.example", "AAAA"),
        ("11:30:00", 1, "evil.example.", "A"),
        ("12:00:00", 2, "evil.example", "A"),
        ("12:00:00", 2, "calm.example", "A"),
        ("12:00:00", 3, "www.evil.example", "A"),
    )
    found = run(log, scores=scores(evil_example=(0.97, "nefarious"), calm_example=(0.01, "benign")))
    first, second = found.table.to_pylist()
    assert first["name"] == second["name"] == "evil.example"
    assert (first["count"], first["rrtypes"], first["clients"]) == (3, ["A", "AAAA"], 2)
    assert first["first"] == datetime(2026, 7, 2, 10, 0, 0, tzinfo=UTC)
    assert first["last"] == datetime(2026, 7, 2, 11, 30, 0, tzinfo=UTC)
    assert (second["count"], second["rank"], second["status"]) == (1, 2, "open")
    assert (first["score"], first["verdict"], first["reasons"]) == (0.97, "nefarious", [HOSTILE])
    assert (first["then"], first["now"], first["blocked"]) == (["none 3"], "none", 0)
    assert first["client"] == client_hash("10.0.0.1", known_lake.client_key())
    assert found.counts.queries == 6


def test_addresses_are_shown_to_those_who_ask(run):
    found = run(bind(("10:00:00", 7, "evil.example", "A")), scores=scores(evil_example=(0.9, "nefarious")))
    assert "10.0.0.7" not in json.dumps(found.table.to_pylist(), default=str)
    shown = run(
        bind(("10:00:00", 7, "evil.example", "A")),
        scores=scores(evil_example=(0.9, "nefarious")),
        show_clients=True,
    )
    assert shown.table["client"].to_pylist() == ["10.0.0.7"]


def test_a_decision_after_a_query_does_not_count_then(run):
    log = bind(
        ("01-Jul-2026 12:00:00", 1, "evil.example", "A"),  # half a second before the decision
        ("01-Jul-2026 12:00:01", 1, "evil.example", "A"),
        ("02-Jul-2026 12:00:00", 1, "evil.example", "A"),
    )
    [row] = run(log, decisions=decisions(("evil.example", "block", "host"))).table.to_pylist()
    assert (row["then"], row["blocked"], row["now"]) == (["none 1", "block 2"], 2, "block")
    assert (row["score"], row["reasons"]) == (0.9, ["block it"])


def test_a_block_counts_until_it_ends(run):
    made = decisions(("evil.example", "block", "host"), expires=datetime(2026, 7, 3, tzinfo=UTC))
    log = bind(
        ("02-Jul-2026 12:00:00", 1, "evil.example", "A"), ("04-Jul-2026 12:00:00", 1, "evil.example", "A")
    )
    [row] = run(log, decisions=made).table.to_pylist()
    assert (row["status"], row["count"], row["then"]) == ("closed", 1, ["block 1"])
    assert row["because"].startswith("no longer blocked")
    scored = run(log, decisions=made, scores=scores(evil_example=(0.9, "nefarious")))
    [row] = scored.table.to_pylist()
    assert (row["status"], row["then"], row["now"]) == ("open", ["block 1", "none 1"], "none")


def test_a_subtree_covers_what_is_below_and_a_host_does_not(run):
    log = bind(
        ("10:00:00", 1, "a.b.tree.example", "A"),
        ("10:00:01", 1, "tree.example", "A"),
        ("10:00:02", 1, "www.host.example", "A"),
        ("10:00:03", 1, "notree.example", "A"),
    )
    made = decisions(("tree.example", "block", "subtree"), ("host.example", "block", "host"))
    [row] = run(log, decisions=made).table.to_pylist()
    assert (row["name"], row["count"]) == ("tree.example", 2)
    assert row["hosts"] == ["a.b.tree.example", "tree.example"]


def test_of_many_hosts_below_a_block_ten_are_kept(run):
    log = bind(*(("10:00:00", 1, f"n{i}.tree.example", "A") for i in range(30)))
    [row] = run(log, decisions=decisions(("tree.example", "block", "subtree"))).table.to_pylist()
    assert (row["count"], len(row["hosts"])) == (30, 10)


def test_runs_and_allows_of_the_ledger_are_told_by_their_time(run, known_lake, tmp_path):
    ledger, policy = mt.Ledger(known_lake), mt.Policy()
    ledger.record(decisions(("evil.example", "watch", "host")), policy, added=0)
    later = DECIDED + timedelta(days=2)
    ledger.record(decisions(("evil.example", "block", "host"), at=later), policy, added=1)
    days = [f"{day:02d}-Jul-2026 13:00:00" for day in (1, 2, 3, 4)]
    log = bind(
        ("01-Jul-2026 11:00:00", 1, "evil.example", "A"), *((day, 1, "evil.example", "A") for day in days)
    )
    [row] = run(log).table.to_pylist()
    assert (row["then"], row["now"], row["status"]) == (["none 1", "watch 2", "block 2"], "block", "open")
    ledger.allow("evil.example", "a partner", author="ann", now=datetime(2026, 7, 5, tzinfo=UTC))
    [row] = run(log).table.to_pylist()
    assert (row["then"], row["now"]) == (["watch 2", "block 2"], "allow")
    assert (row["status"], row["client"], row["rank"]) == ("closed", None, None)
    assert row["because"] == "allowed: a partner (ann, 2026-07-05T00:00)"


def test_what_is_well_known_is_closed_with_the_reason_and_without_clients(run):
    log = bind(
        *(("10:00:00", client, name, "A") for client in (1, 2) for name in ("big.example", "sink.example"))
    )
    given = scores(
        big_example=(0.95, "nefarious", {"popular_days": 30}),
        sink_example=(0.9, "nefarious", {"state": "sinkholed"}),
    )
    found = run(log, scores=given)
    assert [(row["name"], row["status"], row["count"]) for row in found.table.to_pylist()] == [
        ("sink.example", "open", 1),
        ("sink.example", "open", 1),
        ("big.example", "closed", 2),
    ]
    assert found.closed == {"popular: listed for long, or ranked high": 1}
    assert found.table["guard"].to_pylist() == ["sinkholed", "sinkholed", "popular"]


def test_groups_follow_campaigns_and_the_worst_comes_first(run):
    log = bind(*(("10:00:00", 1, f"{name}.example", "A") for name in ("low", "high", "kin")))
    given = scores(
        low_example=(0.6, "nefarious"), high_example=(0.99, "nefarious"), kin_example=(0.5, "nefarious")
    )
    found = run(log, scores=given).table.to_pylist()
    assert [(row["name"], row["group"]) for row in found] == [
        ("high.example", "high.example"),
        ("low.example", "low.example"),
        ("kin.example", "kin.example"),
    ]
    campaigns = pa.table({"name": ["high.example", "kin.example"], "campaign": ["c7", "c7"]})
    found = run(log, scores=given, campaigns=campaigns).table.to_pylist()
    assert [(row["name"], row["group"], row["rank"]) for row in found] == [
        ("high.example", "c7", 1),
        ("kin.example", "c7", 2),
        ("low.example", "low.example", 3),
    ]


def test_a_client_and_a_name_keep_their_uid(run):
    given = scores(evil_example=(0.9, "nefarious"))
    before = run(bind(("10:00:00", 1, "evil.example", "A")), scores=given).table
    after = run(
        bind(("11:00:00", 1, "evil.example", "A"), ("11:00:00", 2, "evil.example", "A")), scores=given
    ).table
    assert before["uid"][0].as_py() in after["uid"].to_pylist()
    assert len(set(after["uid"].to_pylist())) == 2


def test_nothing_of_a_log_is_written_to_the_workspace(run, known_lake):
    known_lake.client_key()
    before = contents(known_lake.path)
    run(bind(("10:00:00", 1, "evil.example", "A")), scores=scores(evil_example=(0.9, "nefarious")))
    assert contents(known_lake.path) == before


def contents(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("zeek.log", "#separator \\x09\n"
         "#fields\tts\tid.orig_h\tid.resp_p\tquery\tqclass\tqtype_name\trcode_name\n1782986400.5\t10.0.0.1\t53\tevil.example\t1\tTXT\tNOERROR\n"),
        ("eve.json", '{"timestamp":"2026-07-02T10:00:00.5+0000","event_type":"dns","src_ip":"10.0.0.1",'
         '"dns":{"version":2,"type":"query","rrname":"evil.example","rrtype":"TXT"}}\n'),
        ("eve3.json", '{"timestamp":"2026-07-02T10:00:00.5+0000","event_type":"dns","src_ip":"10.0.0.1",'
         '"dns":{"version":3,"type":"request","queries":[{"rrname":"evil.example","rrtype":"TXT"}]}}\n'),
        ("unbound.log", "[1782986400] unbound[1:0] info: 10.0.0.1 evil.example. TXT IN\n"),
        ("dnsmasq.log", "Jul  2 10:00:00 dnsmasq[4]: query[TXT] evil.example from 10.0.0.1\n"),
        ("windows.log", "7/2/2026 10:00:00 AM 0E70 PACKET  00000000033397A0 UDP Rcv 10.0.0.1  5b47   Q "
         "[0001   D   NOERROR] TXT    (4)evil(7)example(0)\n7/20/2025 1:00:00 AM 0E70 NOTE\n"),
        ("route53.json", '{"version":"1.1","query_timestamp":"2026-07-02T10:00:00Z",'
         '"query_name":"evil.example.","query_type":"TXT","query_class":"IN","rcode":"NOERROR","answers":[],"srcaddr":"10.0.0.1"}\n'),
        ("bind.log", bind(("10:00:00", 1, "evil.example", "TXT"))),
    ],
)  # fmt: skip
def test_every_log_tells_the_second_and_the_type(run, name, log):
    found = run(
        log, name, scores=scores(evil_example=(0.9, "nefarious")), known_at="2026-07-09", show_clients=True
    )
    [row] = found.table.to_pylist()
    assert (row["client"], row["rrtypes"]) == ("10.0.0.1", ["TXT"])
    assert row["first"] == datetime(2026, 7, 2, 10, tzinfo=UTC)


def test_a_model_scores_the_workspace_and_the_names_of_alerts(small_lake, small_model, tmp_path):
    log = tmp_path / "alerts.jsonl"
    log.write_text('{"d": "never-seen-login.example"}\n')
    found = mt.detect(small_lake, log, model=mt.load(small_model), columns={"name": "d"})
    [row] = found.table.to_pylist()
    assert row["verdict"] == "unknown"
    assert 0 < row["score"] < 1
    assert found.simulated


def test_a_log_that_is_cut_short_is_refused(run, known_lake):
    whole = gzip.compress(bind(*(("10:00:00", 1, f"n{i}.example", "A") for i in range(5000))).encode())
    given = scores(evil_example=(0.9, "nefarious"))
    with pytest.raises(FormatError, match="cut short"):
        run(whole[: len(whole) // 2], "query.log.gz", scores=given)
    with pytest.raises(FormatError, match="cut short"):
        run(gzip.compress(json.dumps(finding("evil.example")).encode() * 999)[:-9], "f.json.gz", scores=given)
    with pytest.raises(FormatError, match="empty"):
        run("", scores=given)
    with pytest.raises(FormatError, match="not a log of DNS queries"):
        run("127.0.0.1 localhost\n0.0.0.0 evil.example\n", "hosts", scores=given)


def test_what_is_no_log_in_a_folder_is_left_out_and_told(known_lake, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_text(bind(("10:00:00", 1, "evil.example", "A")) + "nonsense\n")
    (folder / "b.bin").write_bytes(bytes(range(1, 200)))
    found = mt.detect(known_lake, folder, scores=scores(evil_example=(0.9, "nefarious")), now=NOW)
    assert len(found) == 1
    assert [each.split(":")[0] for each in found.counts.left_out] == [str(folder / "b.bin")]
    assert found.counts.rejected == {"not_a_query": 1}


def test_without_anything_to_compare_with_it_refuses(run, tmp_path):
    with pytest.raises(RefusedError, match="nothing to compare with"):
        run(bind(("10:00:00", 1, "evil.example", "A")))
    with pytest.raises(WorkspaceError):
        mt.detect(tmp_path / "nowhere", tmp_path / "x.log", scores=scores(a_example=(0.9, "nefarious")))


def test_queries_of_the_future_are_set_aside(run):
    log = bind(("11-Jul-2026 10:00:00", 1, "evil.example", "A"))
    found = run(log, scores=scores(evil_example=(0.9, "nefarious")))
    assert (len(found), found.counts.rejected) == (0, {"date_in_future": 1})
