"""What an operator lets mithra block: budgets, guards, limits and the mode, as one frozen object.

In comes a TOML file or keyword arguments; every value is checked when the policy is made, and an unknown key
is an error, since a misspelt limit would be no limit. The defaults are on the safe side.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

from mithra.errors import InputError, InvalidNameError, UsageError
from mithra.names import canonical

__all__ = ["Mode", "Policy"]

_POSITIVE = (
    "popular_days",
    "max_age_days",
    "max_sigma",
    "names_a_day",
    "max_false_blocks_a_day",
    "max_per_address",
    "max_per_name_server",
    "max_per_registrar",
    "max_per_asn",
)

_FILES = ("allowlist", "card")

Mode = Literal["monitor", "canary", "full"]


@dataclass(frozen=True)
class Policy:
    """Rules of `decide`. Rates are shares of benign names, from 0 to 1.

    Raises:
        UsageError: a value out of range, of the wrong type, or an allowed name that is no name.
    """

    mode: Mode = "full"  # monitor: nothing is blocked; canary: only a share of names; full
    canary_share: float = 0.05  # of names, chosen by a hash of the name, the same in every run
    max_fpr: float = 0.001  # false-positive rate that chooses the threshold for blocks
    watch_fpr: float = 0.01  # the same for what is only watched
    threshold: float | None = None  # calibrated score; overrides max_fpr
    max_false_blocks_a_day: float | None = None  # with names_a_day: a budget in names, where stricter
    names_a_day: int | None = None  # benign names that the operator's clients ask for in a day

    min_evidence_kinds: int = 2  # independent kinds that speak for a block; never under 2
    cohosting_is_one_kind: bool = True  # a shared hoster shares addresses and name servers alike
    popular_days: int = 14  # on popularity lists for so many days: never blocked
    popular_rank: int = 100_000  # at this rank or better on any list: never blocked; 0 turns it off
    allow: Mapping[str, str] = field(default_factory=dict)  # name: reason; holds for all names below it
    allowlist: Path | None = None  # file of the same, a line each: name, white space, # reason
    card: Path | None = None  # report card (JSON of `evaluate`) that was looked at after a drift alarm
    subtree: bool = True  # registered domains of one owner are blocked with all below them
    owner_probability: float = 0.7  # score times that of the attacker as owner: for all below a domain

    max_age_days: float = 7.0  # records behind scores that are older by then decide nothing
    expire_days: float = 14.0  # a block ends by itself unless a later run renews it
    compromised_expire_days: float = 3.0  # the same where a site was broken into, which is soon cleaned
    max_share: float = 0.05  # blocks that a run may add, as a share of the names it scored
    max_sigma: float = 3.0  # blocks that a run may add: standard deviations over what recorded runs added
    small_list: int = 20  # so many may always be added: a share of a short list is nothing
    refuse_share: float = 0.5  # more of the names than this over the threshold: the scores are broken
    max_growth: float = 2.0  # blocks in force, as a multiple of those before
    max_per_address: int = 50  # blocks that a run may add behind one address
    max_per_name_server: int = 200  # the same behind a name server
    max_per_registrar: int = 500  # the same at a registrar
    max_per_asn: int = 500  # the same in a network

    def __post_init__(self) -> None:
        _check_types(self)
        _check_ranges(self)
        object.__setattr__(self, "allow", _allow(self.allow))
        for name in _FILES:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Path(getattr(self, name)))

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """A policy file: the fields of this class as keys; relative files are relative to it.

        Raises:
            InputError: no such file, no TOML, an unknown key, or a value that does not fit.
        """
        file = Path(path)
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"cannot read the policy: {error}", file=file) from error
        known = [each.name for each in fields(cls)]
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}"
                raise InputError("unknown key in the policy", value=key, file=file, hint=hint)
        for name in _FILES:
            if isinstance(given.get(name), str):
                given[name] = file.parent / given[name]
        try:
            return cls(**given)
        except UsageError as error:
            raise InputError(error.message, value=error.value, file=file, hint=error.hint) from error

    def allowed(self) -> dict[str, str]:
        """Allowed names and the reason for each, those of the file included.

        Raises:
            InputError: the allowlist cannot be read or holds a line that is no name.
        """
        listed = {} if self.allowlist is None else _read_allowlist(self.allowlist)
        return {**listed, **self.allow}

    def accepted(self) -> dict[str, str] | None:
        """Of the report card: the digest of its model, and the end of the time that it judges.

        Raises:
            InputError: the card cannot be read, or is none.
        """
        return None if self.card is None else _read_card(self.card)

    def fpr(self) -> float:
        """The false-positive rate that blocks may have, by rate and by count, whichever is stricter."""
        if self.max_false_blocks_a_day is None or self.names_a_day is None:
            return self.max_fpr
        return min(self.max_fpr, self.max_false_blocks_a_day / self.names_a_day)

    def digest(self) -> str:
        """SHA-256 over all values and the allowed names, so that a decision names the rules it came from."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {"allow": self.allowed(), "allowlist": None, "card": self.accepted()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _check_types(policy: Policy) -> None:
    if policy.mode not in get_args(Mode):
        raise UsageError("unknown mode", value=policy.mode, hint=f"Modes: {', '.join(get_args(Mode))}")
    for each in fields(policy):
        value = getattr(policy, each.name)
        kinds = str(each.type)
        if value is None and "None" in kinds:
            continue
        if kinds.startswith("bool"):
            fits = isinstance(value, bool)
        elif kinds.startswith("int"):
            fits = isinstance(value, int) and not isinstance(value, bool)
        elif kinds.startswith("float"):
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        else:
            continue
        if not fits:
            raise UsageError(f"{each.name} is to be {kinds}", value=value)


