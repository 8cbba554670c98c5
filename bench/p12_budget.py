"""P12: a backup within Microsoft's real limits, by two workers, against what the limits allow."""

import time
from collections import Counter
from typing import Any

from bench import charts
from bench.findings import Finding, Table, at_most, spread
from bench.ground import Ground, local_graph, open_ground, open_stand
from bench.running import Bench
from domain.resource_types.service_areas import service_area_of
from graph.request_costs import REQUEST_LIMITS, request_cost
from settings import Settings

METHOD = """\
A tenant of profile L behind a local Graph that throttles with Microsoft's documented limits:
1,000 requests in 20 s for each area of Intune, each item of a batch counted, and one a second
for conditional access. Two worker processes and, at the same time, a sync of role definitions
share the budget through PostgreSQL. *Limit*: for each area, the requests that were made, divided
by the rate that the limit allows in the long run; the slowest area decides, and the groups that
objects refer to come on top, since they are known only when the objects were read. TenantOps
uses a share of each limit and leaves the rest to others of the same app registration
(`TENANTOPS_GRAPH_BUDGET_SHARE`, 0.8 unless set): the target is held against that share; what the
undivided limit would allow stands beside it. *Overruns*: answers 429 that the local Graph gave
because a budget was used up."""


async def measure(bench: Bench) -> Finding:
    """Back up with real limits in every round."""
    finding = Finding("P12", "within Microsoft's limits, two workers", METHOD, folder=bench.folder)
    profile = "S" if bench.is_quick else "L"
    async with open_ground() as ground:
        for number in range(bench.rounds):
            bench.say(f"P12: round {number + 1}, profile {profile}")
            row = await measure_one(ground, profile)
            finding.rounds.append({"round": number, "profile": profile, **row})
    conclude(finding)
    return finding


async def measure_one(ground: Ground, profile: str) -> dict[str, Any]:
    """Back up a tenant and sync its roles, by two workers that share the budget."""
    settings = {"TENANTOPS_GRAPH_BUDGET_SCALE": "1"}
    async with (
        local_graph(ground.directory, profile=profile, budget_scale=1.0) as graph,
        open_stand(ground, graph, workers=2, **settings) as stand,
    ):
        share = stand.services.settings.graph_budget_share
        began = time.perf_counter()
        sync = await stand.product.start("directory_role_definitions.sync")
        run = await stand.backup()
        seconds = time.perf_counter() - began
        await stand.product.finished(sync, 3_600)
        counted = await graph.counted()
    areas = units_by_area(counted["by_path"])
    limits = {area: units / rate_of(area) for area, units in areas.items()}
    # Groups are known only when everything that refers to them was read.
    groups = counted["by_path"].get("GET /groups/{id}", 0) / rate_of("directory")
    limits["directory"] -= groups
    limit = max(limits.values()) + groups
    return {
        "seconds": round(seconds, 2),
        "objects": run.summary_counts["total"],
        "sub_requests": counted["sub_requests"],
        "units": areas,
        "share": share,
        "limit_seconds": limit / share,
        "whole_limit_seconds": limit,
        "slowest_area": max(limits, key=lambda area: limits[area]),
        "overruns": counted["overruns"],
        "overruns_by_area": counted["overruns_by_area"],
        "early_retries": counted["early_retries"],
    }


def units_by_area(by_path: dict[str, int]) -> dict[str, int]:
    """Return what was used of each area's limit, by the requests that the Graph counted."""
    found: Counter[str] = Counter()
    for template, count in by_path.items():
        path = template.partition(" ")[2]
        if path.startswith("/$batch"):
            continue
        area = service_area_of(path)
        found[area.value] += count * request_cost(area, path)
    return dict(found)


def rate_of(area: str) -> float:
    """Return the units that the limit of an area allows in a second, in the long run."""
    limit = next(limit for key, limit in REQUEST_LIMITS.items() if key.value == area)
    return limit.units / limit.seconds


def conclude(finding: Finding) -> None:
    """Fill in the table and the verdicts."""
    rows = finding.rounds
    default = Settings.model_fields["graph_budget_share"].default
    against_share = [row["seconds"] / row["limit_seconds"] for row in rows]
    against_whole = [row["seconds"] / row["whole_limit_seconds"] for row in rows]
    table = Table(["", "median (least-most)"])
    table.rows = [
        ["objects", spread([row["objects"] for row in rows])],
        ["Graph sub-requests", spread([row["sub_requests"] for row in rows])],
        ["seconds", spread([row["seconds"] for row in rows])],
        [f"limit with a share of {default:g}, s", spread([row["limit_seconds"] for row in rows])],
        ["undivided limit, s", spread([row["whole_limit_seconds"] for row in rows])],
        ["area that decides", rows[0]["slowest_area"]],
        ["time / limit with the share", spread(against_share)],
        ["time / undivided limit", spread(against_whole)],
        ["overruns", spread([row["overruns"] for row in rows])],
        ["retries before their time", spread([row["early_retries"] for row in rows])],
    ]
    finding.tables.append(table)
    finding.verdicts += [
        at_most("time against what the share of the limits allows", against_share, 1.15),
        at_most("429 answers caused", [max(row["overruns"] for row in rows)], 0),
    ]
    finding.notes += [
        "The hub does not exist yet; workers, which share the budget in the same way, are two.",
        (
            "A bucket never lets a window of 20 s hold more than its share, also when leases of "
            "both workers meet at its edge: that costs a few per cent of the rate (see "
            "`services/connections/graph_budgets.py`)."
        ),
    ]
    charts.bars(
        finding.chart("p12.svg"),
        "A backup within Microsoft's limits",
        "seconds, less is better",
        {
            "TenantOps, two workers": [row["seconds"] for row in rows],
            f"limit with a share of {default:g}": [row["limit_seconds"] for row in rows],
            "undivided limit": [row["whole_limit_seconds"] for row in rows],
        },
    )
