"""The page on decisions says what the code does: its tables of guards and of policy keys."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from mithra.decide.guards import GUARDS
from mithra.decide.policy import Policy

PAGE = Path(__file__).parents[2] / "docs" / "deciding.md"


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a header row."""
    _, _, rest = PAGE.read_text().partition(heading)
    lines = rest.split("\n\n")[0].strip().splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_guard_is_on_the_page() -> None:
    assert [tuple(row) for row in rows("| guard | why a name is not blocked |\n")] == list(GUARDS.items())


def test_every_key_of_the_policy_is_on_the_page_with_its_default() -> None:
    told = {key: default for key, default, _ in rows("| key | default | meaning |\n")}
    policy = Policy()
    assert list(told) == [each.name for each in fields(policy)]
    for key, default in told.items():
        value = getattr(policy, key)
        assert default.replace("_", "") == str(value).replace("_", ""), key
