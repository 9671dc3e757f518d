from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mithra.errors import UsageError
from mithra.simulate import WorldSettings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nefarious_share": 0.6}, "at most"),
        ({"look_alike_share": 1.2}, "share"),
        ({"look_alike_share": -0.1}, "negative"),
        ({"registration_coverage": float("nan")}, "negative"),
        ({"report_days": 0.0}, "positive"),
        ({"hosting_weights": (1.0,)}, "7 numbers"),
        ({"name_server_weights": (0.0, 0.0, 0.0)}, "all be zero"),
        ({"list_coverage": (0.5, 0.5, 1.5)}, "share"),
        ({"compromised_share": 0.6, "shadowed_share": 0.5}, "add up"),
    ],
)
def test_refuses_what_makes_no_world(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        WorldSettings(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        WorldSettings().nefarious_share = 0.2  # type: ignore[misc]  # wrong on purpose
