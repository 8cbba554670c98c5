"""P6: the worker's peak memory for the largest tenant against the smallest."""

from typing import Any

from bench import charts
from bench.findings import Finding, Table, at_most, spread
from bench.ground import Ground, local_graph, open_ground, open_stand
from bench.machine import peak_memory
from bench.running import Bench

METHOD = """\
One backup by a fresh worker process of a tenant of profile S and of profile stress (about 9,500
objects of their own and the groups among 150,000 that they refer to). *Peak*: the most memory that
the process ever held resident (`VmHWM`)."""
MEBIBYTE = 2**20


async def measure(bench: Bench) -> Finding:
    """Measure both profiles in turn."""
    large = "M" if bench.is_quick else "stress"
    finding = Finding("P6", "peak memory of the worker", METHOD, folder=bench.folder)
    async with open_ground() as ground:
        for number in range(bench.rounds):
            for profile in ("S", large):
                bench.say(f"P6: round {number + 1}, profile {profile}")
                row = await measure_one(ground, profile)
                finding.rounds.append({"round": number, "profile": profile, **row})
    conclude(finding, large)
    return finding


async def measure_one(ground: Ground, profile: str) -> dict[str, Any]:
    """Back up one tenant with a fresh worker."""
    async with (
        local_graph(ground.directory, profile=profile) as graph,
        open_stand(ground, graph) as stand,
    ):
        idle = peak_memory(stand.worker_pids[0])
        run = await stand.backup()
        peak = peak_memory(stand.worker_pids[0])
    return {"objects": run.summary_counts["total"], "idle": idle, "peak": peak}


def conclude(finding: Finding, large: str) -> None:
    """Fill in the table, the chart and the verdict."""
    by_profile = {
        name: [row for row in finding.rounds if row["profile"] == name] for name in ("S", large)
    }
    table = Table(["profile", "objects", "MiB before", "peak MiB"])
    for name, rows in by_profile.items():
        table.rows.append(
            [
                name,
                spread([row["objects"] for row in rows]),
                spread([row["idle"] / MEBIBYTE for row in rows]),
                spread([row["peak"] / MEBIBYTE for row in rows]),
            ]
        )
    finding.tables.append(table)
    ratios = [
        b["peak"] / a["peak"] for a, b in zip(by_profile["S"], by_profile[large], strict=True)
    ]
    finding.verdicts.append(at_most(f"peak memory, profile {large} against S", ratios, 1.3))
    finding.notes.append(
        "The delta of 150,000 groups (≤ 200 MiB above idle) belongs to the sync of groups, which "
        "this version does not have: it is not measured."
    )
    charts.bars(
        finding.chart("p6.svg"),
        "Peak memory of the worker",
        "MiB, less is better",
        {
            f"profile {name}": [row["peak"] / MEBIBYTE for row in rows]
            for name, rows in by_profile.items()
        },
    )
