"""Schedules from the command line; Temporal is the session's."""

from datetime import datetime
from typing import Any

import pytest

from tests.commands.terminal import Terminal

NIGHTLY = ("schedule", "create", "nightly", "--at", "02:30", "--timezone", "Europe/Vienna")
# Nobody listens on port 1.
NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def nightly(settled: Terminal) -> dict[str, Any]:
    created: dict[str, Any] = await settled.json(*NIGHTLY)
    return created


async def test_create_shows_three_fire_times_and_what_the_clocks_do(
    nightly: dict[str, Any],
) -> None:
    slots = [datetime.fromisoformat(slot) for slot in nightly["next"]]
    assert len(slots) == 3
    assert slots == sorted(slots)
    assert {warning["effect"] for warning in nightly["warnings"]} == {"skipped", "repeated"}
    assert nightly["sync"] == "synced"
    assert nightly["schedule"]["is_synced"] is True


async def test_create_for_people_warns_about_the_clocks(settled: Terminal) -> None:
    shown = (await settled(*NIGHTLY)).stdout
    assert "Created schedule nightly" in shown
    assert shown.count("The clocks change: 02:30 on ") == 2


async def test_create_without_temporal_is_saved_and_says_so(settled: Terminal) -> None:
    result = await settled(*NIGHTLY, TEMPORAL_ADDRESS=NOWHERE)
    assert "Temporal could not be reached" in result.stderr
    assert "tenantops schedule sync" in result.stderr
    shown = await settled.json("schedule", "show", "nightly")
    assert shown["schedule"]["is_synced"] is False
    assert set((await settled.json("schedule", "sync"))["schedules"].values()) == {"synced"}
    assert (await settled.json("schedule", "show", "nightly"))["schedule"]["is_synced"] is True


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--at", "25:00"), "--at"),
        ((), "--at"),
        (("--at", "02:30", "--timezone", "Europe/Wien"), "timezone"),
        (("--at", "02:30", "--days", "someday"), "--days"),
        (("--at", "02:30", "--types", "nothing"), "policy_types"),
        (("--at", "02:30", "--jitter", "often"), "--jitter"),
        (("--at", "02:30", "--catch-up", "1s"), "catchup_window"),
    ],
)
async def test_create_wrong_field_is_named(
    settled: Terminal, options: tuple[str, ...], field: str
) -> None:
    refused = await settled.json("schedule", "create", "nightly", *options, code=2)
    assert refused["error"]["field"] == field
    assert refused["error"]["message"].startswith(f"{field}: ")


async def test_update_changes_what_is_given_and_keeps_the_rest(
    settled: Terminal, nightly: dict[str, Any]
) -> None:
    options = ("--days", "mon,thu", "--at", "4:05", "--types", "filter,caPolicy")
    kept = ("--keep-last", "7", "--jitter", "5m", "--catch-up", "1h", "--no-foundations")
    changed = (await settled.json("schedule", "update", "nightly", *options, *kept))["schedule"]
    expected = {
        **nightly["schedule"],
        "frequency": "weekly",
        "days_of_week": [1, 4],
        "time_of_day": "04:05",
        "policy_types": ["caPolicy", "filter"],
        "retention_keep_last": 7,
        "jitter_seconds": 300,
        "catchup_window_seconds": 3600,
        "include_foundations": False,
        "revision": 2,
        "next_run_at": changed["next_run_at"],
    }
    assert changed == expected
    back = ("--daily", "--types", "all", "--keep-last", "0", "--name", "daily")
    again = (await settled.json("schedule", "update", "nightly", *back))["schedule"]
    assert (again["frequency"], again["days_of_week"]) == ("daily", None)
    assert (again["policy_types"], again["retention_keep_last"]) == (None, None)
    assert again["name"] == "daily"


