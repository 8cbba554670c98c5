"""Histories and differences of what was stored, without Graph."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CanonicalRules
from services.backups.listed_objects import CapturedObject
from services.contents.contents import ContentReader
from services.history.change_attribution import ChangeAttribution
from services.history.object_history import ObjectHistory
from services.history.set_differences import SetDifferences, VersionPlace
from services.sets.backup_sets import BackupSets
from services.sets.set_comparison import SetComparison
from storage.changes import NewChangeEvent, insert_events
from tests.services.capture_runs import (
    FILTER,
    RULES,
    Item,
    Tenant,
    add_tenant,
    item,
)
from tests.services.content_rows import tenant_keys

NEWER = CanonicalRules(version=2, volatile=("lastModifiedDateTime", "extra"))


@dataclass
class Archive:
    """A tenant and the services that look back."""

    tenant: Tenant
    comparison: SetComparison
    attribution: ChangeAttribution
    history: ObjectHistory
    differences: SetDifferences

    @property
    def owner(self) -> tuple[UUID, UUID]:
        return self.tenant.tenancy.workspace_id, self.tenant.tenancy.tenant_id

    async def back_up(self, *objects: Item, rules: CanonicalRules = RULES) -> UUID:
        run = await self.tenant.backup().begin()
        await run.step(objects, rules=rules)
        await run.finish(gone=await run.missing())
        set_id = await run.complete()
        assert set_id is not None
        return set_id

    async def kinds(self, object_id: str) -> list[str]:
        return [entry.kind for entry in await self.history.history(*self.owner, FILTER, object_id)]


@pytest_asyncio.fixture
async def archive(shared_engine: AsyncEngine) -> Archive:
    keys, tenant = tenant_keys(shared_engine), await add_tenant(shared_engine)
    sets = BackupSets(engine=shared_engine, keys=keys)
    comparison = SetComparison(engine=shared_engine, keys=keys, sets=sets)
    attribution = ChangeAttribution(engine=shared_engine, keys=keys)
    return Archive(
        tenant,
        comparison,
        attribution,
        ObjectHistory(
            engine=shared_engine, keys=keys, comparison=comparison, attribution=attribution
        ),
        SetDifferences(
            engine=shared_engine,
            reader=ContentReader(engine=shared_engine, keys=keys),
            sets=sets,
            comparison=comparison,
        ),
    )


async def test_altered_document_and_name_take_nothing_else_with_them(archive: Archive) -> None:
    first = await archive.back_up(item("a"), item("b"))
    second = await archive.back_up(item("a", "new"), item("b", "new"))
    own = f"tenant_id = '{archive.owner[1]}'"
    latest = f"(SELECT current_version_hash FROM policies WHERE {own} AND external_id = 'a')"
    async with archive.tenant.engine.begin() as connection:
        for statement in (
            f"UPDATE contents SET body = sha256(body) WHERE {own} AND version_hash = {latest}",
            f"UPDATE policies SET name = sha256(name) WHERE {own} AND external_id = 'a'",
        ):
            await connection.exec_driver_sql(statement)

    found = archive.differences.of_sets(*archive.owner, (first, second))
    [differing] = [of_type async for of_type in found]
    assert [(entry.object_id, entry.is_stored, entry.name) for entry in differing.objects] == [
        ("a", False, None),
        ("b", True, "Name of b"),
    ]
    history = await archive.history.history(*archive.owner, FILTER, "a")
    assert [entry.differences for entry in history] == [None, None]


async def test_rules_bump_is_one_schema_change_for_each_object_and_none_the_next_night(
    archive: Archive,
) -> None:
    objects = [item(name, extra=name) for name in "abc"]
    first = await archive.back_up(*objects)
    second = await archive.back_up(*objects, rules=NEWER)
    third = await archive.back_up(*objects, rules=NEWER)

    [bumped] = await archive.comparison.compare(archive.owner[0], first, second)
    [next_night] = await archive.comparison.compare(archive.owner[0], second, third)
    [over_both] = await archive.comparison.compare(archive.owner[0], first, third)
    assert [await archive.kinds(name) for name in "abc"] == [["created", "schema_change"]] * 3
    assert [entry.object_id for entry in bumped.schema_changed] == ["a", "b", "c"]
    assert (bumped.changed, next_night.changed, next_night.schema_changed) == ([], [], [])
    assert len(over_both.schema_changed) == 3
    found = await archive.attribution.between_sets(*archive.owner, (first, third), [])
    assert found.reverted == []


async def test_history_tells_deletion_and_return_with_their_sets(archive: Archive) -> None:
    first = await archive.back_up(item("a"), item("b"))
    second = await archive.back_up(item("a"), item("b"))
    await archive.back_up(item("b"))
    fourth = await archive.back_up(item("a"), item("b"))

    entries = await archive.history.history(*archive.owner, FILTER, "a")

    assert [entry.kind for entry in entries] == ["created", "deleted", "recreated"]
    assert [entry.set_count for entry in entries] == [2, 0, 1]
    places = [(entry.first_set, entry.last_set) for entry in entries]
    assert [place and place.id for place in places[0]] == [first, second]
    assert places[1] == (None, None)
    # The content is that of the first version; it stands in the last set only.
    assert [place and place.id for place in places[2]] == [fourth, fourth]


async def test_history_counts_what_changed(archive: Archive) -> None:
    await archive.back_up(item("a", "one", note="x"))
    await archive.back_up(item("a", "two"))

    [created, updated] = await archive.history.history(*archive.owner, FILTER, "a")

    assert created.differences is None
    assert {change.pointer for change in updated.differences or ()} == {"/rule", "/note"}


async def test_change_seen_and_reverted_between_two_sets_is_shown_without_events(
    archive: Archive,
) -> None:
    first = await archive.back_up(item("a"), item("b"), item("c"))
    await archive.back_up(item("a", "other"), item("c"), item("d"))
    third = await archive.back_up(item("a"), item("b"), item("c"))

    found = await archive.attribution.between_sets(*archive.owner, (first, third), [])

    shown = {entry.object_id: entry for entry in found.reverted}
    assert shown.keys() == {"a", "b", "d"}
    assert (shown["a"].name, shown["a"].events) == ("Name of a", [])
    assert [shown[name].came_and_went for name in "abd"] == [False, False, True]


async def test_object_is_found_by_id_name_and_start_of_its_id(archive: Archive) -> None:
    twin = CapturedObject("other-1", "name OF alpha", {"id": "other-1"})
    await archive.back_up(item("alpha"), item("beta-1"), item("beta-2"), twin)

    async def ids(wanted: str) -> list[str]:
        found = await archive.history.find(*archive.owner, FILTER, wanted)
        return [known.object_id for known in found]

    assert await ids("ALPHA") == ["alpha"]
    assert await ids("Name of alpha") == ["alpha", "other-1"]
    assert await ids("beta") == ["beta-1", "beta-2"]
    assert await ids("gamma") == []


async def test_differences_of_sets_name_places_that_were_not_captured(archive: Archive) -> None:
    place = ("/omaSettings/0/value",)
    before = CapturedObject("a", "Hidden", {"id": "a", "rule": "1"}, not_captured=place)
    first = await archive.back_up(before, item("b"))
    after = CapturedObject("a", "Hidden", {"id": "a", "rule": "2"}, not_captured=place)
    second = await archive.back_up(after, item("c"))

    [found] = [
        entry async for entry in archive.differences.of_sets(*archive.owner, (second, first))
    ]

    by_id = {entry.object_id: entry for entry in found.objects}
    assert {key: entry.change for key, entry in by_id.items()} == {
        "a": "changed",
        "b": "removed",
        "c": "added",
    }
    assert by_id["a"].not_captured == list(place)
    assert (by_id["a"].name, by_id["b"].name) == ("Hidden", "Name of b")
    assert [operation.to_json() for operation in by_id["a"].patch] == [
        {"op": "replace", "path": "/rule", "value": "2"}
    ]


async def test_two_objects_can_be_compared(archive: Archive) -> None:
    await archive.back_up(item("a", "here"), item("b", "there"))
    versions = {
        name: (await archive.comparison.versions(*archive.owner, FILTER, name))[-1].version_hash
        for name in "ab"
    }
    places = [
        VersionPlace(archive.owner[1], name, name, version or "")
        for name, version in versions.items()
    ]

    found = await archive.differences.of_versions(archive.owner[0], FILTER, *places)

    assert {change.pointer for change in found.changes} == {"/displayName", "/rule"}


async def test_event_whose_actor_was_altered_is_shown_without_it(archive: Archive) -> None:
    cipher = await tenant_keys(archive.tenant.engine).cipher(*archive.owner)
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    event = NewChangeEvent(
        source="intune",
        event_id="event",
        external_id="a",
        resource_type=FILTER,
        operation="update",
        happened_at=moment,
        actor=cipher.seal(b"{}", b"sealed for another place"),
        key_id=cipher.key_id,
    )
    async with archive.tenant.engine.begin() as connection:
        await insert_events(connection, archive.owner, [event])
    windows = [(moment - timedelta(hours=1), moment)]
    [found] = await archive.attribution.of_object(*archive.owner, (FILTER, "a"), windows)
    assert [(event.happened_at, event.actor) for event in found.events] == [(moment, None)]
