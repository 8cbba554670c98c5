"""Rotation of a tenant's key: all that was sealed opens, nothing is read again or lost."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.credentials import ClientSecret
from services.backups.captures import CaptureService, CaptureStep
from services.connections.connections import ConnectionService, NewConnection
from services.contents.contents import ContentReader
from services.contents.key_rotation import TenantKeyRotation, TenantRotation
from services.contents.tenant_keys import TenantKeys
from services.history.change_events import actor_context
from services.sets.backup_sets import BackupSets
from storage.key_rotation import SEALED, lock_sealed
from storage.policies import write_tombstones
from tests.eventually import eventually
from tests.services.capture_runs import FILTER, RULES, Backup, Tenant, add_tenant, item, items
from tests.services.content_rows import START, new_id, set_certificates, tenant_keys, ticking_clock
from tests.services.tenancy import EDITOR, audited

APP = "6f1c7a52-9c3e-4c7f-8e57-0a6d2b1c9f10"
COUNT = 30
ACTOR = b'{"name": "Jane Doe"}'


class KilledError(Exception):
    """Stands for the end of a process."""


@dataclass
class Kept:
    """A tenant with one of everything that its key seals."""

    engine: AsyncEngine
    tenant: Tenant
    set_id: UUID
    connection_id: UUID
    running: Backup

    @property
    def owner(self) -> tuple[UUID, UUID]:
        return self.tenant.tenancy.workspace_id, self.tenant.tenancy.tenant_id

    def rotation(self) -> TenantKeyRotation:
        """Return the rotation of a process of its own."""
        keys = tenant_keys(self.engine)
        return TenantKeyRotation(
            engine=self.engine, keys=keys, clock=ticking_clock(), new_id=new_id
        )

    async def rotate(self) -> TenantRotation:
        return await self.rotation().rotate(EDITOR, *self.owner)

    async def value(self, query: str) -> Any:
        return await self.tenant.scalar(query)

    async def check(self, keys: TenantKeys | None = None) -> None:
        """Everything opens, in a process that has just started or in the one of `keys`."""
        keys = keys or tenant_keys(self.engine)
        sets = BackupSets(engine=self.engine, keys=keys)
        entries = await sets.entries(self.owner[0], self.set_id, FILTER)
        assert [entry.name for entry in entries] == [f"Name of {e.object_id}" for e in entries]
        hashes = [entry.version_hash for entry in entries]
        opened = await ContentReader(engine=self.engine, keys=keys).documents(*self.owner, hashes)
        assert len(opened) == COUNT
        connections = connection_service(self.engine, keys)
        stored = await connections.find(self.connection_id)
        assert stored is not None
        assert await connections.open_credential(stored) == ClientSecret("a secret")
        service = capture_service(self.engine, keys)
        assert (await service.progress(self.running.id))[FILTER].cursor == "cursor of 1"
        async with self.engine.connect() as connection:
            row = (await connection.execute(text("SELECT actor, key_id FROM change_events"))).one()
        cipher = await keys.cipher(*self.owner)
        context = actor_context(self.owner[1], "intune", "event", "object-00001")
        assert cipher.open(row.actor, context, row.key_id) == ACTOR


def capture_service(engine: AsyncEngine, keys: TenantKeys) -> CaptureService:
    return CaptureService(
        engine=engine,
        keys=keys,
        certificates=set_certificates(),
        clock=ticking_clock(),
        new_id=new_id,
    )


def connection_service(engine: AsyncEngine, keys: TenantKeys) -> ConnectionService:
    return ConnectionService(engine=engine, keys=keys, clock=ticking_clock(), new_id=new_id)


@pytest_asyncio.fixture
async def kept(engine: AsyncEngine) -> Kept:
    tenant = await add_tenant(engine)
    _, set_id = await tenant.back_up(items(COUNT))
    assert set_id is not None
    owner = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    keys = tenant_keys(engine)
    new = NewConnection(name="read", app_id=APP, credential=ClientSecret("a secret"))
    added = await connection_service(engine, keys).add(EDITOR, *owner, new)
    running = await tenant.backup().begin()
    assert await running.step(items(5), last=False)
    cipher = await keys.cipher(*owner)
    sealed = cipher.seal(ACTOR, actor_context(owner[1], "intune", "event", "object-00001"))
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO change_events (tenant_id, workspace_id, source, event_id, external_id,"
                " operation, happened_at, actor, key_id) VALUES (:tenant, :workspace, 'intune',"
                " 'event', 'object-00001', 'update', :at, :actor, :key)"
            ),
            {
                "tenant": owner[1],
                "workspace": owner[0],
                "at": START,
                "actor": sealed,
                "key": cipher.key_id,
            },
        )
    return Kept(engine, tenant, set_id, added.id, running)


async def test_rotation_seals_everything_under_the_new_key_alone(kept: Kept) -> None:
    before = await kept.value("SELECT array_agg(version_hash ORDER BY 1) FROM contents")
    old = await tenant_keys(kept.engine).cipher(*kept.owner)
    report = await kept.rotate()
    counts = {"contents": COUNT, "names": COUNT, "credentials": 1, "actors": 1, "cursors": 1}
    assert (report.resealed, report.destroyed_keys, report.is_complete) == (counts, 1, True)
    assert not report.damaged.total()
    await kept.check()
    new = await tenant_keys(kept.engine).cipher(*kept.owner)
    assert old.key_id not in new.key_ids
    for column in SEALED.values():
        found = f"SELECT count(*) FROM {column.table} WHERE {column.key} = '{old.key_id}'"
        assert await kept.value(found) == 0
    assert await kept.value("SELECT array_agg(version_hash ORDER BY 1) FROM contents") == before
    assert {"tenant_key.rotate", "tenant_key.destroy"} <= set(await audited(kept.engine))


async def test_rotation_leaves_the_next_backup_unchanged(kept: Kept) -> None:
    await kept.rotate()
    await kept.running.step(items(COUNT - 5, start=5), page=1)
    result = await kept.running.finish()
    assert (result.unchanged, result.captured) == (COUNT, 0)
    assert await kept.value("SELECT count(*) FROM policy_versions") == COUNT


async def test_rotation_ended_anywhere_goes_on_where_it_was(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.contents.key_rotation.MOST_ROWS", 10)
    done = [0]

    def die(_kind: str, count: int) -> None:
        done[0] += count
        raise KilledError

    while done[0] < COUNT * 2 + 3:
        with pytest.raises(KilledError):
            await kept.rotation().rotate(EDITOR, *kept.owner, die)
        await kept.check()
    # One rotation all the while.
    assert await kept.value("SELECT count(*) FROM tenant_keys") == 2
    assert (await kept.rotate()).is_complete
    assert await kept.value("SELECT count(*) FROM tenant_keys WHERE destroyed_at IS NULL") == 1
    await kept.check()


async def test_rotations_at_once_do_the_work_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.contents.key_rotation.MOST_ROWS", 3)
    reports = await asyncio.gather(*(kept.rotate() for _ in range(3)))
    assert all(report.is_complete for report in reports)
    # Whoever came after the end of the first began one of his own.
    made = await kept.value("SELECT count(*) FROM tenant_keys") - 1
    assert sum(report.resealed["contents"] for report in reports) == COUNT * made
    assert await kept.value("SELECT count(*) FROM tenant_keys WHERE destroyed_at IS NULL") == 1
    await kept.check()


@pytest.mark.long
async def test_backups_and_readers_go_on_during_rotations(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.contents.key_rotation.MOST_ROWS", 4)
    keys = tenant_keys(kept.engine)
    tenant = Tenant(kept.engine, kept.tenant.tenancy, capture_service(kept.engine, keys))
    is_over = asyncio.Event()

    async def rotate() -> None:
        for _ in range(4):
            assert (await kept.rotate()).is_complete
        is_over.set()

    async def back_up() -> int:
        number = 0
        while not is_over.is_set():
            number += 1
            run = await tenant.backup().begin("other")
            for page in range(4):
                objects = items(10, start=number * 100 + page * 10)
                await run.step(objects, page=page, last=page == 3, resource_type="other")
            await run.complete()
        return number

    async def read() -> None:
        reading = tenant_keys(kept.engine)
        while not is_over.is_set():
            await kept.check(reading)

    _, backups, _ = await asyncio.gather(rotate(), back_up(), read())
    await kept.check()
    stored = await kept.value("SELECT array_agg(version_hash) FROM contents")
    opened = await ContentReader(engine=kept.engine, keys=keys).documents(*kept.owner, stored)
    assert len(opened) == len(stored) == COUNT + 40 * backups


async def test_page_sealed_before_the_end_of_a_rotation_is_sealed_again(kept: Kept) -> None:
    class Slow(CaptureService):
        async def _prepare(self, *arguments: Any) -> Any:
            prepared = await super()._prepare(*arguments)
            if not rotated:
                rotated.append(await kept.rotate())
            return prepared

    rotated: list[TenantRotation] = []
    keys = tenant_keys(kept.engine)
    kept.running.service = Slow(
        engine=kept.engine,
        keys=keys,
        certificates=set_certificates(),
        clock=ticking_clock(),
        new_id=new_id,
    )
    assert await kept.running.step(items(5, start=100), page=1)
    assert rotated[0].is_complete
    stored = await kept.value("SELECT array_agg(version_hash) FROM contents")
    opened = await ContentReader(engine=kept.engine, keys=keys).documents(*kept.owner, stored)
    assert len(opened) == COUNT + 5


async def test_page_prepared_ahead_of_a_rotation_is_sealed_again(kept: Kept) -> None:
    run = kept.running
    step = CaptureStep(
        resource_type=FILTER,
        rules=RULES,
        epoch=0,
        page=1,
        objects=items(5, start=100),
        next_cursor=None,
        next_page=2,
    )
    prepared = await run.service.prepare_step(kept.owner, step)
    assert (await kept.rotate()).is_complete
    assert (await run.service.record_step(run.id, run.owner, step, prepared)).recorded
    assert prepared.page.key_id != await kept.value("SELECT DISTINCT key_id FROM contents")


async def test_tombstones_wait_for_a_rotation_and_do_not_deadlock_with_it(kept: Kept) -> None:
    run = await kept.tenant.backup().begin("other")
    await run.step([item("z"), item("a")], resource_type="other")
    key_id = (await tenant_keys(kept.engine).cipher(*kept.owner)).key_id
    places = [("other", "a"), ("other", "z")]

    async def rotate() -> int:
        async with kept.engine.begin() as connection:
            owner = (kept.owner[1], [key_id])
            return len(await lock_sealed(connection, SEALED["names"], owner, places))

    async def bury() -> None:
        async with kept.engine.begin() as connection:
            # As PostgreSQL plans for many rows: in the order in which they lie, z before a.
            for scan in ("indexscan", "bitmapscan"):
                await connection.execute(text(f"SET LOCAL enable_{scan} = off"))
            place = (kept.owner[1], "other", run.id)
            await write_tombstones(connection, place, ["a", "z"], START)

    async def is_waited_for(times: int) -> bool:
        return bool(await kept.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == times)

    update = text("UPDATE policies SET last_changed_at = now() WHERE external_id = 'a'")
    async with kept.engine.begin() as connection:
        await connection.execute(update)
    async with kept.engine.begin() as connection:
        await connection.execute(update)
        rotating = asyncio.create_task(rotate())
        await eventually(lambda: is_waited_for(1))
        burying = asyncio.create_task(bury())
        await eventually(lambda: is_waited_for(2))
    assert await rotating == 2
    await burying
    assert await kept.value("SELECT count(*) FROM policies WHERE deleted_at IS NOT NULL") == 2
    assert await kept.value("SELECT count(*) FROM policy_versions WHERE change = 'deleted'") == 2


async def test_damaged_content_keeps_the_old_key(kept: Kept) -> None:
    async with kept.engine.begin() as connection:
        damage = "UPDATE contents SET body = body || 'x' WHERE version_hash = (%s)"
        await connection.execute(text(damage % "SELECT min(version_hash) FROM contents"))
    report = await kept.rotate()
    assert (report.is_complete, report.destroyed_keys) == (False, 0)
    assert +report.damaged == {"contents": 1}
    assert report.resealed["contents"] == COUNT - 1
    assert len((await tenant_keys(kept.engine).cipher(*kept.owner)).key_ids) == 2


async def test_destroyed_tenant_opens_nowhere_any_more(kept: Kept) -> None:
    keys, other = tenant_keys(kept.engine), tenant_keys(kept.engine)
    await kept.check(other)
    assert await keys.destroy(*kept.owner)
    sets = BackupSets(engine=kept.engine, keys=other)
    entries = await sets.entries(kept.owner[0], kept.set_id, FILTER)
    assert {entry.name for entry in entries} == {None}
    hashes = [entry.version_hash for entry in entries]
    assert not await ContentReader(engine=kept.engine, keys=other).documents(*kept.owner, hashes)
    service = capture_service(kept.engine, other)
    assert (await service.progress(kept.running.id))[FILTER].cursor == ""
    stored = await connection_service(kept.engine, other).find(kept.connection_id)
    assert stored is not None
    assert not stored.has_credential
