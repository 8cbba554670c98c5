"""Schedules of the product's tenant, and requests for their slots."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from contracts.operations import OperationRequest
from domain.schedule_definitions import ScheduleDefinition
from domain.schedules import Frequency, ScheduleSpec, occurrences
from tests.end_to_end.product import ACTOR, Product

SMALL = ("filter",)


async def add_schedule(
    product: Product, types: tuple[str, ...] = SMALL, at: time = time(2)
) -> UUID:
    """Add a daily schedule in UTC; Temporal follows it."""
    definition = ScheduleDefinition(
        name="Nightly",
        spec=ScheduleSpec(timezone="UTC", frequency=Frequency.DAILY, time_of_day=at),
        policy_types=types,
    )
    schedules = await product.services.schedules()
    saved = await schedules.create(ACTOR, product.workspace_id, product.tenant.id, definition)
    return saved.schedule.id


async def last_slot(product: Product, schedule_id: UUID) -> datetime:
    """Return the newest slot of a schedule that has passed."""
    schedules = await product.services.schedules()
    stored = await schedules.show(product.workspace_id, schedule_id)
    now = datetime.now(UTC)
    return list(occurrences(stored.definition.spec, now - timedelta(days=2), now))[-1]


def slot_request(
    product: Product, schedule_id: UUID, written: str = "2026-11-20T02:00Z"
) -> OperationRequest:
    """Return a request of the tests' principal for one slot."""
    inputs = {"backup_schedule_id": str(schedule_id), "scheduled_for": written}
    return product.request("backup_schedule.scheduled", inputs)
