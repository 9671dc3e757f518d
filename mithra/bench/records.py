"""Files of records for `bench ingest`: for each format a text to fill in, or a function that makes a packet.

The same count gives the same bytes. A log has a fifth as many names as records, a list a name each. Formats
of one certificate or one database a file are not here, nor those that another one is read like.
"""

from __future__ import annotations

import base64
import functools
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mithra.bench.names import generate_names
from mithra.bench.speed import LINES_PER_NAME, write_cof

__all__ = ["FORMATS", "LAYOUTS", "NOT_HERE", "write_records"]

NOT_HERE = frozenset({"pem", "der", "mmdb", "parquet", "windows-dns-mdy", "windows-dns-dmy"})
START = 1_781_524_800  # 2026-06-15 12:00, epoch seconds; no month is the 15th, so the order of dates shows
RECORDS_PER_SECOND = 10
_QUERY, _RESPONSE = 0x0100, 0x8180  # flags of DNS messages
_RAW_IP = 101  # link type


@dataclass(frozen=True)
class Fields:
    """What one record may name; `%(…)s` in a text stands for an attribute."""

    i: int
    host: str

    @property
    def seconds(self) -> int:
        return START + self.i // RECORDS_PER_SECOND

    @property
    def name(self) -> str:
        """A name that no other record has."""
        return f"n{self.i}.{self.host}"

    @property
    def rank(self) -> int:
        return self.i + 1

    @property
    def client(self) -> str:
        return f"10.0.{self.i % 40}.{self.i % 250}"

    @property
    def address(self) -> str:
        return f"198.{18 + self.i % 2}.{self.i // 250 % 200}.{self.i % 250}"

    @property
    def network(self) -> str:
        """The first three octets of a network of its own."""
        return f"{1 + self.i // 65536 % 200}.{self.i // 256 % 256}.{self.i % 256}"

    @property
    def labels(self) -> str:
        """The name with the length of each label before it, as Windows logs it."""
        return "".join(f"({len(label)}){label}" for label in self.host.split(".")) + "(0)"

    def __getitem__(self, key: str) -> object:
        return _moment(self.seconds)[key] if key in _MOMENTS else getattr(self, key)


@dataclass(frozen=True)
class _Text:
    """`records` take turns; those of one turn are about one name."""

    head: str
    records: tuple[str, ...]
    between: str = "\n"
    tail: str = "\n"


@dataclass(frozen=True)
class _Packets:
    head: bytes
    record: Callable[[Fields, bool], bytes]  # a query, or its response
    tail: bytes = b""


