"""P4: a first backup of 2,000 objects beside IntuneCD and beside the bare limit."""

import shutil
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any

from bench import charts
from bench.durable_floor import measure_floor
from bench.findings import Finding, Table, at_least, at_most, spread
from bench.ground import Ground, LocalGraph, local_graph, open_ground, open_stand, seconds_since
from bench.machine import CpuClock
from bench.running import Bench, UnfitRunError, run_bare_client, run_intunecd, run_program
from bench.tenants import TWO_THOUSAND, share_of

LATENCIES = (50, 150)
TIMES_PEER = 10
SHARE_OF_BARE = 0.7
# Objects of one name and type overwrite one another in its folder.
PEER_FILES = 0.9
NAMES = {
    "product": "TenantOps, whole path",
    "reader": "TenantOps, reader alone",
    "bare": "bare `$batch` client, 16 in flight",
    "intunecd": "IntuneCD 2.6, 10 threads",
}
STORED = "bare client, then its documents stored"
METHOD = """\
A tenant of 2,000 objects of 26 collections that both read, and the groups that they refer to. Each
round has a fresh database and a fresh worker that has read one small type of another tenant, so
that it is connected and signed in. *Whole path*: admission, workflow, activities, worker,
PostgreSQL with fsync, sealed documents, manifests, set; the clock runs from right before the start
of the operation to the `completed_at` of its row, which is stamped as the row is written: nobody's
polling for the end is in it. *Reader alone*: the same registry, reader and client in one process
without workflow and database. *Bare*: fetches what the registry says in batches of 20, parses, and
forgets. *Bare, then stored*: no run of its own, but the bare client's seconds of the round and
after them those of the least that durable storage takes here: the documents that the product's
backup of the round left, each hashed, compressed and sealed, and its rows of contents, references,
objects, versions and manifests, by COPY into the same tables, indexes and constraints of a fresh
database, in one transaction of one process that waits for the disk once. It knows everything
beforehand, overlaps nothing with the reading, and could not go on after a kill. Objects per second
are those of the tenant's 2,000 for everybody. Who begins changes from
round to round."""


async def measure(bench: Bench) -> Finding:
    """Measure all four in turn, at each latency, in every round."""
    counts = share_of(TWO_THOUSAND, 0.1) if bench.is_quick else TWO_THOUSAND
    objects = sum(count for key, count in counts.items() if key not in ("groups", "templates"))
    finding = Finding(
        "P4", "backup of 2,000 objects beside its peer and its limit", METHOD, folder=bench.folder
    )
    async with (
        open_ground() as ground,
        local_graph(ground.directory, counts=counts, tenants=2) as graph,
    ):
        token = await graph.call("issue_token", tenant=0)
        bench.say("P4: warming the local Graph")
        # Bodies are generated at their first reading.
        await run_bare_client(graph.root_url, graph.ca_file, token)
        for number in range(bench.rounds):
            for latency in LATENCIES:
                for name in turns(number):
                    bench.say(f"P4: round {number + 1}, {latency} ms, {NAMES[name]}")
                    row = await measure_one(name, ground, graph, latency, token)
                    finding.rounds.append({"round": number, "latency_ms": latency, **row})
    conclude(finding, objects)
    return finding


def turns(number: int) -> list[str]:
    """Return the order of a round, each starting with another: the first finds other caches."""
    names = list(NAMES)
    first = number % len(names)
    return names[first:] + names[:first]


