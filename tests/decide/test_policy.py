"""Policies from code and TOML: every bad value is named, nothing unknown passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mithra.decide.policy import Policy
from mithra.errors import InputError, UsageError


def test_a_file_with_every_kind_of_value(tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("# ours\nOurs.Example.  # own site\nпример.рф\n\n*.partner.example\n")
    file = tmp_path / "policy.toml"
    file.write_text(
        'mode = "canary"\ncanary_share = 0.2\nmax_fpr = 1e-4\nmax_per_address = 7\nallowlist = "allow.txt"\n'
        'subtree = false\nexpire_days = 3\n[allow]\n"Bank.example" = "our bank"\n'
    )
    policy = Policy.from_toml(file)
    assert (policy.mode, policy.canary_share, policy.max_fpr, policy.max_per_address) == (
        "canary",
        0.2,
        1e-4,
        7,
    )
    assert policy.subtree is False
    assert policy.allowed() == {
        "ours.example": "own site",
        "xn--e1afmkfd.xn--p1ai": "allowlist allow.txt, line 3",
        "partner.example": "allowlist allow.txt, line 5",
        "bank.example": "our bank",
    }


def test_a_list_of_allowed_names_will_do() -> None:
    assert Policy(allow=["A.example"]).allowed() == {"a.example": "allowed by the policy"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_fprr = 0.1", "unknown key in the policy (got 'max_fprr'). Did you mean max_fpr?"),
        ("zzz = 1", "unknown key in the policy (got 'zzz'). Known: mode, canary_share"),
        ('mode = "off"', "unknown mode (got 'off'). Modes: monitor, canary, full"),
        ("max_fpr = 0", "max_fpr is a share, over 0 and at most 1 (got '0')"),
        ("max_fpr = nan", "max_fpr is a share"),
        ('max_fpr = "low"', "max_fpr is to be float (got 'low')"),
        ("max_per_asn = 1.5", "max_per_asn is to be int (got '1.5')"),
        ("max_per_asn = true", "max_per_asn is to be int"),
        ("max_per_asn = 0", "max_per_asn is to be over 0"),
        ("subtree = 1", "subtree is to be bool"),
        ("threshold = 1.5", "threshold is a score"),
        ("min_evidence_kinds = 1", "min_evidence_kinds is at least 2"),
        ("max_growth = 0.5", "max_growth is a multiple"),
        ("max_growth = inf", "max_growth is a multiple"),
        ("expire_days = 0", "expire_days is over 0 and at most 3650"),
        ("compromised_expire_days = 0", "compromised_expire_days is over 0 and at most 3650"),
        ("owner_probability = 0.0", "owner_probability is a share"),
        ("popular_rank = -1", "popular_rank is to be 0 or more"),
        ("names_a_day = 5", "go together"),
        ('allow = "example.com"', "allow is a list of names"),
        ('allow = ["not a name"]', "not a domain name (whitespace)"),
        ("allow = [1]", "allow holds names"),
        ("[allow]\nexample.com = 'x'", "allow holds names"),
        ("mode = ", "cannot read the policy"),
    ],
)
def test_a_bad_file_is_an_input_error_that_names_key_and_file(
    tmp_path: Path, line: str, message: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(line)
    with pytest.raises(InputError) as caught:
        Policy.from_toml(file)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert caught.value.exit_code == 3


def test_a_missing_file_and_a_bad_allowlist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the policy"):
        Policy.from_toml(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot read the allowlist"):
        Policy(allowlist=tmp_path / "none.txt").allowed()
    (tmp_path / "allow.txt").write_text("good.example\nhttp://bad.example/\n")
    with pytest.raises(InputError, match="not a domain name") as caught:
        Policy(allowlist=tmp_path / "allow.txt").allowed()
    assert caught.value.line == 2


def test_wrong_use_from_code_is_a_usage_error() -> None:
    wrong: dict[str, Any] = {"mode": "loud"}
    with pytest.raises(UsageError, match="unknown mode"):
        Policy(**wrong)


def test_the_stricter_budget_holds() -> None:
    assert Policy(max_fpr=0.001).fpr() == 0.001
    assert Policy(max_fpr=0.001, max_false_blocks_a_day=5, names_a_day=50_000).fpr() == 1e-4
    assert Policy(max_fpr=0.001, max_false_blocks_a_day=500, names_a_day=50_000).fpr() == 0.001


def test_the_digest_is_of_the_rules_and_of_the_allowed_names(tmp_path: Path) -> None:
    file = tmp_path / "allow.txt"
    file.write_text("a.example # x\n")
    policy = Policy(allowlist=file)
    first = policy.digest()
    assert first == Policy(allow={"a.example": "x"}).digest()
    assert first != Policy(max_fpr=0.01, allow={"a.example": "x"}).digest()
    file.write_text("a.example # x\nb.example # y\n")
    assert policy.digest() != first


def test_a_card_is_found_beside_the_policy_and_is_part_of_its_digest(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('card = "card.json"\n')
    (tmp_path / "card.json").write_text('{"model_digest": "m1", "end": "2026-06-21T00:00:00+00:00"}')
    policy = Policy.from_toml(tmp_path / "policy.toml")
    assert policy.accepted() == {"model_digest": "m1", "end": "2026-06-21T00:00:00+00:00"}
    assert policy.digest() != Policy().digest()
