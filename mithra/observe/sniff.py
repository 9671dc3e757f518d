"""Which reader a file needs, by its content; the name and its ending do not matter."""

from __future__ import annotations

from mithra.errors import FormatError, UsageError
from mithra.observe.readers import READERS
from mithra.observe.readers.base import Reader, Source

__all__ = ["find_reader"]


def find_reader(source: Source, format: str = "auto") -> Reader:
    """The reader that `format` names, or for "auto" the first that knows the content.

    Raises:
        UsageError: no reader of that name.
        FormatError: nothing knows the content.
    """
    if format != "auto":
        for reader in READERS:
            if reader.name == format:
                return reader
        raise UsageError(
            "no such format", value=format, hint=f"Formats: auto, {', '.join(r.name for r in READERS)}"
        )
    sample = source.sample
    if not sample.strip():
        raise FormatError("the file holds nothing but white space", file=source.path)
    for reader in READERS:
        if reader.sniff(sample):
            return reader
    raise FormatError(
        "no reader knows this content",
        value=sample[:80],
        file=source.path,
        hint="State its format with --format, or map the columns of a table with --map name=THEIRS",
    )
