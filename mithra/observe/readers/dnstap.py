"""dnstap files: DNS messages as servers saw them, in Frame Streams (https://dnstap.info).

A stream ends with a STOP frame. A file without one is still being written, or its writer died; it is refused
like any file cut short, since its whole would come again later. Rows of resolutions come from every response,
responses.py says from what of it; the zone that was asked counts where the server states it. Rows of queries
come from those whom the server serves (AUTH, CLIENT) and from local askers (STUB, TOOL); what it asks others
on their behalf (RESOLVER, FORWARDER) would count the same lookup twice.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from mithra.errors import FormatError
from mithra.observe.readers import examples
from mithra.observe.readers.dnsmessage import BadMessageError, name_at
from mithra.observe.readers.lookups import Lookups
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS"]

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
MAX_CONTROL_OCTETS = 512
MAX_FRAME_OCTETS = 1 << 20
ACCEPT, START, STOP, READY, FINISH = range(1, 6)

_LENGTH = struct.Struct("!I")
_ESCAPE = bytes(4)
_MESSAGE = 1  # the only type of frame that dnstap defines
_AUTH, _RESOLVER, _CLIENT, _FORWARDER, _STUB, _TOOL = 1, 3, 5, 7, 9, 11  # queries; a response is one more
_ASKED_BY_CLIENTS = {_AUTH, _CLIENT, _STUB, _TOOL}
_FROM_NAME_SERVERS = {_AUTH, _RESOLVER}
_PASS = 3  # the policy action that changes nothing
_NO_END = (
    "Wait until its server closes it (BIND: rndc dnstap -roll). If the server died, add the end yourself: "
)
_ADD_END = r"printf '\0\0\0\0\0\0\0\4\0\0\0\3' >> FILE"


def sniff_dnstap(sample: bytes) -> bool:
    """A control frame READY or START, for dnstap where it says for what."""
    if len(sample) < 12 or not sample.startswith(_ESCAPE):
        return False
    length, kind = struct.unpack_from("!2I", sample, 4)
    frame = sample[8 : 8 + length]
    return length <= MAX_CONTROL_OCTETS and (
        (kind in {READY, START} and CONTENT_TYPE in frame) or (kind == START and length == 4)
    )


def read_dnstap(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Resolutions and queries of a dnstap file.

    Raises:
        FormatError: cut short, without its final STOP, or a stream of something else.
    """
    lookups = Lookups(source, options)
    parse = _message_class().FromString
    with source.open() as stream:
        for number, frame in enumerate(_frames(stream, source), 1):
            if len(frame) >= MAX_FRAME_OCTETS:
                lookups.set_aside(number, "frame_too_long", f"{len(frame)} octets or more")
            else:
                _take(number, frame, parse, lookups)
            if lookups.full:
                yield from lookups.rows()
    yield from lookups.end()


def _frames(stream: BinaryIO, source: Source) -> Iterator[bytes]:
    """Data frames of one stream after the other; of longer ones than 1 MiB the beginning."""
    open_ = False
    while head := stream.read(4):
        length = _length(head, source)
        if length:
            if not open_:
                raise FormatError("a data frame outside a stream", file=source.path)
            frame = stream.read(min(length, MAX_FRAME_OCTETS))
            for skipped in range(MAX_FRAME_OCTETS, length, MAX_FRAME_OCTETS):
                frame = frame[:MAX_FRAME_OCTETS]
                rest = stream.read(min(length - skipped, MAX_FRAME_OCTETS))
                if len(rest) < min(length - skipped, MAX_FRAME_OCTETS):
                    raise _cut(source)
            if len(frame) < min(length, MAX_FRAME_OCTETS):
                raise _cut(source)
            yield frame
            continue
        length = _length(stream.read(4), source)
        if not 4 <= length <= MAX_CONTROL_OCTETS:
            raise FormatError("a control frame of an impossible length", value=length, file=source.path)
        control = stream.read(length)
        if len(control) < length:
            raise _cut(source)
        kind = _length(control[:4], source)
        _check_content(kind, control, source)
        open_ = kind == START or (open_ and kind != STOP)
    if open_:
        raise FormatError("the dnstap stream has no end (STOP)", file=source.path, hint=_NO_END + _ADD_END)


def _length(octets: bytes, source: Source) -> int:
    if len(octets) < 4:
        raise _cut(source)
    return int(_LENGTH.unpack(octets)[0])


def _cut(source: Source) -> FormatError:
    return FormatError("the dnstap stream ends inside a frame", file=source.path, hint="Fetch the file again")


