"""Column checks for certificates, whoever logged them: fingerprint, names, issuer, dates.

Sensors and logs write the same certificate in their own ways, so a fingerprint loses its colons, and an
issuer's distinguished name is written in one order. A certificate logged without its fingerprint is known by
its issuer and serial number, which RFC 5280 (4.1.2.2) holds to be unique. Persons stay out: of a subject only
a host name is used, and only where no subject alternative name is given; of an issuer the mail address and
personal attributes are dropped, and the common name too where it is the subject's own and no host name.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import FormatError
from mithra.names import canonicalize
from mithra.observe.records import date_reason, first_reason, seconds_to_time

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["NOTHING", "certificates", "of_der"]

NOTHING = ""  # the reason of a certificate that names no host: valid, of no use, and no reject
MAX_DN_CHARS = 4096
SERIAL_CHARS = 40  # of SHA-256 in hex
LATEST_SECONDS = 253_402_300_799  # the end of the year 9999
KEPT = ("CN", "OU", "O", "L", "ST", "C", "DC")

_NULL = pa.scalar(None, pa.string())
_FINGERPRINT = "^(?:[0-9a-f]{64}|[0-9a-f]{40})$"  # SHA-256, or SHA-1 where the source has no other
_KEY = r"(?:[A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+)"
_COMMAS = re.compile(rf"(?:^|[,+;])\s*({_KEY})\s*=(.*?)(?=[,+;]\s*{_KEY}\s*=|$)", re.DOTALL)
_SLASHES = re.compile(rf"/({_KEY})=(.*?)(?=/{_KEY}=|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def certificates(
    fingerprint: pa.Array,
    names: pa.Array,
    subject: pa.Array,
    issuer: pa.Array,
    serial: pa.Array,
    not_before: pa.Array,
    not_after: pa.Array,
    seen_at: pa.Array,
    *,
    now: int,
) -> tuple[pa.Table, pa.Array]:
    """Columns of table certificates for all rows, and why each is refused, null where it is kept.

    Args:
        fingerprint, subject, issuer, serial: strings as the source spells them.
        names: lists of subject alternative names.
        not_before, not_after, seen_at: int64 epoch seconds.
        now: epoch seconds; certificates seen later are refused.
    """
    digest = pc.replace_substring_regex(pc.utf8_lower(fingerprint), "[: ]", "")
    bad = pc.invert(pc.match_substring_regex(digest, _FINGERPRINT))
    rows = zip(issuer.to_pylist(), subject.to_pylist(), strict=True)
    cache: dict[tuple[str | None, bool], str | None] = {}
    issuers = pa.array([_issuer(*row, cache) for row in rows], pa.string())
    keys = pc.coalesce(digest, _by_serial(issuer, serial, digest))
    hosts, name_reason = _hosts(names, subject)
    reason = first_reason(
        [
            pc.if_else(pc.fill_null(bad, False), "bad_fingerprint", _NULL),
            pc.if_else(pc.is_null(keys), "no_fingerprint", _NULL),
            date_reason(seen_at, now),
            name_reason,
        ]
    )
    table = pa.table(
        {
            "fingerprint": keys,
            "names": hosts,
            "issuer": issuers,
            "not_before": seconds_to_time(not_before, LATEST_SECONDS),
            "not_after": seconds_to_time(not_after, LATEST_SECONDS),
            "seen_at": seconds_to_time(seen_at, now),
        }
    )
    return table, reason


def of_der(data: bytes) -> dict[str, Any]:
    """What a certificate says, under the names of the arguments of `certificates`.

    `seen_at` is when a log of Certificate Transparency signed that it had taken it (RFC 6962, 3.3), the first
    of those that the certificate carries; null where it carries none.

    Raises:
        FormatError: it is no certificate.
    """
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    try:
        with warnings.catch_warnings():
            # Old certificates break rules, which is their issuer's concern and not the caller's.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return _parsed(x509.load_der_x509_certificate(data), data)
    except (
        ValueError,
        TypeError,
        OverflowError,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise FormatError(f"not a certificate ({error})") from error


def _parsed(certificate: Certificate, data: bytes) -> dict[str, Any]:
    from cryptography import x509

    names, stamps = list[str](), list[int]()
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = extension.value.get_values_for_type(x509.DNSName)
        elif isinstance(extension.value, x509.PrecertificateSignedCertificateTimestamps):
            stamps = [int(stamp.timestamp.replace(tzinfo=UTC).timestamp()) for stamp in extension.value]
    issuer, subject = certificate.issuer, certificate.subject
    telling = not names or subject == issuer  # else nothing is read from the subject
    return {
        "fingerprint": hashlib.sha256(data).hexdigest(),
        "names": names,
        "subject": subject.rfc4514_string() if telling else None,
        "issuer": issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": int(certificate.not_valid_before_utc.timestamp()),
        "not_after": int(certificate.not_valid_after_utc.timestamp()),
        "seen_at": min(stamps, default=None),
    }


def _by_serial(issuer: pa.Array, serial: pa.Array, digest: pa.Array) -> pa.Array:
    """`serial-` and a digest of issuer and serial number, for certificates without a fingerprint."""
    if not digest.null_count:
        return digest
    keys = list[str | None]()
    said: dict[str, str] = {}
    for name, number, known in zip(issuer.to_pylist(), serial.to_pylist(), digest.to_pylist(), strict=True):
        if known is not None or not name or not number:
            keys.append(None)
            continue
        if name not in said:
            said[name] = ",".join(f"{key}={value}" for key, value in sorted(_attributes(name)))
        plain = number.replace(":", "").replace(" ", "").lower().lstrip("0")
        keys.append(f"serial-{hashlib.sha256(f'{said[name]} {plain}'.encode()).hexdigest()[:SERIAL_CHARS]}")
    return pa.array(keys, pa.string())


def _hosts(names: pa.Array, subject: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Canonical names of each row, each once and in order, and the reason of rows that have none."""
    flat, parents = pc.list_flatten(names), pc.list_parent_indices(names)
    found = canonicalize(flat.dictionary_encode())
    keep = pc.is_valid(found.names)
    kept, row = found.names.filter(keep), parents.filter(keep).to_numpy(zero_copy_only=False)
    codes = kept.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, once = np.unique(row * (len(kept) + 1) + codes, return_index=True)
    once.sort()
    ends = np.searchsorted(row[once], np.arange(len(names) + 1))
    hosts = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), kept.take(pa.array(once)))
    none = np.flatnonzero(ends[1:] == ends[:-1])
    if not len(none):
        return hosts, pa.nulls(len(names), pa.string())
    lists, reasons = hosts.to_pylist(), np.full(len(names), None, dtype=object)
    refused = dict(zip(parents.to_pylist()[::-1], found.reason.to_pylist()[::-1], strict=True))
    common = canonicalize(pa.array([_common_name(subject[i].as_py()) for i in none], pa.string()))
    for i, host in zip(none, common.names.to_pylist(), strict=True):
        if host is not None:
            lists[i] = [host]
        else:
            reasons[i] = NOTHING if refused.get(i, "ip_literal") in {"ip_literal", "empty"} else refused[i]
    return pa.array(lists, pa.list_(pa.string())), pa.array(reasons, pa.string())


