"""RDAP: registrations without people."""

from __future__ import annotations

import json
import re
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


JOE = [("fn", "Joe User"), ("n", ["User", "Joe", "", "", ""])]


@pytest.mark.parametrize(
    "card",
    [
        [*JOE, ("org", "Joe User"), ("kind", "individual")],
        [*JOE, ("org", "USER, Joe"), ("kind", "Individual ")],
        [*JOE, ("kind", "org"), ("kind", "individual")],
        [*JOE, ("org", "joe@example.com")],
        [*JOE, ("org", ["", "Joe User"])],
        [*JOE, ("org", [["Joe User"]])],
        [*JOE, ("org", {"text": "Joe User"})],
        [*JOE, ("KIND", 5), ("org", None)],
        [("fn", "joe@example.com"), ("kind", "org")],
        [("fn", ""), ("org", "Joe User"), ("kind", "individual")],
        [("fn", ["Joe User"]), ("kind", "location")],
    ],
)
def test_hostile_cards_give_away_nobody(read, card):
    got = read(json.dumps({**DOMAIN, "entities": [entity("registrant", *card)]}))
    assert got.column("registrations", "registrant") == [None]
    assert got.rejects == []


@pytest.mark.parametrize(
    "card",
    [
        [*JOE, ("org", "Joe User")],
        [*JOE, ("org", "USER Joe"), ("kind", "group")],
        [("fn", "x"), ("fn", "Joe User"), ("org", "Joe User")],
        [("n", ["User", "Joe"]), ("org", "Joe User")],
    ],
)
def test_who_may_be_a_person_is_a_keyed_hash(read, card):
    text = json.dumps({**DOMAIN, "entities": [entity("registrant", *card)]})
    [hashed] = read(text).column("registrations", "registrant")
    assert re.fullmatch("[0-9a-f]{32}", hashed)
    assert [hashed] == read(text.replace("Joe User", "joe  user")).column("registrations", "registrant")
    assert [hashed] != read(text, client_key=lambda: b"other").column("registrations", "registrant")


@pytest.mark.parametrize(
    "name", ["Example GmbH", "SOCIETE DU MONDE", "The Trust for Examples", "Joe User, Inc."]
)
def test_a_company_is_known_by_its_words(read, name):
    card = [("fn", name), ("org", name.upper())]
    got = read(json.dumps({**DOMAIN, "entities": [entity("registrant", *card)]}))
    assert got.column("registrations", "registrant") == [name.upper()]
    card.append(("kind", "individual"))
    got = read(json.dumps({**DOMAIN, "entities": [entity("registrant", *card)]}))
    assert got.column("registrations", "registrant") == [None]


def test_organisation_that_says_so_is_kept_under_its_name(read):
    card = [("fn", "Example"), ("org", "Example"), ("kind", "org")]
    said = {"remarks": [{"type": "contact type", "description": ["ORGANIZATION"]}]}
    for registrant in (entity("registrant", *card), entity("registrant", *card[:2], **said)):
        got = read(json.dumps({**DOMAIN, "entities": [registrant]}))
        assert got.column("registrations", "registrant") == ["Example"]
    person = entity("registrant", *card, remarks=[{"type": "contact type", "description": ["PERSON"]}])
    assert read(json.dumps({**DOMAIN, "entities": [person]})).column("registrations", "registrant") == [None]


@pytest.mark.parametrize(
    ("contact", "registrant"),
    [
        ({"kind": "org", "name": {"full": "Example Ltd"}}, "Example Ltd"),
        ({"name": {"full": "Joe User"}, "organizations": {"a": {"name": "Example Ltd"}}}, "Example Ltd"),
        ({"kind": "individual", "name": {"full": "Joe User"}}, None),
        ({"name": {"full": "Joe User"}}, None),
        (
            {
                "kind": "individual",
                "name": {"components": [{"kind": "given", "value": "Joe"}, {"value": "User"}]},
                "organizations": {"a": {"name": "Joe User"}},
            },
            None,
        ),
        ({"name": [], "organizations": [1], "kind": {}}, None),
    ],
)
def test_jscontact(read, contact, registrant):
    registrant_entity = {"objectClassName": "entity", "roles": ["registrant"], "jscontact_card": contact}
    got = read(json.dumps({**DOMAIN, "entities": [registrant_entity]}))
    assert got.column("registrations", "registrant") == [registrant]
    assert "Joe" not in str(got)


