"""A workflow of two timers; in a module of its own, as the sandbox imports it for every run."""

import asyncio

from temporalio import workflow


@workflow.defn
class TwoTimersWorkflow:
    """Sleeps twice for the seconds it is given."""

    @workflow.run
    async def run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await asyncio.sleep(seconds)
