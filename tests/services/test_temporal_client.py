"""What the SDK's native part logs when Temporal goes away."""

import asyncio
import json
import os
import sys
from contextlib import suppress

from tests.services.relay import Relay

PROGRAM = """
import asyncio, sys
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from services.process.logs import configure_logging
from services.process.process_exit import run_and_exit
from services.process.temporal_client import connect

async def main():
    configure_logging()
    client = await connect()
    print("connected", flush=True)
    sys.stdin.readline()
    await client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=True)

run_and_exit(lambda: asyncio.run(main()))
"""


async def test_lines_of_the_native_part_are_json_without_its_text(temporal_address: str) -> None:
    async with Relay(temporal_address) as relay:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM),
            env={**os.environ, "TEMPORAL_ADDRESS": relay.address, "NO_PROXY": "127.0.0.1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert await process.stdout.readline() == b"connected\n"
    process.stdin.write(b"go\n")
    first = json.loads(await process.stderr.readline())
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()
    assert first["logger"].startswith("temporalio-sdk_core::temporalio_client")
    assert first["level"] == "warning"
    assert first["message"].startswith("text withheld")
