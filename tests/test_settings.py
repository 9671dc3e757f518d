"""Settings from files: every kind of field, and errors that name file and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from mithra.errors import FormatError, InputError, UsageError
from mithra.settings import load_settings, settings_from, settings_to_dict


@dataclass(frozen=True)
class Trees:
    leaves: int = 31
    rate: float = 0.1


@dataclass(frozen=True)
class Example:
    seed: int = 7
    share: float = 0.5
    damped: bool = True
    kind: Literal["sage", "rgcn"] = "sage"
    name: str | None = None
    folder: Path = Path("models")
    weights: tuple[float, ...] = (1.0, 2.0)
    pair: tuple[int, str] = (1, "a")
    caps: Mapping[str, int] = field(default_factory=dict)
    trees: Trees = Trees()

    def __post_init__(self) -> None:
        if self.share > 1:
            raise UsageError("share is at most 1", value=self.share)


TOML = """
seed = 3
share = 1
damped = false
kind = "rgcn"
name = "june"
folder = "elsewhere"
weights = [0.5, 1, 2]
pair = [2, "b"]
caps = {address = 50}
[trees]
leaves = 15
"""


def written(tmp_path: Path, text: str, name: str = "settings.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_toml_file_fills_every_kind_of_field(tmp_path):
    assert load_settings(Example, written(tmp_path, TOML)) == Example(
        seed=3, share=1, damped=False, kind="rgcn", name="june", folder=Path("elsewhere"),
        weights=(0.5, 1, 2), pair=(2, "b"), caps={"address": 50}, trees=Trees(leaves=15),
    )  # fmt: skip


def test_what_json_leaves_out_has_its_default(tmp_path):
    path = written(tmp_path, '{"trees": {"rate": 0.3}, "name": null}', "settings.json")
    assert load_settings(Example, path) == Example(trees=Trees(rate=0.3))


def test_settings_survive_the_way_through_plain_values():
    settings = Example(folder=Path("x"), caps={"asn": 2}, weights=(3.0,))
    plain = settings_to_dict(settings)
    assert plain["folder"] == "x"
    assert plain["weights"] == [3.0]
    assert plain["trees"] == {"leaves": 31, "rate": 0.1}
    assert settings_from(Example, plain) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 3", r"unknown key in the settings \(got 'sede'\). Did you mean seed\?"),
        ("[trees]\nzzz = 1", r"unknown key in the settings \(got 'trees.zzz'\). Known: leaves, rate"),
        ('seed = "3"', r"seed is to be a whole number \(got '3'\)"),
        ("seed = true", "seed is to be a whole number"),
        ("seed = 1.5", "seed is to be a whole number"),
        ("damped = 1", "damped is to be true or false"),
        ("share = false", "share is to be a number"),
        ('kind = "gat"', "kind is to be 'sage' or 'rgcn'"),
        ("name = 3", "name is to be text or left out"),
        ("weights = 3", "weights is to be tuple"),
        ('weights = [1, "x"]', "weights is to be tuple"),
        ("pair = [1]", "pair is to be tuple"),
        ('caps = {address = "x"}', "caps is to be"),
        ("trees = 3", "trees is to be a table of leaves, rate"),
        ("[trees]\nleaves = 1.5", "trees.leaves is to be a whole number"),
        ("share = 2", r"share is at most 1 \(got '2'\)"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_file(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings(Example, written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "settings.toml"))


def test_a_field_without_default_must_be_given():
    @dataclass(frozen=True)
    class Needs:
        seed: int

    with pytest.raises(InputError, match=r"a setting is missing \(got 'seed'\)"):
        settings_from(Needs, {})


@pytest.mark.parametrize(("name", "text"), [("s.toml", "seed ="), ("s.json", "{"), ("s.json", "[1]")])
def test_a_file_that_is_no_toml_or_json_is_a_format_error(tmp_path, name, text):
    with pytest.raises(FormatError):
        load_settings(Example, written(tmp_path, text, name))


def test_files_that_are_missing_or_end_otherwise(tmp_path):
    with pytest.raises(InputError, match="cannot read the settings"):
        load_settings(Example, tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r"unknown ending for settings .*\.toml or \.json"):
        load_settings(Example, tmp_path / "settings.yaml")
    with pytest.raises(UsageError, match="settings need a dataclass"):
        settings_from(dict, {})
