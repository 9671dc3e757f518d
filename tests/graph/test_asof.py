"""A snapshot as of t: rows added or extended after t change no byte of it."""

import numpy as np
import pytest

AS_OF = 100
HOSTS = ["a.com", "www.a.com", "b.org", "x.github.io", "c.net", "mail.c.net"]


def sixteen(last):
    return bytes(10) + b"\xff\xff" + bytes([192, 0, 2, last])


class Past:
    """Random records that could be known at t, a few of them captured later."""

    def __init__(self, t, seed):
        self.t, self.draw = t, np.random.default_rng(seed)

    def pick(self, *values):
        return values[int(self.draw.integers(len(values)))]

    def before(self):
        return int(self.draw.integers(AS_OF + 1))

    def after(self):
        return AS_OF + 1 + int(self.draw.integers(200))

    def resolution(self, first, last, captured):
        rrtype = self.pick("A", "A", "AAAA", "NS", "MX", "CNAME", "TXT")
        target = self.pick("192.0.2.1", "192.0.2.2") if rrtype == "A" else self.pick("one.net", "two.net")
        rdata = self.pick("2001:db8::1", "2001:db8:1::1") if rrtype == "AAAA" else target
        count, ttl = int(self.draw.integers(1, 9)), self.pick(None, 60, 300)
        return self.t.rr(self.pick(*HOSTS), rrtype, rdata, first, last, captured, count, ttl=ttl)

    def registration(self, captured, created):
        return {
            "domain": self.pick("a.com", "b.org", "c.net"),
            "registrar": self.pick("X", "Y"),
            "registrar_iana_id": self.pick(None, 1, 2),
            "created": self.t.day(created),
            "updated": self.t.day(created + 1),
            "expires": self.t.day(created + 365),
            "name_servers": [self.pick("one.net", "two.net")],
            "status": [self.pick("active", "hold")],
            "dnssec": self.pick(None, True, False),
            "captured_at": self.t.day(captured),
        }

    def label(self, known, until=None):
        return {
            "name": self.pick(*HOSTS),
            "verdict": self.pick("nefarious", "benign"),
            "source": self.pick("feed", "analyst"),
            "known_at": self.t.day(known),
            "valid_until": None if until is None else self.t.day(until),
        }

    def network(self, day):
        return {
            "start": sixteen(0),
            "end": sixteen(255),
            "asn": int(self.draw.integers(1, 9)),
            "valid_from": self.t.day(day),
            "source": self.pick("one", "two"),
        }

    def popularity(self, day):
        name, rank = self.pick("a.com", "b.org"), self.pick(None, 1, 2, 3)
        return {"name": name, "rank": rank, "list_id": self.pick("top", "warning"), "day": self.t.day(day)}

    def rows(self):
        resolutions = []
        for _ in range(40):
            first, last = sorted((self.before(), self.before()))
            resolutions.append(self.resolution(first, last, int(self.draw.integers(last, AS_OF + 1))))
            resolutions.append(self.resolution(self.before(), self.after(), 400))
        everything = ["a.com", "b.org", "c.net"]
        return {
            "resolutions": resolutions,
            # Each has a dated capture by then, so that no later one can date the creation back.
            "registrations": [{**self.registration(20, 10), "domain": name} for name in everything]
            + [self.registration(20 + self.before() % 80, 10) for _ in range(5)],
            "certificates": [
                {"names": [self.pick(*HOSTS)], "seen_at": self.t.day(self.before())} for _ in range(3)
            ],
            "queries": [
                {"name": self.pick(*HOSTS), "hour": self.t.day(self.before() % AS_OF)} for _ in range(3)
            ],
            "labels": [self.label(self.before(), self.pick(None, 90, 150)) for _ in range(20)],
            "networks": [self.network(self.before()) for _ in range(4)],
            "popularity": [self.popularity(self.before()) for _ in range(9)],
        }

    def later(self, table, row):
        """The row as it may come to be told after t."""
        day = self.t.day
        if table == "resolutions":
            return {**row, "last_seen": day(self.after()), "captured_at": day(400), "count": 1000, "ttl": 1}
        if table == "registrations":
            return {**row, "captured_at": day(self.after()), "registrar": "Z", "name_servers": ["new.net"]}
        if table == "labels" and row["valid_until"] is None:
            return {**row, "valid_until": day(self.after())}
        dated = {"certificates": "seen_at", "queries": "hour", "labels": "known_at", "networks": "valid_from"}
        return {**row, dated.get(table, "day"): day(self.after())}

    def new(self, table):
        """A row about something that nobody had seen by t."""
        day = self.t.day(self.after())
        return {
            "resolutions": {**self.resolution(self.after(), 350, 400), "name": "new.com"},
            "registrations": {**self.registration(self.after(), self.after()), "domain": "new.com"},
            "certificates": {"names": ["new.com", "a.com"], "seen_at": day},
            "queries": {"name": "new.com", "hour": self.t.day(AS_OF)},  # that hour is not over
            "labels": {**self.label(self.after()), "name": "a.com"},
            "networks": self.network(self.after()),
            "popularity": {**self.popularity(self.after()), "name": "a.com"},
        }[table]


