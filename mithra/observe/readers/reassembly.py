"""IP fragments put together, and the DNS messages of TCP streams, both within bounded memory.

Whatever cannot be completed is told as one reject: fragments after 60 seconds of the capture (RFC 8200, 4.5)
as `fragment_timeout`, a stream that lacks segments as `stream_incomplete`. Fragments that overlap are an
attack or a fault, and their datagram is dropped whole (RFC 5722, here for IPv4 too).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

__all__ = ["FIN", "RST", "SYN", "Fragments", "Streams"]

FIN, SYN, RST = 0x01, 0x02, 0x04
FRAGMENT_SECONDS = 60
MAX_DATAGRAMS = 1 << 13
MAX_STREAMS = 1 << 15
MAX_HELD_BYTES = 1 << 26  # of all fragments, and again of all streams
MAX_HELD_SEGMENTS = 256  # of one stream, behind a gap
MAX_DATAGRAM_OCTETS = 65_535

_SEQUENCE = 1 << 32

SetAside = Callable[[int, str, str], None]  # packet, reason, what to show


@dataclass(slots=True)
class _Datagram:
    number: int  # packet of the fragment that came first
    seconds: int
    parts: dict[int, bytes] = field(default_factory=dict)
    end: int | None = None  # known from the last fragment
    size: int = 0
    dropped: bool = False  # told already, or not DNS


class Fragments:
    """Fragments by datagram. `wanted` says of a payload's beginning whether it is worth keeping."""

    def __init__(self, set_aside: SetAside) -> None:
        self._set_aside = set_aside
        self._datagrams: OrderedDict[Hashable, _Datagram] = OrderedDict()
        self._held = 0

    def add(
        self, number: int, seconds: int, key: Hashable, offset: int, more: bool, data: bytes, wanted: bool
    ) -> bytes | None:
        """The datagram's payload, if this fragment completes it. `wanted` is asked of offset 0 only."""
        self._expire(seconds)
        datagram = self._datagrams.get(key)
        if datagram is None:
            datagram = self._datagrams[key] = _Datagram(number, seconds)
        if datagram.dropped:
            return None
        if offset == 0 and not wanted:
            self._drop(datagram, None)
            return None
        end = offset + len(data)
        if not data or end > MAX_DATAGRAM_OCTETS or (more and len(data) % 8):
            self._drop(datagram, "bad_fragment")
            return None
        if offset in datagram.parts:
            if datagram.parts[offset] != data:
                self._drop(datagram, "fragment_overlap")
            return None
        datagram.parts[offset] = data
        datagram.size += len(data)
        self._held += len(data)
        datagram.end = datagram.end if more else end
        if datagram.end is None or datagram.size < datagram.end:
            return None
        return self._complete(key, datagram)

    def finish(self) -> None:
        """The file is over: what is incomplete stays so."""
        while self._datagrams:
            self._drop(self._datagrams.popitem(last=False)[1], "fragment_timeout")

    def _complete(self, key: Hashable, datagram: _Datagram) -> bytes | None:
        at = 0
        for offset in sorted(datagram.parts):
            if offset != at:
                self._drop(datagram, "fragment_overlap")
                return None
            at += len(datagram.parts[offset])
        payload = b"".join(datagram.parts[offset] for offset in sorted(datagram.parts))
        if at != datagram.end:
            self._drop(datagram, "fragment_overlap")
            return None
        self._held -= datagram.size
        del self._datagrams[key]
        return payload

    def _expire(self, seconds: int) -> None:
        while self._datagrams:
            key = next(iter(self._datagrams))
            datagram = self._datagrams[key]
            crowded = self._held > MAX_HELD_BYTES or len(self._datagrams) > MAX_DATAGRAMS
            if seconds - datagram.seconds <= FRAGMENT_SECONDS and not crowded:
                return
            self._drop(datagram, "fragment_timeout")
            del self._datagrams[key]

    def _drop(self, datagram: _Datagram, reason: str | None) -> None:
        if reason is not None and not datagram.dropped:
            self._set_aside(datagram.number, reason, f"{len(datagram.parts)} fragments")
        self._held -= datagram.size
        datagram.parts, datagram.size, datagram.dropped = {}, 0, True


