"""P5: the second backup of an unchanged tenant against the first."""

from dataclasses import asdict

from bench import charts
from bench.database_meter import Reading, let_a_day_pass, read_meter
from bench.findings import Finding, Table, at_most, spread
from bench.ground import Ground, LocalGraph, local_graph, open_ground, open_stand, seconds_of
from bench.running import Bench, UnfitRunError
from bench.tenants import TWO_THOUSAND, share_of
from storage.runs import RunRecord

METHOD = """\
The tenant of 2,000 objects and the groups that they refer to, backed up twice into a fresh
database by the same worker, nothing changed in between. *Rows*: inserted and updated, all tables
(`pg_stat_user_tables`). *Bytes*: tables and indexes on disk. *WAL*: distance of the insert
position. *Database time*: `active_time` of `pg_stat_database`, what sessions spent in
statements. *A night later*: a third backup, still unchanged, after a VACUUM and a checkpoint, as
there are between real nights: pages that are touched first are then written whole into the WAL,
which the second backup, right after the first, is spared."""
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
        run = await stand.backup()
        middle = await read_meter(stand)
        again = await stand.backup()
        end = await read_meter(stand)
        await let_a_day_pass(stand)
        rested = await read_meter(stand, waits=False)
        later = await stand.backup()
        last = await read_meter(stand)
    hold_unchanged(run, again, later)
    return {
        "objects": run.summary_counts["total"],
        "first": _row(middle.since(start), seconds_of(run)),
        "second": _row(end.since(middle), seconds_of(again)),
        "later": _row(last.since(rested), seconds_of(later)),
    }


def hold_unchanged(first: RunRecord, *others: RunRecord) -> None:
    """Hold later backups to the whole tenant, all of it unchanged."""
    for run in others:
        total, same = run.summary_counts["total"], run.summary_counts["unchanged"]
        if not total == same == first.summary_counts["total"]:
            raise UnfitRunError(f"{same} of {total} objects were unchanged, which all were")


def _row(reading: Reading, seconds: float) -> dict[str, float]:
    return {**asdict(reading), "rows": reading.rows, "seconds": seconds}


def conclude(finding: Finding) -> None:
    """Fill in the table, the chart and the verdicts."""
    table = Table(["", "first", "second", "second / first", "a night later / first"])
    ratios: dict[str, list[float]] = {}
    later: dict[str, list[float]] = {}
    for part, label in LABELS.items():
        first, second, third = (
            [row[which][part] for row in finding.rounds] for which in ("first", "second", "later")
        )
        ratios[part] = [b / a for a, b in zip(first, second, strict=True)]
        later[part] = [b / a for a, b in zip(first, third, strict=True)]
        figures = (spread(values) for values in (first, second, ratios[part], later[part]))
        table.rows.append([label, *figures])
    finding.tables.append(table)
    for part, target in PARTS.items():
        what = f"{LABELS[part]}, second against first"
        finding.verdicts.append(at_most(what, ratios[part], target))
    what = f"{LABELS['wal']}, a night later against first"
    finding.verdicts.append(at_most(what, later["wal"], PARTS["wal"]))
    charts.bars(
        finding.chart("p5.svg"),
        "Second backup of an unchanged tenant",
        "share of the first backup, less is better",
        {LABELS[part]: ratios[part] for part in LABELS},
    )
