import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import UsageError
from mithra.graph.relations import Derived, Named, Observed, chosen, register


def sixteen(text):
    import ipaddress

    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def test_domains_are_sorted_owner_names_with_their_first_sight(t):
    snap = t.snapshot({"resolutions": [t.rr("www.b.com", "A", "192.0.2.1", 5), t.rr("a.com", "TXT", "x", 3)]})
    assert snap.names.to_pylist() == ["a.com", "www.b.com"]
    assert snap.first_seen.tolist() == [t.second(3), t.second(5)]
    assert snap.groups.to_pylist() == ["a.com", "b.com"]
    assert snap.group.tolist() == [0, 1]


def test_every_kind_of_observation_makes_a_domain_and_labels_and_ranks_make_none(t):
    snap = t.snapshot(
        {
            "resolutions": [t.rr("resolved.com", "A", "192.0.2.1", 9)],
            "registrations": [{"domain": "registered.com", "captured_at": t.day(4)}],
            "certificates": [{"names": ["one.com", "two.com"], "seen_at": t.day(6)}],
            "queries": [{"name": "queried.com", "hour": t.day(7)}],
            "labels": [{"name": "labelled.com", "verdict": "nefarious", "known_at": t.day(1)}],
            "popularity": [{"name": "popular.com", "rank": 1, "day": t.day(1)}],
        }
    )
    found = dict(zip(snap.names.to_pylist(), snap.first_seen.tolist(), strict=True))
    assert found == {
        "resolved.com": t.second(9),
        "registered.com": t.second(4),
        "one.com": t.second(6),
        "two.com": t.second(6),
        "queried.com": t.second(7) + 3600,  # known when the hour is over
    }


def test_rows_of_one_edge_are_merged(t):
    snap = t.snapshot(
        {"resolutions": [t.rr("a.com", "A", "192.0.2.1", 5, 6), t.rr("a.com", "A", "192.0.2.1", 2, 3)]}
    )
    assert t.edges(snap, "address") == [("a.com", "192.0.2.1", 2, 6)]


def test_addresses_are_tenancies_in_numeric_order_and_prefixes_and_hubs_follow(t):
    rows = [
        t.rr("a.com", "A", "192.0.2.10", 0),
        t.rr("b.com", "A", "192.0.2.9", 0),
        t.rr("c.com", "A", "192.0.2.9", 60),
        t.rr("c.com", "AAAA", "2001:db8::1", 60),
        t.rr("d.com", "A", "no address", 1),
    ]
    snap = t.snapshot({"resolutions": rows})
    assert snap.relations["address"].entities.to_pylist() == [
        "192.0.2.9", "192.0.2.9#2", "192.0.2.10", "2001:db8::1"
    ]  # fmt: skip
    assert t.edges(snap, "address") == [
        ("a.com", "192.0.2.10", 0, 0),
        ("b.com", "192.0.2.9", 0, 0),
        ("c.com", "192.0.2.9#2", 60, 60),
        ("c.com", "2001:db8::1", 60, 60),
    ]
    assert t.edges(snap, "prefix") == [
        ("a.com", "192.0.2.0/24", 0, 0),
        ("b.com", "192.0.2.0/24", 0, 0),
        ("c.com", "192.0.2.0/24", 60, 60),
        ("c.com", "2001:db8::/48", 60, 60),
    ]
    assert snap.relations["prefix"].weight.tolist() == pytest.approx([0.5, 0.5, 0.5, 1])
    assert snap.manifest["malformed_addresses"] == {"address": 1}


def test_asn_is_that_of_each_sources_last_table_up_to_then(t):
    def network(start, end, asn, day, source="routes"):
        valid_from = None if day is None else t.day(day)
        return {
            "start": sixteen(start),
            "end": sixteen(end),
            "asn": asn,
            "valid_from": valid_from,
            "source": source,
        }

    networks = [
        network("192.0.2.0", "192.0.2.255", 1, 1),
        network("192.0.2.0", "192.0.2.255", 2, 50),  # its table of that day replaces the first
        network("192.0.2.0", "192.0.2.255", 3, 150),  # not known yet
        network("192.0.2.0", "203.0.113.255", 4, None, "undated"),
        network("2001:db8::", "2001:db8::ffff", 5, 99, "six"),
    ]
    rows = [
        t.rr("a.com", "A", "192.0.2.1"),
        t.rr("b.com", "A", "203.0.113.5"),
        t.rr("c.com", "AAAA", "2001:db8::1"),
        t.rr("d.com", "AAAA", "2001:db8:1::1"),
    ]
    snap = t.snapshot({"resolutions": rows, "networks": networks})
    assert t.edges(snap, "asn") == [("a.com", "AS2", 0, 0), ("b.com", "AS4", 0, 0), ("c.com", "AS5", 0, 0)]
    assert snap.relations["asn"].entities.to_pylist() == ["AS2", "AS4", "AS5"]


