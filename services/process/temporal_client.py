"""The one way to a Temporal client: the environment of the Temporal CLI, our data converter.

`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS and API key variables and `temporal.toml` are read by
the SDK, so the command line of Temporal and this product see the same cluster (architecture
section 4).
"""

import logging
from functools import lru_cache

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from contracts.converter import data_converter

IDENTITY = "tenantops"


async def connect(*, lazy: bool = False) -> Client:
    """Connect to the configured cluster; with `lazy` at the first call instead.

    Raises RuntimeError or RPCError when it cannot be reached; neither text holds a secret, but
    callers show their own sentence.
    """
    config = ClientConfig.load_client_connect_config()
    return await Client.connect(
        **config, lazy=lazy, data_converter=data_converter(), runtime=_runtime()
    )


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    """Return the SDK's native part, its log lines sent through our fence (D7).

    By itself it writes coloured text to stderr. Below WARN its lines hold payloads; the texts and
    fields of the others are made at run time, so that only level and module come through.
    """
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio"),
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    filters = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logs = LoggingConfig(filter=filters, forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logs))
