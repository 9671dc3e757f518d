"""Zeek's lists of DNS answers, paired with owner and type.

Zeek logs the answer section as a list of data without types or owners. Records are made only where the list
leaves no doubt:

- An address is an A or AAAA by its form, `TXT …` a TXT. When the query was for a type whose data is no bare
  name (A, AAAA, CNAME, TXT …), every bare name is a CNAME: the first of the query, each next one of the one
  before; addresses and texts belong to the end of that chain. A name behind an address is doubtful.
- When it was for NS, MX or PTR, bare names are of that type; all must have one TTL, as an RRset has (RFC
  2181, 5.2), else a CNAME stands among them. A lone CNAME whose target has no such record looks the same.
- For other types (SRV, SOA, ANY …) Zeek drops data or leaves types open: only addresses of a list without
  names are used.

Only NOERROR answers of class IN count.
"""

from __future__ import annotations

import re

import dns.rdatatype
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.names import Canonical
from mithra.observe.convert import to_numbers
from mithra.observe.hourly import Facts
from mithra.observe.records import where

__all__ = ["offsets", "resolved"]

NAME_TYPES = ("NS", "MX", "PTR")
# Their data is a name, or Zeek cuts it down to one: a bare name may be that or a CNAME.
OPEN_TYPES = ("*", "ANY", "AFSDB", "SRV", "SOA", "KX", "MB", "MD", "MF", "MG", "MR", "NSEC", "RP", "RT")

KINDS = pa.array([None, "A", "AAAA", "TXT", "CNAME"])
IPV4, IPV6, TEXT, NAME = 1, 2, 3, 4
DNSSEC_TYPES = {"NSEC", "NSEC3", "NSEC3PARAM"}  # all that Zeek logs of such an answer, or its beginning

_IPV4 = r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$"
_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")
_TXT_PREFIX = r"(?:^| )(?:TXT|SPF) [0-9]+ "  # before each string of a TXT: its length