@dataclass(slots=True)
class _Stream:
    next: int  # sequence number expected
    begun: bool  # its SYN was seen
    number: int = 0  # packet of the first octet that waits
    buffer: bytearray = field(default_factory=bytearray)
    ahead: dict[int, bytes] = field(default_factory=dict)  # segments behind a gap, by sequence number
    held: int = 0
    end: int | None = None  # sequence number of its FIN
    closed: bool = False


class Streams:
    """One direction of each TCP connection, as DNS messages with two octets of length (RFC 1035, 4.2.2)."""

    def __init__(self, set_aside: SetAside) -> None:
        self._set_aside = set_aside
        self._streams: OrderedDict[Hashable, _Stream] = OrderedDict()
        self._held = 0

    def add(self, number: int, key: Hashable, sequence: int, flags: int, data: bytes) -> list[bytes]:
        """The messages that this segment completes."""
        stream = self._streams.get(key)
        if flags & SYN:
            sequence = (sequence + 1) % _SEQUENCE
            if stream is None or stream.closed or sequence != stream.next or stream.buffer or stream.ahead:
                if stream is not None:
                    self._close(stream)
                stream = self._streams[key] = _Stream(sequence, begun=True)
        elif stream is None:
            if not data:
                return []
            stream = self._streams[key] = _Stream(sequence, begun=False)  # older than the capture
        self._streams.move_to_end(key)
        if stream.closed:
            return []
        if flags & FIN:
            stream.end = (sequence + len(data)) % _SEQUENCE
        if data:
            self._take(number, stream, sequence, data)
        messages = self._messages(number, stream)
        if flags & RST or stream.end == stream.next:
            self._close(stream)
        self._make_room()
        return messages

    def finish(self) -> None:
        """The file is over: half messages stay so."""
        while self._streams:
            self._close(self._streams.popitem(last=False)[1])

    def _take(self, number: int, stream: _Stream, sequence: int, data: bytes) -> None:
        if not stream.buffer and not stream.ahead:
            stream.number = number
        gap = (sequence - stream.next) % _SEQUENCE
        if gap >= _SEQUENCE // 2:  # sent again, in part at least
            data, gap = data[_SEQUENCE - gap :], 0
        if gap == 0:
            self._append(stream, data)
            while stream.ahead:
                held = min(stream.ahead, key=lambda at: _signed(at - stream.next))
                late = -_signed(held - stream.next)
                if late < 0:
                    break
                segment = stream.ahead.pop(held)
                stream.held -= len(segment)
                self._held -= len(segment)
                self._append(stream, segment[late:])
            return
        known = stream.ahead.get(sequence, b"")
        if len(data) > len(known):
            stream.ahead[sequence] = data
            stream.held += len(data) - len(known)
            self._held += len(data) - len(known)
        if len(stream.ahead) > MAX_HELD_SEGMENTS:
            self._close(stream)

    def _append(self, stream: _Stream, data: bytes) -> None:
        stream.buffer += data
        stream.next = (stream.next + len(data)) % _SEQUENCE
        stream.held += len(data)
        self._held += len(data)

    def _messages(self, number: int, stream: _Stream) -> list[bytes]:
        found, buffer, at = [], stream.buffer, 0
        if not stream.begun and len(buffer) >= 8 and buffer[6:8] != b"\0\1":  # not where a message begins
            self._close(stream)
            return []
        while len(buffer) - at >= 2:
            after = at + 2 + (buffer[at] << 8 | buffer[at + 1])
            if after > len(buffer):
                break
            found.append(bytes(buffer[at + 2 : after]))
            at = after
        if at:
            del buffer[:at]
            stream.held -= at
            self._held -= at
            stream.number, stream.begun = number, True
        return found

    def _make_room(self) -> None:
        while self._held > MAX_HELD_BYTES or len(self._streams) > MAX_STREAMS:
            self._close(self._streams.popitem(last=False)[1])

    def _close(self, stream: _Stream) -> None:
        """No more of it; its tail is kept in mind only so that what is sent again is not read again."""
        if stream.held:
            self._set_aside(stream.number, "stream_incomplete", f"{stream.held} octets without their rest")
        self._held -= stream.held
        stream.closed, stream.held = True, 0
        stream.buffer, stream.ahead = bytearray(), {}


def _signed(difference: int) -> int:
    """A difference of sequence numbers, which wrap, as the nearer of the two."""
    return (difference + _SEQUENCE // 2) % _SEQUENCE - _SEQUENCE // 2
