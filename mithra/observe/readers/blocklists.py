"""Block lists made of lines: hosts files, Adblock rules, dnsmasq and unbound directives, plain names.

Each line is cut to the hosts that it lists; what the format uses for other things (exceptions, cosmetic
rules, forwarders, the local names of a hosts file) is set aside with its reason. A plain list may hold
URLs; then the host counts. A leading `*.` is taken off: the label is the named host's, and how far a block of
it reaches (which `||x^`, `local=/x/` and `*.x` would say) is decided by the policy, not by a list.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable, Iterator

from mithra.observe.readers.labels import LOCAL_NAMES, Listed, date_of_file, label_rows
from mithra.observe.readers.rpz import SINKHOLES
from mithra.observe.source import MAX_LINE_BYTES, Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

SNIFFED_LINES = 200
PLAIN_SHARE = 0.8  # of a plain list's lines look like names
NOWHERE = {*SINKHOLES, "#"}

log = logging.getLogger(__name__)

_HOSTS_LINE = re.compile(  # not an access log's, whose second word is a dash
    rb"^\s*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*::[0-9a-fA-F:.]*(?:%\w+)?)\s+(?!-\s)[^\s#]+"
)
_ABP_RULE = re.compile(r"^\|\|([^/^$|*]*(?:\*\.[^/^$|*]+)?)\^?\|?(?:\$(.*))?$")
_DNSMASQ = re.compile(r"^(address|local|server)=/(.+)/([^/]*)$")
_UNBOUND = re.compile(
    r"""^(local-zone|local-data):\s*(?:"([^"]*)"|'([^']*)'|(\S+))\s*"?([\w-]*)"?\s*$""", re.IGNORECASE
)
# Types of local zones that answer nothing (unbound.conf(5)). What `redirect` answers, its local-data says.
_UNBOUND_BLOCKS = {
    "static",
    "deny",
    "refuse",
    "inform_deny",
    "always_deny",
    "always_refuse",
    "always_nxdomain",
    "always_nodata",
    "always_null",
}
_PLAIN = re.compile(rb"^(?:\*\.|\.)?(?:[\w-]+\.)+[\w-]+\.?$|^https?://\S+$", re.ASCII)
# Modifiers under which a rule still blocks the host for everyone.
_HARMLESS = {
    "important",
    "all",
    "document",
    "doc",
    "popup",
    "third-party",
    "3p",
    "script",
    "image",
    "subdocument",
}


def sniff_hosts(sample: bytes) -> bool:
    """Most lines are an address and names."""
    return _share(sample, b"#", lambda line: bool(_HOSTS_LINE.match(line))) > 0.5


def sniff_abp(sample: bytes) -> bool:
    """The Adblock header, or rules of the form `||name^`."""
    if sample.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(b"[adblock"):
        return True
    return _share(sample, b"!#", lambda line: line.startswith((b"||", b"@@||"))) > 0.5


def sniff_dnsmasq(sample: bytes) -> bool:
    """Most lines are `address=/…/`, `local=/…/` or `server=/…/`."""
    return _share(sample, b"#", lambda line: line.startswith((b"address=/", b"local=/", b"server=/"))) > 0.5


def sniff_unbound(sample: bytes) -> bool:
    """Most lines are `local-zone:` or `local-data:`, besides the clause that they stand in."""
    text = sample.lower().replace(b"\nserver:", b"\n#").removeprefix(b"server:")
    return _share(text, b"#", lambda line: line.startswith((b"local-zone:", b"local-data:"))) > 0.5


def sniff_plain(sample: bytes) -> bool:
    """Most lines are a name or a URL and nothing else; or there are comments only."""
    if all(line[:1] in b"#;!" for line in sample.splitlines() if line.strip()):
        return True
    return _share(sample, b"#;!", lambda line: bool(_PLAIN.match(line))) >= PLAIN_SHARE


def _reader(
    name: str,
    version: int,
    sniff: Callable[[bytes], bool],
    cut: Callable[[int, str, Listed], None],
    *,
    about: str,
    example: str,
) -> Reader:
    def read(source: Source, options: Options) -> Iterator[Rows | Rejects]:
        date = date_of_file(source, options)
        warned = name != "plain" or options.verdict is not None
        for first, lines in source.lines():
            listed = Listed(urls=name == "plain")
            for number, line in enumerate(lines, first):
                if len(line) > MAX_LINE_BYTES:
                    listed.refuse(number, "line_too_long", line)
                else:
                    cut(number, line.decode("utf-8", "replace").lstrip("\ufeff").strip(), listed)
            if listed.hosts and not warned:
                log.warning("%s: a plain list, taken as nefarious; state its verdict", source.name)
                warned = True
            yield from label_rows(listed, source, options, date=date)

    fields = ("host", "date in a comment at the head")
    return Reader(name, version, ("labels",), sniff, read, about=about, example=example, fields=fields)


