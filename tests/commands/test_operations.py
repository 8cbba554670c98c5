"""Starting work and looking at it from the command line, with a worker and a local Graph."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

TYPES = ("--types", "filter,scopeTag,caPolicy")
RUN = ("backup", "run", "Tenant 0", *TYPES)


@pytest.fixture
async def backup(office: Terminal) -> dict[str, Any]:
    """A backup that was waited for: decision and run."""
    document: dict[str, Any] = await office.json(*RUN, "--wait")
    return document


async def test_start_answers_with_the_run_and_its_link(office: Terminal) -> None:
    answer = await office.json(*RUN)
    assert answer["decision"] == "accepted"
    assert answer["link"] == f"/operations/{answer['operation_run_id']}"
    assert answer["principal"] == "tests"
    await office("runs", "watch", answer["operation_run_id"])


async def test_same_key_gets_the_same_decision_and_another_request_is_refused(
    office: Terminal,
) -> None:
    key = ("--key", "change-4711")
    first = await office.json(*RUN, *key)
    assert (await office.json(*RUN, *key))["operation_run_id"] == first["operation_run_id"]
    refused = await office.json("backup", "run", "Tenant 0", "--types", "filter", *key, code=2)
    assert refused["reason_code"] == "idempotency_key_reused"
    assert refused["fields"] == ["idempotency_key"]
    await office("runs", "watch", first["operation_run_id"])


async def test_waited_backup_shows_its_run(backup: dict[str, Any]) -> None:
    run = backup["run"]
    assert (backup["decision"], run["outcome"]) == ("accepted", "succeeded")
    assert {result["resource_type"] for result in run["results"]} == {
        "filter",
        "scopeTag",
        "caPolicy",
        "group",
    }
    assert run["counts"]["total"] == run["counts"]["processed"] > 0
    assert run["links"]["temporal_query"] == f'OperationRunId="{run["id"]}"'


async def test_watched_backup_shows_progress_on_stderr_only(office: Terminal) -> None:
    result = await office(*RUN, "--watch", "--json")
    json.loads(result.stdout)
    assert "Backup run now" in result.stderr


async def test_show_takes_the_start_of_the_id(office: Terminal, backup: dict[str, Any]) -> None:
    run_id = backup["run"]["id"]
    shown = await office.json("runs", "show", run_id[:18])
    assert shown["run"]["id"] == run_id
    text = (await office("runs", "show", run_id)).stdout
    assert "succeeded" in text
    assert f"tenantops backup show {shown['run']['context']['backup_set_id']}" in text


@pytest.mark.usefixtures("backup")
async def test_start_of_an_id_that_fits_several_runs_is_refused(office: Terminal) -> None:
    await office.json(*RUN, "--wait")
    ids = [run["id"] for run in (await office.json("runs", "list"))["runs"]]
    refused = await office.json("runs", "show", ids[0][:2], code=2)
    assert refused["error"]["message"].startswith("RUN: fits more than one run")


@pytest.mark.parametrize("wanted", ["0" * 8, "not-an-id", "0" * 33])
async def test_run_that_is_not_there_is_wrong_input(office: Terminal, wanted: str) -> None:
    refused = await office.json("runs", "show", wanted, code=2)
    assert refused["error"]["field"] == "RUN"


async def test_list_filters_and_pages(office: Terminal, backup: dict[str, Any]) -> None:
    await office("roles", "sync", "Tenant 0", "--wait")
    options = ("--type", "backup_schedule.run_now", "--outcome", "succeeded", "--since", "1h")
    more = ("--status", "completed", "--tenant", "Tenant 0", "--initiator", "tests")
    listed = await office.json("runs", "list", *options, *more)
    assert backup["run"]["id"] in {run["id"] for run in listed["runs"]}
    assert {run["type"] for run in listed["runs"]} == {"backup_schedule.run_now"}
    first = await office.json("runs", "list", "--limit", "1")
    second = await office.json("runs", "list", "-n", "1", "--cursor", first["next_cursor"])
    assert first["runs"][0]["created_at"] > second["runs"][0]["created_at"]
    await office("runs", "list", "--cursor", "made-up", code=2)
    refused = await office("runs", "list", "--type", "restore.execute", code=2)
    assert "drift.generate" not in refused.stderr
    assert "More with --cursor" in (await office("runs", "list", "-n", "1")).stderr


async def test_retry_is_a_new_run_of_the_same_selection(
    office: Terminal, backup: dict[str, Any]
) -> None:
    again = (await office.json("runs", "retry", backup["run"]["id"], "--wait"))["run"]
    assert (again["type"], again["outcome"]) == ("backup_schedule.retry", "succeeded")
    assert again["retried_from"] == backup["run"]["id"]
    assert again["context"]["policy_types"] == backup["run"]["context"]["policy_types"]


async def test_cancel_of_an_ended_run_is_wrong_input(
    office: Terminal, backup: dict[str, Any]
) -> None:
    refused = await office.json("runs", "cancel", backup["run"]["id"], code=2)
    assert "has ended already" in refused["error"]["message"]


@pytest.mark.usefixtures("held")
async def test_cancel_ends_the_run_and_shows_it(office: Terminal) -> None:
    started = await office.json("backup", "run", "Tenant 0", "--types", "filter")
    cancelled = await office.json("runs", "cancel", started["operation_run_id"][:23])
    assert cancelled["run"]["outcome"] == "cancelled"


async def test_sets_are_listed_shown_compared_verified_and_exported(
    office: Terminal, backup: dict[str, Any], tmp_path: Path
) -> None:
    newest = (await office.json("backup", "sets", "Tenant 0", "-n", "1"))["sets"][0]
    assert newest["operation_run_id"] == backup["run"]["id"]
    shown = await office.json("backup", "show", newest["id"])
    assert {entry["resource_type"] for entry in shown["types"]} == {
        "filter",
        "scopeTag",
        "caPolicy",
        "group",
    }
    assert (await office.json("backup", "show", "latest"))["set"]["id"] == newest["id"]
    assert (await office.json("backup", "verify"))["problems"] == []
    exported = await office.json("backup", "export", "latest", str(tmp_path / "out"))
    assert exported["file_count"] == newest["object_count"]
    await office("backup", "export", "latest", str(tmp_path / "out"), code=2)
    assert "Resource type" in (await office("backup", "show", newest["id"][:23])).stdout


@pytest.mark.usefixtures("backup")
async def test_object_of_a_set_is_shown_with_the_names_of_its_groups(office: Terminal) -> None:
    listed = await office.json("backup", "show", "latest", "--type", "capolicy")
    ids = [entry["object_id"] for entry in listed["objects"]]
    assert all(entry["name"] for entry in listed["objects"])
    one = ("backup", "show", "latest", "--type", "caPolicy", "--object")
    shown = [(await office.json(*one, object_id))["object"] for object_id in ids]
    groups = [entry["reference"] for policy in shown for entry in policy["assignments"]
              if entry["target"] == "group"]  # fmt: skip
    assert groups
    assert all(group["name"] for group in groups)
    policy = next(policy for policy in shown if policy["assignments"])
    text = (await office(*one, policy["object_id"][:13])).stdout
    assert policy["name"] in text
    assert "include" in text
    found = await office.json("backup", "referrers", "group", groups[0]["object_id"])
    assert found["referrers"]
    assert set(found["referrers"][0]) == {"resource_type", "object_id", "name"}


@pytest.mark.usefixtures("backup")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--object", "x"), "--object: needs its resource type; add --type KEY"),
        (("--type", "settingsCatalog"), "--type: is no resource type of this set; choose from"),
        (("--type", "filter", "--object", "nothing"), "--object: names no object of this type"),
    ],
)
async def test_object_that_is_named_wrongly_is_wrong_input(
    office: Terminal, options: tuple[str, ...], said: str
) -> None:
    assert said in (await office("backup", "show", "latest", *options, code=2)).stderr


async def test_changes_name_exactly_what_was_changed(
    product: Product, office: Terminal, backup: dict[str, Any]
) -> None:
    before = (await office.json("backup", "show", "latest"))["set"]["id"]
    (changed,) = product.graph.control.change_policies(0, 1, "assignmentFilters")
    again = (await office.json(*RUN, "--wait"))["run"]
    found = await office.json("backup", "changes", again["id"], "--details")
    assert [entry["object_id"] for entry in found["changes"]] == [changed["id"]]
    assert found["changes"][0]["change"] == "updated"
    assert found["changes"][0]["differences"] != []
    text = (await office("backup", "changes", "latest", "--details")).stdout
    assert "updated: filter" in text
    compared = await office.json("backup", "changes", "latest", "--against", before)
    differing = {each["resource_type"]: len(each["changed"]) for each in compared["types"]}
    assert differing == {"filter": 1, "scopeTag": 0, "caPolicy": 0, "group": 0}
    assert "filter" in (await office("backup", "changes", "latest", "--against", before)).stdout


async def test_roles_are_synced_listed_and_their_changes_shown(office: Terminal) -> None:
    run = (await office.json("roles", "sync", "Tenant 0", "--wait"))["run"]
    assert run["outcome"] == "succeeded"
    roles = (await office.json("roles", "list"))["roles"]
    assert len(roles) == run["counts"]["total"]
    word = roles[0]["display_name"].split()[0].upper()
    found = (await office.json("roles", "list", "--search", word))["roles"]
    assert roles[0] in found
    assert "changes" in await office.json("roles", "changes", run["id"])
    await office("roles", "list")


async def test_changes_of_a_backup_are_not_those_of_roles(
    office: Terminal, backup: dict[str, Any]
) -> None:
    refused = await office.json("roles", "changes", backup["run"]["id"], code=2)
    assert "is no role definition sync" in refused["error"]["message"]


async def test_types_lists_the_registry(office: Terminal) -> None:
    types = (await office.json("backup", "types"))["types"]
    assert {"settingsCatalog", "caPolicy"} <= {entry["key"] for entry in types}
    assert "DeviceManagementRBAC.Read.All" in (await office("backup", "types")).stdout


async def test_unknown_resource_type_is_named_with_the_nearest(office: Terminal) -> None:
    result = await office("backup", "run", "--types", "filters", code=2)
    assert "--types: knows no type filters; did you mean filter?" in result.stderr


async def test_run_by_a_schedule_takes_its_selection(office: Terminal) -> None:
    create = ("schedule", "create", "small", "Tenant 0", "--at", "02:30", "--types", "scopeTag")
    await office(*create, "--no-foundations")
    run = (await office.json("backup", "run", "--schedule", "small", "--wait"))["run"]
    # Groups come along with whatever refers to them.
    assert [result["resource_type"] for result in run["results"]] == ["group", "scopeTag"]


@pytest.mark.usefixtures("product")
async def test_start_takes_less_than_two_seconds_of_this_machine(office: Terminal) -> None:
    began = time.monotonic()
    answer = await office.json(*RUN)
    assert time.monotonic() - began < 2.0
    await office("runs", "watch", answer["operation_run_id"])
