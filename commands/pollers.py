"""Which workers ask for work on the task queue, as Temporal has it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.assembly import Services

# Temporal goes on listing a worker for minutes after its end. A poll lasts up to a minute.
LONGEST_SILENCE = timedelta(seconds=90)
_RPC_TIMEOUT = timedelta(seconds=10)
_ASK_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Pollers:
    """Who asks for work, workflows and activities apart.

    `last_asked_at` is when anybody asked last, also somebody who is gone; None if nobody is known.
    """

    workflows: frozenset[str]
    activities: frozenset[str]
    last_asked_at: datetime | None

    @property
    def are_enough(self) -> bool:
        """Whether a run can go on: somebody for each kind."""
        return bool(self.workflows and self.activities)


async def find_pollers(services: "Services") -> Pollers:
    """Ask Temporal; raises what its client raises when it cannot be reached."""
    from temporalio.api.enums.v1 import TaskQueueType

    workflows, activities = [
        await _polls(services, kind)
        for kind in (
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    ]
    oldest = datetime.now(UTC) - LONGEST_SILENCE
    return Pollers(
        frozenset(name for name, polled_at in workflows.items() if polled_at > oldest),
        frozenset(name for name, polled_at in activities.items() if polled_at > oldest),
        max((*workflows.values(), *activities.values()), default=None),
    )


class QueueWatch:
    """Tells whether a queued run waits for nothing but a worker, without asking all the time.

    Temporal that cannot be reached is no answer: whoever follows a run needs PostgreSQL alone
    (behaviour row 105).
    """

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._is_unattended = False
        self._asks_next_at = 0.0

    async def is_unattended(self) -> bool:
        """Whether nobody asked for work lately, as far as is known."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._asks_next_at:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    self._is_unattended = not (await find_pollers(self._services)).are_enough
            except Exception:  # noqa: BLE001 - whatever it is, the run can be followed without
                self._is_unattended = False
            self._asks_next_at = clock() + _ASK_SECONDS
        return self._is_unattended


async def _polls(services: "Services", kind: int) -> dict[str, datetime]:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    client = await services.temporal()
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=services.settings.task_queue),
        task_queue_type=TaskQueueType.ValueType(kind),
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=_RPC_TIMEOUT)
    return {
        poller.identity: poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in answer.pollers
    }
