"""The one way to a Temporal client: the environment of the Temporal CLI, our data converter.

`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS and API key variables and `temporal.toml` are read by
the SDK, so the command line of Temporal and this product see the same cluster (architecture
section 4).
"""

from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from contracts.converter import data_converter

IDENTITY = "tenantops"


async def connect(*, lazy: bool = False) -> Client:
    """Connect to the configured cluster; with `lazy` at the first call instead.

    Raises RuntimeError or RPCError when it cannot be reached; neither text holds a secret, but
    callers show their own sentence.
    """
    config = ClientConfig.load_client_connect_config()
    return await Client.connect(**config, lazy=lazy, data_converter=data_converter())
