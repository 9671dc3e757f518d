"""Which reader a file needs, by its content; the name and its ending do not matter."""

from __future__ import annotations

import codecs

from mithra.errors import FormatError, UsageError
from mithra.observe.readers import READERS, generic, jsonfile
from mithra.observe.source import Options, Reader, Source

__all__ = ["find_reader"]

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find_reader(source: Source, format: str = "auto", options: Options | None = None) -> Reader:
    """The reader that `format` names, or for "auto" the first that knows the content.

    A column map or a table name asks for the generic readers.

    Raises:
        UsageError: no reader of that name.
        FormatError: nothing knows the content.
    """
    if format != "auto":
        return _named(format)
    sample = source.sample
    if not sample.strip():
        raise FormatError("the file holds nothing but white space", file=source.path)
    if options is not None and (options.columns or options.table):
        return _generic(sample)
    for reader in READERS:
        if reader.sniff(sample):
            return reader
    if b"\0" in sample:
        for reader in READERS:
            if reader.sniff_tail(source.tail):
                return reader
    if sample.startswith(_UTF16):
        hint = "Write it as UTF-8: iconv -f UTF-16 -t UTF-8"
        raise FormatError("no reader knows packed text in UTF-16", file=source.path, hint=hint)
    raise FormatError(
        "no reader knows this content",
        value=sample[:80].decode("utf-8", "replace"),
        file=source.path,
        hint="State its format with --format, or map the columns of a table with --map name=THEIRS",
    )


def _named(format: str) -> Reader:
    for reader in READERS:
        if reader.name == format:
            return reader
    raise UsageError(
        "no such format", value=format, hint=f"Formats: auto, {', '.join(r.name for r in READERS)}"
    )


def _generic(sample: bytes) -> Reader:
    if generic.sniff_parquet(sample):
        return _named("parquet")
    return _named("json" if jsonfile.first_record(sample) is not None else "csv")
