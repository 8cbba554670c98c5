from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.backups.captures import FailedObject
from services.sets.backup_sets import BackupSetNotFoundError, BackupSets, ManifestMissingError
from services.sets.set_comparison import SetComparison
from tests.services.capture_runs import FILTER, Backup, Item, Tenant, add_tenant, item, items
from tests.services.content_rows import tenant_keys
from tests.services.tenancy import add_tenancy


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


@pytest.fixture
def sets(engine: AsyncEngine) -> BackupSets:
    return BackupSets(engine=engine, keys=tenant_keys(engine))


@pytest.fixture
def comparison(engine: AsyncEngine, sets: BackupSets) -> SetComparison:
    return SetComparison(engine=engine, keys=tenant_keys(engine), sets=sets)


async def back_up(tenant: Tenant, objects: list[Item]) -> tuple[Backup, UUID]:
    run = await tenant.backup().begin()
    await run.step(objects)
    await run.finish(gone=await run.missing())
    set_id = await run.complete()
    assert set_id is not None
    return run, set_id


async def test_sets_are_listed_newest_first_page_by_page(tenant: Tenant, sets: BackupSets) -> None:
    made = [(await back_up(tenant, items(2)))[1] for _ in range(3)]
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    first = await sets.list_sets(*place, limit=2)
    rest = await sets.list_sets(*place, before=first[-1].sequence, limit=2)
    assert [shown.id for shown in first + rest] == made[::-1]
    assert first[0].previous_set_id == first[1].id
    assert first[0].object_count == 2


async def test_set_shows_what_came_of_each_type(tenant: Tenant, sets: BackupSets) -> None:
    await back_up(tenant, items(3))
    _, set_id = await back_up(tenant, [*items(2), FailedObject("object-00002", "object_failed")])
    shown, [of_set] = await sets.show(tenant.tenancy.workspace_id, set_id)
    assert shown.status == "partial"
    assert (of_set.expected, of_set.unchanged, of_set.failed, of_set.entry_count) == (3, 2, 1, 2)
    assert of_set.reason_counts == {"object_failed": 1}


async def test_entries_carry_decrypted_names(tenant: Tenant, sets: BackupSets) -> None:
    _, set_id = await back_up(tenant, [item("b"), item("a")])
    entries = await sets.entries(tenant.tenancy.workspace_id, set_id, FILTER)
    assert [(entry.object_id, entry.name) for entry in entries] == [
        ("a", "Name of a"),
        ("b", "Name of b"),
    ]


async def test_document_is_that_of_the_set_without_loss(tenant: Tenant, sets: BackupSets) -> None:
    numbers = {"big": 2**70, "fraction": 0.1, "text": "Ünïcode \U0001f600", "none": None}
    old = item("a", "one", numbers=numbers)
    _, first = await back_up(tenant, [old])
    _, second = await back_up(tenant, [item("a", "two")])
    workspace = tenant.tenancy.workspace_id
    assert await sets.document(workspace, first, FILTER, "a") == old.document
    assert (await sets.document(workspace, second, FILTER, "a"))["rule"] == "two"


async def test_objects_of_equal_content_keep_their_own_bodies(
    tenant: Tenant, sets: BackupSets
) -> None:
    one, two = item("a", lastModifiedDateTime="1"), item("b", lastModifiedDateTime="2")
    same = {"displayName": "Same"}
    one = type(one)("a", "Same", {"lastModifiedDateTime": "1", **same})
    two = type(two)("b", "Same", {"lastModifiedDateTime": "2", **same})
    _, set_id = await back_up(tenant, [one, two])
    document = await sets.document(tenant.tenancy.workspace_id, set_id, FILTER, "b")
    assert document == two.document


async def test_set_of_another_workspace_is_not_found(
    engine: AsyncEngine, tenant: Tenant, sets: BackupSets, comparison: SetComparison
) -> None:
    _, set_id = await back_up(tenant, items(1))
    stranger = await add_tenancy(engine)
    for read in (
        sets.show(stranger.workspace_id, set_id),
        sets.entries(stranger.workspace_id, set_id, FILTER),
        sets.document(stranger.workspace_id, set_id, FILTER, "object-00000"),
        comparison.compare(stranger.workspace_id, set_id, set_id),
        sets.entries(tenant.tenancy.workspace_id, set_id, "no such type"),
    ):
        with pytest.raises(BackupSetNotFoundError):
            await read


async def test_changes_of_a_run_name_exactly_the_changed_objects(
    tenant: Tenant, comparison: SetComparison
) -> None:
    await back_up(tenant, items(40))
    run, _ = await back_up(tenant, [*items(38), item("object-00038", "two"), item("new object")])
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    changes = await comparison.changes_of_run(*place, run.id)
    assert [(change.object_id, change.change, change.name) for change in changes] == [
        ("new object", "created", "Name of new object"),
        ("object-00038", "updated", "Name of object-00038"),
        ("object-00039", "deleted", "Name of object-00039"),
    ]


async def test_change_that_was_undone_within_the_run_is_none(
    tenant: Tenant, comparison: SetComparison
) -> None:
    await back_up(tenant, items(1))
    run = await tenant.backup().begin()
    await run.step([item("object-00000", "two"), item("brief")], last=False)
    await run.service.restart_listing(run.id, run.owner, FILTER, 0)
    await run.step(items(1), epoch=1)
    await run.finish(gone=await run.missing())
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    assert await comparison.changes_of_run(*place, run.id) == []


