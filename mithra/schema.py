"""The Arrow schema of every workspace table, with a comment on each column.

Times are UTC microseconds. `source` names who said it, `ingest_id` the file (content digest and reader
version) it came in with. Readers fill the other columns; the workspace adds `ingest_id`.
"""

from __future__ import annotations

import pyarrow as pa

from mithra.errors import UsageError

__all__ = ["TABLES", "TIMESTAMP", "table_schema"]

TIMESTAMP = pa.timestamp("us", tz="UTC")
_STRINGS = pa.list_(pa.string())

_COMMON = [
    ("source", pa.string(), "who said it: a feed, sensor or file name"),
    ("ingest_id", pa.string(), "the ingest that brought it: content digest and reader version"),
]

_COLUMNS: dict[str, list[tuple[str, pa.DataType, str]]] = {
    "resolutions": [
        ("name", pa.string(), "owner name (rrname), canonical"),
        ("rrtype", pa.string(), "A, AAAA, NS, MX, CNAME, SOA, TXT …, upper case"),
        ("rdata", pa.string(), "address in canonical text form, or canonical name; one value a row"),
        ("first_seen", TIMESTAMP, "first time that the source saw this RR"),
        ("last_seen", TIMESTAMP, "last time that it did"),
        ("count", pa.int64(), "observations between the two"),
        ("captured_at", TIMESTAMP, "when the source exported the row; last_seen where it does not say"),
        ("ttl", pa.int64(), "seconds, where the source has it"),
    ],
    "registrations": [
        ("domain", pa.string(), "registered domain, canonical"),
        ("registrar", pa.string(), "registrar's name"),
        ("registrar_iana_id", pa.int64(), "IANA registrar id"),
        ("registrant", pa.string(), "organisation or keyed hash, never a person"),
        ("created", TIMESTAMP, "registration"),
        ("updated", TIMESTAMP, "last changed"),
        ("expires", TIMESTAMP, "expiration"),
        ("name_servers", _STRINGS, "delegated name servers, canonical"),
        ("status", _STRINGS, "RDAP status values"),
        ("dnssec", pa.bool_(), "delegation signed"),
        ("captured_at", TIMESTAMP, "when the record was fetched"),
    ],
    "certificates": [
        ("fingerprint", pa.string(), "SHA-256 in hex, else SHA-1, else one of issuer and serial number"),
        ("names", _STRINGS, "subject alternative names, canonical"),
        ("issuer", pa.string(), "issuer's distinguished name"),
        ("not_before", TIMESTAMP, "validity begins"),
        ("not_after", TIMESTAMP, "validity ends"),
        ("seen_at", TIMESTAMP, "logged or seen on the wire"),
    ],
    "queries": [
        ("name", pa.string(), "queried name, canonical"),
        ("client", pa.string(), "keyed hash of the client"),
        ("hour", TIMESTAMP, "start of the hour"),
        ("count", pa.int64(), "queries in that hour"),
    ],
    "labels": [
        ("name", pa.string(), "listed host, canonical, not cut to eTLD+1"),
        ("verdict", pa.string(), "nefarious or benign"),
        ("category", pa.string(), "phishing, malware, c2 … as the source says"),
        ("confidence", pa.float64(), "0 to 1"),
        ("known_at", TIMESTAMP, "when the source first said so"),
        ("valid_until", TIMESTAMP, "when it ended (delisting), null while in force"),
    ],
    "networks": [
        ("start", pa.binary(16), "first address, 16 bytes (IPv4 mapped into IPv6)"),
        ("end", pa.binary(16), "last address, inclusive"),
        ("asn", pa.int64(), "origin autonomous system"),
        ("organisation", pa.string(), "its holder"),
        ("valid_from", TIMESTAMP, "day of the table; null where unknown"),
    ],
    "popularity": [
        ("name", pa.string(), "listed name, canonical"),
        ("rank", pa.int64(), "1 is the most popular; null where the list is unranked"),
        ("list_id", pa.string(), "which list"),
        ("day", TIMESTAMP, "day of the list; null where unknown"),
    ],
    "sightings": [
        ("indicator", pa.string(), "name or address"),
        ("kind", pa.string(), "how it showed: download, command, alert …"),
        ("sensor", pa.string(), "which honeypot or sensor"),
        ("technique", pa.string(), "ATT&CK technique or rule"),
        ("seen_at", TIMESTAMP, "when"),
    ],
    "rejects": [
        ("file", pa.string(), "file as given"),
        ("line", pa.int64(), "line, row or byte offset, from 1"),
        ("reason", pa.string(), "why it was refused"),
        ("excerpt", pa.string(), "the record, shortened and escaped"),
    ],
    "ingests": [
        ("file", pa.string(), "file as given"),
        ("reader", pa.string(), "reader and its version"),
        ("bytes", pa.int64(), "size on disk"),
        ("rows", pa.int64(), "records kept, over all tables"),
        ("rejected", pa.int64(), "records set aside"),
        ("ingested_at", TIMESTAMP, "when the ingest was committed"),
        ("stated", pa.string(), "what the caller stated about the file, JSON; null where nothing"),
    ],
    "replaced": [
        ("replaces", pa.string(), "ingest whose rows show no more, once this row's own ingest is committed"),
    ],
}


def _field(name: str, kind: pa.DataType, comment: str) -> pa.Field:
    return pa.field(name, kind, metadata={"comment": comment})


TABLES: dict[str, pa.Schema] = {
    table: pa.schema([_field(*column) for column in [*columns, *_COMMON]])
    for table, columns in _COLUMNS.items()
}


def table_schema(table: str) -> pa.Schema:
    """Schema of a workspace table.

    Raises:
        UsageError: no table of that name.
    """
    if table not in TABLES:
        raise UsageError("no such table", value=table, hint=f"Tables: {', '.join(TABLES)}")
    return TABLES[table]
