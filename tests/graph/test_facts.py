from mithra.graph.relations import Observed


def registration(t, domain, captured, **more):
    return {"domain": domain, "captured_at": t.day(captured), **more}


def test_the_last_capture_up_to_then_counts(t):
    rows = {
        "registrations": [
            registration(
                t, "a.com", 10, created=t.day(1), expires=t.day(365), updated=t.day(1), registrar="X",
                dnssec=False, status=["active"], name_servers=["n1.net", "n2.net"],
            ),
            registration(
                t, "a.com", 20, created=t.day(1), expires=t.day(730), updated=t.day(15), registrar="Y",
                dnssec=True, status=["active", "client hold"], name_servers=["n3.net"],
            ),
            registration(t, "a.com", 101, created=t.day(1), expires=t.day(999), registrar="Z"),
        ]
    }  # fmt: skip
    facts = t.facts(t.snapshot(rows, 100), "a.com")
    assert facts == {
        "created": t.second(1),
        "updated": t.second(15),
        "expires": t.second(730),
        "registration_captured": t.second(20),
        "dnssec": True,
        "status_count": 2,
        "name_server_count": 1,
        "registrar": "Y",
        "last_seen": None,
        "count": None,
        "ttl_min": None,
        "popular_days": None,
        "popular_rank": None,
        "warning_list": None,
    }
    assert t.facts(t.snapshot(rows, 15), "a.com")["registrar"] == "X"


def test_facts_that_stay_the_same_are_known_since_their_first_capture(t):
    same = {"created": t.day(1), "registrar": "X", "status": ["active"]}
    rows = {"registrations": [registration(t, "a.com", day, **same) for day in (12, 10, 11)]}
    assert t.facts(t.snapshot(rows), "a.com")["registration_captured"] == t.second(10)
    rows["registrations"].append(registration(t, "a.com", 13, **{**same, "registrar": "Y"}))
    assert t.facts(t.snapshot(rows), "a.com")["registration_captured"] == t.second(13)


def test_only_the_creation_date_of_a_later_capture_is_dated_back(t):
    rows = {
        "resolutions": [t.rr("www.a.com", "A", "192.0.2.1", 5), t.rr("b.com", "A", "192.0.2.1", 5)],
        "registrations": [
            registration(
                t, "a.com", 150, created=t.day(3), expires=t.day(365), registrar="X", name_servers=["n.net"]
            ),
            registration(t, "b.com", 150, created=t.day(120), registrar="X"),
        ],
    }
    snap = t.snapshot(rows, 100)
    assert snap.names.to_pylist() == ["b.com", "www.a.com"]  # a.com itself had not been seen
    facts = t.facts(snap, "www.a.com")
    assert facts["created"] == t.second(3)
    assert facts["expires"] is facts["registrar"] is facts["registration_captured"] is None
    assert t.facts(snap, "b.com")["created"] is None  # registered again later
    assert snap.relations["registrar"].edges == snap.relations["name_server"].edges == 0


def test_a_known_creation_date_is_not_overruled_by_a_later_capture(t):
    rows = {
        "registrations": [
            registration(t, "a.com", 10, created=t.day(1)),
            registration(t, "a.com", 150, created=t.day(90)),
        ]
    }
    assert t.facts(t.snapshot(rows, 100), "a.com")["created"] == t.second(1)


def test_a_host_has_the_registration_of_its_registered_domain(t):
    rows = {
        "resolutions": [t.rr("x.y.a.co.uk", "A", "192.0.2.1"), t.rr("co.uk", "A", "192.0.2.1")],
        "registrations": [registration(t, "a.co.uk", 10, created=t.day(1))],
    }
    snap = t.snapshot(rows)
    assert t.facts(snap, "x.y.a.co.uk")["created"] == t.second(1)
    assert t.facts(snap, "co.uk")["created"] is None