def _check_content(kind: int, control: bytes, source: Source) -> None:
    if not ACCEPT <= kind <= FINISH:
        raise FormatError("a control frame of an unknown type", value=kind, file=source.path)
    if kind == START and len(control) > 4 and CONTENT_TYPE not in control:
        raise FormatError("a stream of something else than dnstap", value=control[12:], file=source.path)


def _take(number: int, frame: bytes, parse: Any, lookups: Lookups) -> None:
    from google.protobuf.message import DecodeError

    try:
        event = parse(frame)
    except DecodeError:
        lookups.set_aside(number, "bad_dnstap_frame", f"{len(frame)} octets")
        return
    tapped = event.message
    if event.type != _MESSAGE or not 1 <= tapped.type <= _TOOL + 1:
        lookups.leave_out("other_dnstap_type", number, f"type {event.type}, message type {tapped.type}")
    elif tapped.type % 2:
        _take_query(number, tapped, lookups)
    else:
        _take_response(number, tapped, lookups)


def _take_query(number: int, tapped: Any, lookups: Lookups) -> None:
    if tapped.type not in _ASKED_BY_CLIENTS:
        return
    message = lookups.read(number, tapped.query_time_sec, tapped.query_message)
    if message is None:
        return
    if len(tapped.query_address) not in {4, 16}:
        lookups.leave_out("no_client", number, message.qname)
        return
    key = (tapped.query_address, tapped.query_port, message.id, message.qname, message.qtype)
    lookups.query(number, tapped.query_time_sec, message, tapped.query_address, key)


def _take_response(number: int, tapped: Any, lookups: Lookups) -> None:
    seconds = tapped.response_time_sec or tapped.query_time_sec
    message = lookups.read(number, seconds, tapped.response_message)
    if message is None:
        return
    kind, client = tapped.type - 1, tapped.query_address
    if kind in _ASKED_BY_CLIENTS and len(client) in {4, 16}:
        key = (client, tapped.query_port, message.id, message.qname, message.qtype)
        lookups.asked(number, tapped.query_time_sec or seconds, message, client, key)
    if tapped.HasField("policy") and tapped.policy.action not in {0, _PASS}:
        lookups.leave_out("rewritten_by_policy", number, message.qname)
        return
    zone = _zone(tapped.query_zone) if kind in _FROM_NAME_SERVERS else None
    lookups.response(number, seconds, message, recursive=kind not in _FROM_NAME_SERVERS, zone=zone)


def _zone(wire: bytes) -> str | None:
    try:
        return name_at(wire, 0, {})[0] if wire else None
    except (BadMessageError, IndexError):
        return None


@functools.cache
def _message_class() -> Any:
    """The fields of dnstap.proto that are read here; enums as integers, so that later values come through."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    file = FileDescriptorProto(name="dnstap.proto", package="dnstap", syntax="proto2")
    layout: dict[str, list[tuple[str, int, Any]]] = {
        "Policy": [("action", 3, Field.TYPE_INT32)],
        "Message": [
            ("type", 1, Field.TYPE_INT32),
            ("query_address", 4, Field.TYPE_BYTES),
            ("query_port", 6, Field.TYPE_UINT32),
            ("query_time_sec", 8, Field.TYPE_UINT64),
            ("query_message", 10, Field.TYPE_BYTES),
            ("query_zone", 11, Field.TYPE_BYTES),
            ("response_time_sec", 12, Field.TYPE_UINT64),
            ("response_message", 14, Field.TYPE_BYTES),
            ("policy", 15, ".dnstap.Policy"),
        ],
        "Dnstap": [("message", 14, ".dnstap.Message"), ("type", 15, Field.TYPE_INT32)],
    }
    for message, fields in layout.items():
        made = file.message_type.add(name=message)
        for name, number, kind in fields:
            known = {"type_name": kind} if isinstance(kind, str) else {"type": kind}
            made.field.add(name=name, number=number, label=Field.LABEL_OPTIONAL, **known)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("dnstap.Dnstap"))


READERS = [
    Reader(
        "dnstap",
        1,
        ("resolutions", "queries"),
        sniff_dnstap,
        read_dnstap,
        about="dnstap frame streams, as BIND, Unbound, Knot and others write them",
        example=examples.dnstap,
        fields=(
            *("type", "query_address", "query_time_sec", "query_message", "query_zone"),
            *("response_time_sec", "response_message", "policy"),
        ),
    )
]
