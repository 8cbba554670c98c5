"""The control in process and over HTTP, and what a restart keeps."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.graph_service import (
    ControlCallError,
    ControlClient,
    GraphConfig,
    GraphService,
    Profile,
    UnknownObjectError,
    running_graph,
)
from tests.devstack.graph_service.conftest import ClientFactory

PROJECT = Path(__file__).parents[3]
POLICIES = "configurationPolicies"


async def test_same_seed_gives_the_same_tenants_and_another_seed_others() -> None:
    seen = []
    for seed in (1, 1, 2):
        async with running_graph(GraphConfig(seed=seed)) as graph:
            identifier = graph.control.object_ids(0, POLICIES)[0]
            body = graph.control.get_object(0, POLICIES, identifier)
            seen.append((graph.tenants, body))

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


async def test_tenants_differ_from_each_other(graph: GraphService) -> None:
    first, second = (set(graph.control.object_ids(n, POLICIES)) for n in (0, 1))

    assert not first & second
    assert graph.tenants[0].read_app.secret != graph.tenants[1].read_app.secret


async def test_counts_of_the_configuration_win_over_the_profile() -> None:
    config = GraphConfig(profile=Profile.NONE, counts={POLICIES: 50})
    async with running_graph(config) as graph:
        counts = graph.control.object_counts(0)

    assert counts[POLICIES] == 50
    assert counts.get("mobileApps") is None


async def test_inserted_object_shows_at_its_position(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.insert_object(0, POLICIES, position=0)
    async with connect(fresh) as client:
        rows = (await client.get(f"/beta/deviceManagement/{POLICIES}")).rows

    assert rows[0]["id"] == identifier


@pytest.mark.parametrize(
    "collection",
    ["deviceEnrollmentConfigurations", "roleScopeTags", "managedAppPolicies", "groups", POLICIES],
)
async def test_object_inserted_without_a_body_is_like_its_siblings(
    fresh: GraphService, collection: str
) -> None:
    identifier = fresh.control.insert_object(0, collection)

    sibling = fresh.control.object_ids(0, collection)[0]
    made = fresh.control.get_object(0, collection, identifier)
    assert set(made) & set(fresh.control.get_object(0, collection, sibling)) > {"id"}


async def test_touching_changes_volatile_properties_only(fresh: GraphService) -> None:
    identifier = fresh.control.object_ids(0, "deviceConfigurations")[0]
    before = fresh.control.get_object(0, "deviceConfigurations", identifier)

    fresh.control.touch_object(0, "deviceConfigurations", identifier)

    after = fresh.control.get_object(0, "deviceConfigurations", identifier)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"lastModifiedDateTime", "version"}


async def test_changed_secret_is_invisible_but_for_its_plain_text(
    fresh: GraphService, connect: ClientFactory
) -> None:
    path = "/beta/deviceManagement/deviceConfigurations"
    async with connect(fresh) as client:
        before = (await client.get(path)).rows
        row = next(r for r in before if r.get("omaSettings"))
        value = fresh.control.change_secret(0, "deviceConfigurations", row["id"])
        after = (await client.get(path)).rows

    assert before == after
    assert value.startswith("P@ss-")


async def test_changed_policies_are_named_with_their_paths(fresh: GraphService) -> None:
    changed = fresh.control.change_policies(0, 3)

    ids = fresh.control.object_ids(0, POLICIES)
    assert [row["id"] for row in changed] == ids[:3]
    assert all(row["name"] and row["path"] for row in changed)


async def test_unknown_objects_and_tenants_are_refused(graph: GraphService) -> None:
    with pytest.raises(UnknownObjectError):
        graph.control.get_object(0, POLICIES, "unknown")
    with pytest.raises(UnknownObjectError):
        graph.control.count(9, POLICIES)


async def test_control_over_http_has_the_same_methods(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with ControlClient(root_url=fresh.root_url, state_dir=fresh.state_dir) as control:
        fault = await control.call("add_fault", path="/organization", status=503, times=1)
        changed = await control.call("change_policies", tenant=0, count=2)
        async with connect(fresh) as client:
            struck = (await client.get("/v1.0/organization")).status
        counted = await control.call("counters", tenant=fresh.tenants[0].tenant_id)
        with pytest.raises(ControlCallError, match="unknown"):
            await control.call("get_object", tenant=0, collection=POLICIES, object_id="unknown")
        with pytest.raises(ControlCallError, match="no control method"):
            await control.call("_touch", document={})

    assert (fault, len(changed), struck) == (1, 2, 503)
    assert counted["faults_served"] == 1


async def test_control_needs_its_token(fresh: GraphService, connect: ClientFactory) -> None:
    async with connect(fresh) as client:
        reply = await client.send("POST", "/_control/clear_faults", {})

    assert reply.status == 403
    mode = (fresh.state_dir / "control-token").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_requests_are_remembered_without_queries_and_bodies(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        await client.get("/v1.0/groups?$filter=displayName%20eq%20'private'")

    last = fresh.control.last_requests(1)[0]
    assert (last["method"], last["path"], last["status"]) == ("GET", "/groups", 200)
    assert "private" not in json.dumps(last)


async def test_changes_survive_a_restart_and_faults_do_not(
    tmp_path: Path, connect: ClientFactory
) -> None:
    config = GraphConfig(state_dir=tmp_path, budget_scale=0)
    async with running_graph(config) as graph:
        ids = graph.control.object_ids(0, POLICIES)
        graph.control.update_object(0, POLICIES, ids[0], {"description": "kept"})
        graph.control.delete_object(0, POLICIES, ids[1])
        added = graph.control.insert_object(0, POLICIES, {"name": "added"}, position=3)
        graph.control.set_permissions(0, "limited", ["Group.Read.All"])
        graph.control.add_fault(path="/organization")
        ca = graph.ca_file.read_bytes()
    async with running_graph(config) as graph, connect(graph) as client:
        after = graph.control.object_ids(0, POLICIES)
        body = graph.control.get_object(0, POLICIES, ids[0])
        organization = await client.get("/v1.0/organization")
        assert graph.ca_file.read_bytes() == ca

    assert body["description"] == "kept"
    assert after[:4] == [ids[0], ids[2], ids[3], added]
    assert organization.status == 200


async def test_files_of_the_configuration_are_loaded_once(tmp_path: Path) -> None:
    exports, state = tmp_path / "exports", tmp_path / "state"
    exports.mkdir()
    (exports / "filters.json").write_text(json.dumps({"filters": [{"displayName": "loaded"}]}))
    counts = []
    for folder in (None, exports, exports):
        config = GraphConfig(state_dir=state, load_exports=folder)
        async with running_graph(config) as graph:
            counts.append(graph.control.count(0, "assignmentFilters"))
            graph.control.touch_object(0, POLICIES, graph.control.object_ids(0, POLICIES)[0])

    assert counts == [24, 25, 25]


async def test_latency_holds_each_answer_back(fresh: GraphService, connect: ClientFactory) -> None:
    async with connect(fresh) as client:
        fresh.control.set_latency_ms(100)
        began = time.monotonic()
        await client.batch("/organization", "/domains")

    assert time.monotonic() - began >= 0.11
    assert fresh.control.counters(0)["sub_requests_in_flight_max"] == 2


async def test_journal_cut_by_a_kill_keeps_its_whole_lines(tmp_path: Path) -> None:
    config = GraphConfig(state_dir=tmp_path)
    async with running_graph(config) as graph:
        first, second = graph.control.object_ids(0, POLICIES)[:2]
        graph.control.delete_object(0, POLICIES, first)
        graph.control.delete_object(0, POLICIES, second)
    journal = tmp_path / "journal.jsonl"
    # The last line is the audit event of the second deletion, which is cut with it.
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1])[:-20])

    async with running_graph(config) as graph:
        before = graph.control.object_ids(0, POLICIES)
        graph.control.delete_object(0, POLICIES, before[1])
    async with running_graph(config) as graph:
        after = graph.control.object_ids(0, POLICIES)

    assert before[0] == second
    assert after == [before[0], *before[2:]]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Any]:
    """Starts the module as its own process; returns it and its ready line."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], dict[str, Any]]:
        command = [sys.executable, "-m", "devstack.graph_service", "--state-dir", str(tmp_path)]
        child = subprocess.Popen(
            [*command, "--profile", "S", "--tenants", "1"],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        started.append(child)
        assert child.stdout is not None
        return child, json.loads(child.stdout.readline())

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


async def test_killed_process_comes_back_with_the_same_tenant(process: Any, tmp_path: Path) -> None:
    child, ready = process()
    async with ControlClient(root_url=ready["root_url"], state_dir=tmp_path) as control:
        ids = await control.call("object_ids", tenant=0, collection=POLICIES)
        await control.call("delete_object", tenant=0, collection=POLICIES, object_id=ids[0])
        tenants = await control.call("list_tenants")
    child.send_signal(signal.SIGKILL)
    child.wait()

    _, ready = process()
    async with ControlClient(root_url=ready["root_url"], state_dir=tmp_path) as control:
        after = await control.call("object_ids", tenant=0, collection=POLICIES)
        assert await control.call("list_tenants") == tenants

    assert after == ids[1:]


def test_process_ends_on_sigterm(process: Any) -> None:
    child, _ = process()
    began = time.monotonic()

    child.send_signal(signal.SIGTERM)

    assert child.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
