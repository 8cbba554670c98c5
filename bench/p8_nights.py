"""P8: thirty nights of a large tenant: rows, bytes and WAL for each night, by number of changes."""

import asyncio
import hashlib
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson
import zstandard

from bench import charts
from bench.database_meter import let_a_day_pass, read_meter, table_bytes
from bench.findings import Finding, Table, at_most, figure, spread
from bench.ground import (
    LocalGraph,
    Stand,
    local_graph,
    open_ground,
    open_stand,
    seconds_of,
    set_id_of,
)
from bench.running import Bench, UnfitRunError
from storage.runs import RunRecord

METHOD = """\
A tenant of profile L, backed up thirty times through the whole path (workflow, worker, PostgreSQL
with fsync), with 0, 1 and 30 changed objects before each night but the first, each number in a
database of its own; 30 a day is the rate that this project's sizing gives such a tenant (an
estimate: there are no public figures). A changed object gets another description or name; objects
are drawn evenly from the collections that an administrator edits, other ones each night. Every
night has to find exactly the objects that were changed and all others unchanged, or nothing is
reported. *Whole set*: the documents of the first night's set, without index, names and proofs, as
compact JSON in one stream, compressed with zstd level 3. *Rows*: inserted and updated, all tables.
*Bytes* of a night: growth of tables and indexes on disk, TOAST included, after a VACUUM, since
between real nights autovacuum has a day. *WAL*: distance of the insert position over the backup
and the 11 s after it, each night beginning with a checkpoint as real nights do, so that
pages that are touched first are written whole."""
CHANGES = (0, 1, 30)
NIGHTS = 30
# Collection → property that a change edits.
CHANGED = {
    "configurationPolicies": "description",
    "deviceConfigurations": "description",
    "deviceCompliancePolicies": "description",
    "deviceManagementScripts": "description",
    "deviceHealthScripts": "description",
    "mobileApps": "description",
    "conditionalAccessPolicies": "displayName",
    "assignmentFilters": "description",
}


async def measure(bench: Bench) -> Finding:
    """Let the nights pass for each number of changes, each in a database of its own."""
    nights, profile = (4, "M") if bench.is_quick else (NIGHTS, "L")
    finding = Finding(
        "P8", f"{nights} nights of a tenant of profile {profile}", METHOD, folder=bench.folder
    )
    async with open_ground() as ground:
        for changes in CHANGES:
            async with (
                local_graph(ground.directory, profile=profile) as graph,
                open_stand(ground, graph) as stand,
            ):
                await pass_nights(bench, finding, graph, stand, changes, nights)
    conclude(finding, nights)
    return finding


async def pass_nights(
    bench: Bench, finding: Finding, graph: LocalGraph, stand: Stand, changes: int, nights: int
) -> None:
    """Back up night after night, changing objects in between."""
    targets = await changeable(graph)
    await let_a_day_pass(stand)
    before = await read_meter(stand)
    for night in range(1, nights + 1):
        bench.say(f"P8: {changes} changes a night, night {night} of {nights}")
        changed = changes if night > 1 else 0
        await change(graph, targets, changed, night)
        run = await stand.backup()
        after = await read_meter(stand)
        if night > 1:
            await hold(stand, run, changed, finding.rounds[-1]["objects"])
        await let_a_day_pass(stand)
        rested = await read_meter(stand, waits=False)
        spent = replace(after, bytes=rested.bytes).since(before)
        row: dict[str, Any] = {
            "changes": changes,
            "night": night,
            "objects": run.summary_counts["total"],
            "changed": changed,
            "seconds": seconds_of(run),
            **asdict(spent),
            "rows": spent.rows,
        }
        finding.rounds.append(row)
        before = rested
        if night in (1, nights):
            row["tables"] = await table_bytes(stand)
        if night == 1:
            row["whole_set"] = await whole_set(stand, run)
            # Reading the set is no part of the night after.
            before = await read_meter(stand)


async def hold(stand: Stand, run: RunRecord, changed: int, objects: int) -> None:
    """Hold a night to what was done to the tenant before it."""
    counts = run.summary_counts
    expected = {
        "total": objects,
        "updated": changed,
        "unchanged": objects - changed,
        "created": 0,
        "deleted": 0,
        "skipped": 0,
    }
    found = {name: counts[name] for name in expected}
    if found != expected:
        raise UnfitRunError(
            f"{changed} of {objects} objects were changed; the backup says {found}, "
            f"by type {await updated_types(stand, run)}"
        )


async def updated_types(stand: Stand, run: RunRecord) -> dict[str, int]:
    """Return how many objects of each type a run found changed."""
    found = await stand.select(
        "SELECT resource_type, updated FROM operation_run_results "
        "WHERE operation_run_id = $1 AND updated > 0",
        run.id,
    )
    return {row["resource_type"]: row["updated"] for row in found}


async def changeable(graph: LocalGraph) -> list[tuple[str, str, str]]:
    """Return (collection, property, id) of all objects that may change, in a mixed order."""
    found = [
        (collection, name, object_id)
        for collection, name in CHANGED.items()
        for object_id in await graph.call("object_ids", tenant=0, collection=collection)
    ]
    return sorted(found, key=lambda entry: hashlib.sha256(entry[2].encode()).digest())


