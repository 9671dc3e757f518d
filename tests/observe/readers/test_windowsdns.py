"""The Windows DNS debug log: packets, length-prefixed names, dates of many locales."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError

PACKET = "0E70 PACKET  00000000033397A0 UDP Rcv 192.0.2.7       5b47   Q [0001   D   NOERROR] A      {name}\n"
NAME = "(3)www(7)Example(3)com(0)"
HEAD = """DNS Server log file creation at {date} UTC
Log file wrap at {date}

Message logging key (for packets - other items use a subset of these fields):
\tField #  Information         Values
\t-------  -----------         ------
\t   1     Date
"""


def packet(date="6/15/2026 10:00:32 AM", name=NAME):
    return f"{date} {PACKET.format(name=name)}"


def test_queries_that_came_in(read):
    answer = packet().replace("Rcv", "Snd").replace("  Q [0001", "R Q [8081")
    asked = packet().replace("Rcv", "Snd")  # of the next server
    told = packet().replace("  Q [0001", "R Q [8081")  # by the next server
    update = packet().replace(" Q [", " U [")
    got = read(HEAD.format(date="6/15/2026 9:59:00 AM") + packet() + answer + asked + told + update)
    assert (got.reader, got.rejects) == ("windows-dns", [])
    assert [(r["name"], r["hour"], r["count"]) for r in got.tables["queries"]] == [
        ("www.example.com", datetime(2026, 6, 15, 10, tzinfo=UTC), 1)
    ]
    assert "192.0.2" not in str(got)
    assert read(answer + answer + asked).column("queries", "count") == [2]


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("6/15/2026 12:00:32 AM", 0),
        ("6/15/2026 12:00:32 PM", 12),
        ("6/15/2026 1:00:32 p.m.", 13),
        ("6/15/2026 1:00:32\u202fPM", 13),
        ("15/06/2026 13:00:32", 13),
        ("15.06.2026 13:00:32", 13),
        ("15-6-2026 13:00:32", 13),
        ("15/6/2026 13.00.32", 13),
        ("2026-06-15 13:00:32", 13),
        ("2026/06/15 13:00:32", 13),
        ("2026. 06. 15. 13:00:32".replace(". ", ".", 2), 13),
        ("20260615 13:00:32", 13),
    ],
)
def test_dates_of_many_locales(read, date, hour):
    got = read(packet(date))
    assert got.column("queries", "hour") == [datetime(2026, 6, 15, hour, tzinfo=UTC)]


def test_day_or_month_is_decided_by_another_date_of_the_file(read):
    doubtful = packet("6/5/2026 10:00:32 AM")
    june = read(doubtful * 2000 + packet("6/15/2026 10:00:32 AM"))
    assert june.column("queries", "hour")[0] == datetime(2026, 6, 5, 10, tzinfo=UTC)
    may = read(HEAD.format(date="13/5/2026 10:00:32 AM") + doubtful)
    assert may.column("queries", "hour") == [datetime(2026, 5, 6, 10, tzinfo=UTC)]
    assert read(packet("5.6.2026 10:00:32")).column("queries", "hour")[0].month == 6
    assert read(packet("6/6/2026 10:00:32")).column("queries", "hour")[0].month == 6


def test_day_and_month_in_doubt(read):
    doubtful = packet("6/5/2026 10:00:32 AM")
    with pytest.raises(FormatError, match="in doubt") as caught:
        read(doubtful)
    assert "--format windows-dns-mdy" in str(caught.value)
    assert read(doubtful, "windows-dns-mdy").column("queries", "hour")[0].month == 6
    assert read(doubtful, "windows-dns-dmy").column("queries", "hour")[0].month == 5
    with pytest.raises(FormatError, match="some dates"):
        read(packet("6/15/2026 10:00:32 AM") + packet("15/6/2026 10:00:32 AM"))


def test_names(read):
    got = read(
        packet(name="(4)_dmp(2)xy(0)")
        + packet(name=".old.example.com.")
        + packet(name="(0)")
        + packet(name="(5)a(1)b(3)com(0)")
        + packet(name="(3)a b(3)com(0)")
        + packet(name="(3)www(7)exam")
    )
    assert got.column("queries", "name") == ["_dmp.xy", "old.example.com"]
    assert got.rejects == [(3, "root"), (4, "bad_character"), (5, "whitespace"), (6, "bad_character")]


def test_what_is_set_aside(read):
    got = read(
        packet()
        + "6/15/2026 10:00:32 AM 0E70 EVENT   The DNS server has started.\n"
        + "UDP question info at 00000000033397A0\n  Remote addr 192.0.2.7, port 53\n"
        + packet()[:60]
        + "\n"
        + packet("6/15/2036 10:00:32 AM")
        + packet("6/31/2026 10:00:32 AM")
        + packet("6/15/26 10:00:32 AM")
        + "{} 192.0.2.9\n"
    )
    assert got.column("queries", "count") == [1]
    assert got.rejects == [
        (5, "bad_query"),
        (6, "date_in_future"),
        (7, "no_date"),
        (8, "no_date"),
        (9, "not_a_log_line"),
    ]
    assert "192.0.2" not in str(got)


EVENT = (
    "QUERY_RECEIVED: TCP=0; InterfaceIP=10.0.0.53; Source=192.0.2.7; RD=1; QNAME={name}; QTYPE=1; XID=1; "
    "Port=5353; Flags=256; BufferSize=0; PacketData=0x00"
)
SENT = EVENT.replace("QUERY_RECEIVED", "RESPONSE_SUCCESS").replace("Source", "Destination")
VIEWER = "Level,Date and Time,Source,Event ID,Task Category\r\n"


def viewer(event, date="6/15/2026 10:00:32 AM", name="www.Example.com."):
    return f'Information,{date},Microsoft-Windows-DNSServer,256,LOOK_UP,"{event.format(name=name)}"\r\n'


def test_events_as_event_viewer_writes_them(read):
    other = viewer("CACHE_LOOKUP: TCP=0; QNAME={name}; QTYPE=1").replace("CACHE_LOOKUP", "RECURSE_QUERY_OUT")
    got = read(VIEWER + viewer(EVENT) + viewer(SENT) + other + viewer(EVENT, name="a..b") + "x\r\n")
    assert got.reader == "windows-dns"
    assert [(r["name"], r["hour"], r["count"]) for r in got.tables["queries"]] == [
        ("www.example.com", datetime(2026, 6, 15, 10, tzinfo=UTC), 1)
    ]
    assert sorted(got.rejects) == [(5, "empty_label"), (6, "not_a_log_line")]
    assert "192.0.2" not in str(got)
    assert read(VIEWER + viewer(SENT) * 2).column("queries", "count") == [2]


@pytest.mark.parametrize(
    "text",
    [
        '"Message","Id","TimeCreated","Level"\n"{event}","256","15/06/2026 10:00:32","4"\n',
        '#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\n"TimeCreated","Id","Message"\n'
        '"15/06/2026 10:00:32","256","{event}"\n',
        '"Id","Message","TimeCreated"\n"256","{event}","15/06/2026 10:00:32"\n',
    ],
)
def test_events_as_powershell_writes_them(read, text):
    got = read(text.format(event=EVENT.format(name="www.example.com.")))
    assert (got.reader, got.rejects) == ("windows-dns", [])
    assert got.column("queries", "hour") == [datetime(2026, 6, 15, 10, tzinfo=UTC)]


def test_of_events_too_the_order_of_dates_is_not_guessed(read):
    with pytest.raises(FormatError, match="in doubt"):
        read(VIEWER + viewer(EVENT, "6/5/2026 10:00:32 AM"))
    early = read(VIEWER + viewer(EVENT, "6/5/2026 10:00:32 AM") + viewer(EVENT, "6/15/2026 10:00:32 AM"))
    assert early.column("queries", "hour")[0] == datetime(2026, 6, 5, 10, tzinfo=UTC)
    stated = read(VIEWER + viewer(EVENT, "6/5/2026 10:00:32 AM"), format="windows-dns-dmy")
    assert stated.column("queries", "hour")[0] == datetime(2026, 5, 6, 10, tzinfo=UTC)
