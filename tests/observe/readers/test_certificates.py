"""Certificates: entries of logs in all shapes, PEM and DER; dated by the log or the caller."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mithra.errors import FormatError, InputError

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
LOGGED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SEEN = datetime(2026, 2, 3, tzinfo=UTC)
SHA256, SHA1 = "ab" * 32, "cd" * 20
NAMES = ["example.com", "www.example.com"]


@cache
def key():
    return ec.generate_private_key(ec.SECP256R1())


def made(names, *, logged=None, subject="www.example.com"):
    """A certificate in DER and its SHA-256; `logged` are the times of signed timestamps in it."""
    issuer = [
        x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Let's Encrypt, Inc"),
        x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "jane@doe.example"),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name(issuer))
        .public_key(key().public_key())
        .serial_number(0x0A0B)
        .not_valid_before(ISSUED)
        .not_valid_after(ISSUED + timedelta(days=90))
    )
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    if logged:
        stamps = b"".join(vector(stamp(moment)) for moment in logged)
        value = octets(vector(stamps))
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    der = builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.DER)
    return der, hashlib.sha256(der).hexdigest()


def stamp(moment):
    millis = int(moment.timestamp() * 1000)
    return b"\0" + bytes(32) + millis.to_bytes(8) + b"\0\0" + b"\4\3" + vector(b"signed")


def vector(data, octets=2):
    return len(data).to_bytes(octets) + data


def octets(data):
    return b"\x04" + (bytes([len(data)]) if len(data) < 128 else b"\x81" + bytes([len(data)])) + data


def pem(der):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def leaf(der, *, precert=False):
    head = b"\0\0" + int(LOGGED.timestamp() * 1000).to_bytes(8)
    if precert:
        entry, extra = b"\0\1" + bytes(32) + vector(b"tbs", 3) + b"\0\0", vector(der, 3) + vector(b"", 3)
    else:
        entry, extra = b"\0\0" + vector(der, 3) + b"\0\0", vector(b"", 3)
    texts = {"leaf_input": head + entry, "extra_data": extra}
    return {name: base64.b64encode(data).decode() for name, data in texts.items()}


def certstream(**leaf_cert):
    cert = {
        "subject": {"CN": "example.com", "O": None, "aggregated": "/CN=example.com"},
        "issuer": {"C": "US", "CN": "R3", "O": "Let's Encrypt", "aggregated": "/C=US/CN=R3/O=Let's Encrypt"},
        "serial_number": "0A0B",
        "not_before": ISSUED.timestamp(),
        "not_after": (ISSUED + timedelta(days=90)).timestamp(),
        "fingerprint": ":".join(SHA1[i : i + 2].upper() for i in range(0, 40, 2)),
        "all_domains": ["example.com", "*.example.com", "www.example.com"],
        **leaf_cert,
    }
    data = {"update_type": "X509LogEntry", "leaf_cert": cert, "seen": SEEN.timestamp()}
    return {"message_type": "certificate_update", "data": data}


CERTSPOTTER = {
    "id": "1",
    "tbs_sha256": "ef" * 32,
    "cert_sha256": SHA256,
    "dns_names": NAMES,
    "issuer": {"friendly_name": "Let's Encrypt", "name": "C=US, O=Let's Encrypt, CN=R3"},
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2026-04-01T00:00:00Z",
}
CRT_SH = {
    "issuer_ca_id": 1,
    "issuer_name": "C=US, O=Let's Encrypt, CN=R3",
    "common_name": "example.com",
    "name_value": "example.com\nwww.example.com",
    "id": 12,
    "entry_timestamp": "2026-02-03T00:00:00.123",
    "not_before": "2026-01-01T00:00:00",
    "not_after": "2026-04-01T00:00:00",
    "serial_number": "0a0b",
}
ISSUER = "CN=R3,O=Let's Encrypt,C=US"


def lines(*records):
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


@pytest.mark.parametrize("write", [lines, lambda record: json.dumps([record], indent=1)])
@pytest.mark.parametrize(
    ("record", "fingerprint"),
    [
        (certstream(), SHA1),
        (certstream(sha256=SHA256), SHA256),
        (CERTSPOTTER, SHA256),
        (CRT_SH, None),
    ],
)
def test_entries_of_monitors(read, write, record, fingerprint):
    got = read(write(record), known_at=SEEN)
    assert (got.reader, got.rejects) == ("ct", [])
    [row] = got.tables["certificates"]
    if fingerprint is None:
        assert row["fingerprint"].startswith("serial-")
    else:
        assert row["fingerprint"] == fingerprint
    assert row["names"] == NAMES
    assert row["issuer"] == ISSUER
    assert (row["not_before"], row["not_after"]) == (ISSUED, ISSUED + timedelta(days=90))
    assert row["seen_at"] == SEEN


def test_the_same_serial_number_is_the_same_certificate(read):
    other = {**CRT_SH, "issuer_name": "/C=US/CN=R3/O=Let's Encrypt", "serial_number": "0A:0B", "id": 13}
    got = read(lines(CRT_SH, other, {**CRT_SH, "serial_number": "0c"}))
    keys = got.column("certificates", "fingerprint")
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("precert", [False, True])
@pytest.mark.parametrize("write", [lines, lambda *entries: json.dumps({"entries": entries})])
def test_raw_entries(read, write, precert):
    der, digest = made(NAMES)
    got = read(write(leaf(der, precert=precert), leaf(der[:-5]), {"leaf_input": "AAAA", "extra_data": ""}))
    assert got.rejects == [(2, "bad_certificate"), (3, "bad_certificate")]
    [row] = got.tables["certificates"]
    assert (row["fingerprint"], row["names"], row["seen_at"]) == (digest, NAMES, LOGGED)
    assert row["issuer"] == r"O=Let's Encrypt\, Inc,C=US"
    assert (row["not_before"], row["not_after"]) == (ISSUED, ISSUED + timedelta(days=90))


def test_a_certificate_in_an_entry_is_read_itself(read):
    der, digest = made(NAMES)
    got = read(lines(certstream(as_der=base64.b64encode(der).decode(), all_domains=["wrong.example"])))
    [row] = got.tables["certificates"]
    assert (row["fingerprint"], row["names"], row["seen_at"]) == (digest, NAMES, SEEN)


def test_messages_of_other_types_are_left_out(read):
    got = read(lines({"message_type": "heartbeat", "timestamp": 1}, certstream()))
    assert got.rejects == []
    assert len(got.tables["certificates"]) == 1


def test_bad_entries_are_one_reject_each(read):
    bad = [
        (certstream(all_domains=["a..b"], subject={"CN": "Jane Doe"}), "empty_label"),
        (certstream(fingerprint="x"), "bad_fingerprint"),
        ({**CRT_SH, "serial_number": None}, "no_fingerprint"),
        ({**CRT_SH, "entry_timestamp": "2031-01-01"}, "date_in_future"),
        (CERTSPOTTER, "no_date"),
        ({"leaf": 1}, "not_a_certificate"),
        ({}, "not_a_certificate"),
        ("{broken", "not_json"),
    ]
    got = read(lines(certstream(), *(record for record, _ in bad)))
    assert got.rejects == list(enumerate((reason for _, reason in bad), 2))
    assert len(got.tables["certificates"]) == 1
    assert "Doe" not in str(got)


def test_undated_certificates_need_a_date(read):
    der, _ = made(NAMES)
    for content in (lines(CERTSPOTTER), pem(der), der):
        with pytest.raises(InputError, match="do not say when"):
            read(content)
        assert read(content, known_at=SEEN).column("certificates", "seen_at") == [SEEN]


def test_pem_bundle(read):
    der, digest = made(NAMES, logged=[SEEN, LOGGED])
    nameless, _ = made([], logged=[SEEN], subject="Jane Doe")
    named, _ = made([], logged=[SEEN], subject="cn.example.com")
    key_pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    text = "Bag Attributes\r\n" + pem(der).replace("\n", "\r\n") + key_pem + pem(nameless) + pem(named)
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    got = read(text + broken + broken.replace("AAAA", "!"))
    assert got.reader == "pem"
    assert [row["names"] for row in got.tables["certificates"]] == [NAMES, ["cn.example.com"]]
    assert got.tables["certificates"][0]["fingerprint"] == digest
    assert got.column("certificates", "seen_at") == [LOGGED, SEEN]
    line = text.count("\n") + 1
    assert got.rejects == [(line, "bad_certificate"), (line + 3, "bad_certificate")]
    assert "Doe" not in str(got)
    assert "c2VjcmV0" not in str(got)


def test_der_one_after_the_other(read):
    first, digest = made(NAMES, logged=[LOGGED])
    second, other = made(["b.example"], logged=[LOGGED])
    got = read(first + second)
    assert (got.reader, got.rejects) == ("der", [])
    assert got.column("certificates", "fingerprint") == [digest, other]
    got = read(first + b"\0" * 10 + second)
    assert got.rejects == [(len(first) + 1, "bad_certificate")]


def test_old_certificates_warn_nobody(read, recwarn):
    der, _ = made(NAMES, logged=[LOGGED])
    at = der.index(b"\x02\x02\x0a\x0b")
    got = read(der[:at] + b"\x02\x02\xff\x0b" + der[at + 4 :])  # a negative serial number
    assert (len(got.tables["certificates"]), len(recwarn)) == (1, 0)


def test_a_certificate_of_unknown_version(read):
    der, _ = made(NAMES, logged=[LOGGED])
    at = der.index(b"\xa0\x03\x02\x01\x02")
    got = read(der + der[:at] + b"\xa0\x03\x02\x01\x6b" + der[at + 5 :])
    assert got.rejects == [(len(der) + 1, "bad_certificate")]


def test_cut_short(read, packed):
    der, _ = made(NAMES, logged=[LOGGED])
    for content in (der + der[:-1], (pem(der) + pem(der))[:-40], packed(pem(der))[:-9]):
        with pytest.raises(FormatError, match="cut short"):
            read(content)


def test_a_public_key_is_no_certificate(read):
    public = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(FormatError):
        read(public)