async def measure_one(
    name: str, ground: Ground, graph: LocalGraph, latency: int, token: str
) -> dict[str, Any]:
    """Measure one contender once."""
    match name:
        case "product":
            row = await measure_product(ground, graph, latency)
        case _:
            await graph.call("set_latency_ms", milliseconds=latency)
            await graph.call("reset_counters")
            clock = CpuClock(graph=graph.pid)
            if name == "intunecd":
                folder = ground.directory / f"intunecd-{time.monotonic_ns()}"
                row = await run_intunecd(graph.root_url, graph.ca_file, token, folder)
                shutil.rmtree(folder)
            elif name == "reader":
                reader = (sys.executable, "-m", "bench.reader_alone")
                tenant = graph.tenants[0]
                row = await run_program(
                    *reader,
                    graph.root_url,
                    str(graph.ca_file),
                    tenant.tenant_id,
                    tenant.read_app.client_id,
                    BENCH_SECRET=tenant.read_app.secret,
                )
            else:
                row = await run_bare_client(graph.root_url, graph.ca_file, token)
            row["cpu"] = {"client": row.pop("client_cpu"), **clock.seconds()}
    counted = await graph.counted()
    await graph.call("set_latency_ms", milliseconds=0)
    return {
        "name": name,
        **row,
        "graph_requests": counted["requests"],
        "graph_sub_requests": counted["sub_requests"],
        "statuses": counted["by_status"],
    }


async def measure_product(ground: Ground, graph: LocalGraph, latency: int) -> dict[str, Any]:
    """Back up the tenant with a fresh database and a worker that is connected."""
    async with open_stand(ground, graph) as stand:
        await stand.backup(stand.product.tenants[1], "scopeTag")
        await graph.call("set_latency_ms", milliseconds=latency)
        await graph.call("reset_counters")
        clock = CpuClock(
            client=stand.worker_pids[0],
            graph=graph.pid,
            postgres=ground.postgres.pid,
            temporal=ground.temporal.pid,
        )
        began = datetime.now(UTC)
        run = await stand.backup(stand.product.tenants[0])
        row = {
            "seconds": seconds_since(began, run),
            "objects": run.summary_counts["total"],
            "cpu": clock.seconds(),
        }
        return {**row, "floor": await measure_floor(ground, stand, stand.product.tenants[0].id)}


def conclude(finding: Finding, objects: int) -> None:
    """Fill in tables and verdicts from the rounds."""
    for latency in LATENCIES:
        rows = [row for row in finding.rounds if row["latency_ms"] == latency]
        by_name = {name: [row for row in rows if row["name"] == name] for name in NAMES}
        table = Table(
            [
                f"{latency} ms",
                "seconds",
                "objects/s",
                "HTTP requests",
                "Graph sub-requests",
                "CPU s of the client",
                "CPU s of Graph",
            ]
        )
        for name, found in by_name.items():
            table.rows.append(
                [
                    NAMES[name],
                    spread([row["seconds"] for row in found]),
                    spread([objects / row["seconds"] for row in found]),
                    spread([row["graph_requests"] for row in found]),
                    spread([row["graph_sub_requests"] for row in found]),
                    spread([row["cpu"]["client"] for row in found]),
                    spread([row["cpu"]["graph"] for row in found]),
                ]
            )
        table.rows.insert(-1, stored_row(by_name["bare"], by_name["product"], objects))
        finding.tables.append(table)
        chart = f"p4-{latency}ms.svg"
        charts.bars(
            finding.chart(chart),
            f"{objects:,} objects, {latency} ms latency",
            "objects per second, more is better; whisker: least to most of the rounds",
            {
                NAMES[name].replace("`", ""): [objects / row["seconds"] for row in found]
                for name, found in by_name.items()
            },
        )
        judge(finding, latency, by_name)
    hold_complete(finding.rounds, objects)
    # Over the same objects as the peer's, though the product reads groups and templates as well.
    sub_requests = [r["graph_sub_requests"] / objects for r in finding.rounds if is_product(r)]
    finding.verdicts.append(at_most("Graph sub-requests per object", sub_requests, 1.0))
    peers = [r["graph_sub_requests"] / objects for r in finding.rounds if r["name"] == "intunecd"]
    finding.notes.append(
        f"IntuneCD took {spread(peers)} sub-requests per object, and wrote "
        f"{spread([r['files'] for r in finding.rounds if r['name'] == 'intunecd'])} files: objects "
        "of one name and type overwrite one another (see [intunecd-agreement.md]"
        "(intunecd-agreement.md))."
    )
    cpu = [row["cpu"] for row in finding.rounds if is_product(row)]
    finding.notes.append(
        "CPU seconds of one backup by the product, medians: "
        + ", ".join(
            f"{name.replace('client', 'worker')} "
            f"{statistics.median(entry[name] for entry in cpu):.2f}"
            for name in ("client", "postgres", "temporal", "graph")
        )
        + "; the two cores are shared by all four."
    )
    floors = [row["floor"] for row in finding.rounds if is_product(row)]
    finding.notes.append(
        f"Storing alone took {spread([floor['seconds'] for floor in floors])} s for "
        f"{spread([floor['documents'] for floor in floors])} documents: CPU "
        f"{spread([floor['cpu']['client'] for floor in floors])} s of the process and "
        f"{spread([floor['cpu']['postgres'] for floor in floors])} s of PostgreSQL."
    )


