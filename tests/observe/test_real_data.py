"""Real feeds in their own formats into one workspace, twice. They lie beside the project, not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mithra.observe import Workspace, ingest

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="the real feeds of ../shared/data are not here"),
]

# path: rows, rejects
EXPECTED = {
    "raw/gov.zone.gz": (47_807, 0),
    "raw/gov-pdns.cof.jsonl.gz": (64_763, 1_527),  # addresses with a comment of the zone file behind them
    "raw/protective-dns-malicious.cof.jsonl.gz": (20_223, 0),
    "formats/rdap": (11, 302),
    "raw/warninglists": (184_944, 284),
    "raw/maltrail-first-seen.csv.gz": (365_070, 0),
    "raw/asn-ipv4.csv.gz": (411_961, 0),
    "formats/pdns_cof": (16, 0),
    "formats/blocklists": (82_203, 1),
    "formats/urlhaus": (17, 133),
    "raw/polkadot": (56_408, 5),
    "raw/blackbook.csv": (18_151, 0),
    "raw/tweetfeed-2026": (36_753, 7_192),
    "formats/misp": (604, 130),
    "formats/stix": (1_180, 356),
}


def test_everything_is_read_once(tmp_path):
    workspace = Workspace(tmp_path / "lake")
    for path, expected in EXPECTED.items():
        report = ingest(workspace, DATA / path, known_at="2025-03-20")
        assert (report.rows, report.rejected) == expected, path
    versions, status = workspace.versions(), workspace.status()
    for path in EXPECTED:
        again = ingest(workspace, DATA / path, known_at="2025-03-20")
        assert (again.rows, again.rejected) == (0, 0), path
        assert all(file.skipped for file in again.files), path
    assert workspace.versions() == versions
    assert sum(status.rejects.values()) == sum(rejected for _, rejected in EXPECTED.values())
    assert sum(table.rows for table in status.tables.values()) == sum(rows for rows, _ in EXPECTED.values())
