"""Following runs that nobody works on; the run stays queued, so no other test stands here."""

import asyncio
from uuid import uuid4

from tests.commands.terminal import Terminal

RUN = ("backup", "run", "Tenant 0", "--types", "filter", "--watch")


async def test_watched_run_without_a_worker_says_what_it_waits_for(office: Terminal) -> None:
    office.variables["TENANTOPS_TASK_QUEUE"] = f"nobody-{uuid4()}"
    process = office.process(*RUN)
    try:
        assert process.stderr is not None
        said = [await asyncio.to_thread(process.stderr.readline) for _ in range(3)]
    finally:
        process.kill()
        process.communicate()
    assert said[0] == "Backup run now queued.\n"
    assert "no worker asks for work; run `tenantops worker`" in said[2]
