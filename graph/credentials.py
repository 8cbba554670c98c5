"""How an app proves who it is: the kinds of credentials and their azure-identity objects.

Owns secrets in memory (never shown) and the building of credentials for any cloud, own authorities,
certificate authorities and proxies. Tokens are cached and errors mapped in `graph.tokens`.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from azure.core.credentials import AccessToken as AzureToken
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from graph.clouds import GraphEndpoint


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """The app and the tenant it acts in."""

    entra_tenant_id: str
    app_id: str


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with its private key, PEM or PKCS #12."""

    data: bytes = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """A federated token that the platform writes to a file."""

    token_file: Path


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the Azure resource this process runs in; `client_id` if it has several."""

    client_id: str | None = None


CredentialSecret = ClientSecret | ClientCertificate | WorkloadIdentity | ManagedIdentity


class OpenCredential(Protocol):
    """An opened credential: asks for one token at a time, holds connections until closed.

    is_interactive: a new one would ask a person to sign in again.
    """

    is_interactive: bool

    async def get_token(self, scope: str, claims: str | None) -> AzureToken:
        """Return a token for the scope. Raises azure-core's errors, or ours."""

    async def close(self) -> None:
        """Release connections."""


def open_credential(
    endpoint: GraphEndpoint,
    identity: AppIdentity,
    secret: CredentialSecret,
    *,
    proxy: str | None = None,
) -> OpenCredential:
    """Return a new credential with an empty cache. Raises ValueError for a malformed secret."""
    _quiet_azure_logs()
    options = _options(endpoint, proxy)
    tenant, app = identity.entra_tenant_id, identity.app_id
    match secret:
        case ClientSecret():
            return _Async(ClientSecretCredential(tenant, app, secret.secret, **options))
        case ClientCertificate():
            options |= {"certificate_data": secret.data, "password": secret.password}
            return _Async(CertificateCredential(tenant, app, **options))
        case WorkloadIdentity():
            path = str(secret.token_file)
            options |= {"tenant_id": tenant, "client_id": app, "token_file_path": path}
            return _Async(WorkloadIdentityCredential(**options))
        case ManagedIdentity():
            return _Async(ManagedIdentityCredential(client_id=secret.client_id, retry_total=0))


def _options(endpoint: GraphEndpoint, proxy: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "authority": endpoint.authority,
        # Instance discovery asks Microsoft's own host about the authority: it knows no other.
        "disable_instance_discovery": endpoint.is_custom,
        "use_env_settings": False,
        # Repeating is decided in graph.tokens, which knows what the slot may wait.
        "retry_total": 0,
    }
    if endpoint.ca_file is not None:
        options["connection_verify"] = str(endpoint.ca_file)
    if proxy is not None:
        options["proxies"] = {"https": proxy}
    return options


class _Async:
    """An azure-identity credential of the asynchronous kind."""

    is_interactive = False

    def __init__(self, credential: Any) -> None:  # four classes without a common base
        self._credential = credential

    async def get_token(self, scope: str, claims: str | None) -> AzureToken:
        token: AzureToken = await self._credential.get_token(scope, claims=claims)
        return token

    async def close(self) -> None:
        await self._credential.close()


def _quiet_azure_logs() -> None:
    # These libraries log refusals with the provider's text, which names apps and accounts (D7).
    for name in ("azure.identity", "azure.core", "msal"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