def _check_ranges(policy: Policy) -> None:
    shares = ("canary_share", "max_fpr", "watch_fpr", "max_share", "refuse_share", "owner_probability")
    for name in shares:
        if not 0 < getattr(policy, name) <= 1:
            raise UsageError(f"{name} is a share, over 0 and at most 1", value=getattr(policy, name))
    if policy.threshold is not None and not 0 < policy.threshold <= 1:
        raise UsageError("threshold is a score, over 0 and at most 1", value=policy.threshold)
    if policy.min_evidence_kinds < 2:
        raise UsageError(
            "min_evidence_kinds is at least 2: one kind alone blocks nothing", value=policy.min_evidence_kinds
        )
    if not 1 <= policy.max_growth < float("inf"):
        raise UsageError("max_growth is a multiple, at least 1", value=policy.max_growth)
    for name in ("expire_days", "compromised_expire_days"):
        if not 0 < getattr(policy, name) <= 3650:
            raise UsageError(
                f"{name} is over 0 and at most 3650: every block ends", value=getattr(policy, name)
            )
    if (policy.max_false_blocks_a_day is None) != (policy.names_a_day is None):
        raise UsageError("max_false_blocks_a_day and names_a_day go together")
    for name in _POSITIVE:
        value = getattr(policy, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} is to be over 0", value=value)
    for name in ("popular_rank", "small_list"):
        if getattr(policy, name) < 0:
            raise UsageError(f"{name} is to be 0 or more", value=getattr(policy, name))


def _allow(given: Any) -> dict[str, str]:
    """Canonical names with their reasons, from a mapping or a plain list."""
    if isinstance(given, str) or not (isinstance(given, Mapping) or hasattr(given, "__iter__")):
        raise UsageError("allow is a list of names, or a table of names with reasons", value=given)
    pairs = (
        given.items() if isinstance(given, Mapping) else ((name, "allowed by the policy") for name in given)
    )
    allowed = {}
    for name, reason in pairs:
        if not isinstance(name, str) or not isinstance(reason, str):
            raise UsageError("allow holds names, with reasons as text", value=(name, reason))
        try:
            allowed[canonical(name)] = reason
        except InvalidNameError as error:
            raise UsageError(f"allow: not a domain name ({error.reason})", value=name) from error
    return allowed


def _read_allowlist(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the allowlist: {error}", file=path) from error
    allowed = {}
    for number, line in enumerate(lines, 1):
        name, _, reason = line.partition("#")
        if not name.strip():
            continue
        try:
            allowed[canonical(name.strip())] = reason.strip() or f"allowlist {path.name}, line {number}"
        except InvalidNameError as error:
            raise InputError(
                f"not a domain name ({error.reason})", value=name.strip(), file=path, line=number,
                hint="A line is: name, white space, # reason",
            ) from error  # fmt: skip
    return allowed


def _read_card(path: Path) -> dict[str, str]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        found = {"model_digest": str(card["model_digest"]), "end": str(card["end"])}
        if datetime.fromisoformat(found["end"]).tzinfo is None:
            raise ValueError("its end has no time zone")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read the report card: {error!r}",
            file=path,
            hint="mithra evaluate … --json FILE writes one",
        ) from error
    return found
