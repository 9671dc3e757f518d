from dataclasses import replace

import pytest

from mithra.bench.ingest import NOW, bench_ingest
from mithra.bench.records import FORMATS, LAYOUTS, NOT_HERE, write_records
from mithra.errors import RefusedError, UsageError
from mithra.observe.readers import READERS
from mithra.observe.sniff import find_reader
from mithra.observe.source import Options, Rejects, Source


def test_every_reader_is_measured_or_said_not_to_be():
    assert sorted([*FORMATS, *NOT_HERE]) == sorted(reader.name for reader in READERS)


@pytest.mark.parametrize("format", FORMATS)
def test_generated_files_are_read_whole_as_what_they_are(tmp_path, format):
    file = tmp_path / f"{format}-2026-06-15.records"
    records = write_records(file, format, 21)
    assert records == (30 if format == "misp" else records)
    assert records in {21, 22, 30}
    options = Options(verdict="nefarious", now=NOW, client_key=lambda: b"k" * 32)
    reader = find_reader(Source.at(file), "auto", options)
    assert reader.name == format
    found = list(reader.read(Source.at(file), replace(options, known_at=Source.at(file).day_in_name)))
    assert [item for item in found if isinstance(item, Rejects) and item.lines] == []
    assert sum(item.data.num_rows for item in found if not isinstance(item, Rejects)) >= 21
    first = file.read_bytes()
    write_records(file, format, 21)
    assert file.read_bytes() == first


@pytest.mark.slow
def test_readers_are_measured_beside_their_bars(tmp_path):
    cof, plain = bench_ingest(["cof", "plain"], 300, repeats=1, folder=tmp_path)
    assert (cof["name"], cof["edges"], cof["rows"], cof["threads"]) == ("ingest/cof", 300, 300, 2)
    assert cof["ratio_to_floor"] == pytest.approx(cof["seconds"] / cof["floor"]["seconds"])
    assert cof["bar"] == {"ratio_to_floor": 2.5}
    assert cof["met"] == (cof["ratio_to_floor"] <= 2.5)
    assert (plain["rows"], plain["floor"], plain["ratio_to_floor"]) == (300, None, None)
    assert plain["records_per_core_second"] == pytest.approx(300 / plain["cpu_seconds"])
    assert plain["bar"] == {"records_per_core_second": 100_000}
    assert plain["met"] == (plain["records_per_core_second"] >= 100_000)
    assert plain["peak_rss_bytes"] > 10_000_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_record_that_is_set_aside_stops_the_bench(tmp_path, monkeypatch):
    monkeypatch.setitem(LAYOUTS, "plain", replace(LAYOUTS["plain"], records=("%(name)s", "-%(name)s..")))
    with pytest.raises(RefusedError, match="plain: 10 of 20 generated records were set aside"):
        bench_ingest(["plain"], 20, repeats=1, folder=tmp_path)


def test_unknown_formats_and_wrong_sizes_are_refused():
    with pytest.raises(UsageError, match="no such format"):
        bench_ingest(["plain", "punchcard"])
    with pytest.raises(UsageError, match="1 or more"):
        bench_ingest(["plain"], 0)