def stored_row(
    bare: list[dict[str, Any]], product: list[dict[str, Any]], objects: int
) -> list[str]:
    """Return the table's row of the bare client and the floor of storage, round by round."""
    pairs = [(row, other["floor"]) for row, other in zip(bare, product, strict=True)]
    seconds = [row["seconds"] + floor["seconds"] for row, floor in pairs]
    return [
        STORED,
        spread(seconds),
        spread([objects / value for value in seconds]),
        spread([row["graph_requests"] for row in bare]),
        spread([row["graph_sub_requests"] for row in bare]),
        spread([row["cpu"]["client"] + floor["cpu"]["client"] for row, floor in pairs]),
        spread([row["cpu"]["graph"] for row in bare]),
    ]


def judge(finding: Finding, latency: int, by_name: dict[str, list[dict[str, Any]]]) -> None:
    """Compare within each round."""
    product = [row["seconds"] for row in by_name["product"]]
    bare = [row["seconds"] for row in by_name["bare"]]
    peer = [row["seconds"] for row in by_name["intunecd"]]
    against_peer = [other / own for own, other in zip(product, peer, strict=True)]
    against_bare = [other / own for own, other in zip(product, bare, strict=True)]
    limit = [own / other for own, other in zip(bare, peer, strict=True)]
    ceiling = [1 / value for value in limit]
    verdict = at_least(f"objects/s against IntuneCD, {latency} ms", against_peer, TIMES_PEER)
    beside = at_least(
        f"objects/s against the bare client, {latency} ms", against_bare, SHARE_OF_BARE
    )
    reach = statistics.median(ceiling) * SHARE_OF_BARE
    # At the limit is only who comes as near to it as the other target asks.
    if not verdict.is_met and beside.is_met and reach < TIMES_PEER:
        verdict.at_limit = (
            f"the bare client, which stores nothing, is itself {spread(ceiling)} times IntuneCD; "
            f"{SHARE_OF_BARE:g} of that is less than {TIMES_PEER}."
        )
    finding.verdicts += [verdict, beside]


def hold_complete(rounds: list[dict[str, Any]], objects: int) -> None:
    """Hold that everybody read the whole tenant: a contender that errs is fast."""
    ours = {row["objects"] for row in rounds if row["name"] != "intunecd"}
    if len(ours) != 1 or min(ours) < objects:
        raise UnfitRunError(f"the contenders read {sorted(ours)} objects of one tenant")
    for row in rounds:
        if row["name"] == "intunecd":
            refused = {status for status in row["statuses"] if not status.startswith("2")}
            if refused or row["errors"] or row["files"] < PEER_FILES * objects:
                raise UnfitRunError(
                    f"IntuneCD wrote {row['files']} files of {objects}, was answered "
                    f"{sorted(refused)} and says {row['errors']}"
                )


def is_product(row: dict[str, Any]) -> bool:
    """Tell the product's rows of the whole path."""
    return bool(row["name"] == "product")
