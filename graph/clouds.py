"""The clouds of Microsoft (api.md d.6), and endpoints of one's own such as the local Graph.

Owns addresses, scope and trust. Tokens of one cloud mean nothing in another.
"""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit


class Cloud(StrEnum):
    """A cloud with its own sign-in and its own Graph."""

    GLOBAL = "global"  # worldwide, and US Government community (GCC)
    US_GOVERNMENT = "us_government"  # GCC High, L4
    US_GOVERNMENT_DOD = "us_government_dod"  # Department of Defense, L5
    CHINA = "china"  # operated by 21Vianet
    GERMANY = "germany"  # closed; kept so that old connections can be named
    CUSTOM = "custom"  # given addresses


class InvalidEndpointError(ValueError):
    """An address of a custom endpoint is not a plain https address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEndpoint:
    """Where to sign in and where Graph is.

    authority_host: host, with port if not 443. graph_root: scheme and host, no path, no slash at
    the end. ca_file: certificate authorities to trust instead of the system's.
    """

    cloud: Cloud
    authority_host: str
    graph_root: str
    ca_file: Path | None = None

    @property
    def scope(self) -> str:
        """Scope of an app-only token."""
        return f"{self.graph_root}/.default"

    @property
    def authority(self) -> str:
        """Address of the sign-in service."""
        return f"https://{self.authority_host}"

    @property
    def is_custom(self) -> bool:
        """Whether Microsoft's instance discovery knows nothing of the authority."""
        return self.cloud is Cloud.CUSTOM

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that verifies names and certificates, TLS 1.2 or newer."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _known(cloud: Cloud, authority_host: str, graph_host: str) -> GraphEndpoint:
    return GraphEndpoint(
        cloud=cloud, authority_host=authority_host, graph_root=f"https://{graph_host}"
    )


ENDPOINTS: MappingProxyType[Cloud, GraphEndpoint] = MappingProxyType(
    {
        endpoint.cloud: endpoint
        for endpoint in (
            _known(Cloud.GLOBAL, "login.microsoftonline.com", "graph.microsoft.com"),
            _known(Cloud.US_GOVERNMENT, "login.microsoftonline.us", "graph.microsoft.us"),
            _known(Cloud.US_GOVERNMENT_DOD, "login.microsoftonline.us", "dod-graph.microsoft.us"),
            _known(Cloud.CHINA, "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
            _known(Cloud.GERMANY, "login.microsoftonline.de", "graph.microsoft.de"),
        )
    }
)


def custom_endpoint(
    *, authority: str, graph_root: str, ca_file: Path | None = None
) -> GraphEndpoint:
    """Return an endpoint with given addresses (`https://host[:port]`).

    Raises InvalidEndpointError for anything that is not https or carries more than a host.
    """
    return GraphEndpoint(
        cloud=Cloud.CUSTOM,
        authority_host=_host_of(authority),
        graph_root=f"https://{_host_of(graph_root)}",
        ca_file=ca_file,
    )


def _host_of(address: str) -> str:
    parts = urlsplit(address)
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "https" or not parts.hostname or extra:
        raise InvalidEndpointError("an endpoint is https:// and a host, nothing else")
    return parts.netloc.lower()
