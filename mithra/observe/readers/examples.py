"""Examples of the formats that are no text: a lookup of www.example.com and its answer, and a certificate."""

from __future__ import annotations

from base64 import b64decode

__all__ = ["certificate", "dnstap", "pcap", "pcapng"]


def pcap() -> bytes:
    """A capture of raw IP packets."""
    return b64decode(
        "1MOyoQIABAAAAAAAAAAAAAAABABlAAAAAKUYaucDAAA9AAAAPQAAAEUAAD0AAQAAQBEAAMAAAgfGM2Q1nEAANQApAAAABwEAAAEA"
        "AAAAAAADd3d3B2V4YW1wbGUDY29tAAABAAEApRhq5wMAAE0AAABNAAAARQAATQABAABAEQAAxjNkNcAAAgcANZxAADkAAAAHgYAA"
        "AQABAAAAAAN3d3cHZXhhbXBsZQNjb20AAAEAAcAMAAEAAQAAASwABMsAcQk="
    )


def pcapng() -> bytes:
    """The same packets in the newer format."""
    return b64decode(
        "Cg0NChwAAABNPCsaAQAAAP//////////HAAAAAEAAAAUAAAAZQAAAAAAAAAUAAAABgAAAGAAAAAAAAAA5lIGAABAs4s9AAAAPQAA"
        "AEUAAD0AAQAAQBEAAMAAAgfGM2Q1nEAANQApAAAABwEAAAEAAAAAAAADd3d3B2V4YW1wbGUDY29tAAABAAEAAABgAAAABgAAAHAA"
        "AAAAAAAA5lIGAABAs4tNAAAATQAAAEUAAE0AAQAAQBEAAMYzZDXAAAIHADWcQAA5AAAAB4GAAAEAAQAAAAADd3d3B2V4YW1wbGUD"
        "Y29tAAABAAHADAABAAEAAAEsAATLAHEJAAAAcAAAAA=="
    )


def dnstap() -> bytes:
    """A frame stream with two messages."""
    return b64decode(
        "AAAAAAAAACIAAAACAAAAAQAAABZwcm90b2J1ZjpkbnN0YXAuRG5zdGFwAAAAUAoIaWRlbnRpdHkSB3ZlcnNpb25yOQgFEAEYASIE"
        "wAACBzDAuAJAgMri0AZSIQAHAQAAAQAAAAAAAAN3d3cHZXhhbXBsZQNjb20AAAEAAXgBAAAAZgoIaWRlbnRpdHkSB3ZlcnNpb25y"
        "TwgGEAEYASIEwAACBzDAuAJAgMri0AZggMri0AZyMQAHgQAAAQABAAAAAAN3d3cHZXhhbXBsZQNjb20AAAEAAcAMAAEAAQAAASwA"
        "BMsAcQl4AQAAAAAAAAAEAAAAAw=="
    )


def certificate() -> bytes:
    """An X.509 certificate in DER."""
    return b64decode(
        "MIIBgTCCASagAwIBAgICCgswCgYIKoZIzj0EAwIwSzELMAkGA1UEBhMCVVMxGzAZBgNVBAoMEkxldCdzIEVuY3J5cHQsIEluYzEf"
        "MB0GCSqGSIb3DQEJARYQamFuZUBkb2UuZXhhbXBsZTAeFw0yNjAxMDEwMDAwMDBaFw0yNjA0MDEwMDAwMDBaMBoxGDAWBgNVBAMM"
        "D3d3dy5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKR/E7K9P5+Lly4y+PylUuK/mk/571or6fgucNYp16hk"
        "mp2aO24ioNUr2poBsOalUhusjJ9W3fZf/pzt+zzZGIWjKzApMCcGA1UdEQQgMB6CC2V4YW1wbGUuY29tgg93d3cuZXhhbXBsZS5j"
        "b20wCgYIKoZIzj0EAwIDSQAwRgIhAM9g/4DeUcnRh27tcV5Fv8Nvc8AUecjc09aa+yTBxnhxAiEAqo5VMZBl+uLSvWPSnJNc8dGV"
        "S/4opxfK9bsxbNy/1ug="
    )
