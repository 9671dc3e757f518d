from __future__ import annotations

import csv
import gzip
import ipaddress
import json
import re
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mithra.names import canonicalize
from mithra.simulate import World, WorldSettings
from mithra.simulate.feeds import ORIGIN, _extremes, _sightings
from mithra.simulate.tables import Mechanism, Window
from mithra.simulate.world import draw_world

DAY = 86_400
Cof = list[list[dict[str, Any]]]
BLOCKS = [
    ipaddress.ip_network(n)
    for n in ("10.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15", "240.0.0.0/4", "2001:db8::/32")
]


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def cof(world: World) -> Cof:
    return [[json.loads(line) for line in lines_of(path)] for path in world.files("pdns")]


def test_passive_dns_lines_are_cof(cof: Cof, world: World) -> None:
    names = set(world.truth()["name"].to_pylist())
    for rows in cof:
        for row in rows:
            assert set(row) == {"rrname", "rrtype", "rdata", "time_first", "time_last", "count", "origin"}
            assert row["rrname"] in names
            assert row["time_first"] <= row["time_last"]
            assert row["count"] >= 1
            assert row["origin"] == ORIGIN
            assert (row["count"] == 1) <= (row["time_first"] == row["time_last"])


def test_rdata_fit_their_types(cof: Cof) -> None:
    seen = defaultdict(set)
    for row in cof[0] + cof[5]:
        seen[row["rrtype"]].add(row["rdata"])
    assert set(seen) == {"A", "AAAA", "NS", "MX", "CNAME", "SOA", "TXT"}
    for kind, version in (("A", 4), ("AAAA", 6)):
        for text in seen[kind]:
            address = ipaddress.ip_address(text)
            assert address.version == version
            assert str(address) == text
            assert any(address in block for block in BLOCKS if block.version == version)
    hosts = [*seen["NS"], *seen["CNAME"], *(m.split(" ")[1] for m in seen["MX"])]
    assert canonicalize(pa.array(hosts)).reason.null_count == len(hosts)
    assert all(int(m.split(" ")[0]) in (10, 20) for m in seen["MX"])
    assert all(len(s.split(" ")) == 7 for s in seen["SOA"])
    assert all(t.startswith('"v=spf1') and t.endswith('"') for t in seen["TXT"])


def test_a_day_file_holds_its_day_and_the_first_one_years(cof: Cof, world: World) -> None:
    for path, rows in list(zip(world.files("pdns"), cof, strict=True))[1:]:
        begin = np.datetime64(path.name[:10], "s").astype(int)
        assert min(r["time_first"] for r in rows) >= begin
        assert max(r["time_last"] for r in rows) < begin + DAY
        assert [r["time_last"] for r in rows] == sorted(r["time_last"] for r in rows)
    start = np.datetime64(world.start, "s").astype(int)
    first = [r["time_first"] for r in cof[0]]
    assert max(r["time_last"] for r in cof[0]) < start
    assert np.median(first) < start - 200 * DAY
    assert min(first) > start - 9 * 365 * DAY


def test_no_name_or_rdata_stands_twice_in_a_file(cof: Cof) -> None:
    for rows in cof[1:]:
        keys = {(r["rrname"], r["rrtype"], r["rdata"], r["time_first"]) for r in rows}
        assert len(keys) == len(rows)


def test_addresses_change_hands_within_minutes() -> None:
    """Of cloud addresses with two holders in a day, many pass from one to the other in under half an hour."""
    drawn = draw_world(4000, 1, WorldSettings(), Window(0, 5))
    r, units = drawn.records, drawn.units
    cloud = (r.rrtype == 0) & (r.name < len(units)) & (r.end > 0)
    cloud &= units.roams[np.minimum(r.name, len(units) - 1)]
    cloud &= units.mechanism[np.minimum(r.name, len(units) - 1)] == Mechanism.CLOUD
    order = np.lexsort((r.begin[cloud], r.value[cloud]))
    value, begin, end, name = (a[cloud][order] for a in (r.value, r.begin, r.end, r.name))
    next_of = (value[1:] == value[:-1]) & (name[1:] != name[:-1]) & (begin[1:] > end[:-1])
    gaps = (begin[1:] - end[:-1])[next_of]
    assert len(gaps) > 30
    assert np.mean(gaps < 1800) > 0.25


def test_first_and_last_of_many_draws_are_their_extremes() -> None:
    rng = np.random.default_rng(0)
    first, last = _extremes(rng.random(20_000), rng.random(20_000), np.full(20_000, 4))
    assert (first <= last).all()
    assert first.mean() == pytest.approx(1 / 5, abs=0.01)  # expected least and greatest of four uniform draws
    assert last.mean() == pytest.approx(4 / 5, abs=0.01)
    first, last = _extremes(rng.random(1000), rng.random(1000), np.ones(1000, np.int64))
    assert (first == last).all()


