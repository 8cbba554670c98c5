"""Running several requests at once: all results, or one clean error and nothing left running."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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


async def gather_patiently(
    starts: Sequence[Callable[[], Coroutine[Any, Any, Result]]],
    *,
    longest_wait: float,
    sleep: Callable[[float], Awaitable[None]],
) -> list[Result]:
    """Like gather, but one that is throttled for a short time does not cost the others' results.

    It begins again after its wait, as long as others got to their end since it began. Raises its
    GraphThrottledError when nothing gets on, or if it is to wait for more than `longest_wait`
    seconds.
    """
    finished = 0

    async def one(start: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        nonlocal finished
        while True:
            before = finished
            try:
                result = await start()
            except GraphThrottledError as error:
                wait = error.retry_after
                if wait is None or wait > longest_wait or finished == before:
                    raise
            else:
                finished += 1
                return result
            await sleep(wait)

    return await gather([one(start) for start in starts])


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
