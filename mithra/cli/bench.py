"""`mithra bench`: how well and how fast, as records for machines and a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mithra.cli.messages import messages
from mithra.cli.options import JsonFile, ModelFolder, WorkspaceFolder, a_moment, example, whole_number
from mithra.cli.output import STDOUT, print_table, write_json
from mithra.errors import RefusedError, UsageError

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


@app.command(epilog=example("mithra bench train pdns-net-mini --domains 100000 --json train.json"))
def train(
    ctx: typer.Context,
    folder: Annotated[
        str | None,
        typer.Argument(metavar="[DIR]", help="The folder of the labelled graph, if it is at hand."),
    ] = None,
    domains: Annotated[
        str, typer.Option(metavar="N", help="Size of the simulated world; 0: none.")
    ] = "100000",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Cores that a run may use.")] = 2,
    repeats: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs on the labelled graph, of which the median counts.")
    ] = 1,
    json_file: JsonFile = None,
) -> None:
    """Time training: on PDNS-Net beside an R-GCN and trees, and on a simulated world."""
    from mithra.bench.training import bench_train

    count = 0 if domains == "0" else whole_number(domains, "--domains")
    records = bench_train(folder, count, threads=threads, repeats=repeats, progress=messages(ctx).progress)
    if json_file != STDOUT:
        rows = []
        for record in records:
            beside = [record["floor"], *record["peers"]]
            rows.append([record["name"], *_cost(record), record["edges"], record["ratio_to_floor"]])
            rows += [[f"  {one['name']}", *_cost(one), None, one.get("ratio", 1.0)] for one in beside]
        print_table(["name", "seconds", "peak_mb", "edges", "ratio_to_floor"], rows)
    write_json(records, json_file)


def _cost(record: dict[str, Any]) -> tuple[float, int]:
    return round(record["seconds"], 1), record["peak_rss_bytes"] >> 20


@app.command(epilog=example("mithra bench worlds --seeds 301,302,303 --json worlds.json"))
def worlds(
    ctx: typer.Context,
    seeds: Annotated[str, typer.Option(metavar="S,…", help="Seeds of the worlds.")] = "301,302,303",
    domains: Annotated[str, typer.Option(metavar="N", help="Size of each world.")] = "50000",
    days: Annotated[
        int, typer.Option(metavar="D", help="Length of each world: trained just before its middle.")
    ] = 60,
    members: Annotated[
        int, typer.Option(min=1, metavar="N", help="Members of every model; fewer train faster.")
    ] = 5,
    json_file: JsonFile = None,
) -> None:
    """How well names are judged on arrival in simulated worlds, new to the model, by the hidden truth.

    Only names count that no list had when they were judged. Nothing here is claimed for the real internet.
    """
    from mithra.bench.worlds import Replay, bench_worlds, summary
    from mithra.learn.settings import TrainSettings

    plan = Replay.of(whole_number(domains, "--domains"), days)
    chosen = [whole_number(seed, "--seeds") for seed in seeds.split(",") if seed]
    if not chosen:
        raise UsageError("no seed was given", value=seeds, hint="For example --seeds 301,302,303")
    settings = TrainSettings(members=members)
    records = bench_worlds(chosen, plan, settings=settings, progress=messages(ctx).progress)
    if json_file != STDOUT:
        _print_worlds(records, summary(records))
    write_json(records, json_file)


def _print_worlds(
    records: Sequence[dict[str, Any]], means: dict[str, dict[str, tuple[float, float] | None]]
) -> None:
    """What could be measured, then a row a figure and a column a model: mean over worlds ± standard error."""
    counts = ("arrivals", "listed", "nefarious", "nefarious_groups", "benign", "benign_tenants")
    first = [record for record in records if record["model"] == records[0]["model"]]
    print_table(["seed", *counts], ([r["seed"], *(r[count] for count in counts)] for r in first))
    rows = [
        [figure, *(_told(mine.get(figure), len(first)) for mine in means.values())]
        for figure in means[records[0]["model"]]
    ]
    print_table(["mean over worlds", *means], rows)


def _told(value: tuple[float, float] | None, worlds: int) -> str:
    if value is None:
        return "not measurable"
    return f"{value[0]:.3f}" + (f" ± {value[1]:.3f}" if worlds > 1 else "")


@app.command("pdns-net", epilog=example("mithra bench pdns-net pdns-net-mini --json pdns.json"))
def pdns_net(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of the labelled graph.")],
    regime: Annotated[
        list[str] | None, typer.Option(help="arrival, etld1 or random; may be repeated. Default: all.")
    ] = None,
    models: Annotated[
        str, typer.Option(metavar="default|all|NAME,…", help="Which models to run.")
    ] = "default",
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Splits, seeds 0 to N - 1.")] = 5,
    test_labels: Annotated[
        str | None, typer.Option(metavar="FILE", help="CSV node_id,value,type of the names to test on.")
    ] = None,
    without: Annotated[
        str,
        typer.Option(
            metavar="RELATION,…",
            help="Relations to leave out, such as apex,similar; tld: what the suffix tells.",
        ),
    ] = "",
    json_file: JsonFile = None,
) -> None:
    """Average precision and more of the models on PDNS-Net, in three regimes."""
    from mithra.bench.pdns_net import bench_pdns_net
    from mithra.learn.contest import REGIMES

    records = bench_pdns_net(
        folder,
        regimes=regime or REGIMES,
        models=models.split(","),
        seeds=range(seeds),
        test_labels=test_labels,
        without=[name for name in without.split(",") if name],
        progress=messages(ctx).progress,
    )
    if json_file != STDOUT:
        rows = [
            [*key, len(mine), *(_mean(metric, mine) for metric in ("ap", "auc", "balanced_accuracy"))]
            for key, mine in _grouped(records).items()
        ]
        print_table(["regime", "model", "seeds", "ap", "auc", "balanced_accuracy"], rows)
    write_json(records, json_file)


def _grouped(records: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Records by regime and model, in the order in which they came."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["regime"], record["model"]), []).append(record)
    return groups


def _mean(metric: str, records: Sequence[dict[str, Any]]) -> float:
    return round(float(sum(record[metric] for record in records)) / len(records), 4)


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


@app.command(epilog=example("mithra bench ingest --formats cof,zeek-json --json ingest.json"))
def ingest(
    ctx: typer.Context,
    formats: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="Formats to read. Default: all that have a bar.")
    ] = None,
    records: Annotated[
        str | None,
        typer.Option(metavar="N", help="Records a file. Default: 200,000; 1,000,000 of cof and zeek-json."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Cores that a run may use.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Runs, of which the median counts.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Time reading each format into a workspace, beside what it must reach."""
    from mithra.bench.ingest import bench_ingest

    results = bench_ingest(
        [name for name in formats.split(",") if name] if formats else None,
        None if records is None else whole_number(records, "--records"),
        threads=threads,
        repeats=repeats,
        progress=messages(ctx).progress,
    )
    if json_file != STDOUT:
        columns = [
            "seconds",
            "records_per_second",
            "records_per_core_second",
            "peak_rss_bytes",
            "ratio_to_floor",
        ]
        rows = (
            [record["name"], *(_rounded(record[column]) for column in columns), _bar(record)]
            for record in results
        )
        print_table(["name", *columns, "bar", "met"], [[*row[:-1], *row[-1]] for row in rows])
    write_json(results, json_file)


