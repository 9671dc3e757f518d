"""Read DNS and registration records into a workspace: canonical, dated, each once, bad ones set aside."""

from __future__ import annotations

from mithra.observe.compact import Compaction, compact
from mithra.observe.digests import table_digests
from mithra.observe.ingest import FileReport, IngestReport, ingest
from mithra.observe.status import Status, TableStatus
from mithra.observe.workspace import Workspace

__all__ = [
    "Compaction",
    "FileReport",
    "IngestReport",
    "Status",
    "TableStatus",
    "Workspace",
    "compact",
    "ingest",
    "table_digests",
]
