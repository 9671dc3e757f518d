"""What the readers of resolvers' logs share: hostile lines, batches, sniffing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mithra.errors import MithraError

LINES = {
    "bind-query-log": "24-Aug-2026 02:47:22.825 client 192.0.2.7#1 (a.example): query: a.example IN A +",
    "unbound-log": "[1787536800] unbound[4390:0] info: 192.0.2.7 a.example. A IN",
    "dnsmasq-log": "Aug 24 02:46:53 dnsmasq[43]: query[A] a.example from 192.0.2.7",
    "route53-resolver": '{"query_timestamp":"2026-08-24T02:47:36Z","query_name":"a.example",'
    '"srcaddr":"192.0.2.7"}',
    "windows-dns": "6/15/2026 10:00:32 AM 0E70 PACKET  033397A0 UDP Rcv 192.0.2.7 5b47   Q [0001 D NOERROR] A"
    " (1)a(7)example(0)",
}
KNOWN = datetime(2026, 8, 24, tzinfo=UTC)


@pytest.mark.parametrize("name", LINES)
def test_each_line_finds_its_reader(read, name):
    got = read(f"{LINES[name]}\r\n\r\n{LINES[name]}\r\n", known_at=KNOWN)
    assert (got.reader, got.rejects, got.column("queries", "count")) == (name, [], [2])
    assert read("\ufeff" + LINES[name], known_at=KNOWN).column("queries", "count") == [1]


@pytest.mark.parametrize("name", LINES)
def test_hostile_lines_cost_one_reject_each(read, name):
    line = LINES[name].encode()
    hostile = [
        line.replace(b"a.example", b"a\x00.example").replace(b"(1)a(", b"(2)a\x00("),
        line.replace(b"a.example", b"\xff\xfe.example").replace(b"(1)a(", b"(2)\xff\xfe("),
        line.replace(b"a.example", b"a" * 1_000_000 + b".example").replace(
            b"(1)a(", b"(9)" + b"a" * 1_000_000 + b"("
        ),
        b"x" * ((1 << 20) + 1) + b" 192.0.2.7",
        bytes(range(1, 10)) + bytes(range(128, 256)),
    ]
    got = read(b"\n".join([*[line] * 6, *hostile, line]), known_at=KNOWN, name="log.txt")
    assert (got.reader, got.column("queries", "count")) == (name, [7])
    assert [at for at, _ in got.rejects] == [7, 8, 9, 10, 11]
    assert "192.0.2" not in str(got)


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_only_typed_errors(read, name, data):
    line = LINES[name]
    at = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(at, len(line)))
    mutated = line[:at] + data.draw(st.text(max_size=20)) + line[end:]
    content = "\n".join([line, mutated, line]).encode("utf-8", "surrogatepass")
    try:
        got = read(content + data.draw(st.binary(max_size=30)), name, known_at=KNOWN)
    except MithraError:
        return
    assert sum(got.column("queries", "count")) >= 1
    assert all(rows["client"] != "192.0.2.7" for rows in got.tables["queries"])


def test_a_table_of_dates_and_names_is_no_log(read):
    got = read("first_seen,domain\n2026-08-24 02:47:22,a.example\n")
    assert got.reader not in LINES
