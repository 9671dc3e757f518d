"""Read DNS and registration records into a workspace: canonical, dated, each once, bad ones set aside."""

from __future__ import annotations

from mithra.observe.ingest import FileReport, IngestReport, ingest
from mithra.observe.workspace import Status, TableStatus, Workspace

__all__ = ["FileReport", "IngestReport", "Status", "TableStatus", "Workspace", "ingest"]