@app.command(
    "detect", epilog=example("mithra bench detect world lake model --from 2026-06-01 --json detect.json")
)
def detect_(
    ctx: typer.Context,
    world: Annotated[Path, typer.Argument(metavar="WORLD", help="Folder that `mithra simulate` made.")],
    workspace: WorkspaceFolder,
    model: ModelFolder,
    start: Annotated[
        str, typer.Option("--from", metavar="T", help="First day; the model knows nothing later.")
    ],
    days: Annotated[int, typer.Option(min=1, metavar="N", help="Days whose logs are matched.")] = 7,
    json_file: JsonFile = None,
) -> None:
    """Measure what detect finds in a simulated world's query logs, beside its block lists alone."""
    import mithra as mt
    from mithra.bench.detect import bench_detect

    first = a_moment(start, "--from")
    records = bench_detect(world, workspace, mt.load(model), first, days, progress=messages(ctx).progress)
    if json_file != STDOUT:
        columns = [
            *("name", "findings", "names", "precision", "recall", "recall_of_names", "recall_of_clients"),
            *("recall_of_campaigns", "queries_per_finding"),
        ]
        print_table(columns, ([record[column] for column in columns] for record in records[:-1]))
        columns = [key for key in records[-1] if key not in ("name", "reasons")]
        print_table(columns, [[records[-1][column] for column in columns]])
    write_json(records, json_file)


