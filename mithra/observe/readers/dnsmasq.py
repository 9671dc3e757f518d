"""dnsmasq's log (`log-queries`, also `=extra`): queries, and the answers it got or had cached.

Its times have no year. An answer is one line for each address; of a CNAME the line tells the owner only, and
the target is the owner of the answer in the very next line, if that is of the same process and query. Answers
from /etc/hosts, DHCP, configuration and block lists are the operator's own and no resolutions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from mithra.observe.readers.loglines import (
    ADDRESS,
    MAX_COUNTED,
    QueryCounts,
    answer_rows,
    batches,
    fields,
    rejected,
    sniffer,
    unlike,
)
from mithra.observe.readers.logtimes import TIME, Clock
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

_HEAD = (
    rf"^{TIME} (?:\S+ )?(?P<process>dnsmasq(?:\[\d+\]:|:| \S+ \S+ \S+)) "
    r"(?P<serial>(?:\d+ (?:(?:UDP |TCP )?\S+/\d+ )?)?)"
)
_LINE = (
    rf"{_HEAD}(?:(?:query|auth)\[(?P<type>[^\]]*)\] (?P<name>.*) from (?P<client>{ADDRESS})"
    r"|(?P<how>reply|cached|cached-stale) (?P<owner>\S+) is (?P<value>.*?)(?: \(DNSSEC signed\))?)$"
)
_ANY_LINE = rf"^{TIME} (?:\S+ )?dnsmasq[\w-]*(?:\[\d+\]:|:| \S+ \S+ \S+) "
MAX_CHAIN = 32  # of CNAMEs followed over the end of a batch

_CNAME = "<CNAME>"
_NULL = pa.scalar(None, pa.string())


def read_dnsmasq(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Queries and resolutions of a dnsmasq log.

    Raises:
        InputError: times without a year, and nothing states it.
    """
    counts, clock = QueryCounts(source, options), Clock(source, options)
    for lines, rejects in _whole_chains(batches(source)):
        yield from rejects
        found = fields(lines, _LINE)
        found = found.append_column("target", _targets(found))
        known = pc.is_valid(found["how"])
        other = found.filter(pc.invert(known))
        yield from rejected(other, unlike(other["text"], _ANY_LINE, rf"{_HEAD}(?:query|auth)\["))
        asked = found.filter(pc.equal(found["how"], ""))
        yield from rejected(asked, counts.add(asked, clock.seconds(asked)))
        yield from counts.rows(MAX_COUNTED)
        told = _answers(_true(found.filter(pc.not_equal(found["how"], "")), asked))
        rows, reason = answer_rows(
            told["owner"], told["rrtype"], told["value"], clock.seconds(told), source, options
        )
        yield rows
        yield from rejected(told, reason)
    yield from counts.rows()


def _whole_chains(
    found: Iterator[tuple[pa.RecordBatch, list[Rejects]]],
) -> Iterator[tuple[pa.RecordBatch, list[Rejects]]]:
    """The batches; CNAMEs at the end of one open the next, where their target is."""
    held: list[pa.RecordBatch] = []
    for batch, rejects in found:
        batch = pa.concat_batches([*held, batch])
        chain = 0
        while chain < min(MAX_CHAIN, len(batch)) and _CNAME in batch["text"][-1 - chain].as_py()[-100:]:
            chain += 1
        held = [batch.slice(len(batch) - chain)]
        yield batch.slice(0, len(batch) - chain), rejects
    if held:
        yield held[0], []


def _targets(found: pa.RecordBatch) -> pa.Array:
    """The owner in the next line, for a CNAME whose next line goes on with the same answer."""
    if len(found) < 2:
        return pa.nulls(len(found), pa.string())
    this, following = found.slice(0, len(found) - 1), found.slice(1)
    same = pc.equal(this["value"], _CNAME)
    for column in ("process", "serial", "how"):
        same = pc.and_(same, pc.equal(this[column], following[column]))
    same = pc.and_(same, pc.not_equal(this["owner"], following["owner"]))
    same = pc.and_(same, pc.invert(pc.match_substring_regex(following["owner"], f"^{ADDRESS}$")))
    target = pc.if_else(pc.fill_null(same, False), following["owner"], _NULL)
    return pa.concat_arrays([target, pa.nulls(1, pa.string())])


def _true(told: pa.RecordBatch, asked: pa.RecordBatch) -> pa.RecordBatch:
    """The answers that say what they seem to: the text of a TXT record may look like an address, and to a
    question of type ANY a CNAME is told without the answers that follow it."""
    of = {kind: asked["name"].filter(pc.equal(asked["type"], kind)) for kind in ("A", "AAAA", "ANY", "TXT")}
    sought = pa.concat_arrays([of["A"], of["AAAA"], of["ANY"]])
    text = pc.and_not(_in(told["owner"], of["TXT"]), _in(told["owner"], sought))
    cut = pc.and_(_in(told["owner"], of["ANY"]), pc.equal(told["value"], _CNAME))
    return told.filter(pc.invert(pc.or_(text, cut)))


def _in(names: pa.Array, some: pa.Array) -> pa.Array:
    return pc.is_in(names, value_set=some)


def _answers(told: pa.RecordBatch) -> pa.RecordBatch:
    """The lines that tell an address, a CNAME's target or the name of an address, with their rrtype."""
    value, owner = told["value"], told["owner"]
    reverse = pc.match_substring_regex(owner, f"^{ADDRESS}$")
    address = pc.match_substring_regex(value, f"^{ADDRESS}$")
    kinds = [
        pc.if_else(pc.and_(reverse, pc.match_substring_regex(value, r"^[^\s<>]*\.[^\s<>]*$")), "PTR", _NULL),
        pc.if_else(pc.and_(address, pc.match_substring(value, ":")), "AAAA", _NULL),
        pc.if_else(address, "A", _NULL),
        pc.if_else(pc.is_valid(told["target"]), "CNAME", _NULL),
    ]
    pointers = owner.dictionary_encode()
    names = pa.array([_pointer(word) for word in pointers.dictionary.to_pylist()], pa.string())
    columns = {
        "owner": pc.if_else(reverse, names.take(pointers.indices), owner),
        "rrtype": pc.coalesce(*kinds),
        "value": pc.if_else(pc.equal(value, _CNAME), told["target"], value),
    }
    kept = [name for name in told.schema.names if name not in columns]
    told = pa.record_batch({**{name: told[name] for name in kept}, **columns})
    return told.filter(pc.is_valid(told["rrtype"]))


def _pointer(word: str) -> str:
    """The name in the reverse tree of an address; anything else as it is."""
    if not word[-1:].isdigit() and ":" not in word:
        return word
    try:
        return ipaddress.ip_address(word).reverse_pointer
    except ValueError:
        return word


READERS = [
    Reader(
        "dnsmasq-log",
        1,
        ("queries", "resolutions"),
        sniffer(_ANY_LINE),
        read_dnsmasq,
        about="dnsmasq's log of queries and replies; --known-at states the year that its times lack",
        example="Jan  1 12:00:00 dnsmasq[43]: query[A] www.example.com from 192.0.2.7\n"
        "Jan  1 12:00:00 dnsmasq[43]: reply www.example.com is 198.51.100.1\n",
        fields=("time", "client", "name", "reply"),
    )
]