def resolved(
    batch: pa.RecordBatch, seconds: pa.Array, chosen: pa.Array, examined: Canonical | None = None
) -> tuple[Facts, pa.Array]:
    """Resolutions of the chosen records, and a reason for those whose answers leave doubt.

    Args:
        batch: with query (as a dictionary), qclass, qtype, qtype_name, rcode, rcode_name, answers and ttls.
        seconds: epoch seconds of each record.
        examined: the dictionary of query.
    """
    told = _upper(batch["rcode_name"])
    no_error = pc.equal(told.dictionary, "NOERROR").take(told.indices)
    good = pc.or_kleene(no_error, pc.equal(batch["rcode"], 0))
    internet = pc.equal(pc.fill_null(batch["qclass"], 1), 1)
    used = pc.and_(pc.fill_null(pc.and_kleene(good, internet), False), pc.is_valid(batch["query"]))
    used = pc.and_(pc.and_(used, pc.is_valid(batch["answers"])), chosen)
    record = np.flatnonzero(used)
    part = batch.select(["query", "qtype", "qtype_name", "answers", "ttls"])
    part = part if len(record) == part.num_rows else part.filter(used)
    lists = part["answers"]
    row = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(lists)
    start = offsets(lists).to_numpy()[row]  # where the answers of each one's record begin
    words = values.dictionary_encode()
    kinds = _kinds(words.dictionary)
    kind = kinds[words.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    asked = _asked(part)
    of_type = asked.indices.to_numpy(zero_copy_only=False)[row]
    named, open_ = (
        pc.is_in(asked.dictionary, value_set=pa.array(types)).to_numpy(zero_copy_only=False)[of_type]
        for types in (NAME_TYPES, OPEN_TYPES)
    )
    is_name = kind == NAME
    typed = kind > 0
    ttl = _ttls(part["ttls"], row, start)

    chain = _before(is_name, row, start)  # the name before each answer in its record, or -1
    bare = np.bincount(row[is_name], minlength=part.num_rows)[row] > 0
    behind = is_name & ~named & ~open_ & (_before(typed & ~is_name, row, start) >= 0)
    doubtful = np.zeros(part.num_rows, dtype=bool)
    doubtful[row[behind]] = True
    doubtful |= _several_ttls(ttl, row, named & is_name, part.num_rows)
    keep = typed & ~doubtful[row] & ~(open_ & bare) & ~(named & ~is_name)

    owner = part["query"].take(pa.array(row))
    aliased = ~((chain < 0) | named)
    if aliased.any():
        examined = None
        before = values.take(pa.array(np.maximum(chain, 0)))
        owner = pc.if_else(pa.array(aliased), before, owner.dictionary_decode())
    codes = pa.array(np.where(named, len(KINDS) + of_type, kind), pa.int32())
    types = pa.DictionaryArray.from_arrays(codes, pa.concat_arrays([KINDS, asked.dictionary]))
    data = words
    if (texts := kinds[:-1] == TEXT).any():
        plain = pc.replace_substring_regex(words.dictionary, _TXT_PREFIX, "")
        plain = pc.if_else(pa.array(texts), plain, words.dictionary)
        data = pa.DictionaryArray.from_arrays(words.indices, plain)
    kept = pa.array(np.flatnonzero(keep))
    columns = {"name": owner, "rrtype": types, "rdata": data, "ttl": ttl}
    from_record = record[row[keep]]
    facts = Facts(
        "resolutions",
        from_record,
        seconds.take(pa.array(from_record)),
        {name: column.take(kept) for name, column in columns.items()},
        examined,
    )
    doubted = np.zeros(batch.num_rows, dtype=bool)
    doubted[record[doubtful]] = True
    return facts, where(pa.array(doubted), "ambiguous_answers")


def _kinds(words: pa.Array) -> NDArray[np.int64]:
    """What each answer is by its form, as its place in KINDS; one more at the end, for what is not read."""
    kinds = np.zeros(len(words) + 1, dtype=np.int64)
    ipv4 = pc.match_substring_regex(words, _IPV4).to_numpy(zero_copy_only=False)
    kinds[:-1][ipv4] = IPV4
    kinds[:-1][~ipv4] = [*map(_kind, words.filter(pa.array(~ipv4)).to_pylist())]
    return kinds


def _kind(word: str) -> int:
    if _IPV6.fullmatch(word):
        return IPV6
    if word.startswith(("TXT ", "SPF ")):
        return TEXT
    return 0 if not word or word.startswith("<") or " " in word or word in DNSSEC_TYPES else NAME


def _asked(part: pa.RecordBatch) -> pa.DictionaryArray:
    """The type that was asked for."""
    asked = _upper(part["qtype_name"])
    if not asked.indices.null_count:
        return asked
    numbers = part["qtype"].dictionary_encode()
    names = [_type_name(number) for number in numbers.dictionary.to_pylist()]
    by_number = pa.array(names, pa.string()).take(numbers.indices)
    return pc.fill_null(pc.coalesce(asked.dictionary_decode(), by_number), "*").dictionary_encode()


def _upper(column: pa.Array) -> pa.DictionaryArray:
    """Text in upper case; a few words that come again and again."""
    words = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices, pc.utf8_upper(words.dictionary))


def _type_name(number: int) -> str | None:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number)) if 0 <= number < 1 << 16 else None


def _before(chosen: NDArray[np.bool_], row: NDArray[np.int64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the last chosen answer before each one in its record, or -1."""
    last = np.maximum.accumulate(np.where(chosen, np.arange(len(row)), -1)) if len(row) else row
    before = np.concatenate([[-1], last[:-1]])[: len(row)]
    inside: NDArray[np.int64] = np.where(before >= start, before, -1)
    return inside


def _ttls(lists: pa.Array, row: NDArray[np.int64], start: NDArray[np.int64]) -> pa.Array:
    """The TTL of each answer in whole seconds, null where the lists differ in length."""
    ends = offsets(lists).to_numpy()
    lengths = np.diff(ends)[row]
    same = lengths == np.bincount(row, minlength=len(lists))[row]
    at = pa.array(np.where(same, ends[:-1][row] + np.arange(len(row)) - start, 0), mask=~same)
    return to_numbers(pc.floor(pc.list_flatten(lists).take(at)))


def _several_ttls(
    ttl: pa.Array, row: NDArray[np.int64], names: NDArray[np.bool_], records: int
) -> NDArray[np.bool_]:
    """Records whose names differ in their TTL."""
    values = ttl.fill_null(-1).to_numpy(zero_copy_only=False)
    low, high = np.full(records, 1 << 62), np.full(records, -1)
    np.minimum.at(low, row[names], values[names])
    np.maximum.at(high, row[names], values[names])
    return high > low


def offsets(lists: pa.Array) -> pa.Array:
    """Where each list begins in the flattened values (a null list takes no place there)."""
    if not lists.null_count:
        ends = lists.offsets.to_numpy()
        return pa.array(ends - ends[0])
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
