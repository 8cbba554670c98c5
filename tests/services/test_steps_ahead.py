"""What runs ahead of the writing of a listing: how far, in which order, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.backups.capture_pages import PreparedStep
from services.backups.captures import CaptureStep
from services.backups.steps_ahead import prepared_ahead
from tests.eventually import eventually
from tests.services.capture_runs import FILTER, RULES, Backup, Item, Tenant, add_tenant, item, items


def step_of(page: int, objects: Sequence[Item], *, is_last: bool = False) -> CaptureStep:
    return CaptureStep(
        resource_type=FILTER, rules=RULES, epoch=0, page=page, objects=objects,
        cursor=f"cursor of {page}" if page else None, next_page=page + 1,
        next_cursor=None if is_last else f"cursor of {page + 1}",
    )  # fmt: skip


@dataclass
class Listing:
    """Steps of one object each, and a journal of what happened to them."""

    ids: Sequence[str]
    error: Exception | None = None
    journal: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def steps(self) -> AsyncGenerator[CaptureStep, None]:
        try:
            for page, object_id in enumerate(self.ids):
                yield step_of(page, [item(object_id)])
            if self.error is not None:
                raise self.error
        finally:
            self.journal.append("closed")

    async def prepare(self, step: CaptureStep) -> PreparedStep:
        self.journal.append(f"prepare {step.page}")
        if self.gate is not None and step.page > 0:
            await self.gate.wait()
        return cast("PreparedStep", SimpleNamespace(page=step.page))

    async def write(self) -> list[int]:
        written = list[int]()
        async with aclosing(prepared_ahead(self.steps(), self.prepare)) as ready:
            async for step, prepared in ready:
                assert cast("Any", prepared).page == step.page
                self.journal.append(f"write {step.page}")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                self.journal.append(f"wrote {step.page}")
                written.append(step.page)
        return written


async def test_next_step_is_prepared_while_one_is_written_and_no_further() -> None:
    listing = Listing("abcde")
    assert await listing.write() == [0, 1, 2, 3, 4]
    for page in range(4):
        at = listing.journal.index
        assert at(f"prepare {page + 1}") < at(f"wrote {page}")
    for page in range(3):
        assert at(f"wrote {page}") < at(f"prepare {page + 2}")


async def test_object_that_comes_again_is_prepared_after_its_first_step() -> None:
    listing = Listing("aab")
    assert await listing.write() == [0, 1, 2]
    assert listing.journal.index("wrote 0") < listing.journal.index("prepare 1")


async def test_error_of_the_reading_follows_the_steps_before_it() -> None:
    listing = Listing("ab", error=LookupError("refused"))
    with pytest.raises(LookupError, match="refused"):
        await listing.write()
    assert listing.journal[-1] == "wrote 1"


async def test_empty_listing_ends_at_once() -> None:
    assert await Listing("").write() == []


async def test_writer_that_fails_leaves_nothing_running() -> None:
    listing = Listing("abc", gate=asyncio.Event())
    others = asyncio.all_tasks()

    async def fail() -> None:
        async with aclosing(prepared_ahead(listing.steps(), listing.prepare)) as ready:
            async for _ in ready:
                await eventually(lambda: "prepare 1" in listing.journal)
                raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await fail()
    assert listing.journal[-1] == "closed"
    assert asyncio.all_tasks() == others


async def test_cancelled_writer_leaves_nothing_running() -> None:
    listing = Listing("abc", gate=asyncio.Event())
    others = asyncio.all_tasks()
    writing = asyncio.create_task(listing.write())
    await eventually(lambda: "prepare 1" in listing.journal)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert listing.journal[-1] == "closed"
    assert asyncio.all_tasks() == others


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


def owner_of(run: Backup) -> tuple[UUID, UUID]:
    return run.tenancy.workspace_id, run.tenancy.tenant_id


async def test_step_prepared_ahead_is_stored_after_the_one_before_it(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    first, second = step_of(0, items(3)), step_of(1, items(3, start=3), is_last=True)
    prepared = await run.service.prepare_step(owner_of(run), second)
    assert (await run.service.record_step(run.id, run.owner, first)).recorded
    assert (await run.service.record_step(run.id, run.owner, second, prepared)).recorded
    assert (await run.finish()).created == 6


async def test_step_prepared_ahead_is_not_stored_out_of_order_or_twice(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    first, second = step_of(0, items(3)), step_of(1, items(3, start=3), is_last=True)
    ready = {step.page: await run.service.prepare_step(owner_of(run), step)
             for step in (first, second)}  # fmt: skip
    recorded = [
        (await run.service.record_step(run.id, run.owner, step, ready[step.page])).recorded
        for step in (second, first, first, second, second)
    ]
    assert recorded == [False, True, False, True, False]
    assert (await run.finish()).created == 6