@pytest.mark.parametrize("expected", [0.02, 1.5, 18.0, 400.0])
def test_sightings_are_poisson_and_grow_with_what_is_expected(expected: float) -> None:
    luck = np.random.default_rng(1).random(40_000)
    count = _sightings(luck, np.full(len(luck), expected))
    assert count.mean() == pytest.approx(expected, rel=0.05, abs=0.003)
    assert count.var() == pytest.approx(expected, rel=0.06, abs=0.003)
    assert (_sightings(luck, np.full(len(luck), expected * 1.5)) >= count).all()


def test_records_of_one_answer_are_seen_together(cof: Cof) -> None:
    answers = defaultdict(list)
    for row in cof[4]:
        if row["rrtype"] == "NS":
            answers[row["rrname"]].append((row["time_first"], row["time_last"], row["count"]))
    pairs = [seen for seen in answers.values() if len(seen) == 2]
    assert len(pairs) > 500
    assert np.mean([a == b for a, b in pairs]) > 0.98


def test_networks_are_ranges_that_do_not_overlap(world: World) -> None:
    (path,) = world.files("networks")
    rows = list(csv.reader(path.open()))
    ranges = [(int(ipaddress.IPv4Address(a)), int(ipaddress.IPv4Address(b))) for a, b, *_ in rows]
    assert all(a <= b for a, b in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    assert all(4_200_000_000 <= int(asn) < 4_294_967_295 for _, _, asn, _ in rows)
    assert all(len(row) == 4 and row[3] for row in rows)


def test_most_addresses_have_a_network(world: World, cof: Cof) -> None:
    rows = list(csv.reader(world.files("networks")[0].open()))
    start = np.array([int(ipaddress.IPv4Address(r[0])) for r in rows])
    end = np.array([int(ipaddress.IPv4Address(r[1])) for r in rows])
    used = np.array(sorted({int(ipaddress.IPv4Address(r["rdata"])) for r in cof[3] if r["rrtype"] == "A"}))
    at = np.searchsorted(start, used, "right") - 1
    share = np.mean((at >= 0) & (used <= end[at]))
    assert 0.85 < share < 1


def test_popularity_ranks_from_one_without_gaps_and_favours_the_old(world: World) -> None:
    created = dict(
        zip(world.truth()["name"].to_pylist(), world.truth()["registered_at"].to_pylist(), strict=True)
    )
    for path in world.files("popularity"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        assert [int(rank) for rank, _ in rows] == list(range(1, len(rows) + 1))
        assert len({name for _, name in rows}) == len(rows) >= 100
    ages = [rows_day - created[name] for rows_day, (_, name) in ((max(created.values()), r) for r in rows)]
    assert sorted(ages)[len(ages) // 2] > timedelta(days=365)


_BIND = re.compile(
    r"\d\d-[A-Z][a-z]{2}-\d{4} (\d\d):([0-5]\d):([0-5]\d)\.\d{3} queries: info: client @0x[0-9a-f]+ "
    r"(198\.51\.100|203\.0\.113)\.\d+#\d+ \((\S+)\): query: (\S+) IN "
    r"(A|AAAA|HTTPS) \+E\(0\)K \(192\.0\.2\.53\)"
)


def test_query_log_is_binds_in_order_of_time(world: World) -> None:
    names = set(world.truth()["name"].to_pylist())
    lines = lines_of(world.files("queries")[3])
    parsed = [_BIND.fullmatch(line) for line in lines]
    assert all(parsed)
    assert [m.groups()[:3] for m in parsed] == sorted(m.groups()[:3] for m in parsed)
    assert all(m[5] == m[6] and m[5].lower() in names for m in parsed)
    assert any(m[5] != m[5].lower() for m in parsed), "some clients ask in upper case"
    assert len(world.files("queries")) == world.days


def test_rdap_lines_are_domain_objects(world: World) -> None:
    events = {"registration", "expiration", "last changed", "last update of RDAP database"}
    names = set(world.truth()["name"].to_pylist())
    held = redacted = 0
    for path in world.files("rdap"):
        for row in map(json.loads, lines_of(path)):
            assert row["objectClassName"] == "domain"
            assert row["ldhName"] in names
            at = {e["eventAction"]: e["eventDate"] for e in row["events"]}
            assert set(at) == events
            assert (
                at["registration"]
                <= at["last changed"]
                <= at["last update of RDAP database"]
                < at["expiration"]
            )
            assert at["last update of RDAP database"][:10] <= path.name[:10]
            registrar = row["entities"][0]
            assert registrar["roles"] == ["registrar"]
            assert int(registrar["publicIds"][0]["identifier"]) > 90_000
            assert row["secureDNS"]["delegationSigned"] in (True, False)
            assert all(n["ldhName"] in names for n in row["nameservers"])
            held += "client hold" in row["status"]
            redacted += "REDACTED" in json.dumps(row["entities"])
    assert held > 0
    assert 0.3 < redacted / world.lines["rdap"] < 0.8
