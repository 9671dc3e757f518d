"""Who stands behind an RDAP entity, without people: organisations of jCards (RFC 7095), JSContact cards
(RFC 9553) and AFNIC's remarks.

Kept of a registrant is the property `org`, and the name only of a card that says that it is about an
organisation. Where a card says neither organisation nor individual and gives one text as both name and
organisation, it may be either, unless it has a word that companies have (Ltd, GmbH, Société). Kept then is
the text's keyed hash, which still ties what belongs together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from mithra.observe.records import client_hash
from mithra.observe.source import Options

__all__ = ["iana_id", "listed", "organisation_of", "registrar_name"]

_REDACTED = re.compile(
    r"redacted|not disclosed|data protected|withheld|statutory masking|privacy|^-+$|^n/?a$|^none$|^unknown$",
    re.IGNORECASE,
)
_PROPERTIES = {"fn", "n", "org", "kind"}
_COMPANY_WORDS = """
ag aps asa asbl association authority bv bvba college company cooperative corp corporation council department
federation foundation gesellschaft gmbh group holding holdings inc incorporated institute institut
international jsc kft kg limited llc llp ltd ltda mbh ministry nv office ooo organisation organization oy oyj
plc pte pty pvt sarl sas school sdn societe société sociedad società solutions spol srl sro stiftung systems
technologies technology trust universidad università universität université university verein
"""  # no surnames among them, such as Bank, Co and Sa
_COMPANY = frozenset(_COMPANY_WORDS.split())
_FIELD = re.compile(r"registrant\W+organi[sz]ation", re.IGNORECASE)  # as registered with IANA (RFC 9537)


def organisation_of(domain: dict[str, Any], registrant: dict[str, Any], options: Options) -> str | None:
    """The organisation of a registrant, a keyed hash where it may be a person's name, else None.

    None too where the server says (RFC 9537) that it hid the organisation: what stands there is none.
    """
    if _hidden(domain):
        return None
    card = _card(registrant)
    kind, organisation = _kind(registrant, card), _first(card["org"])
    names = {_folded(name) for name in map(_text, [*card["fn"], *card["n"]]) if name is not None}
    if organisation is None:
        organisation = _first(card["fn"]) if kind == "org" else None
    elif kind == "individual" and (not names or _folded(organisation) in names):
        return None
    elif (
        kind != "org" and _folded(organisation) in names and not _COMPANY & set(_folded(organisation).split())
    ):
        return client_hash(_folded(organisation), options.client_key())
    return None if organisation is None or "@" in organisation else organisation


def registrar_name(registrar: dict[str, Any]) -> str | None:
    """A registrar's name, else its organisation, else its handle; the name of an individual is not read."""
    card = _card(registrar)
    names = [] if _kind(registrar, card) == "individual" else card["fn"]
    return next(filter(None, map(_word, [*names, *card["org"], registrar.get("handle")])), None)


def iana_id(registrar: dict[str, Any]) -> int | None:
    """A registrar's number at IANA."""
    for public in _dicts(registrar.get("publicIds")):
        if "iana registrar id" in str(public.get("type", "")).lower():
            number = str(public.get("identifier", "")).strip()
            return int(number) if number.isdecimal() and len(number) < 10 else None
    return None


def listed(value: Any) -> list[Any]:
    """The value as a list: itself, or its only item; empty for None."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _unpacked(value: Any) -> Any:
    """The value, where it is JSON still; None where that is bad."""
    try:
        return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _card(entity: dict[str, Any]) -> defaultdict[str, list[str]]:
    """Texts of a jCard by property, or of a JSContact card by the same keys."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    card, contact = _unpacked(entity.get("vcardArray")), _unpacked(entity.get("jscontact_card"))
    properties = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else []
    for item in properties:
        if isinstance(item, list) and len(item) >= 4 and (key := str(item[0]).lower()) in _PROPERTIES:
            parts = [part for part in listed(item[3]) if isinstance(part, str)]
            # Of an organisation and its units the first part counts, a name is all of its parts.
            values[key].append(" ".join(parts) if key == "n" else next(iter(parts), ""))
    if isinstance(contact, dict):
        name, units = contact.get("name"), contact.get("organizations")
        name, units = name if isinstance(name, dict) else {}, units if isinstance(units, dict) else {}
        values["kind"] += _words([contact.get("kind")])
        values["fn"] += _words([name.get("full")])
        values["n"].append(" ".join(_words(part.get("value") for part in _dicts(name.get("components")))))
        values["org"] += _words(unit.get("name") for unit in _dicts(list(units.values())))
    return values


def _kind(entity: dict[str, Any], card: dict[str, list[str]]) -> str:
    """What the card is about: org, individual or empty.

    AFNIC says it in a remark. Of contradictions the person counts.
    """
    kinds = {kind.strip().lower() for kind in card["kind"]}
    for remark in _dicts(_unpacked(entity.get("remarks"))):
        if str(remark.get("type", "")).lower() == "contact type":
            said = " ".join(map(str, listed(remark.get("description")))).lower()
            kinds.add("individual" if "person" in said else "org" if "organi" in said else "")
    return next((kind for kind in ("individual", "org") if kind in kinds), "")


def _folded(name: str) -> str:
    """Upper and lower case, punctuation and the order of words do not tell names apart."""
    return " ".join(sorted(re.findall(r"\w+", name.casefold())))


def _hidden(domain: dict[str, Any]) -> bool:
    """Whether the server says that it hid the registrant's organisation."""
    redacted = domain.get("redacted")
    if isinstance(redacted, msgspec.Raw) and b"organi" not in bytes(redacted).lower():
        return False
    for item in _dicts(_unpacked(redacted)):
        name = item.get("name")
        said = [name.get("type"), name.get("description")] if isinstance(name, dict) else []
        if any(isinstance(text, str) and _FIELD.search(text) for text in said):
            return True
    return False


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in listed(value) if isinstance(item, dict))


def _words(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _first(texts: list[str]) -> str | None:
    return next(filter(None, map(_text, texts)), None)


def _text(value: Any) -> str | None:
    """Text that stands for something, so not `REDACTED FOR PRIVACY` and the like."""
    word = _word(value)
    return None if word is None or _REDACTED.search(word) else word


def _word(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
