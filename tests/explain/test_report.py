"""Pages of report cards and explanations: whole, still, and deaf to hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mithra.explain.picture import company_figure
from mithra.explain.report import report
from mithra.learn.card import LeadTime
from mithra.score.explain import Evidence, Explanation, SharedEntity

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "</style></title><b>",
    "$\\frac{1}{0}$",
    "\u202eevil",
]


class Reader(HTMLParser):
    """Elements, their attributes, and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def told(text="example.com", **changed):
    shared = SharedEntity("resolution", "address", text, 1200, 1, (text, "other.example"))
    base = Explanation(
        name="login.example",
        score=0.91,
        verdict="nefarious",
        threshold=0.5,
        as_of="2026-06-01T00:00:00+00:00",
        simulated=False,
        kinds=("lexical", "resolution"),
        for_=(Evidence("lexical", f"reads like {text}", 2.0), Evidence("resolution", "shares", 0.5, text)),
        against=(Evidence("registration", "old", -1.0),),
        missing=(),
        shared=(shared,),
    )
    return replace(base, **changed)


def test_an_explanation_says_what_its_text_says():
    page = Reader(report(told()))
    for text in ("login.example", "score 0.9100", "nefarious from 0.5000", "reads like example.com", "+2.00"):
        assert text in page.text
    assert "-1.00" in page.text
    assert "1,200" in page.text
    assert "simulated" not in page.text
    widths = [attrs["style"] for tag, attrs in page.elements if tag == "span"]
    assert widths == ["width:100%", "width:25%", "width:50%"]
    assert "simulated data only" in Reader(report(told(simulated=True))).text


def test_whose_the_name_is_stands_on_the_page_where_it_is_told():
    page = Reader(report(told(owner_kind="tenant", owner_probability=1.0)))
    assert "If so, it is a tenant of shared hosting (probability 1.00)." in page.text
    assert "If so" not in Reader(report(told())).text


def test_a_name_that_shares_nothing_has_no_picture():
    page = Reader(report(told(shared=(), for_=(), against=(), kinds=())))
    assert "img" not in {tag for tag, _ in page.elements}
    assert "none" in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text):
    page, plain = Reader(report(told(text))), Reader(report(told()))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert f"reads like {text}".replace("\u202e", "\\u202e") in page.text
    assert [set(attrs) for _, attrs in page.elements] == [set(attrs) for _, attrs in plain.elements]


def test_a_page_fetches_nothing_and_runs_nothing():
    page = Reader(report(told()))
    policy = next(
        a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.elements}
    addresses = [a[key] for _, a in page.elements for key in ("src", "href") if key in a]
    assert addresses
    assert all(address.startswith("data:image/png;base64,") for address in addresses)


def test_each_name_of_the_company_is_drawn_once_and_red_where_listed():
    both = [
        SharedEntity("resolution", "address", "192.0.2.1", 3, 1, ("bad.example", "good.example")),
        SharedEntity("name_server", "name_server", "ns.example", 9, 0, ("good.example",)),
    ]
    figure = company_figure(told(shared=tuple(both)))
    labels = [text for text in figure.axes[0].texts if text.get_text().endswith("d.example")]
    assert [text.get_text() for text in labels] == ["bad.example", "good.example"]
    assert labels[0].get_color() != labels[1].get_color()


def test_a_card_shows_its_tables_and_its_picture(card):
    lead = LeadTime("<b>feed</b>", 20, 5, 60.0, 0.8)
    metrics = {"ap": 0.871, "auc": 0.9, "ece": 0.021, "recall": dict.fromkeys(("0.01", "0.001", "0.0001"))}
    for rate in metrics["recall"]:
        metrics["recall"][rate] = {"recall": 0.31, "low": 0.2, "high": 0.4, "measurable": rate == "0.01"}
    whole = replace(card, models={"mithra": metrics}, lead=(lead,), never_listed=0.25)
    page = Reader(report(whole))
    text = re.sub(r"\s+", " ", page.text)
    for table in whole.tables():
        assert table.title in text
        for row in table.rows:
            assert all(cell in text for cell in row)
    assert "<b>feed</b>" in text
    assert "2.5 days" in text
    assert "says nothing of the real internet" in text
    assert [tag for tag, _ in page.elements].count("img") == 1
    assert "img" not in [tag for tag, _ in Reader(report(replace(whole, curves={}))).elements]
    assert report(whole) == report(whole)