@app.command(epilog=example("mithra bench publish --decisions 1000000 --json publish.json"))
def publish(
    decisions: Annotated[str, typer.Option(metavar="N", help="Blocks to write.")] = "1000000",
    formats: Annotated[
        str, typer.Option(metavar="NAME,…|all", help="Lists to write; `mithra publish --help` names them.")
    ] = "rpz",
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Runs, of which the median counts.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Time decisions to a list, beside writing the same names as lines."""
    from mithra.bench.publish import bench_publish
    from mithra.publish.targets import TARGETS

    wanted = list(TARGETS) if formats == "all" else [name for name in formats.split(",") if name]
    records = bench_publish(whole_number(decisions, "--decisions"), wanted, repeats=repeats)
    _report(records, ["name", "decisions", "seconds", "peak_rss_bytes", "bytes", "ratio_to_floor"], json_file)


@app.command(epilog=example("mithra bench push --decisions 1000 --json push.json"))
def push(
    decisions: Annotated[str, typer.Option(metavar="N", help="Blocks a batch.")] = "1000",
    repeats: Annotated[
        int, typer.Option(min=1, metavar="N", help="Batches, of which the median counts.")
    ] = 5,
    json_file: JsonFile = None,
) -> None:
    """Time decisions to blocks in force, and an allowed name to its address, on a BIND of the bench's own."""
    from mithra.bench.push import bench_push

    records = bench_push(whole_number(decisions, "--decisions"), repeats=repeats)
    _report(records, ["name", "decisions", "seconds", "slowest_seconds", "ratio_to_floor"], json_file)


def _rounded(value: float | None) -> float | None:
    return value if value is None or value < 1000 else round(value)


def _bar(record: dict[str, Any]) -> tuple[str, str]:
    """What must be reached, and whether it is."""
    ((measure, bar),) = record["bar"].items()
    told = f"{bar:,} a core" if measure == "records_per_core_second" else f"{bar} floors"
    return told, "yes" if record["met"] else "NO"


def _report(records: Sequence[dict[str, Any]], columns: Sequence[str], json_file: Any) -> None:
    if json_file != STDOUT:
        print_table(columns, ([record[column] for column in columns] for record in records))
    write_json(records, json_file)


@app.command(epilog=example("mithra bench faults --bar kill,disk --json faults.json"))
def faults(
    ctx: typer.Context,
    bars: Annotated[
        str | None,
        typer.Option(
            "--bar", metavar="NAME,…", help="kill, disk, order, readers, bombs, fuzz. Default: all."
        ),
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="A tenth of the full counts, which take about half an hour.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Kill it, fill its disk, feed it bombs, and count what breaks. Exits with 1 where anything did."""
    from mithra.bench.faults import BARS, FaultCounts, bench_faults

    talk = messages(ctx)
    counts = FaultCounts(30, 40, 2, 4, 20, 1 << 27, 200) if short else FaultCounts()
    records = bench_faults(
        [bar for bar in bars.split(",") if bar] if bars else BARS, counts, progress=talk.progress
    )
    if json_file != STDOUT:
        rows = (
            [record["name"], "yes" if record["passed"] else "NO", record["seconds"], _counted(record)]
            for record in records
        )
        print_table(["bar", "passed", "seconds", "counted"], rows)
    write_json(records, json_file)
    if not all(record["passed"] for record in records):
        raise RefusedError("a promise was broken", value=[r["name"] for r in records if not r["passed"]])


def _counted(record: dict[str, Any]) -> str:
    told = {key: value for key, value in record.items() if isinstance(value, int | str)}
    return ", ".join(
        f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}"
        for key, value in told.items()
        if key not in {"name", "passed"}
    )


@app.command(epilog=example("mithra bench campaigns --seeds 401,402,403 --json campaigns.json"))
def campaigns(
    ctx: typer.Context,
    seeds: Annotated[str, typer.Option(metavar="S,…", help="Seeds of the simulated worlds.")] = "401,402,403",
    domains: Annotated[
        str, typer.Option(metavar="N", help="Registered domains and tenants of a world.")
    ] = "20000",
    json_file: JsonFile = None,
) -> None:
    """Adjusted mutual information of campaigns with the true ones of simulated worlds, beside the connected
    components and the Louvain communities of the raw graph. A world takes some minutes."""
    import mithra as mt
    from mithra.bench.campaigns import DAYS, START, bench_campaigns

    chosen = [whole_number(seed, "--seeds") for seed in seeds.split(",")]
    count, progress = whole_number(domains, "--domains"), messages(ctx).progress

    def world(folder: Path, seed: int) -> None:
        mt.simulate(folder, domains=count, days=DAYS, seed=seed, start=START.date(), progress=progress)

    records = bench_campaigns(chosen, world, progress=progress)
    if json_file != STDOUT:
        measures = ["ami", "ami_found", "ami_owners", "ami_with_lone"]
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for record in records:
            groups.setdefault((record["input"], record["method"]), []).append(record)
        rows = [
            [*key, len(mine), _mean("found_share", mine), *(_mean(each, mine) for each in measures)]
            for key, mine in groups.items()
        ]
        print_table(["input", "method", "seeds", "found_share", *measures], rows)
    write_json(records, json_file)