async def test_diff_of_two_versions_names_the_changed_leaf(
    tenant: Tenant, comparison: SetComparison
) -> None:
    await back_up(tenant, [item("a", "one", password="old")])
    run, _ = await back_up(tenant, [item("a", "two", password="new")])
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    [change] = await comparison.changes_of_run(*place, run.id)
    assert change.version_before is not None
    assert change.version_hash is not None
    found = await comparison.diff_versions(
        *place, FILTER, (change.version_before, change.version_hash)
    )
    assert {entry.pointer for entry in found} == {"/rule", "/password"}
    assert "old" not in repr([entry for entry in found if entry.is_secret])


async def test_versions_tell_the_history_of_an_object(
    tenant: Tenant, comparison: SetComparison
) -> None:
    for objects in ([item("a")], [item("a", "two")], [], [item("a", "two")]):
        await back_up(tenant, [*objects, item("other")])
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    versions = await comparison.versions(*place, FILTER, "a")
    assert [version.change for version in versions] == [
        "created", "updated", "deleted", "created",
    ]  # fmt: skip
    assert versions[1].version_hash == versions[3].version_hash


async def test_comparison_of_sets_names_what_is_proven(
    tenant: Tenant, comparison: SetComparison
) -> None:
    _, older = await back_up(tenant, items(30))
    _, newer = await back_up(tenant, [*items(28), item("object-00028", "two"), item("new")])
    workspace = tenant.tenancy.workspace_id
    [compared] = await comparison.compare(workspace, newer, older)
    assert compared.is_comparable
    assert (compared.added, compared.removed) == (["new"], ["object-00029"])
    assert [changed.object_id for changed in compared.changed] == ["object-00028"]
    assert not compared.uncertain


async def test_object_that_could_not_be_read_is_uncertain_not_removed(
    tenant: Tenant, comparison: SetComparison
) -> None:
    _, older = await back_up(tenant, items(3))
    _, newer = await back_up(tenant, [*items(2), FailedObject("object-00002", "object_failed")])
    _, newest = await back_up(tenant, items(3))
    workspace = tenant.tenancy.workspace_id
    for pair in ((older, newer), (newer, newest)):
        [compared] = await comparison.compare(workspace, *pair)
        assert (compared.added, compared.removed) == ([], [])
        assert compared.uncertain == ["object-00002"]


async def test_incomplete_type_is_not_comparable(tenant: Tenant, comparison: SetComparison) -> None:
    _, older = await back_up(tenant, items(30))
    run = await tenant.backup().begin()
    await run.step([*items(4), item("object-00004", "two")], last=False)
    newer = await run.complete()
    assert newer is not None
    [compared] = await comparison.compare(tenant.tenancy.workspace_id, older, newer)
    assert not compared.is_comparable
    assert (compared.added, compared.removed, compared.uncertain) == ((), (), ())
    assert [changed.object_id for changed in compared.changed] == ["object-00004"]


DAMAGES = {
    "a lost chunk": "DELETE FROM manifest_chunks",
    "an altered chunk": (
        "UPDATE manifest_chunks SET entries = set_byte(entries, 9, get_byte(entries, 9) # 1)"
    ),
    "another chunk": (
        "UPDATE manifest_chunks SET entries = other.entries FROM manifest_chunks AS other "
        "WHERE manifest_chunks.chunk_hash < other.chunk_hash"
    ),
    "a lost list": "DELETE FROM manifests",
    "a shorter list": "UPDATE manifests SET chunk_hashes = chunk_hashes[2:]",
    "another list of as many": (
        "UPDATE manifests SET chunk_hashes = other.chunk_hashes FROM manifests AS other, "
        "set_manifests AS held WHERE held.manifest_hash = other.manifest_hash "
        "AND held.entry_count = 61 AND manifests.manifest_hash <> other.manifest_hash"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_damaged_list_of_objects_is_refused_and_not_shortened(
    tenant: Tenant, sets: BackupSets, comparison: SetComparison, damage: str
) -> None:
    await back_up(tenant, items(61))
    _, older = await back_up(tenant, items(60))
    _, newer = await back_up(tenant, [item("object-00000", "other"), *items(60, start=1)])
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        assert (await connection.exec_driver_sql(damage)).rowcount
    workspace = tenant.tenancy.workspace_id
    with pytest.raises(ManifestMissingError, match=FILTER):
        await sets.entries(workspace, newer, FILTER)
    with pytest.raises(ManifestMissingError):
        await comparison.compare(workspace, older, newer)


async def test_lost_chunk_comes_back_with_the_next_backup(tenant: Tenant, sets: BackupSets) -> None:
    _, first = await back_up(tenant, items(60))
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM manifest_chunks")
    await back_up(tenant, items(60))
    assert len(await sets.entries(tenant.tenancy.workspace_id, first, FILTER)) == 60


async def test_altered_list_is_set_right_by_the_next_backup(
    tenant: Tenant, sets: BackupSets
) -> None:
    _, first = await back_up(tenant, items(60))
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE manifests SET chunk_hashes = chunk_hashes[2:]")
    _, second = await back_up(tenant, items(60))
    for set_id in (first, second):
        assert len(await sets.entries(tenant.tenancy.workspace_id, set_id, FILTER)) == 60


async def test_manifest_of_equal_sets_is_stored_once(tenant: Tenant) -> None:
    for _ in range(3):
        await back_up(tenant, items(60))
    async with tenant.engine.begin() as connection:
        listed = await connection.exec_driver_sql("SELECT chunk_hashes FROM manifests")
        chunks = await connection.exec_driver_sql("SELECT chunk_hash FROM manifest_chunks")
        (names,) = [row.chunk_hashes for row in listed]
        assert len(names) > 1
        assert sorted(names) == sorted(row.chunk_hash for row in chunks)