def test_what_stands_for_a_redacted_organisation_is_none(read):
    redacted = [{"name": {"type": "Registrant Organization"}, "method": "replacementValue"}]
    assert read(json.dumps({**DOMAIN, "redacted": redacted})).column("registrations", "registrant") == [None]
    other = [{"name": {"description": "Registrant Street"}, "method": "removal"}, None, {"name": 5}]
    assert read(json.dumps({**DOMAIN, "redacted": other})).column("registrations", "registrant") == [
        "Example Ltd"
    ]


@pytest.mark.parametrize(
    ("registrar", "name"),
    [
        (entity("registrar", ("fn", "Joe User"), ("kind", "individual"), handle="R-1"), "R-1"),
        (
            entity("registrar", ("fn", "Joe User"), ("kind", "individual"), ("org", "Joe's Names")),
            "Joe's Names",
        ),
        ({"roles": "Registrar", "handle": "R-1"}, "R-1"),
    ],
)
def test_registrar(read, registrar, name):
    got = read(json.dumps({**DOMAIN, "entities": [registrar]}))
    assert got.column("registrations", "registrar") == [name]


SERVER = {
    "objectClassName": "nameserver",
    "ldhName": "NS1.Example.net",
    "ipAddresses": {"v4": ["192.0.2.1", "192.0.2.1"], "v6": ["2001:DB8::1"]},
    "events": [{"eventAction": "last update of RDAP database", "eventDate": "2026-06-18T00:00:00Z"}],
}


def test_name_servers_make_resolutions(read):
    got = read(json.dumps({"rdapConformance": [], "nameserverSearchResults": [SERVER]}))
    day = datetime(2026, 6, 18, tzinfo=UTC)
    assert got.rejects == []
    assert [
        (row["name"], row["rrtype"], row["rdata"], row["first_seen"], row["last_seen"], row["captured_at"])
        for row in got.tables["resolutions"]
    ] == [
        ("ns1.example.net", "A", "192.0.2.1", day, day, day),
        ("ns1.example.net", "AAAA", "2001:db8::1", day, day, day),
    ]


def test_name_servers_that_say_too_little(read):
    undated = {key: value for key, value in SERVER.items() if key != "events"}
    servers = [
        {**SERVER, "ldhName": "a..b"},
        {**SERVER, "ipAddresses": {"v4": []}},
        undated,
        {**SERVER, "ipAddresses": {"v4": ["2001:db8::1"]}},
        {**SERVER, "ipAddresses": "192.0.2.1"},
        {**SERVER, "captured_at": "2031-01-01T00:00:00Z"},
    ]
    got = read("\n".join(map(json.dumps, servers)))
    assert [reason for _, reason in got.rejects] == [
        "empty_label", "no_addresses", "no_date", "bad_address", "no_addresses", "date_in_future",
    ]  # fmt: skip
    got = read(json.dumps(undated), known_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert got.column("resolutions", "first_seen")[0] == datetime(2026, 1, 2, tzinfo=UTC)


def test_an_error_is_told_with_its_title(read):
    error = {"errorCode": 429, "title": "Too many requests", "description": ["Joe User asked too often"]}
    got = read(json.dumps(error))
    assert (got.reader, got.rejects) == ("rdap", [(1, "rdap_error_429")])
    assert "Too many requests" in got.excerpts[0]
    assert "Joe" not in got.excerpts[0]


def test_search_results_are_dated_by_their_answer_and_none_is_lost(read):
    bare = {"objectClassName": "domain", "ldhName": "example.com"}
    answer = {"captured_at": "2026-01-02T00:00:00Z", "domainSearchResults": [bare, None, 5]}
    got = read(f"{json.dumps(answer)}\n{json.dumps(answer)}\n")
    assert got.column("registrations", "captured_at") == [datetime(2026, 1, 2, tzinfo=UTC)] * 2
    assert got.rejects == [(1, "not_a_domain")] * 2 + [(2, "not_a_domain")] * 2


def test_lines_that_are_not_json_are_not_shown(read):
    whole = json.dumps({"vcardArray": ["vcard", [["fn", {}, "text", "Joe User"]]], **DOMAIN})
    got = read(f"{whole}\n{whole[:300]}\n[{whole}]\n")
    assert got.rejects == [(2, "not_json"), (3, "not_an_object")]
    assert "Joe" not in str(got.excerpts)


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
