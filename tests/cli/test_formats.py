"""`mithra formats`: the readers' catalogue."""

from __future__ import annotations

import json
from pathlib import Path

from mithra.observe.readers import READERS


def test_all_formats_are_listed(mithra):
    result = mithra("formats")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.splitlines() if line[1:2].isalpha()]
    assert listed[1:] == [reader.name for reader in READERS]


def test_one_format_shows_its_fields_and_an_example(mithra):
    result = mithra("formats", "hosts")
    assert result.stdout.endswith("example:\n# Date: 2026-06-01\n0.0.0.0 bad.example\n")
    assert "tables: labels" in result.stdout
    assert "a binary file of" in mithra("formats", "parquet").stdout


def test_json_holds_the_same(mithra):
    told = json.loads(mithra("formats", "--json", "-").stdout)
    assert [each["name"] for each in told] == [reader.name for reader in READERS]
    assert all(each["about"] and each["example"] and each["fields"] for each in told)


def test_an_unknown_format_is_wrong_usage(mithra):
    result = mithra("formats", "fax")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Formats: " in result.stderr


def test_the_page_of_the_docs_is_the_catalogues(mithra):
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    assert mithra("formats", "--markdown").stdout == page, "mithra formats --markdown > docs/formats.md"
