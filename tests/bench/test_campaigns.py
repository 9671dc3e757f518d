"""What the bench of campaigns measures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mithra.bench.campaigns import METHODS, measured

LONE = -1
OWNER = np.array([0, 0, 1, 2, 3, 4])
CAMPAIGN = np.array([7, 7, 7, 8, 8, LONE])


def test_the_truth_itself_agrees_entirely():
    bad = np.arange(6)
    told = measured(OWNER, CAMPAIGN, bad, bad, np.array([1, 1, 1, 5, 5, LONE]))
    assert [told[key] for key in ("ami", "ami_found", "ami_owners", "ami_with_lone")] == pytest.approx(
        [1.0] * 4
    )
    assert (told["names"], told["campaigns"], told["groups"], told["found_share"]) == (5, 2, 2, 1.0)


def test_one_group_says_nothing():
    bad = np.arange(6)
    assert measured(OWNER, CAMPAIGN, bad, bad, np.zeros(6, int))["ami"] == pytest.approx(0.0)


def test_names_that_were_not_given_are_alone():
    bad, given = np.arange(6), np.array([0, 1, 2])
    told = measured(OWNER, CAMPAIGN, bad, given, np.array([4, 4, 4]))
    assert told["found_share"] == 0.6
    assert told["ami_found"] == pytest.approx(1.0)
    assert 0 < told["ami"] < 1


def test_a_lone_name_in_a_campaign_counts_where_lone_names_are_measured():
    bad = np.arange(6)
    told = measured(OWNER, CAMPAIGN, bad, bad, np.array([1, 1, 1, 5, 5, 5]))
    assert told["ami"] == pytest.approx(1.0)
    assert told["ami_with_lone"] < 1


def test_the_methods_are_the_three_of_the_table():
    assert list(METHODS) == ["mithra", "components", "louvain"]