def test_hosts_inherit_name_servers_mail_servers_and_registrar_of_their_registered_domain(t):
    rows = [
        t.rr("a.com", "NS", "ns1.dns.net", 5, 20),
        t.rr("a.com", "MX", "mx.a.com", 1, 2),
        t.rr("a.com", "CNAME", "edge.cdn.net", 1, 2),
        t.rr("www.a.com", "A", "192.0.2.1", 9),
        t.rr("old.a.com", "A", "192.0.2.1", 0),
        t.rr("old.a.com", "NS", "ns.own.org", 0),
        t.rr("www.b.com", "A", "192.0.2.1", 0),
    ]
    registration = {"domain": "a.com", "registrar_iana_id": 292, "captured_at": t.day(7)}
    snap = t.snapshot({"resolutions": rows, "registrations": [registration]})
    assert t.edges(snap, "name_server") == [
        ("a.com", "ns1.dns.net", 5, 20),
        ("old.a.com", "ns.own.org", 0, 0),
        ("old.a.com", "ns1.dns.net", 5, 20),
        ("www.a.com", "ns1.dns.net", 9, 20),
    ]
    assert t.edges(snap, "name_server_domain") == [
        ("a.com", "dns.net", 5, 20),
        ("old.a.com", "dns.net", 5, 20),
        ("old.a.com", "own.org", 0, 0),
        ("www.a.com", "dns.net", 9, 20),
    ]
    assert ("www.a.com", "mx.a.com", 9, 9) in t.edges(snap, "mail_server")
    assert [name for name, *_ in t.edges(snap, "cname_target")] == ["a.com"]
    assert t.edges(snap, "registrar") == [
        ("a.com", "iana:292", 7, 7), ("old.a.com", "iana:292", 7, 7), ("www.a.com", "iana:292", 9, 9)
    ]  # fmt: skip
    assert snap.relations["name_server"].weight[0] == pytest.approx(0.5)  # three domains at ns1.dns.net


def test_registrations_bring_name_servers_and_registrars_by_id_or_name(t):
    registrations = [
        {
            "domain": "a.com",
            "name_servers": ["ns1.x.net", "ns2.x.net"],
            "registrar": "X",
            "captured_at": t.day(3),
        },
        {"domain": "a.com", "name_servers": ["ns2.x.net"], "registrar": " Y Inc. ", "captured_at": t.day(8)},
        {"domain": "b.com", "name_servers": None, "registrar": "", "captured_at": t.day(8)},
    ]
    snap = t.snapshot({"registrations": registrations})
    assert t.edges(snap, "name_server") == [("a.com", "ns1.x.net", 3, 3), ("a.com", "ns2.x.net", 3, 8)]
    assert t.edges(snap, "registrar") == [("a.com", "x", 3, 3), ("a.com", "y inc.", 8, 8)]


def test_etld_plus_one_counts_private_suffixes(t):
    rows = [t.rr(name, "A", "192.0.2.1", 4, 6) for name in ("a.github.io", "www.a.github.io", "github.io")]
    snap = t.snapshot({"resolutions": rows})
    assert t.edges(snap, "etld_plus_one") == [
        ("a.github.io", "a.github.io", 4, 6),
        ("github.io", "github.io", 4, 6),
        ("www.a.github.io", "a.github.io", 4, 6),
    ]


def test_reverse_records_are_left_out(t):
    rows = [
        t.rr("1.2.0.192.in-addr.arpa", "PTR", "a.com"),
        t.rr("1.2.0.192.in-addr.arpa", "CNAME", "a.com"),
        t.rr("b.com", "PTR", "a.com"),
    ]
    assert t.snapshot({"resolutions": rows}).names.to_pylist() == []


def test_edges_over_the_cap_are_the_ones_seen_last_and_are_counted(t):
    flux = Observed("flux", rrtypes=("A",), tenancies=True, most=3)
    rows = [t.rr("flux.com", "A", f"192.0.2.{i}", 10 - i) for i in range(6)]
    snap = t.snapshot({"resolutions": [*rows, t.rr("a.com", "A", "192.0.2.0", 10)]}, relations=[flux])
    assert t.edges(snap, "flux") == [
        ("a.com", "192.0.2.0", 10, 10),
        ("flux.com", "192.0.2.3", 7, 7),
        ("flux.com", "192.0.2.4", 6, 6),
        ("flux.com", "192.0.2.5", 5, 5),
    ]
    assert snap.manifest["edges_over_cap"] == {"flux": 3}
    assert snap.manifest["caps"] == {"flux": 3}