def arrays_of(snapshot):
    for name, relation in snapshot.relations.items():
        for part in ("indptr", "indices", "first_seen", "last_seen", "weight"):
            yield f"{name}.{part}", getattr(relation, part).tobytes()
        yield f"{name}.entities", relation.entities.to_pylist()
    yield "names", snapshot.names.to_pylist()
    yield "first_seen", snapshot.first_seen.tobytes()
    yield "group", snapshot.group.tobytes()
    yield "facts", snapshot.facts.to_pylist()
    yield "labels", snapshot.labels.to_pylist()


TABLES = ["resolutions", "registrations", "certificates", "queries", "labels", "networks", "popularity"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def test_future_rows_change_no_byte(t, table, seed):
    past = Past(t, seed)
    rows = past.rows()
    before = t.snapshot(rows, AS_OF)
    future = [past.later(table, row) for row in rows[table]] + [past.new(table) for _ in range(5)]
    after = t.snapshot({**rows, table: [*future[:20], *rows[table], *future[20:]]}, AS_OF)
    for (what, one), (_, other) in zip(arrays_of(before), arrays_of(after), strict=True):
        assert one == other, what
    assert before.digest == after.digest


@pytest.mark.parametrize("table", TABLES)
def test_the_same_rows_do_change_a_later_snapshot(t, table):
    past = Past(t, 1)
    rows = past.rows()
    before = t.snapshot(rows, 500)
    after = t.snapshot({**rows, table: [*rows[table], *(past.new(table) for _ in range(5))]}, 500)
    assert before.digest != after.digest


def test_a_row_captured_later_tells_only_its_first_sight(t):
    later = t.rr("a.com", "A", "192.0.2.1", 5, 80, captured=101, count=50, ttl=60)
    snap = t.snapshot({"resolutions": [later]}, AS_OF)
    assert t.edges(snap, "address") == [("a.com", "192.0.2.1", 5, 5)]
    assert t.facts(snap, "a.com")["last_seen"] == t.second(5)
    assert t.facts(snap, "a.com")["count"] == 1
    assert t.facts(snap, "a.com")["ttl_min"] is None


def test_a_row_last_seen_after_then_is_later_told_whatever_it_says(t):
    odd = t.rr("a.com", "A", "192.0.2.1", 5, 120, captured=90, count=50)
    snap = t.snapshot({"resolutions": [odd]}, AS_OF)
    assert t.edges(snap, "address") == [("a.com", "192.0.2.1", 5, 5)]


def test_a_row_without_capture_time_was_captured_when_last_seen(t):
    rows = [{**t.rr("a.com", "A", "192.0.2.1", 5, 80), "captured_at": None, "count": None}]
    assert t.edges(t.snapshot({"resolutions": rows}, AS_OF), "address") == [("a.com", "192.0.2.1", 5, 80)]
    assert t.edges(t.snapshot({"resolutions": rows}, 79), "address") == [("a.com", "192.0.2.1", 5, 5)]


def test_the_moment_itself_is_known_and_the_next_microsecond_is_not(t):
    from datetime import timedelta

    on_time, late = t.rr("a.com", "A", "192.0.2.1", 100), t.rr("b.com", "A", "192.0.2.1", 100)
    late["first_seen"] += timedelta(microseconds=1)
    assert t.snapshot({"resolutions": [on_time, late]}, AS_OF).names.to_pylist() == ["a.com"]
