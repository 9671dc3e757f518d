"""What findings are grouped by: the campaign of a name where a table tells it, else the eTLD+1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from mithra.errors import InputError
from mithra.names import SuffixList
from mithra.observe.frames import arrow_of_frame

__all__ = ["Groups"]


class Groups:
    """The group of names."""

    def __init__(self, campaigns: Any, suffixes: SuffixList) -> None:
        """`campaigns` is a frame, or a .parquet, .csv or .jsonl file, with columns name and campaign.

        Raises:
            InputError: a file that cannot be read, or a table without these columns.
        """
        self._suffixes = suffixes
        self._campaigns: pa.Table | None = None
        if campaigns is not None:
            file = campaigns if isinstance(campaigns, str | Path) else None
            table = arrow_of_frame(campaigns) if file is None else _read(Path(file))
            missing = [column for column in ("name", "campaign") if column not in table.column_names]
            if missing:
                raise InputError("a table of campaigns lacks a column", value=missing, file=file)
            table = table.select(["name", "campaign"]).cast(
                pa.schema([("name", pa.string()), ("campaign", pa.string())])
            )
            self._campaigns = table.filter(pc.is_valid(table["campaign"])).combine_chunks()

    def of(self, names: Sequence[str | None]) -> list[str | None]:
        """The group of each name: its campaign, or that of its eTLD+1, else its eTLD+1, else itself."""
        given = pa.array(names, pa.string())
        above = pc.coalesce(self._suffixes.cut(given, extra=1), given)
        found: list[str | None] = above.to_pylist()
        if self._campaigns is None:
            return found
        held, told = self._campaigns["name"].combine_chunks(), self._campaigns["campaign"].combine_chunks()
        rows = pc.coalesce(*(pc.index_in(each, value_set=held, skip_nulls=True) for each in (given, above)))
        campaign = told.take(rows).to_pylist()
        return [own or group for own, group in zip(campaign, found, strict=True)]


def _read(file: Path) -> pa.Table:
    readers = {".parquet": pq.read_table, ".csv": pa.csv.read_csv, ".jsonl": pa.json.read_json}
    read = readers.get(file.suffix)
    if read is None:
        raise InputError("campaigns come as .parquet, .csv or .jsonl", file=file)
    try:
        return read(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read campaigns: {error}", file=file) from error
