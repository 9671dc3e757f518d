"""`mithra bench`: how well and how fast, as records for machines and a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mithra.cli.messages import messages
from mithra.cli.options import JsonFile, example, whole_number
from mithra.cli.output import STDOUT, print_table, write_json

__all__ = ["app"]

app = typer.Typer(help="Measure how well and how fast mithra does its work.", no_args_is_help=True)

_SPEED = ["name", "edges", "seconds", "peak_rss_bytes", "threads", "ratio_to_floor"]


@app.command(epilog=example("mithra bench build --edges 2000000 --json build.json"))
def build(
    ctx: typer.Context,
    edges: Annotated[str, typer.Option(metavar="N", help="Passive DNS records to read.")] = "2000000",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Cores that a run may use.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Runs, of which the median counts.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Time records to a saved snapshot, beside a bare DuckDB read and GROUP BY of the same file."""
    from mithra.bench.speed import bench_build

    count = whole_number(edges, "--edges")
    _report(
        bench_build(count, threads=threads, repeats=repeats, progress=messages(ctx).progress),
        _SPEED,
        json_file,
    )


@app.command(epilog=example("mithra bench names --json names.json"))
def names(
    count: Annotated[
        str, typer.Option("--names", metavar="N", help="Names to cut to their eTLD+1.")
    ] = "200000",
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Runs, of which the median counts.")] = 5,
    json_file: JsonFile = None,
) -> None:
    """Time eTLD+1 matching, beside tldextract and publicsuffixlist in the same run."""
    from mithra.bench.names import bench_names

    record = bench_names(whole_number(count, "--names"), repeats=repeats)
    if json_file != STDOUT:
        rows = [("mithra", record["seconds"], 1.0, 0)]
        rows += [
            (peer["name"], peer["seconds"], peer["ratio"], peer["disagreements"]) for peer in record["peers"]
        ]
        print_table(["library", "seconds", "times_ours", "disagreements"], rows)
    write_json([record], json_file)


def _report(records: Sequence[dict[str, Any]], columns: Sequence[str], json_file: Any) -> None:
    if json_file != STDOUT:
        print_table(columns, ([record[column] for column in columns] for record in records))
    write_json(records, json_file)
