"""RDAP: registrations without people."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mithra.errors import FormatError


def entity(role, *card, **more):
    return {
        "objectClassName": "entity",
        "roles": [role],
        "vcardArray": ["vcard", [["version", {}, "text", "4.0"], *([k, {}, "text", v] for k, v in card)]],
        **more,
    }


DOMAIN = {
    "objectClassName": "domain",
    "ldhName": "EXAMPLE.com",
    "status": ["active", "client transfer prohibited"],
    "secureDNS": {"delegationSigned": True},
    "nameservers": [{"ldhName": "NS2.Example.net."}, {"ldhName": "ns1.example.net"}],
    "events": [
        {"eventAction": "registration", "eventDate": "2020-01-02T03:04:05Z"},
        {"eventAction": "last changed", "eventDate": "2024-06-12T22:09:39.881923Z"},
        {"eventAction": "expiration", "eventDate": "2030-01-02T03:04:05Z"},
        {"eventAction": "last update of RDAP database", "eventDate": "2026-06-18T22:01:39+03:00"},
    ],
    "entities": [
        entity(
            "registrar",
            ("fn", "Example Registrar Inc."),
            publicIds=[{"type": "IANA Registrar ID", "identifier": "1606"}],
            entities=[entity("abuse", ("fn", "Jane Doe"), ("email", "jane@example.com"))],
        ),
        entity("registrant", ("fn", "Joe User"), ("org", "Example Ltd"), ("email", "joe@example.com")),
    ],
}


def test_domain_object(read):
    got = read(json.dumps(DOMAIN, indent=2))
    assert got.reader == "rdap"
    assert got.rejects == []
    assert got.tables["registrations"] == [
        {
            "domain": "example.com",
            "registrar": "Example Registrar Inc.",
            "registrar_iana_id": 1606,
            "registrant": "Example Ltd",
            "created": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
            "updated": datetime(2024, 6, 12, 22, 9, 39, tzinfo=UTC),
            "expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            "name_servers": ["ns1.example.net", "ns2.example.net"],
            "status": ["active", "client transfer prohibited"],
            "dnssec": True,
            "captured_at": datetime(2026, 6, 18, 19, 1, 39, tzinfo=UTC),
            "source": "rdap",
        }
    ]


@pytest.mark.parametrize(
    ("card", "registrant"),
    [
        ([("fn", "Joe User")], None),
        ([("fn", "Joe User"), ("kind", "individual")], None),
        ([("fn", "Example Ltd"), ("kind", "org")], "Example Ltd"),
        ([("fn", ""), ("org", "")], None),
        ([("org", "REDACTED FOR PRIVACY")], None),
        ([("org", ["Example Ltd", "Sales"])], "Example Ltd"),
        ([("org", "Data Protected")], None),
    ],
)
def test_a_person_is_never_kept(read, card, registrant):
    got = read(json.dumps({**DOMAIN, "entities": [entity("registrant", *card)]}))
    assert got.column("registrations", "registrant") == [registrant]
    assert "Joe" not in str(got)


def test_arrays_lines_and_search_results(read):
    other = {**DOMAIN, "ldhName": "other.org"}
    for text in (
        json.dumps([DOMAIN, other]),
        f"{json.dumps(DOMAIN)}\n\n{json.dumps(other)}\n",
        json.dumps({"rdapConformance": [], "domainSearchResults": [DOMAIN, other]}),
    ):
        assert read(text).column("registrations", "domain") == ["example.com", "other.org"]


def test_what_is_no_domain_is_told_without_people(read):
    records = [
        {"errorCode": 404, "title": "Not found", "objectClassName": None},
        {**entity("registrant", ("fn", "Joe User"), ("email", "joe@example.com")), "handle": "JOE"},
        {**DOMAIN, "ldhName": "2.0.192.in-addr.arpa"},
        {**DOMAIN, "ldhName": "a..b"},
        {"objectClassName": "domain"},
        {**DOMAIN, "events": [{"eventAction": "registration", "eventDate": "2031-01-01T00:00:00Z"}]},
        {**DOMAIN, "nameservers": [{"ldhName": "bad name"}, {"ldhName": "ns1.example.net"}]},
        "text",
    ]
    got = read("\n".join(map(json.dumps, records)), "rdap")
    assert got.rejects == [
        (1, "rdap_error_404"),
        (2, "not_a_domain"),
        (3, "reverse_zone"),
        (4, "empty_label"),
        (5, "empty"),
        (6, "date_in_future"),
        (7, "name_server_whitespace"),
        (8, "not_an_object"),
    ]
    assert got.column("registrations", "name_servers") == [["ns1.example.net"]]
    assert "joe" not in str(got.excerpts).lower()


def test_without_a_capture_date_it_is_the_callers_or_null(read):
    bare = json.dumps({"objectClassName": "domain", "ldhName": "example.com"})
    assert read(bare).column("registrations", "captured_at") == [None]
    day = datetime(2026, 1, 2, tzinfo=UTC)
    assert read(bare, known_at=day).column("registrations", "captured_at") == [day]


def test_odd_shapes_do_not_raise(read):
    got = read(
        json.dumps(
            {
                "objectClassName": "domain",
                "ldhName": "example.com",
                "events": [None, {"eventAction": None}, {"eventDate": 5}],
                "entities": [
                    None,
                    {"roles": "registrar", "vcardArray": ["vcard"]},
                    {"vcardArray": [1, [[]]]},
                ],
                "nameservers": {"ldhName": "x"},
                "status": "active",
                "secureDNS": [],
            }
        )
    )
    assert got.column("registrations", "status") == [["active"]]


def test_json_cut_short_is_refused(read):
    with pytest.raises(FormatError, match="not JSON"):
        read(json.dumps(DOMAIN, indent=1)[:-20])


def test_half_a_surrogate_pair_is_not_json(read):
    good = json.dumps(DOMAIN)
    half, whole = good.replace("Example Ltd", r"\ud800"), good.replace("Ltd", r"\ud83d\ude00")
    got = read(f"{good}\n{half}\n{whole}\n")
    assert got.column("registrations", "registrant") == ["Example Ltd", "Example \N{GRINNING FACE}"]
    assert got.rejects == [(2, "not_json")]
