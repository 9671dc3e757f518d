"""Frozen settings classes from TOML or JSON files, and back.

A settings class is a frozen dataclass whose fields are booleans, numbers, text, paths, literals, tuples,
mappings of these, or other settings classes. An unknown key is an error, since a misspelt setting would be
no setting at all; so is a value of another type. What a value may be the class itself checks when it is made.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mithra.errors import FormatError, InputError, UsageError

__all__ = ["load_settings", "read_settings_file", "settings_from", "settings_to_dict"]

T = TypeVar("T")


def load_settings(kind: type[T], path: str | Path) -> T:
    """Settings of a class from a `.toml` or `.json` file; what the file leaves out has its default.

    Raises:
        InputError: no such file, an unknown key, or a value that does not fit; file and key are named.
        FormatError: not TOML or not JSON.
        UsageError: the file has another ending.
    """
    return settings_from(kind, read_settings_file(path), file=path)


def read_settings_file(path: str | Path) -> dict[str, Any]:
    """The keys and values of a `.toml` or `.json` file, as they stand in it."""
    file = Path(path)
    if file.suffix not in {".toml", ".json"}:
        raise UsageError("unknown ending for settings", value=path, hint="Use .toml or .json")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the settings: {error}", file=file) from error
    try:
        values = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise FormatError(f"not {file.suffix[1:].upper()}: {error}", file=file) from error
    if not isinstance(values, dict):
        raise FormatError("settings are an object with keys", value=values, file=file)
    return values


def settings_from(kind: type[T], values: Mapping[str, Any], *, file: str | Path | None = None) -> T:
    """Settings of a class from plain values, as TOML and JSON know them.

    Args:
        kind: a dataclass.
        values: by field; a nested settings class is a mapping, a tuple a list, a path text.
        file: where they stand, for the message.

    Raises:
        InputError: an unknown key, a missing one, or a value that does not fit.
    """
    if not is_dataclass(kind):
        raise UsageError("settings need a dataclass", value=kind)
    return _made(kind, values, "", file)


def settings_to_dict(settings: Any) -> dict[str, Any]:
    """The settings as plain values that JSON and TOML can hold; `settings_from` takes them back."""
    return {each.name: _plain(getattr(settings, each.name)) for each in fields(settings)}


def _made(kind: type[T], values: Mapping[str, Any], above: str, file: str | Path | None) -> T:
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind) if each.init}  # type: ignore[arg-type]  # checked before
    given = {}
    for key, value in values.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}"
            raise InputError("unknown key in the settings", value=above + key, file=file, hint=hint)
        given[key] = _fitted(value, hints[key], above + key, file)
    for key, each in known.items():
        if key not in given and each.default is MISSING and each.default_factory is MISSING:
            raise InputError("a setting is missing", value=above + key, file=file)
    try:
        return kind(**given)
    except UsageError as error:
        raise InputError(error.message, value=error.value, file=file, hint=error.hint) from error


def _fitted(value: Any, hint: Any, key: str, file: str | Path | None) -> Any:
    """The value as the field has it; tried on each member of a union in turn."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if value is None and NoneType in options:
        return None
    for option in options:
        if isinstance(option, type) and is_dataclass(option) and isinstance(value, Mapping):
            return _made(option, value, f"{key}.", file)
        fits, found = _plain_fit(value, option)
        if fits:
            return found
    shown = " or ".join(_name(option) for option in options)
    raise InputError(f"{key} is to be {shown}", value=value, file=file)


def _plain_fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value is of a type without keys of its own, and the value in that type."""
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin is Any:
        return True, value
    if origin is Literal:
        return value in inner and type(value) in map(type, inner), value
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool), value
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if origin in (bool, str):
        return isinstance(value, origin), value
    if isinstance(origin, type) and issubclass(origin, Path):
        return isinstance(value, str | Path), Path(value) if isinstance(value, str) else value
    if origin is tuple:
        return _tuple_fit(value, inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_fit(value, inner)
    return isinstance(origin, type) and isinstance(value, origin), value


def _tuple_fit(value: Any, inner: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        return False, value
    hints = inner[:1] * len(value) if inner[1:] == (...,) else inner
    if len(hints) != len(value):
        return False, value
    held = [_plain_fit(each, hint) for each, hint in zip(value, hints, strict=True)]
    return all(fits for fits, _ in held), tuple(found for _, found in held)


def _mapping_fit(value: Any, inner: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return False, value
    held = {key: _plain_fit(each, inner[1] if inner else Any) for key, each in value.items()}
    return all(fits for fits, _ in held.values()), {key: found for key, (_, found) in held.items()}


def _name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    if is_dataclass(hint):
        return f"a table of {', '.join(each.name for each in fields(hint))}"
    return _WORDS[hint] if hint in _WORDS else str(hint)


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    NoneType: "left out",
}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return settings_to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return str(value) if isinstance(value, Path) else value
