"""One name explained: both sides in words with numbers, weights that add up, hostile strings made safe."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import InvalidNameError
from mithra.learn.owner import Owners
from mithra.score.evidence import by_kind, weighed
from mithra.score.explain import explain
from mithra.score.facts import KINDS
from mithra.score.judge import subject_of
from mithra.score.words import duration, shown


class Registrations:
    """Adds log-odds of registration to the fake model."""

    def __init__(self, model, log_odds):
        self.model, self.log_odds = model, log_odds

    def __getattr__(self, name):
        return getattr(self.model, name)

    def contributions(self, snapshot, examples):
        found = self.model.contributions(snapshot, examples)
        return {**found, "registrar": np.full(len(examples), self.log_odds)}


def texts(told):
    return [item.text for item in told]


def test_a_name_with_everything_against_it(s):
    found = explain(Registrations(s.Model(), 1.5), s.world(), "LOGIN-paypa1.top.")
    assert (found.name, found.verdict, found.threshold) == ("login-paypa1.top", "nefarious", 0.3)
    assert found.kinds == ("lexical", "registration", "resolution")
    assert texts(found.for_) == [
        "shares address 192.0.2.1 with 5 other names, 3 of them listed (first 2026-05-03 by feed-s)",
        "looks like the brand paypal",
        "registered 5 days ago, 2 days before it was first seen, through Bad\\x1b[2J Registrar",
        "has a word of sign-in and payment pages in it: login",
        "ends in .top, where names cost little",
        "first seen 3 days ago",
    ]
    assert found.for_[0].entity == "192.0.2.1"
    assert found.against == ()


def test_whose_a_name_is_stands_below_its_verdict(s):
    def told(snapshot, examples):
        return Owners(np.full(len(examples), 1, np.int8), np.full(len(examples), 0.876))

    found = explain(s.Model(told=told), s.world(), "login-paypa1.top")
    assert (found.owner_kind, found.owner_probability) == ("compromised", 0.876)
    assert found.to_text().splitlines()[2] == "  if so: a site that was broken into, probability 0.88"
    assert found.to_dict()["owner_kind"] == "compromised"
    honest = explain(s.Model(told=told), s.world(), "old.test")
    assert (honest.owner_kind, honest.owner_probability, honest.owner) == (None, None, None)
    assert "if so" not in honest.to_text()


def test_weights_share_what_the_model_counts(s):
    found = explain(Registrations(s.Model(), 1.5), s.world(), "login-paypa1.top")
    weight = {kind: sum(item.weight for item in found.for_ if item.kind == kind) for kind in KINDS}
    assert weight["lexical"] == pytest.approx(3)
    assert weight["resolution"] == pytest.approx(4)
    assert weight["registration"] == pytest.approx(1.5)


def test_what_the_model_does_not_count_is_no_reason(s):
    """The registration is young, but this model looks at spelling and addresses only."""
    found = explain(s.Model(), s.world(), "login-paypa1.top")
    assert "registration" not in {item.kind for item in found.for_}


def test_what_speaks_against_is_always_told(s):
    found = explain(s.Model(), s.world(), "old.test")
    assert texts(found.against) == [
        "held to be benign by analyst since 2026-05-27",
        "popular for 30 days, at best rank 900",
        "on the warning list top-sites",
        "registered 9 years ago",
        "first seen 2 years ago",
    ]
    assert found.for_ == ()
    assert [item.weight for item in found.against] == [0] * 5


def test_counted_and_not_put_in_words(s):
    found = explain(Registrations(s.Model(), -0.7), s.world(), "d.test")
    assert "its registration lowers the odds 2.0-fold" in texts(found.against)
    assert found.against[0].weight == pytest.approx(-0.7)


def test_what_is_missing(s):
    assert texts(explain(s.Model(), s.world(), "bare.test").missing) == [
        "no registration data",
        "no address records known",
        "no name servers known",
    ]
    outside = explain(s.Model(), s.world(), "login.nowhere.test")
    assert (outside.verdict, outside.shared) == ("unknown", ())
    assert texts(outside.missing) == ["no records of it: only its spelling is known"]


def test_shared_entities_name_the_company(s):
    address, name_server = explain(s.Model(), s.world(), "login-paypa1.top").shared
    assert (address.relation, address.entity, address.names, address.listed) == ("address", "192.0.2.1", 5, 3)
    assert address.company == ("a.test", "c.test", "b.test", "d.test", "e.test")
    assert (name_server.kind, name_server.company) == ("name_server", ("old.test",))


def test_own_listing_with_its_sources(s):
    labels = [("x.test", "nefarious", source, day) for source, day in (("one", -4), ("two", -9), ("two", -1))]
    graph = s.snapshot(["x.test"], {"address": [("x.test", "192.0.2.1", -20)]}, labels)
    found = explain(s.Model(), graph, "x.test")
    assert texts(found.for_) == ["listed by two since 2026-05-23 and 1 more source as phishing"]
    assert found.kinds == ("label",)


def test_a_crowd_without_listings_is_told_when_it_counts(s):
    crowd = [f"calm{i}.test" for i in range(120)]
    graph = s.snapshot(["x.test", *crowd], {"registrar": [(n, "iana:9", -5) for n in ["x.test", *crowd]]})
    found = explain(Registrations(s.Model(), -1.0), graph, "x.test")
    assert texts(found.against) == ["shares registrar iana:9 with 120 other names, none of them listed"]


def test_text_and_dict(s):
    found = explain(s.Model(), s.world(), "login-paypa1.top")
    text = found.to_text()
    assert text.splitlines()[0] == (
        "login-paypa1.top: nefarious, score 0.9933, as of 2026-06-01T00:00:00+00:00"
        " (model trained on simulated data)"
    )
    assert "  address 192.0.2.1: 5 others, 3 listed (a.test, c.test, b.test, d.test, e.test)" in text
    assert "  name server ns1.host.test: 1 other, 0 listed (old.test)" in text
    fields = json.loads(json.dumps(found.to_dict()))
    assert fields["for"][0]["kind"] == "resolution"
    assert fields["shared"][0]["company"][0] == "a.test"


def test_hostile_records_do_not_reach_the_terminal(s):
    evil = "\x1b]0;own\x07\u202e" + "x" * 500
    graph = s.snapshot(
        ["x.test", "y.test"],
        {"mail_server": [("x.test", evil, -5), ("y.test", evil, -5)]},
        [("x.test", "nefarious", evil, -3), ("y.test", "nefarious", evil, -3)],
        {"x.test": {"warning_list": evil, "registrar": evil, "created": s.NOW - s.DAY}},
    )
    text = explain(Registrations(s.Model(), 1.0), graph, "x.test").to_text()
    assert text.replace("\n", "").isprintable()
    assert text.isascii()
    assert max(map(len, text.splitlines())) < 400


def test_a_name_that_is_none(s):
    with pytest.raises(InvalidNameError):
        explain(s.Model(), s.world(), "no name")


def test_kinds_that_a_model_calls_otherwise(s):
    one = np.ones(1)
    counted = by_kind({"names": one, "mail_server": one, "address": one, "my_relation": one}, 1)
    assert dict(zip(KINDS, counted[0], strict=True)) | {"lexical": 1, "resolution": 3} == dict(
        zip(KINDS, counted[0], strict=True)
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gooogle.test", "looks like the brand google"),
        ("paypal-help.test", "has the brand word paypal in it"),
        ("verify.example.test", "has a word of sign-in and payment pages in it: verif"),
        ("xkqzvwtrpl93fj.test", "its label looks machine-made ("),
        ("bank.com.evil.test", "writes a well-known ending before its real one"),
        ("a.github.io", "lies under github.io, where anyone can get a name"),
        ("x.tk", "ends in .tk, where names cost little"),
        ("a.b.c.evil.test", "3 labels below its eTLD+1"),
        ("xn--mnchen-3ya.de", "is an internationalised name"),
        ("a-very-long-name-indeed-it-is-quite-long.test", "is 45 characters long"),
    ],
)
def test_sentences_about_spelling(name, sentence):
    counted = by_kind({"lexical": np.ones(1)}, 1)
    told = weighed(counted, pa.array([name]), None)
    assert any(text.startswith(sentence) for text in told.facts.text.to_pylist())
    assert told.weight.sum() == pytest.approx(1)


def test_a_brands_own_name_is_no_brand_word():
    told = weighed(by_kind({"lexical": np.ones(1)}, 1), pa.array(["adobe.com"]), None)
    assert told.facts.text.to_pylist()[0] == "its spelling raises the odds 2.7-fold"


def test_company_of_a_kind_is_told_twice_at_most(s):
    names = ["x.test", *(f"b{i}.test" for i in range(8)), *(f"calm{i}.test" for i in range(100))]
    bad = names[1:9]
    edges = [(name, f"192.0.2.{i}", -5) for i in range(4) for name in ["x.test", *bad[: 2 + i]]]
    graph = s.snapshot(names, {"address": edges}, [(name, "nefarious", "f", -2) for name in bad])
    counted = np.zeros((1, len(KINDS)))
    told = weighed(counted, pa.array(["x.test"]), subject_of(graph, np.zeros(1, dtype=np.int64)))
    company = [text for text in told.facts.text.to_pylist() if text.startswith("shares")]
    assert company == [
        "shares address 192.0.2.3 with 5 other names, all of them listed (first 2026-05-30 by f)",
        "shares address 192.0.2.2 with 4 other names, all of them listed (first 2026-05-30 by f)",
    ]


def test_words():
    assert duration([0, 59, 60, 7200, 86_400, 800 * 86_400, -5]).to_pylist() == [
        "0 seconds",
        "59 seconds",
        "1 minute",
        "2 hours",
        "1 day",
        "2 years",
        "0 seconds",
    ]
    assert shown(pa.array(["é", "a|b", "x" * 90])).to_pylist() == ["\\xe9", "a|b", "x" * 77 + "..."]
