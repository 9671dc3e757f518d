"""MISP events and manifests."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError
from mithra.observe.readers import jsonstream

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = str(int(AT.timestamp()))


def attribute(kind="domain", value="a.example", **fields):
    return {"type": kind, "value": value, "to_ids": True, "timestamp": SECONDS} | fields


def event(*attributes, **fields):
    return {
        "info": "x",
        "date": "2025-01-01",
        "timestamp": SECONDS,
        "Orgc": {"name": "Team"},
        "Attribute": list(attributes),
    } | fields


def test_event(read):
    got = read(
        json.dumps(
            {
                "Event": event(
                    attribute(Tag=[{"name": "tlp:clear"}, {"name": "phishing"}]),
                    attribute("url", "https://B.example:8443/x"),
                    attribute("domain|ip", "c.example|192.0.2.1"),
                    attribute("ip-dst", "192.0.2.1"),
                    attribute("md5", "d41d8cd98f00b204e9800998ecf8427e"),
                    attribute("email-src", "a@d.example"),
                    attribute(to_ids=False),
                    attribute(deleted=True),
                    attribute(warnings={"3": ["popular names"]}),
                    "x",
                    Object=[{"name": "o", "Attribute": [attribute("hostname", "e.example", timestamp=None)]}],
                    Tag=[{"name": "TweetFeed"}, {"name": 'rsit:fraud="phishing"'}],
                )
            }
        )
    )
    assert got.reader == "misp"
    assert got.column("labels", "name") == ["a.example", "b.example", "c.example", "e.example"]
    assert got.column("labels", "category") == ["phishing", *['rsit:fraud="phishing"'] * 3]
    assert set(got.column("labels", "known_at")) == {AT}
    assert set(got.column("labels", "source")) == {"Team"}
    assert got.rejects == [
        (4, "ip_literal"),
        (5, "hash"),
        (6, "not_a_name"),
        (7, "not_for_detection"),
        (8, "deleted"),
        (9, "on_a_warning_list"),
        (10, "not_an_object"),
    ]


def test_known_at_is_when_it_was_written_down(read):
    got = read(json.dumps({"Event": event(attribute(first_seen="2020-01-01T00:00:00+00:00"))}))
    assert got.column("labels", "known_at") == [AT]


def test_no_date_and_a_date_in_the_future(read):
    got = read(
        json.dumps(
            {"Event": event(attribute(timestamp="0"), attribute(timestamp="1924992000"), timestamp=[1])}
        )
    )
    assert got.rejects == [(1, "no_date"), (2, "date_in_future")]


def test_sightings_of_expiry_end_a_label(read):
    sightings = [
        {"type": "0", "date_sighting": "1772500000"},
        {"type": "1", "date_sighting": "1772600000"},
        {"type": "2", "date_sighting": "1772700000"},
    ]
    got = read(json.dumps({"Event": event(attribute(Sighting=sightings), attribute())}))
    assert got.column("labels", "valid_until") == [datetime.fromtimestamp(1772600000, UTC), None]


@pytest.mark.parametrize(
    "document",
    [
        {"response": [{"Event": event(attribute())}, {"Event": event()}]},
        [{"Event": event(attribute())}],
        event(attribute()),
        {"Attribute": [attribute()], "Galaxy": [{"name": "x"}], "Orgc": {"name": "Team"}, "info": "x"},
        {"response": {"Attribute": [attribute(Event={"info": "x", "Orgc": {"name": "Team"}})]}},
    ],
)
def test_what_instances_export(read, document):
    got = read(json.dumps(document, indent=1))
    assert (got.reader, got.column("labels", "name")) == ("misp", ["a.example"])
    assert got.column("labels", "source") == ["Team"]


def test_the_short_way_and_the_long_way_agree(read, monkeypatch):
    held = {"Attribute": [attribute(value="b.example"), attribute("md5", "x")]}
    text = json.dumps(
        {
            "Event": event(
                attribute(Tag=[{"name": "c2"}]), attribute(to_ids="0"), Object=[held, held | {"deleted": 1}]
            )
        }
    )
    short = read(text)
    assert short.column("labels", "name") == ["a.example", "b.example"]
    assert short.rejects == [(2, "not_for_detection"), (4, "hash"), (5, "deleted"), (6, "hash")]
    monkeypatch.setattr(jsonstream, "MAX_SHAPED_BYTES", 10)
    long = read(text)
    assert (long.tables, long.rejects) == (short.tables, short.rejects)


def test_a_manifest_holds_no_names(read):
    text = json.dumps(
        {"2e035642-c558-5019-89f2-bc7bdf8b34ce": {"info": "x", "date": "2026-01-01", "Tag": []}}
    )
    got = read(text)
    assert (got.reader, dict(got.tables), got.rejects) == ("misp", {}, [])


@pytest.mark.parametrize("text", ['{"Event": [1]}', '{"response": [3]}', '{"Event": {"info": "x"'])
def test_what_is_no_event_is_refused(read, text):
    with pytest.raises(FormatError):
        read(text, "misp")