def test_traffic_facts(t):
    rows = {
        "resolutions": [
            t.rr("a.com", "A", "192.0.2.1", 1, 9, count=10, ttl=300),
            t.rr("a.com", "A", "192.0.2.1", 1, 20, count=14, ttl=60),  # the same record told again
            t.rr("a.com", "A", "192.0.2.2", 1, 2, count=5),
            t.rr("a.com", "TXT", "x", 1, 30, count=2),
            t.rr("a.com", "NS", "n.net", 1, 2, count=3),
        ],
        "queries": [{"name": "b.com", "hour": t.day(4), "count": 7}],
    }
    snap = t.snapshot(rows)
    facts = t.facts(snap, "a.com")
    assert (facts["count"], facts["ttl_min"], facts["last_seen"]) == (14 + 5 + 2 + 3, 60, t.second(30))
    facts = t.facts(snap, "b.com")
    assert (facts["count"], facts["ttl_min"], facts["last_seen"]) == (None, None, t.second(4) + 3600)


def test_counts_do_not_depend_on_the_relations_that_are_built(t):
    rows = {"resolutions": [t.rr("a.com", "A", "192.0.2.1", count=5), t.rr("a.com", "NS", "n.net", count=3)]}
    assert t.facts(t.snapshot(rows, relations=["address"]), "a.com")["count"] == 8
    assert t.facts(t.snapshot(rows, relations=["etld_plus_one"]), "a.com")["count"] == 8
    twice = ["address", Observed("servers", rrtypes=("A", "NS"))]
    assert t.facts(t.snapshot(rows, relations=twice), "a.com")["count"] == 8


def listed(t, name, day, rank=None, list_id="top"):
    return {"name": name, "rank": rank, "list_id": list_id, "day": None if day is None else t.day(day)}


def test_popularity_counts_days_of_the_name_or_its_group(t):
    rows = {
        "resolutions": [t.rr(name, "A", "192.0.2.1") for name in ("a.com", "www.a.com", "b.com", "c.com")],
        "popularity": [
            listed(t, "a.com", 1, 10),
            listed(t, "a.com", 1, 20, "other"),
            listed(t, "a.com", 2, 5),
            listed(t, "www.a.com", 2, 900),
            listed(t, "www.a.com", 3, 800),
            listed(t, "a.com", 101, 1),
            listed(t, "b.com", None, 7),
            listed(t, "c.com", 5, None, "parking"),
            listed(t, "c.com", None, None, "dynamic dns"),
        ],
    }
    snap = t.snapshot(rows, 100)
    columns = ("popular_days", "popular_rank", "warning_list")
    chosen = {name: [t.facts(snap, name)[c] for c in columns] for name in snap.names.to_pylist()}
    assert chosen == {
        "a.com": [2, 5, None],
        "www.a.com": [3, 5, None],
        "b.com": [None, 7, None],  # a list without a day
        "c.com": [None, None, "dynamic dns"],
    }


def test_labels_are_those_in_force(t):
    def label(name, known, until=None, verdict="nefarious", source="feed"):
        times = {"known_at": t.day(known), "valid_until": None if until is None else t.day(until)}
        why = {"category": "phishing", "confidence": 0.5}
        return {"name": name, "verdict": verdict, "source": source, **times, **why}

    rows = {
        "resolutions": [t.rr("a.com", "A", "192.0.2.1"), t.rr("b.com", "A", "192.0.2.1")],
        "labels": [
            label("a.com", 5),
            label("a.com", 5),  # the same, told twice
            label("a.com", 7, verdict="benign", source="analyst"),
            label("a.com", 8, until=100),  # ended at the moment
            label("a.com", 9, until=101),
            label("a.com", 101),  # not known yet
            label("b.com", 3),
            label("b.com", 3, until=50),  # the same, delisted
            label("www.a.com", 3),  # no domain of the snapshot
        ],
    }
    found = t.snapshot(rows, 100).labels.to_pylist()
    assert [(row["domain"], row["verdict"], row["source"], row["known_at"]) for row in found] == [
        (0, "benign", "analyst", t.second(7)),
        (0, "nefarious", "feed", t.second(5)),
        (0, "nefarious", "feed", t.second(9)),
    ]
    assert found[0]["category"] == "phishing"
    assert found[0]["confidence"] == 0.5
    assert [row["domain"] for row in t.snapshot(rows, 49).labels.to_pylist()].count(1) == 1
