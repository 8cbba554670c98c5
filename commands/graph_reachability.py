"""Whether sign-in and Graph of a cloud can be reached over trusted TLS, without any credential."""

from dataclasses import replace
from typing import TYPE_CHECKING

from commands.errors import explain

if TYPE_CHECKING:
    from graph.clouds import GraphEndpoint
    from settings import Settings


async def unreachable_reason(settings: "Settings", cloud: str) -> str | None:
    """Return why a cloud cannot be reached, or None; any HTTP answer counts as reached."""
    from graph.errors import GraphError
    from graph.transport import Transport, TransportSettings
    from services.connections.graph_access import CustomCloudMissingError

    proxy = settings.http_proxy
    limits = TransportSettings(
        connect_timeout=5.0,
        total_timeout=10.0,
        proxy=None if proxy is None else proxy.get_secret_value(),
    )
    try:
        async with Transport(_endpoint(settings, cloud), limits) as transport:
            for address in (
                f"{transport.endpoint.authority}/",
                f"{transport.endpoint.graph_root}/v1.0/",
            ):
                await transport.send("GET", address, headers={})
    except (GraphError, CustomCloudMissingError) as error:
        return explain(error).message
    return None


def _endpoint(settings: "Settings", cloud: str) -> "GraphEndpoint":
    from graph.clouds import ENDPOINTS, Cloud, custom_endpoint
    from services.connections.graph_access import CustomCloudMissingError

    if Cloud(cloud) is not Cloud.CUSTOM:
        return replace(ENDPOINTS[Cloud(cloud)], ca_file=settings.ca_bundle)
    if settings.graph_root is None or settings.authority_host is None:
        raise CustomCloudMissingError
    return custom_endpoint(
        authority=settings.authority_host,
        graph_root=settings.graph_root,
        ca_file=settings.ca_bundle,
    )
