"""How a file is packed, and its bytes unpacked as a stream: gzip, zstd, bzip2, xz, a zip of one file, UTF-16.

Whatever ends early, is damaged, packed twice or an archive of several files is a FormatError that names the
file and says what to do; nothing unpacks without bound.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from mithra.errors import FormatError

__all__ = ["CHUNK_BYTES", "HEAD_BYTES", "Unpacked", "packing_of", "refuse_packed"]

CHUNK_BYTES = 1 << 21
HEAD_BYTES = 10
XZ_MEMORY_BYTES = 1 << 27  # xz -9 needs half of it; a stream may ask for 4 GiB
_UNPACK = "Unpack it: its files are read packed with gzip, zstd, bzip2, xz, zip (one file each) or not at all"
_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY|\x17rE)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "utf-16": re.compile(rb"(?s:(?:\xff\xfe(?!\0\0)|\xfe\xff)..)"),  # not the mark of UTF-32
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # RFC 8878: a frame, or one to skip
}
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)
_ZIP, _SEVEN_ZIP = (b"PK\x03\x04", b"PK\x05\x06"), b"7z\xbc\xaf"  # a zip archive, or an empty one
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # zipfile unpacks others without bound
MAX_NAMED_MEMBERS = 3
_OF_A_DESKTOP = re.compile(r"(?i)(?:^|[/\\])(?:__MACOSX[/\\].*|\.[^/\\]*|Thumbs\.db|desktop\.ini)$")
_TAR = b"ustar", 257  # at this place


def packing_of(head: bytes, path: Path) -> str | None:
    """How a file with this beginning (HEAD_BYTES) is packed, None where it is not.

    Raises:
        FormatError: an archive that is not read, or one of several files.
    """
    if head.startswith(_SEVEN_ZIP):
        raise FormatError("packed with 7-zip", file=path, hint=_UNPACK)
    if head.startswith(_ZIP):
        with path.open("rb") as file:
            _member(file, path)
        return "zip"
    return next((packing for packing, magic in _MAGIC.items() if magic.match(head)), None)


def refuse_packed(sample: bytes, path: Path, *, again: bool) -> None:
    """Refuse a beginning that came out of unpacking (`again`) and is packed still, and any archive.

    Raises:
        FormatError: packed twice, or a tar archive.
    """
    if sample.startswith(*_TAR):
        raise FormatError("a tar archive", file=path, hint=_UNPACK)
    packed = [packing for packing, magic in _MAGIC.items() if magic.match(sample) and packing != "utf-16"]
    if sample.startswith((*_ZIP, _SEVEN_ZIP)) or (again and packed):
        raise FormatError("packed twice", file=path, hint=_UNPACK)


class Unpacked(io.RawIOBase):
    """Unpacked bytes; complaints are FormatErrors that name the file."""

    def __init__(self, file: BinaryIO, packing: str, path: Path) -> None:
        self._file, self._packing, self._path = file, packing, path
        self._stream = _member(file, path) if packing == "zip" else _unpacker(file, packing)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: WriteableBuffer
        try:
            return int(self._stream.readinto(buffer))
        except _DAMAGED as error:
            raise FormatError(
                f"the {self._packing} data is cut short or damaged ({error})",
                file=self._path,
                hint="Fetch the file again",
            ) from error

    def close(self) -> None:
        self._file.close()
        super().close()


def _member(file: BinaryIO, path: Path) -> Any:
    """The one file that a zip archive holds besides those of a desktop, with `readinto`.

    Raises:
        FormatError: it holds none or several, is cut short, or packed in a way that is not read.
    """
    try:
        archive = zipfile.ZipFile(file)
        found = [
            each
            for each in archive.infolist()
            if not each.is_dir() and not _OF_A_DESKTOP.search(each.filename)
        ]
        if len(found) == 1 and found[0].compress_type in _ZIP_METHODS:
            return archive.open(found[0])
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise FormatError(
            f"the zip data is cut short or damaged ({error})", file=path, hint="Fetch the file again"
        ) from error
    except (RuntimeError, NotImplementedError) as error:  # a password, a method, a later version of zip
        raise FormatError(f"a zip archive that is not read ({error})", file=path, hint=_UNPACK) from error
    if len(found) == 1:
        raise FormatError("a zip archive packed otherwise than by deflate", file=path, hint=_UNPACK)
    named = ", ".join(each.filename for each in found[:MAX_NAMED_MEMBERS])
    more = f" and {len(found) - MAX_NAMED_MEMBERS} more" if len(found) > MAX_NAMED_MEMBERS else ""
    raise FormatError(
        f"a zip archive of {len(found)} files, not of one",
        value=(named + more) or None,
        file=path,
        hint=_UNPACK,
    )


def _unpacker(file: BinaryIO, packing: str) -> Any:
    """Something with `readinto`. All take several streams one after the other for one file."""
    if packing == "gzip":
        return gzip.GzipFile(fileobj=file)
    if packing == "zstd":
        return pa.CompressedInputStream(file, "zstd")
    if packing == "utf-16":
        return _Text(file)
    if packing == "bzip2":
        return _Streams(file, bz2.BZ2Decompressor)
    return _Streams(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES))


class _Text:
    """Text in UTF-16, as Windows writes it, in UTF-8. Half a pair becomes U+FFFD, which no name may hold."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._rest, self._bytes = file, b"", 0
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def readinto(self, buffer: memoryview) -> int:
        while not self._rest:
            packed = self._file.read(CHUNK_BYTES)
            self._bytes += len(packed)
            if not packed and self._bytes % 2:
                raise EOFError("it ends within a character")
            self._rest = self._decoder.decode(packed, final=not packed).encode()
            if not packed and not self._rest:
                return 0
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class _Streams:
    """bzip2 or xz streams. Unlike BZ2File and LZMAFile, which pass over whatever does not unpack after the
    first stream, this takes nothing but zeros there."""

    def __init__(self, file: BinaryIO, begin: Callable[[], Any]) -> None:
        self._file, self._begin, self._stream = file, begin, begin()

    def readinto(self, buffer: memoryview) -> int:
        while True:
            packed = b""
            if self._stream.eof:
                packed = self._stream.unused_data.lstrip(b"\0")
                while not packed:
                    if not (more := self._file.read(CHUNK_BYTES)):
                        return 0
                    packed = more.lstrip(b"\0")
                self._stream = self._begin()
            elif self._stream.needs_input and not (packed := self._file.read(CHUNK_BYTES)):
                raise EOFError("it ends before its end mark")
            data = self._stream.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