def _cut_hosts(number: int, line: str, listed: Listed) -> None:
    text = line.split("#", 1)[0].split()
    if not text:
        return
    if len(text) == 1:
        listed.refuse(number, "no_name", line)
    elif text[0] not in NOWHERE:
        reason = "not_a_sinkhole" if _is_address(text[0]) else "not_a_hosts_line"
        listed.refuse(number, "local_name" if text[1].lower() in LOCAL_NAMES else reason, line)
    else:
        for name in text[1:]:
            listed.add(number, name, line)


def _cut_abp(number: int, line: str, listed: Listed) -> None:
    if not line or line.startswith(("!", "[")) or (line.startswith("#") and not line.startswith("##")):
        return
    if line.startswith("@@"):
        listed.refuse(number, "exception_rule", line)
        return
    rule = _ABP_RULE.match(line)
    if rule is None:
        if re.search(r"#@?[?$%]*#", line):
            listed.refuse(number, "cosmetic_rule", line)
        elif line.startswith("||"):
            listed.refuse(number, "path_or_wildcard_rule", line)
        elif _PLAIN.match(line.encode()) and not line.startswith("http"):
            listed.add(number, line, line)
        else:
            listed.refuse(number, "unsupported_rule", line)
        return
    if rule[2] and not {word.strip() for word in rule[2].split(",")} <= _HARMLESS:
        listed.refuse(number, "conditional_rule", line)
        return
    listed.add(number, rule[1], line)


def _cut_dnsmasq(number: int, line: str, listed: Listed) -> None:
    text = line.split(" #", 1)[0].strip()
    if not text or text.startswith("#"):
        return
    found = _DNSMASQ.match(text)
    if found is None:
        listed.refuse(number, "not_a_blocking_directive", line)
    elif found[1] == "server" and found[3]:
        listed.refuse(number, "forward_rule", line)
    elif found[3] and found[3] not in NOWHERE:
        listed.refuse(number, "not_a_sinkhole", line)
    else:
        for name in found[2].split("/"):
            listed.add(number, name, line)


def _cut_unbound(number: int, line: str, listed: Listed) -> None:
    text = line.split(" #", 1)[0].split("\t#", 1)[0].strip()
    if not text or text.startswith("#") or text.lower() == "server:":
        return
    found = _UNBOUND.match(text)
    if found is None:
        listed.refuse(number, "not_a_blocking_directive", line)
        return
    said = found[2] or found[3] or found[4] or ""
    if found[1].lower() == "local-zone":
        if found[5].lower() in _UNBOUND_BLOCKS:
            listed.add(number, said, line)
        elif found[5].lower() != "redirect":
            listed.refuse(number, "not_a_blocking_directive", line)
        return
    record = said.split()
    if len(record) < 3:
        listed.refuse(number, "not_a_blocking_directive", line)
    elif record[-2].upper() not in {"A", "AAAA"}:
        listed.refuse(number, "not_an_address_record", line)
    elif record[-1] not in NOWHERE:
        listed.refuse(number, "not_a_sinkhole", line)
    else:
        listed.add(number, record[0], line)


def _cut_plain(number: int, line: str, listed: Listed) -> None:
    text = re.split(r"\s[#;!]|\s//", line, maxsplit=1)[0].strip()
    if not text or text.startswith(("#", ";", "!", "//")):
        return
    listed.add(number, text.removeprefix("."), line)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    return True


def _share(sample: bytes, comments: bytes, test: Callable[[bytes], bool]) -> float:
    """Share of the lines, comments left out, that pass the test."""
    lines = [line.strip() for line in sample.removeprefix(b"\xef\xbb\xbf").splitlines()[:SNIFFED_LINES]]
    lines = [line for line in lines if line and line[:1] not in comments]
    return sum(map(test, lines)) / len(lines) if lines else 0.0


READERS = [
    _reader(
        "abp",
        1,
        sniff_abp,
        _cut_abp,
        about="Adblock rules that block whole hosts",
        example="[Adblock Plus]\n! Last modified: 2026-06-01\n||bad.example^\n",
    ),
    _reader(
        "hosts",
        2,
        sniff_hosts,
        _cut_hosts,
        about="hosts files that send names nowhere",
        example="# Date: 2026-06-01\n0.0.0.0 bad.example\n",
    ),
    _reader(
        "dnsmasq",
        1,
        sniff_dnsmasq,
        _cut_dnsmasq,
        about="dnsmasq directives that answer for whole domains",
        example="# Date: 2026-06-01\naddress=/bad.example/0.0.0.0\n",
    ),
    _reader(
        "unbound",
        1,
        sniff_unbound,
        _cut_unbound,
        about="unbound directives that answer for whole domains",
        example='# Date: 2026-06-01\nlocal-zone: "bad.example" always_nxdomain\n',
    ),
    _reader(
        "plain",
        2,
        sniff_plain,
        _cut_plain,
        about="one name or URL a line, with --verdict and, where the list holds no date, --known-at",
        example="# Date: 2026-06-01\nbad.example\nhttps://worse.example/login\n",
    ),
]