def test_merging_in_the_engine_first_changes_nothing(t):
    generator = np.random.default_rng(7)
    rows = [
        t.rr(
            f"n{generator.integers(4)}.com",
            ["A", "NS", "TXT"][generator.integers(3)],
            f"192.0.2.{generator.integers(3)}",
            int(generator.integers(300)),
            count=int(generator.integers(9)),
            ttl=[None, 60, 300][generator.integers(3)],
        )
        for _ in range(200)
    ]
    plain = t.snapshot({"resolutions": rows}, as_of=250)
    merged = t.snapshot({"resolutions": rows}, as_of=250, merge_from_rows=0)
    assert plain.digest == merged.digest
    assert plain.relations["address"].edges > 4


def test_order_of_rows_changes_nothing(t):
    rows = [t.rr(f"n{i % 7}.com", "A", f"192.0.2.{i % 5}", i) for i in range(40)]
    assert t.snapshot({"resolutions": rows}).digest == t.snapshot({"resolutions": rows[::-1]}).digest


def test_relations_of_your_own(t):
    def text_record(visible):
        import narwhals as nw

        records = visible.records.filter(nw.col("rrtype") == "TXT")
        return records.select("domain", "first_seen", "last_seen", entity=nw.col("rdata"))

    def initial(entities, visible):
        return pa.array([key[0] if key != "zzz" else None for key in entities.keys.to_pylist()])

    kinds = [Observed("text", text_record), Derived("initial", "text", initial), "etld_plus_one"]
    rows = [t.rr("a.com", "TXT", "abc"), t.rr("b.com", "TXT", "axx"), t.rr("b.com", "TXT", "zzz")]
    snap = t.snapshot({"resolutions": rows}, relations=kinds)
    assert sorted(snap.relations) == ["etld_plus_one", "initial", "text"]
    assert t.edges(snap, "initial") == [("a.com", "a", 0, 0), ("b.com", "a", 0, 0)]
    assert t.edges(snap, "text")[1:] == [("b.com", "axx", 0, 0), ("b.com", "zzz", 0, 0)]


def test_relations_that_follow_from_names(t):
    def top_level(visible):
        return pa.array([n.rpartition(".")[2] if n != "skip.me" else None for n in visible.names.to_pylist()])

    rows = [
        t.rr("b.com", "A", "192.0.2.1", 3, 9),
        t.rr("a.org", "A", "192.0.2.1", 1),
        t.rr("skip.me", "A", "192.0.2.1"),
    ]
    snap = t.snapshot({"resolutions": rows}, relations=[Named("tld", top_level)])
    assert t.edges(snap, "tld") == [("a.org", "org", 1, 1), ("b.com", "com", 3, 9)]
    with pytest.raises(UsageError, match="one key for each domain"):
        t.snapshot({"resolutions": rows}, relations=[Named("tld", lambda visible: pa.array(["x"]))])


def test_a_derived_relation_brings_what_it_derives_from():
    assert [kind.name for kind in chosen(["name_server_domain"])] == ["name_server", "name_server_domain"]


def test_wrong_relations_are_refused(t):
    with pytest.raises(UsageError, match=r"no such relation.*adress"):
        chosen(["adress"])
    with pytest.raises(UsageError, match="same name"):
        chosen(["address", Observed("address", lambda v: v.records)])
    with pytest.raises(UsageError, match="record types or a function"):
        chosen([Observed("nothing")])
    with pytest.raises(UsageError, match="of that name is in the catalogue"):
        register(Observed("address", lambda v: v.records))
    with pytest.raises(UsageError, match="letters, digits"):
        register(Observed("../x", lambda v: v.records))
    rows = {"resolutions": [t.rr("a.com", "A", "192.0.2.1")]}
    with pytest.raises(UsageError, match=r"lacks columns.*entity"):
        t.snapshot(rows, relations=[Observed("mine", lambda v: v.records)])
    with pytest.raises(UsageError, match="one key for each"):
        t.snapshot(rows, relations=["address", Derived("mine", "address", lambda e, v: pa.array(["x", "y"]))])


def test_an_empty_workspace_gives_an_empty_snapshot(t):
    snap = t.snapshot({})
    assert len(snap) == 0
    assert {r.edges for r in snap.relations.values()} == {0}
    assert list(snap.relations) == [kind.name for kind in chosen(None)]
