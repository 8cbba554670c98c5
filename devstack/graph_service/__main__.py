"""`python -m devstack.graph_service`: one local Graph until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from pathlib import Path

import orjson

from devstack.graph_service.config import GraphConfig, Profile, RetryAfterStyle
from devstack.graph_service.service import running_graph


def parse_arguments(arguments: list[str]) -> GraphConfig:
    """Command line to configuration."""
    parser = argparse.ArgumentParser(prog="python -m devstack.graph_service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.S)
    parser.add_argument("--tenants", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--budget-scale", "--scale-budget", type=float, default=1.0)
    parser.add_argument(
        "--retry-after", type=RetryAfterStyle, choices=list(RetryAfterStyle), default="integer"
    )
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--load-exports", type=Path)
    parser.add_argument("--load-roles", type=Path)
    parser.add_argument(
        "--count", action="append", default=[], metavar="COLLECTION=N", help="objects of one type"
    )
    given = parser.parse_args(arguments)
    counts = {key: int(number) for key, _, number in (c.partition("=") for c in given.count)}
    return GraphConfig(
        host=given.host,
        port=given.port,
        state_dir=given.state_dir,
        profile=given.profile,
        tenants=given.tenants,
        seed=given.seed,
        counts=counts,
        budget_scale=given.budget_scale,
        retry_after=RetryAfterStyle(given.retry_after),
        latency_ms=given.latency_ms,
        load_exports=given.load_exports,
        load_roles=given.load_roles,
    )


async def serve(config: GraphConfig) -> None:
    """Run until SIGTERM or SIGINT; one line of JSON says that and where it is ready."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running_graph(config) as service:
        ready = {
            "event": "ready",
            "root_url": service.root_url,
            "ca_file": str(service.ca_file),
            "state_dir": str(service.state_dir),
        }
        sys.stdout.write(orjson.dumps(ready).decode() + "\n")
        sys.stdout.flush()
        gc.freeze()
        await stopping.wait()


def main() -> None:
    """Entry point of the module."""
    asyncio.run(serve(parse_arguments(sys.argv[1:])))


if __name__ == "__main__":
    main()
