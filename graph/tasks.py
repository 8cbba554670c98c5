"""Running several requests at once: all results, or one clean error and nothing left running."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from graph.errors import GraphError, GraphThrottledError

Result = TypeVar("Result")


async def gather(coroutines: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run all to their end and return their results in order.

    The first GraphError stops the others. Of several the one that is no throttling is raised,
    because waiting would not help it; of throttlings the one with the longest wait.
    """
    if len(coroutines) == 1:
        return [await coroutines[0]]
    failure: GraphError | None = None
    tasks: list[asyncio.Task[Result]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks.extend(group.create_task(coroutine) for coroutine in coroutines)
    except* GraphError as errors:
        failure = _worst([error for error in _leaves(errors) if isinstance(error, GraphError)])
    if failure is not None:
        raise failure
    return [task.result() for task in tasks]


def _worst(errors: list[GraphError]) -> GraphError:
    return max(
        errors,
        key=lambda error: (not isinstance(error, GraphThrottledError), error.retry_after or 0.0),
    )


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves
