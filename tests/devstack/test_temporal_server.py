"""The Temporal dev server: fast settings, search attributes, kills."""

import asyncio
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing._timeskipping import TimeSkipper
from temporalio.worker import Worker

from devstack.processes import ServerStartError
from devstack.search_attributes import SearchAttributeTypeError, ensure_search_attributes
from devstack.temporal_server import TemporalOptions, TemporalServer
from tests.devstack.conftest import Owner, processes_of
from tests.devstack.timer_workflow import TwoTimersWorkflow
from tests.eventually import eventually

OWNER = """
import time
from pathlib import Path
from devstack.temporal_server import TemporalOptions, TemporalServer
server = TemporalServer(Path({directory!r}), TemporalOptions(has_ui=False))
server.start()
print("ready", flush=True)
time.sleep(600)
"""
KEYWORD = TemporalOptions(has_ui=False, search_attributes={"Colour": "Keyword"})
INTEGER = TemporalOptions(has_ui=False, search_attributes={"Colour": "Int"})


async def run_two_timers(client: Client, seconds: float) -> float:
    """Run the workflow on its own task queue and return how long it took in seconds."""
    queue = f"timers-{seconds:g}"
    async with Worker(client, task_queue=queue, workflows=[TwoTimersWorkflow]):
        began = time.monotonic()
        await client.execute_workflow(TwoTimersWorkflow.run, seconds, id=queue, task_queue=queue)
        return time.monotonic() - began


async def test_temporal_server_short_timers_take_no_second(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    # With its default pacing the server would take a second for each.
    assert await run_two_timers(client, 0.01) < 1.8


async def test_temporal_server_long_timers_can_be_skipped(temporal_address: str) -> None:
    client = TimeSkipper(await Client.connect(temporal_address)).client
    assert await run_two_timers(client, 86_400) < 10.0


async def test_temporal_server_ui_answers(tmp_path: Path) -> None:
    with TemporalServer(tmp_path, TemporalOptions(is_persistent=False)) as server:
        assert server.ui_url is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with await asyncio.to_thread(opener.open, server.ui_url) as page:
            assert page.status == 200


async def test_temporal_server_stopped_leaves_no_process(tmp_path: Path) -> None:
    server = TemporalServer(tmp_path, TemporalOptions(has_ui=False))
    server.start()
    server.stop()
    server.stop()
    assert processes_of(tmp_path) == []


@pytest.mark.long
@pytest.mark.alone
async def test_temporal_server_killed_keeps_its_histories(tmp_path: Path) -> None:
    with TemporalServer(tmp_path, TemporalOptions(has_ui=False)) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("Unheard", id="kept", task_queue="nobody")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await eventually(lambda: server.pid is None)
        server.start()
        again = await Client.connect(server.address)
        description = await again.get_workflow_handle("kept").describe()
        assert description.workflow_type == "Unheard"


@pytest.mark.long
@pytest.mark.alone
async def test_temporal_server_owner_killed_ends_too(tmp_path: Path, owner: Owner) -> None:
    owner(OWNER.format(directory=str(tmp_path))).kill()
    await eventually(lambda: not processes_of(tmp_path))


def test_temporal_server_attribute_of_another_type_is_refused(tmp_path: Path) -> None:
    with TemporalServer(tmp_path, KEYWORD):
        pass
    with pytest.raises(ServerStartError, match=r"other types: \{'Colour': 'KEYWORD'\}"):
        TemporalServer(tmp_path, INTEGER).start()
    assert processes_of(tmp_path) == []


async def test_ensure_search_attributes_registers_and_repeats(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    for _ in range(2):
        await ensure_search_attributes(client, {"Weight": "Double", "Tags": "KeywordList"})


async def test_ensure_search_attributes_other_type_is_refused(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    await ensure_search_attributes(client, {"Height": "Int"})
    with pytest.raises(SearchAttributeTypeError, match=r"\{'Height': 'INT'\}"):
        await ensure_search_attributes(client, {"Height": "Datetime"})
