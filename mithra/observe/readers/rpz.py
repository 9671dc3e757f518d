"""Response policy zones (RPZ, draft-vixie-dnsop-dns-rpz): zone files whose owner names are what is blocked.

`name CNAME .` answers NXDOMAIN, `CNAME *.` NODATA, `CNAME rpz-drop.` nothing at all, and the address of a
sinkhole leads nowhere: such names become labels, without the zone's own name at their end. Other actions
(pass through, TCP only, a redirection) do not say that a name is bad; triggers by address or name server are
no names of domains. The date is the record's own (URLhaus writes it into a comment), else the file's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mithra.observe.dates import header_date, parse_date
from mithra.observe.readers.labels import Listed, date_of_file, label_rows
from mithra.observe.readers.zone import Records, Zone, take_line
from mithra.observe.source import MAX_LINE_BYTES, Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

SNIFFED_LINES = 300
UNNAMED = "zone.invalid"  # the origin of a zone that does not name it
BLOCKS = {"", "*", "rpz-drop"}  # targets of CNAME, without their final dot
SINKHOLES = {"0.0.0.0", "127.0.0.1", "::", "::1"}  # noqa: S104  not a bind address
TRIGGERS = {
    "rpz-ip": "address_trigger",
    "rpz-client-ip": "address_trigger",
    "rpz-nsip": "address_trigger",
    "rpz-nsdname": "name_server_trigger",
}
ACTIONS = {"rpz-passthru": "exception_rule", "rpz-tcp-only": "tcp_only_rule"}
OF_THE_ZONE = {"SOA", "NS"}

_ACTION = re.compile(
    rb"\sCNAME\s+(?:\*?\.|rpz-(?:drop|passthru|tcp-only)\.)\s*(?:;|$)|^\S+\.rpz-(?:ip|client-ip|nsip|nsdname)\b",
    re.IGNORECASE,
)
_RECORD = re.compile(rb"\s(?:CNAME|A|AAAA|TXT|MX|DS|PTR|SRV)\s", re.IGNORECASE)
_COMMENT_DATE = re.compile(r";.*?\((\d{4}-\d\d-\d\d)\)")


def sniff_rpz(sample: bytes) -> bool:
    """Most records of names are policy actions; or a comment says that it is a response policy zone."""
    lines = sample.removeprefix(b"\xef\xbb\xbf").splitlines()[:SNIFFED_LINES]
    records = [line for line in lines if not line.lstrip().startswith((b";", b"$")) and _RECORD.search(line)]
    if records:
        return sum(bool(_ACTION.search(line)) for line in records) > len(records) / 2
    said = any(b"response policy zone" in line.lower() for line in lines if line.lstrip().startswith(b";"))
    return said and any(re.search(rb"\sSOA\s", line, re.IGNORECASE) for line in lines)


def read_rpz(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Labels of a response policy zone."""
    comments = [line for line in source.sample.splitlines() if line.lstrip().startswith(b";")]
    date = header_date(b"\n".join(comments)) or date_of_file(source, options)
    zone, apex, dated = Zone(UNNAMED), UNNAMED, False
    for first, lines in source.lines():
        records = Records()
        for number, line in enumerate(lines, first):
            if len(line) > MAX_LINE_BYTES:
                records.rejects.add(number, "line_too_long", line)
            else:
                take_line(zone, number, line.decode("utf-8", "replace").removeprefix("\ufeff"), records)
        listed = Listed(rejects=records.rejects)
        dates = list[int | None]()
        for number, raw, owner, kind, rdata in zip(
            records.lines, records.raw, records.names, records.types, records.rdata, strict=True
        ):
            if kind == "SOA":
                apex = owner
            if kind in OF_THE_ZONE and owner == apex:
                continue
            name = _trigger(owner, apex)
            reason = _refusal(name, kind, rdata)
            if reason is not None:
                listed.refuse(number, reason, raw)
                continue
            listed.add(number, name, raw)
            found = _COMMENT_DATE.search(raw)
            dates.append(parse_date(found[1]) if found else None)
        dated = dated or any(day is not None for day in dates)
        listed.dates = dates if dated else None
        yield from label_rows(listed, source, options, date=date)


def _trigger(owner: str, apex: str) -> str:
    """The owner's name without that of the zone; without a SOA, a name is taken as it stands."""
    return owner.removesuffix(f".{apex}")


def _refusal(name: str, kind: str, rdata: str) -> str | None:
    """Why a rule names nothing that is bad, if it does not."""
    trigger = TRIGGERS.get(name.rsplit(".", 1)[-1].lower())
    if trigger is not None:
        return trigger
    if kind in {"A", "AAAA"}:
        return None if rdata in SINKHOLES else "not_a_sinkhole"
    if kind != "CNAME":
        return "local_data"
    target = rdata.lower()
    return None if target in BLOCKS else ACTIONS.get(target, "redirect_rule")


READERS = [
    Reader(
        "rpz",
        1,
        ("labels",),
        sniff_rpz,
        read_rpz,
        about="response policy zones: the names whose rules block them",
        example="; Last updated: 2026-06-01\n@ SOA rpz. admin.rpz. 1 60 60 60 60\nbad.example CNAME .\n",
        fields=("owner", "CNAME, A and AAAA", "date in a comment"),
    )
]
