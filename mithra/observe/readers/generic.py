"""Generic CSV, JSON lines and Parquet: columns by our own names, or by the caller's map.

These readers are asked for by a map or a table name; without, they know a table whose header already uses
the names of a workspace table, and Parquet.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mithra.errors import FormatError, UsageError
from mithra.observe.frames import conform, guess_table
from mithra.observe.readers import csvfile, jsonfile
from mithra.observe.source import Options, Reader, Rejects, Rows, Source

__all__ = ["READERS", "rows_of_table"]

PARQUET_MAGIC = b"PAR1"
ROWS_PER_BATCH = 1 << 16
_OF_PEOPLE = {"queries": "name", "registrations": "domain"}  # all that rejects of these tables show


def sniff_parquet(sample: bytes) -> bool:
    """The magic number."""
    return sample.startswith(PARQUET_MAGIC)


def read_parquet(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of a Parquet file."""
    if source.packing:
        raise FormatError(
            f"a Parquet file in {source.packing} data",
            file=source.path,
            hint="Unpack it: it is small by itself",
        )
    try:
        file = pq.ParquetFile(source.path)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(
            f"not a whole Parquet file ({error})", file=source.path, hint="Fetch it again"
        ) from error
    if not options.table and not _known(file.schema_arrow.names, options):
        raise FormatError(
            "no table of a workspace has these columns",
            value=", ".join(file.schema_arrow.names),
            file=source.path,
            hint="Map them with --map name=THEIRS --table NAME",
        )
    row = 1
    try:
        for batch in file.iter_batches(ROWS_PER_BATCH):
            batch.validate(full=True)  # Arrow itself takes bytes that are no text for text
            yield from rows_of_table(
                pa.Table.from_batches([batch]), options, source.stem, range(row, row + len(batch))
            )
            row += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(
            f"damaged Parquet data ({error})", file=source.path, hint="Fetch it again"
        ) from error


def sniff_csv(sample: bytes) -> bool:
    """A header that names the columns of a workspace table."""
    found = csvfile.look(sample)
    return found is not None and bool(found.header) and _known(found.header)


def read_csv(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of delimited text. Without a header, columns are called 1, 2, 3 …"""
    found = csvfile.look(source.sample) or _one_column(source.sample)
    names = _names(found, options)
    for batch in csvfile.rows(source, found):
        for i in range(len(batch.cells) - 1, -1, -1):
            if len(batch.cells[i]) != len(names):
                batch.rejects.add(batch.numbers[i], "wrong_column_count", batch.raw[i])
                del batch.numbers[i], batch.cells[i], batch.raw[i]
        columns = list(zip(*batch.cells, strict=True)) or [() for _ in names]
        data = pa.table(
            {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
        )
        yield from rows_of_table(data, options, source.stem, batch.numbers, batch.raw)
        yield from _shown(batch.rejects, names, options)


def sniff_json(sample: bytes) -> bool:
    """Objects whose keys are the columns of a workspace table."""
    record = jsonfile.first_record(sample)
    return record is not None and _known([str(key) for key in record])


def read_json(source: Source, options: Options) -> Iterator[Rows | Rejects]:
    """Records of JSON objects."""
    wanted = list(dict.fromkeys((options.columns or {}).values()))
    first = jsonfile.first_record(source.sample) or {}
    for batch in jsonfile.records(source):
        names = list(dict.fromkeys([*wanted, *(str(key) for value in batch.values for key in value)]))
        data = pa.table({name: _column([value.get(name) for value in batch.values]) for name in names})
        raw = [str(value)[:1000].encode() for value in batch.values]
        yield from rows_of_table(data, options, source.stem, batch.numbers, raw)
        yield from _shown(batch.rejects, [*names, *map(str, first)], options)


def rows_of_table(
    data: pa.Table, options: Options, source: str, numbers: Any, raw: list[bytes] | None = None
) -> Iterator[Rows | Rejects]:
    """Rows and rejects of a table with the caller's columns; `numbers` are the rows' lines."""
    table = options.table or guess_table(data.column_names, options)
    kept, reason = conform(table, data, options, source=source)
    keep = pc.is_null(reason)
    yield Rows(table, kept.filter(keep))
    bad = pc.indices_nonzero(pc.invert(keep)).to_pylist()
    if bad:
        at = pa.array(bad, pa.int64())
        shown = data.take(at).to_pylist() if raw is None else [raw[i] for i in bad]
        if (ours := _OF_PEOPLE.get(table)) is not None:
            shown = data[(options.columns or {}).get(ours, ours)].take(at).to_pylist()
        rejects = Rejects()
        for i, record in zip(bad, shown, strict=True):
            rejects.add(numbers[i], reason[i].as_py(), record)
        yield rejects


def _shown(rejects: Rejects, names: Sequence[str], options: Options) -> Iterator[Rejects]:
    """The rejects, without what they hold of lines that may tell of people."""
    if not rejects.lines:
        return
    private = options.table in _OF_PEOPLE if options.table else _of_people(names, options)
    hidden = ["not shown: it may hold a person's data"] * len(rejects.lines)
    yield Rejects(rejects.lines, rejects.reasons, hidden) if private else rejects


def _of_people(names: Sequence[str], options: Options) -> bool:
    return _known(names, options) and guess_table(names, options) in _OF_PEOPLE


def _one_column(sample: bytes) -> csvfile.CsvLook:
    """A file without a delimiter: one column under a header."""
    first = sample.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace").strip()
    return csvfile.CsvLook("\t", (first.lower(),), (first,), (first,), 1)


def _names(found: csvfile.CsvLook, options: Options) -> list[str]:
    """Column names as the caller's map may write them: the header's own, normalised ones, or places."""
    mapped = set((options.columns or {}).values())
    places = [str(i) for i in range(1, len(found.first) + 1)]
    if not found.header or set(places) & mapped:
        return places
    normal = zip(found.written, found.header, strict=True)
    return [written if written in mapped else header for written, header in normal]


def _column(values: list[Any]) -> pa.Array:
    """Values of one JSON key: lists stay lists, all else is text."""
    if any(isinstance(value, list) for value in values):
        return pa.array([_texts(value) for value in values], pa.list_(pa.string()))
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _texts(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def _known(names: Sequence[str], options: Options | None = None) -> bool:
    try:
        guess_table(names, options or Options())
    except UsageError:
        return False
    return True


def _example_parquet() -> bytes:
    row = {"name": "example.com", "rrtype": "A", "rdata": "192.0.2.7", "first_seen": 1767225600}
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), sink)
    return sink.getvalue()


_FIELDS = ("columns of a workspace table, or --map OURS=THEIRS",)

READERS = [
    Reader(
        "parquet",
        1,
        (),
        sniff_parquet,
        read_parquet,
        about="any Parquet file with the columns of a table, or mapped to them",
        example=_example_parquet,
        fields=_FIELDS,
    ),
    Reader(
        "json",
        1,
        (),
        sniff_json,
        read_json,
        about="any JSON objects, in an array or one a line, with the columns of a table or mapped to them",
        example='{"indicator":"bad.example","kind":"download","seen_at":"2026-06-01T12:00:00Z"}\n',
        fields=_FIELDS,
    ),
    Reader(
        "csv",
        1,
        (),
        sniff_csv,
        read_csv,
        about="any delimited table with the columns of a table of mithra's, or mapped to them",
        example="name,rrtype,rdata,first_seen\nwww.example.com,A,192.0.2.7,2026-06-01T12:00:00Z\n",
        fields=_FIELDS,
    ),
]