async def test_lifecycle_pause_resume_archive_restore_delete(
    settled: Terminal, nightly: dict[str, Any]
) -> None:
    paused = await settled.json("schedule", "pause", "nightly")
    assert (paused["schedule"]["is_enabled"], paused["next"]) == (False, [])
    assert (await settled.json("schedule", "resume", "nightly"))["schedule"]["is_enabled"]
    await settled("schedule", "delete", "nightly", code=2)
    await settled("schedule", "archive", "nightly")
    assert (await settled.json("schedule", "list"))["schedules"] == []
    await settled("schedule", "restore", "nightly")
    await settled("schedule", "archive", nightly["schedule"]["id"][:18])
    deleted = await settled.json("schedule", "delete", "nightly")
    assert deleted == {"deleted": nightly["schedule"]["id"]}
    assert (await settled.json("schedule", "list", "--archived"))["schedules"] == []


@pytest.mark.usefixtures("nightly")
async def test_archived_schedule_is_shown_and_archiving_twice_is_harmless(
    settled: Terminal,
) -> None:
    for verb in ("archive", "archive"):
        archived = await settled.json("schedule", verb, "nightly")
        assert archived["schedule"]["is_archived"] is True
        assert archived["sync"] == "synced"
    shown = await settled("schedule", "show", archived["schedule"]["id"])
    assert "archived" in shown.stdout
    refused = await settled("schedule", "update", "nightly", "--at", "03:00", code=2)
    assert "the schedule is archived; restore it first" in refused.stderr
    assert "none of these will fire" in (await settled("schedule", "next", "nightly")).stderr
    # A live one of the same name is meant first, but not by `restore`.
    await settled("schedule", "create", "nightly", "Contoso", "--at", "04:00")
    live = (await settled.json("schedule", "show", "nightly"))["schedule"]
    assert live["is_archived"] is False
    await settled("schedule", "update", live["id"], "--name", "other")
    for _ in range(2):
        restored = await settled.json("schedule", "restore", "nightly")
        assert restored["schedule"]["is_archived"] is False


@pytest.mark.usefixtures("nightly")
async def test_list_and_show_are_readable(settled: Terminal) -> None:
    listed = (await settled("schedule", "list", "--tenant", "Contoso")).stdout
    assert "daily 02:30 Europe/Vienna" in listed
    shown = (await settled("schedule", "show", "nightly")).stdout
    assert "every set" in shown


@pytest.mark.usefixtures("nightly")
async def test_next_shows_as_many_slots_as_asked_for(settled: Terminal) -> None:
    document = await settled.json("schedule", "next", "nightly", "--count", "5")
    assert len(document["next"]) == 5
    assert "Europe/Vienna" in (await settled("schedule", "next", "nightly")).stdout


@pytest.mark.usefixtures("nightly")
async def test_trigger_takes_slots_of_the_schedule_only(settled: Terminal) -> None:
    slot = "2026-11-20T01:30:00Z"
    assert (await settled.json("schedule", "trigger", "nightly", slot))["scheduled_for"] == slot
    result = await settled("schedule", "trigger", "nightly", "2026-11-20T12:00Z", code=2)
    assert "its next slot is 2026-11-21T01:30Z" in result.stderr


@pytest.mark.usefixtures("nightly")
async def test_trigger_of_a_slot_to_come_or_of_a_paused_schedule_says_what_to_do(
    settled: Terminal,
) -> None:
    (slot,) = (await settled.json("schedule", "next", "nightly", "-n", "1"))["next"]
    early = await settled("schedule", "trigger", "nightly", slot, code=2)
    assert "or run a backup now" in early.stderr
    await settled("schedule", "pause", "nightly")
    paused = await settled("schedule", "trigger", "nightly", "2026-11-20T01:30Z", code=2)
    assert "resume it first" in paused.stderr


async def test_name_of_two_schedules_has_to_be_narrowed(settled: Terminal) -> None:
    await settled("tenant", "add", "Litware", "0a6d2b1c-9c3e-4c7f-8e57-6f1c7a529f10")
    for tenant in ("Contoso", "Litware"):
        await settled("schedule", "create", "nightly", tenant, "--at", "02:30")
    result = await settled("schedule", "show", "nightly", code=2)
    assert "SCHEDULE: fits 2 schedules; give the id: " in result.stderr
    await settled("schedule", "show", "nightly", "--tenant", "Litware")