def write_records(path: Path, format: str, records: int) -> int:
    """Write a file of at least that many records; how many they are, the last turn being whole."""
    if format == "cof":
        write_cof(path, records)
        return records
    layout = LAYOUTS[format]
    turn = 2 if isinstance(layout, _Packets) else len(layout.records)
    records += -records % turn
    hosts = generate_names(records // LINES_PER_NAME + 1)
    each = (Fields(i, hosts[i // turn * 7919 % len(hosts)]) for i in range(records))
    with path.open("wb") as file:
        for piece in _binary(layout, each) if isinstance(layout, _Packets) else _text(layout, each):
            file.write(piece)
    return records


def _text(layout: _Text, each: Iterator[Fields]) -> Iterator[bytes]:
    yield layout.head.encode()
    turn, between = len(layout.records), ""
    for fields in each:
        yield (between + layout.records[fields.i % turn] % fields).encode()
        between = layout.between
    yield layout.tail.encode()


def _binary(layout: _Packets, each: Iterator[Fields]) -> Iterator[bytes]:
    yield layout.head
    for fields in each:
        yield layout.record(fields, fields.i % 2 == 1)
    yield layout.tail


_MOMENTS = {
    "iso": "%Y-%m-%dT%H:%M:%S",
    "day": "%Y-%m-%d %H:%M:%S",
    "bind": "%d-%b-%Y %H:%M:%S",
    "syslog": "%b %d %H:%M:%S",
    "windows": "%m/%d/%Y %I:%M:%S %p",
}


@functools.lru_cache(2)
def _moment(seconds: int) -> dict[str, str]:
    at = datetime.fromtimestamp(seconds, UTC)
    return {key: at.strftime(layout) for key, layout in _MOMENTS.items()}


def _message(fields: Fields, response: bool) -> bytes:
    """A DNS message: a question for an address, or its answer."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in fields.host.split("."))
    question += b"\0" + struct.pack(">HH", 1, 1)
    number, flags = fields.i // 2 & 0xFFFF, _RESPONSE if response else _QUERY
    header = struct.pack(">6H", number, flags, 1, int(response), 0, 0)
    if not response:
        return header + question
    answer = struct.pack(">HHHIH", 0xC00C, 1, 1, 300, 4) + socket.inet_aton(fields.address)
    return header + question + answer


def _ip_packet(fields: Fields, response: bool) -> bytes:
    """The message over UDP and IPv4."""
    message = _message(fields, response)
    client, server = socket.inet_aton(_asking(fields)), socket.inet_aton("198.51.100.53")
    ends, ports = ((server, client), (53, 40_000)) if response else ((client, server), (40_000, 53))
    udp = struct.pack(">4H", *ports, 8 + len(message), 0)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(message), 1, 0, 64, 17, 0, *ends)
    return header + udp + message


def _asking(fields: Fields) -> str:
    """The same client for a query and its response."""
    return f"10.0.{fields.i // 2 % 40}.{fields.i // 2 % 250}"


def _pcap(fields: Fields, response: bool) -> bytes:
    packet = _ip_packet(fields, response)
    return struct.pack("<4I", fields.seconds, 0, len(packet), len(packet)) + packet


def _pcapng(fields: Fields, response: bool) -> bytes:
    packet = _ip_packet(fields, response)
    micros, padding = fields.seconds * 1_000_000, -len(packet) % 4
    octets = 32 + len(packet) + padding
    block = struct.pack("<7I", 6, octets, 0, micros >> 32, micros & 0xFFFFFFFF, len(packet), len(packet))
    return block + packet + bytes(padding) + struct.pack("<I", octets)


def _dnstap(fields: Fields, response: bool) -> bytes:
    """A frame with a message of type CLIENT_QUERY or CLIENT_RESPONSE."""
    seconds, message = fields.seconds, _message(fields, response)
    client = [(4, socket.inet_aton(_asking(fields))), (6, 40_000), (8, seconds)]
    told = [(12, seconds), (14, message)] if response else [(10, message)]
    inner = b"".join(
        _protobuf(*field) for field in [(1, 6 if response else 5), (2, 1), (3, 1), *client, *told]
    )
    frame = _protobuf(1, b"resolver-1") + _protobuf(14, inner) + _protobuf(15, 1)
    return struct.pack(">I", len(frame)) + frame


def _protobuf(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + _varint(value >> 7)


_PCAPNG_HEAD = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack(
    "<IIHHII", 1, 20, _RAW_IP, 0, 0, 20
)
_DNSTAP_HEAD = base64.b64decode("AAAAAAAAACIAAAACAAAAAQAAABZwcm90b2J1ZjpkbnN0YXAuRG5zdGFw")
_ZEEK = {
    "ts": ("time", "%(seconds)d.25"),
    "uid": ("string", "C%(i)017d"),
    "id.orig_h": ("addr", "%(client)s"),
    "id.orig_p": ("port", "40123"),
    "id.resp_h": ("addr", "192.0.2.53"),
    "id.resp_p": ("port", "53"),
    "proto": ("enum", "udp"),
    "trans_id": ("count", "4711"),
    "rtt": ("interval", "0.012"),
    "query": ("string", "%(host)s"),
    "qclass": ("count", "1"),
    "qclass_name": ("string", "C_INTERNET"),
    "qtype": ("count", "1"),
    "qtype_name": ("string", "A"),
    "rcode": ("count", "0"),
    "rcode_name": ("string", "NOERROR"),
    "AA": ("bool", "F"),
    "TC": ("bool", "F"),
    "RD": ("bool", "T"),
    "RA": ("bool", "T"),
    "Z": ("count", "0"),
    "answers": ("vector[string]", "%(address)s"),
    "TTLs": ("vector[interval]", "300.0"),
    "rejected": ("bool", "F"),
}
_QUOTED = {"string", "addr", "enum"}


def _zeek_json(kind: str, value: str) -> str:
    if kind.startswith("vector"):
        return f"[{_zeek_json(kind[7:-1], value)}]"
    return f'"{value}"' if kind in _QUOTED else {"T": "true", "F": "false"}.get(value, value)


_EVE = (
    '{"timestamp":"%(iso)s.250000+0000","flow_id":%(i)d,"in_iface":"eth0","event_type":"dns","src_ip":"%(client)s",'
    '"src_port":40123,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{"version":2,'
)
_DATED = "# Date: 2026-06-15\n"
_MISP = '{"type":"domain","value":"%(name)s","to_ids":true,"timestamp":"%(seconds)d"}'
_MISP_EVENT = (
    '{"Event":{"info":"Phishing","date":"2026-06-15","timestamp":"1781524800","threat_level_id":"3",'
    '"Orgc":{"name":"Example"},"Tag":[{"name":"phishing"}],"Attribute":['
)

LAYOUTS: dict[str, _Text | _Packets] = {
    "zeek-json": _Text(
        "", ("{" + ",".join(f'"{name}":{_zeek_json(*field)}' for name, field in _ZEEK.items()) + "}",)
    ),
    "zeek": _Text(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
        + "\t".join(["#fields", *_ZEEK])
        + "\n"
        + "\t".join(["#types", *(kind for kind, _ in _ZEEK.values())])
        + "\n",
        ("\t".join(value for _, value in _ZEEK.values()),),
    ),
    "suricata-eve": _Text(
        "",
        (
            _EVE + '"type":"query","id":4711,"rrname":"%(host)s","rrtype":"A","tx_id":0}}',
            _EVE
            + '"type":"answer","id":4711,"flags":"8180","qr":true,"rd":true,"ra":true,"rrname":"%(host)s",'
            '"rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"%(host)s","rrtype":"A","ttl":300,'
            '"rdata":"%(address)s"}],"grouped":{"A":["%(address)s"]}}}',
        ),
    ),
    "ct": _Text(
        "",
        (
            '{"issuer_ca_id":295814,"issuer_name":"C=US, O=Example CA, CN=R1","common_name":"%(name)s",'
            '"name_value":"%(name)s\\nwww.%(name)s","id":%(i)d,"entry_timestamp":"%(iso)s.1","not_before":'
            '"2026-06-01T00:00:00","not_after":"2026-09-01T00:00:00","serial_number":"%(i)032x"}',
        ),
    ),
    "rdap": _Text(
        "",
        (
            '{"objectClassName":"domain","handle":"%(i)d_DOMAIN","ldhName":"%(name)s","links":[{"value":'
            '"https://rdap.example/domain/%(name)s","rel":"self","href":"https://rdap.example/domain/%(name)s",'
            '"type":"application/rdap+json"}],"status":["client transfer prohibited"],"entities":[{'
            '"objectClassName":"entity","handle":"292","roles":["registrar"],"publicIds":[{"type":'
            '"IANA Registrar ID","identifier":"292"}],"vcardArray":["vcard",[["version",{},"text","4.0"],'
            '["fn",{},"text","Example Registrar Inc."]]],"entities":[{"objectClassName":"entity","roles":'
            '["abuse"],"vcardArray":["vcard",[["version",{},"text","4.0"],["fn",{},"text",""],["tel",'
            '{"type":"voice"},"uri","tel:+1.2086851750"],["email",{},"text","abuse@example.com"]]]}]}],"events":[{"eventAction":'
            '"registration","eventDate":"2020-01-02T03:04:05Z"},{"eventAction":"expiration","eventDate":'
            '"2027-01-02T03:04:05Z"},{"eventAction":"last changed","eventDate":"2026-01-02T03:04:05Z"},'
            '{"eventAction":"last update of RDAP database","eventDate":"%(iso)sZ"}],"secureDNS":'
            '{"delegationSigned":false},"nameservers":[{"objectClassName":"nameserver","ldhName":'
            '"ns1.%(host)s"},{"objectClassName":"nameserver","ldhName":"ns2.%(host)s"}],'
            '"rdapConformance":["rdap_level_0"]}',
        ),
    ),
    "route53-resolver": _Text(
        "",
        (
            '{"version":"1.100000","account_id":"123456789012","region":"us-east-1","vpc_id":"vpc-0123",'
            '"query_timestamp":"%(iso)sZ","query_name":"%(host)s.","query_type":"A","query_class":"IN","rcode":'
            '"NOERROR","answers":[{"Rdata":"%(address)s","Type":"A","Class":"IN"}],"srcaddr":"%(client)s",'
            '"srcport":"40123","transport":"UDP","srcids":{"instance":"i-0123"}}',
        ),
    ),
    "bind-query-log": _Text(
        "",
        (
            "%(bind)s.250 queries: info: client @0x7fdc5c0fb098 %(client)s#45830 (%(host)s): query: %(host)s "
            "IN A +E(0)K (192.0.2.53)",
        ),
    ),
    "unbound-log": _Text("", ("[%(seconds)d] unbound[4390:0] info: %(client)s %(host)s. A IN",)),
    "dnsmasq-log": _Text(
        "",
        (
            "%(syslog)s dnsmasq[43]: query[A] %(host)s from %(client)s",
            "%(syslog)s dnsmasq[43]: reply %(host)s is %(address)s",
        ),
    ),
    "windows-dns": _Text(
        "",
        (
            "%(windows)s 0E70 PACKET  00000000033397A0 UDP Rcv %(client)-15s 5b47   Q [0001   D   NOERROR] "
            "A      %(labels)s",
        ),
        between="\r\n",
    ),
    "stix": _Text(
        '{"type":"bundle","id":"bundle--3b1a3c4e-0680-4097-928b-98940548c105","objects":[',
        (
            '{"type":"indicator","id":"indicator--00000000-0000-4000-8000-%(i)012x","spec_version":"2.1","created":'
            '"%(iso)sZ","modified":"%(iso)sZ","valid_from":"%(iso)sZ","indicator_types":["malicious-activity"],'
            '"pattern_type":"stix","pattern":"[domain-name:value = \'%(name)s\']"}',
        ),
        ",",
        "]}",
    ),
    "misp": _Text(
        '{"response":[', (_MISP_EVENT + _MISP, *[_MISP] * 8, _MISP + "]}}"), ",", "]}"
    ),  # ten attributes an event
    "cowrie": _Text(
        "",
        (
            '{"eventid":"cowrie.session.file_download","timestamp":"%(iso)s.584777Z","sensor":"sensor-1","src_ip":'
            '"%(address)s","session":"%(i)012x","url":"http://%(host)s/bins/x%(i)d.sh","outfile":"var/lib/x",'
            '"shasum":"%(i)064x"}',
        ),
    ),
    "dionaea": _Text(
        "",
        (
            '{"timestamp":"%(iso)s.000001","name":"dionaea","origin":"dionaea.download.complete",'
            '"data":{"url":"http://%(host)s/x%(i)d.exe","md5hash":"%(i)032x"}}',
        ),
    ),
    "warninglist": _Text(
        '{"name":"Known names","version":20260615,"type":"hostname","list":[', ('"%(name)s"',), ",", "]}"
    ),
    "ranks-csv": _Text("rank,domain\n", ("%(rank)d,%(name)s",)),
    "networks-csv": _Text(
        "start,end,asn,organisation\n", ('%(network)s.0,%(network)s.255,%(rank)d,"Example Net %(i)d, Inc."',)
    ),
    "feed-csv": _Text("first_seen,url,threat\n", ("%(day)s,http://%(name)s/x,malware_download",)),
    "feed-json": _Text(
        "[", ('{"url":"https://%(name)s/login","date":"%(iso)sZ","category":"phishing"}',), ",", "]"
    ),
    "csv": _Text("name,rrtype,rdata,first_seen\n", ("%(host)s,A,%(address)s,%(iso)sZ",)),
    "json": _Text("", ('{"indicator":"%(name)s","kind":"download","seen_at":"%(iso)sZ"}',)),
    "rpz": _Text("; Last updated: 2026-06-15\n@ SOA rpz. admin.rpz. 1 60 60 60 60\n", ("%(name)s CNAME .",)),
    "zone": _Text("; Exported: 2026-06-15 07:39:20\n$ORIGIN example.\n", ("%(name)s 3600 IN A %(address)s",)),
    "abp": _Text("[Adblock Plus]\n! Last modified: 2026-06-15\n", ("||%(name)s^",)),
    "hosts": _Text(_DATED, ("0.0.0.0 %(name)s",)),
    "dnsmasq": _Text(_DATED, ("address=/%(name)s/0.0.0.0",)),
    "unbound": _Text(_DATED, ('local-zone: "%(name)s" always_nxdomain',)),
    "plain": _Text(_DATED, ("%(name)s",)),
    "pcap": _Packets(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, _RAW_IP), _pcap),
    "pcapng": _Packets(_PCAPNG_HEAD, _pcapng),
    "dnstap": _Packets(_DNSTAP_HEAD, _dnstap, struct.pack(">III", 0, 4, 3)),
}
FORMATS = ("cof", *LAYOUTS)
