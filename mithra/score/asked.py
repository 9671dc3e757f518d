"""The names to score, in whatever form they come: list, column, frame, file, or all of the snapshot."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mithra.errors import InputError, UsageError
from mithra.graph.snapshot import Snapshot
from mithra.names import REASONS, canonicalize, display
from mithra.observe.frames import arrow_of_frame

__all__ = ["Asked", "read_asked"]

MAX_GIVEN_CHARS = 1024  # of a string that is no name, what is kept of it


@dataclass(frozen=True, eq=False)
class Asked:
    """Names in the order given; all columns [rows]."""

    given: pa.Array  # as it was written
    names: pa.Array  # canonical; null where refused
    refusal: pa.Array  # why, in words; null where accepted

    def __len__(self) -> int:
        return len(self.names)

    def shown(self) -> pa.Array:
        """The canonical name, or what was given instead with everything odd escaped."""
        refused = pc.is_null(self.names)
        texts = [display(text or "") for text in self.given.filter(refused).to_pylist()]
        return pc.replace_with_mask(self.names, refused, pa.array(texts, pa.string()))


def read_asked(names: Any, snapshot: Snapshot) -> Asked:
    """The names asked for; None means all of the snapshot.

    Raises:
        UsageError: no names, or a frame of several columns none of which is `name`.
        InputError: a file that cannot be read.
    """
    if names is None:
        nothing = pa.nulls(len(snapshot), pa.string())
        return Asked(snapshot.names, snapshot.names, nothing)
    column = _file(Path(names)) if isinstance(names, (str, Path)) else _column(names)
    found = canonicalize(column)
    return Asked(_given(column), found.names, _refusals(found.reason))


def _refusals(reasons: pa.Array) -> pa.Array:
    codes = pa.array(list(REASONS), pa.string())
    texts = pa.array([f"not a domain name ({code}): {why}" for code, why in REASONS.items()], pa.string())
    return texts.take(pc.index_in(reasons, value_set=codes, skip_nulls=True))


def _given(column: Any) -> pa.Array:
    """What was written, as text; bytes that are no UTF-8 become U+FFFD, what is far too long is cut."""
    flat = column if isinstance(column, pa.Array) else _arrow(column)
    if pa.types.is_dictionary(flat.type):
        flat = flat.cast(flat.type.value_type)
    if pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type):
        text = flat.cast(pa.string())
    else:
        values = [None if value is None else _text(value) for value in flat.to_pylist()]
        text = pa.array(values, pa.string())
    long = pc.fill_null(pc.greater(pc.binary_length(text), MAX_GIVEN_CHARS), False)
    if not pc.any(long).as_py():
        return text
    return pc.if_else(long, pc.utf8_slice_codeunits(text, 0, MAX_GIVEN_CHARS), text)


def _text(value: bytes | str) -> str:
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "replace")


def _arrow(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    if hasattr(column, "__arrow_c_stream__"):
        return pa.chunked_array(column).combine_chunks()
    return pa.array([None if value is None else _text(value) for value in column], pa.string())


def _column(names: Any) -> Any:
    """The column of names of a frame, or the column given."""
    import narwhals as nw

    if isinstance(names, (pa.Array, pa.ChunkedArray)):
        return names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    wrapped = nw.from_native(names, pass_through=True, allow_series=True)
    if isinstance(wrapped, nw.Series):
        column = wrapped.to_arrow()
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(wrapped, (nw.DataFrame, nw.LazyFrame)) or isinstance(names, pa.RecordBatch):
        return _name_column(arrow_of_frame(names), None)
    return list(names) if np.iterable(names) else names


def _name_column(table: pa.Table, file: Path | None) -> pa.Array:
    """The column `name`, or the only one."""
    columns = table.column_names
    if "name" not in columns and len(columns) != 1:
        message = "no column 'name' among the columns"
        if file is not None:
            raise InputError(message, value=", ".join(columns), file=file, hint="Rename the one to score")
        raise UsageError(message, value=", ".join(columns), hint="Rename or select the one to score")
    return table["name" if "name" in columns else columns[0]].combine_chunks()


def _file(path: Path) -> pa.Array:
    """Names of a file: one a line, or the column `name` of CSV and Parquet; gzip is unpacked."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:]
    read = {".parquet": _parquet, ".csv": _csv}.get(kind[0] if kind else "", _lines)
    try:
        return _read(path, read, packed)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            "no such file of names", file=path, hint="To score one name give it in a list: [name]"
        ) from error
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        raise InputError(f"cannot read names: {error}", file=path) from error


def _read(path: Path, read: Callable[[bytes, Path], pa.Array], packed: bool) -> pa.Array:
    content = path.read_bytes()
    return read(gzip.decompress(content) if packed else content, path)


def _parquet(content: bytes, path: Path) -> pa.Array:
    import pyarrow.parquet as pq

    return _name_column(pq.read_table(pa.BufferReader(content)), path)


def _csv(content: bytes, path: Path) -> pa.Array:
    from pyarrow import csv

    if not content.strip():
        raise InputError("an empty file", file=path, hint="Expected a header with a column 'name'")
    header = csv.read_csv(
        pa.BufferReader(content.split(b"\n", 1)[0] + b"\n"), csv.ReadOptions(block_size=1 << 20)
    )
    as_bytes = csv.ConvertOptions(column_types={name: pa.binary() for name in header.column_names})
    return _name_column(csv.read_csv(pa.BufferReader(content), convert_options=as_bytes), path)


def _lines(content: bytes, path: Path) -> pa.Array:
    """One name a line; empty lines and comments (`# …`) are none."""
    lines = [line.strip(b" \t\r") for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    return pa.array([line for line in lines if line and not line.startswith(b"#")], pa.binary())