def _common_name(subject: str | None) -> str | None:
    """The subject's common name where it can be a host's: with a dot, and nothing else but its characters."""
    text = next((value for key, value in _attributes(subject) if key == "CN"), None)
    if text is None and subject is not None and "=" not in subject:
        text = subject.strip()
    return text if text and "." in text and not re.search(r"[\s@/]", text) else None


def _issuer(
    issuer: str | None, subject: str | None, cache: dict[tuple[str | None, bool], str | None]
) -> str | None:
    key = (issuer, issuer == subject)
    if key not in cache:
        own = _common_name(issuer) if issuer == subject else None
        found = [(k, v) for k, v in _attributes(issuer) if k != "CN" or issuer != subject or own]
        found.sort(key=lambda pair: KEPT.index(pair[0]))
        escaped = [f"{key}={value}".replace("\\", r"\\").replace(",", r"\,") for key, value in found]
        cache[key] = ",".join(escaped) or None
    return cache[key]


def _attributes(name: str | None) -> list[tuple[str, str]]:
    """The attributes that are kept of a distinguished name, in RFC 4514's, OpenSSL's or JSON's form."""
    if not name or len(name) > MAX_DN_CHARS:
        return []
    if name.startswith("{"):
        try:
            record = json.loads(name)
        except (ValueError, RecursionError):
            return []
        if isinstance(record.get("name"), str):
            return _attributes(record["name"])
        pairs = [(key, value) for key, value in record.items() if isinstance(value, str)]
    else:
        pairs = (_SLASHES if name.startswith("/") else _COMMAS).findall(name)
    plain = [(key.upper(), _ESCAPED.sub(r"\1", value).strip().strip('"')) for key, value in pairs]
    return [(key, value) for key, value in plain if key in KEPT and value]