async def change(
    graph: LocalGraph, targets: list[tuple[str, str, str]], changes: int, night: int
) -> None:
    """Edit other objects than the night before."""
    for number in range(changes):
        place = ((night - 2) * changes + number) % len(targets)
        collection, name, object_id = targets[place]
        await graph.call(
            "update_object",
            tenant=0,
            collection=collection,
            object_id=object_id,
            changes={name: f"Changed in night {night}, number {number}."},
        )


async def whole_set(stand: Stand, run: RunRecord) -> dict[str, int]:
    """Return the bytes of a whole set: as it is, and compressed as one stream."""
    folder = stand.ground.directory / f"whole-{run.id}"
    workspace = stand.product.workspace_id
    await stand.services.exports.export(workspace, set_id_of(run), folder)
    sizes = await asyncio.to_thread(packed_sizes, folder)
    shutil.rmtree(folder)
    if sizes["documents"] != run.summary_counts["total"]:
        raise UnfitRunError(f"{sizes['documents']} documents of {run.summary_counts['total']}")
    return sizes


def packed_sizes(folder: Path) -> dict[str, int]:
    """Return documents, raw bytes and compressed bytes of an export's documents.

    Compact, and without the index and what else an export adds: the least that a set kept whole
    takes, for an indented one would flatter us.
    """
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    raw = packed = 0
    files = sorted(orjson.loads((folder / "set.json").read_bytes())["files"])
    for name in files:
        body = orjson.dumps(orjson.loads((folder / name).read_bytes()))
        raw += len(body)
        packed += len(compressor.compress(body))
    return {"documents": len(files), "raw": raw, "compressed": packed + len(compressor.flush())}


def conclude(finding: Finding, nights: int) -> None:
    """Fill in the tables, the chart and the verdict."""
    rows = finding.rounds
    first = [row for row in rows if row["night"] == 1]
    whole = first[0]["whole_set"]["compressed"]
    table = Table(
        ["changes a night", "rows", "KiB on disk", "WAL KiB", "transactions", "seconds"],
        title="Nights after the first, medians",
    )
    growth: dict[int, int] = {}
    for changes in CHANGES:
        later = [row for row in rows if row["changes"] == changes and row["night"] > 1]
        growth[changes] = sum(row["bytes"] for row in later)
        table.rows.append(
            [
                str(changes),
                spread([row["rows"] for row in later]),
                spread([row["bytes"] / 1024 for row in later]),
                spread([row["wal"] / 1024 for row in later]),
                spread([row["transactions"] for row in later]),
                spread([row["seconds"] for row in later]),
            ]
        )
    finding.tables += [table, growth_by_table(rows, nights), every_night(rows, nights)]
    share = growth[CHANGES[-1]] / ((nights - 1) * whole)
    what = f"bytes of nights 2-{nights} against {nights - 1} compressed whole sets"
    finding.verdicts.append(at_most(what, [share], 0.02))
    night = first[0]
    raw = night["whole_set"]["raw"]
    finding.notes += [
        (
            f"The first night: {night['objects']:,} objects, {mebibytes(night['bytes'])} on disk, "
            f"{mebibytes(night['wal'])} of WAL, {night['rows']:,} rows. A whole set is "
            f"{mebibytes(raw)} of JSON, {mebibytes(whole)} compressed."
        ),
        (
            "Bytes on disk grow in pages of 8 KiB and in steps of extending a file, so single "
            "nights vary; the sum counts."
        ),
        (
            "Temporal's own storage is not counted: it forgets closed histories after the "
            "namespace's retention."
        ),
    ]
    charts.lines(
        finding.chart("p8.svg"),
        f"Growth on disk after the first night, {finding.title}",
        "MiB in all",
        {f"{changes} changes a night": cumulated(rows, changes) for changes in CHANGES},
        "nights after the first",
    )


def growth_by_table(rows: list[dict[str, Any]], nights: int) -> Table:
    """Return which tables grew, with the most changes a night."""
    mine = [row for row in rows if row["changes"] == CHANGES[-1] and "tables" in row]
    first, last = mine[0]["tables"], mine[-1]["tables"]
    grown = sorted(((last[name] - first[name], name) for name in last), reverse=True)
    title = f"Growth after the first night by table, {CHANGES[-1]} changes a night"
    table = Table(["table", "KiB a night"], title=title)
    for size, name in grown:
        if size > 0:
            table.rows.append([name, figure(size / 1024 / (nights - 1))])
    return table


def mebibytes(size: float) -> str:
    """Return a size for reading."""
    return f"{figure(size / 2**20)} MiB"


def cumulated(rows: list[dict[str, Any]], changes: int) -> list[float]:
    """Return the growth on disk in MiB after each night."""
    total, sums = 0.0, []
    for row in rows:
        if row["changes"] == changes and row["night"] > 1:
            total += row["bytes"] / 2**20
            sums.append(total)
    return sums


def every_night(rows: list[dict[str, Any]], nights: int) -> Table:
    """Return rows, bytes and WAL of each night."""
    headings = ["night"]
    for changes in CHANGES:
        headings += [f"rows ({changes})", f"KiB ({changes})", f"WAL KiB ({changes})"]
    table = Table(headings, title="Every night; in brackets the changes before it")
    for night in range(1, nights + 1):
        line = [str(night)]
        for changes in CHANGES:
            row = next(r for r in rows if (r["changes"], r["night"]) == (changes, night))
            line += [
                f"{row['rows']:,}",
                f"{row['bytes'] / 1024:,.0f}",
                f"{row['wal'] / 1024:,.0f}",
            ]
        table.rows.append(line)
    return table
