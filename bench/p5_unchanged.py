"""P5: the second backup of an unchanged tenant against the first."""

import time
from dataclasses import asdict

from bench import charts
from bench.database_meter import Reading, read_meter
from bench.findings import Finding, Table, at_most, spread
from bench.ground import Ground, LocalGraph, local_graph, open_ground, open_stand
from bench.running import Bench
from bench.tenants import TWO_THOUSAND, share_of

METHOD = """\
The tenant of 2,000 objects and the groups that they refer to, backed up twice into a fresh
database by the same worker, nothing changed in between. *Rows*: inserted and updated, all tables
(`pg_stat_user_tables`). *Bytes*: tables and indexes on disk. *WAL*: distance of the insert
position. *Database time*: `active_time` of `pg_stat_database`, what sessions spent in
statements."""
PARTS = {"rows": 0.05, "bytes": 0.05, "wal": 0.05, "busy_ms": 0.3}
LABELS = {
    "rows": "rows written",
    "bytes": "bytes on disk",
    "wal": "WAL bytes",
    "busy_ms": "ms in the database",
    "transactions": "transactions",
    "seconds": "seconds in all",
}


async def measure(bench: Bench) -> Finding:
    """Back up twice in each round."""
    counts = share_of(TWO_THOUSAND, 0.1) if bench.is_quick else TWO_THOUSAND
    finding = Finding("P5", "second backup of an unchanged tenant", METHOD, folder=bench.folder)
    async with open_ground() as ground, local_graph(ground.directory, counts=counts) as graph:
        for number in range(bench.rounds):
            bench.say(f"P5: round {number + 1}")
            finding.rounds.append({"round": number, **await measure_round(ground, graph)})
    conclude(finding)
    return finding


async def measure_round(ground: Ground, graph: LocalGraph) -> dict[str, object]:
    """Return what the first and the second backup wrote."""
    async with open_stand(ground, graph) as stand:
        start = await read_meter(stand)
        began = time.perf_counter()
        run = await stand.backup()
        first_seconds = time.perf_counter() - began
        middle = await read_meter(stand)
        began = time.perf_counter()
        again = await stand.backup()
        second_seconds = time.perf_counter() - began
        end = await read_meter(stand)
    if again.summary_counts["unchanged"] != run.summary_counts["total"]:
        raise RuntimeError("the second backup found changes")
    return {
        "objects": run.summary_counts["total"],
        "first": _row(middle.since(start), first_seconds),
        "second": _row(end.since(middle), second_seconds),
    }


def _row(reading: Reading, seconds: float) -> dict[str, float]:
    return {**asdict(reading), "rows": reading.rows, "seconds": round(seconds, 3)}


def conclude(finding: Finding) -> None:
    """Fill in the table, the chart and the verdicts."""
    table = Table(["", "first", "second", "second / first"])
    ratios: dict[str, list[float]] = {}
    for part, label in LABELS.items():
        first = [row["first"][part] for row in finding.rounds]
        second = [row["second"][part] for row in finding.rounds]
        ratios[part] = [b / a for a, b in zip(first, second, strict=True)]
        table.rows.append([label, spread(first), spread(second), spread(ratios[part])])
    finding.tables.append(table)
    for part, target in PARTS.items():
        what = f"{LABELS[part]}, second against first"
        finding.verdicts.append(at_most(what, ratios[part], target))
    charts.bars(
        finding.chart("p5.svg"),
        "Second backup of an unchanged tenant",
        "share of the first backup, less is better",
        {LABELS[part]: ratios[part] for part in LABELS},
    )
