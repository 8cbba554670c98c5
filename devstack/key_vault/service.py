"""The vault over HTTPS: keys, their permissions, the token endpoint, and faults on request.

What it answers follows the REST reference of Azure Key Vault (Keys, get / wrapkey / unwrapkey) and
its page of error codes. A vault of Azure is `{name}.{domain}`, and a client checks that a challenge
names that domain; here the host is an address, so the domain is what follows its first dot.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from devstack.graph_service.certificates import server_context
from devstack.key_vault.rsa_keys import KeyVersion, UnknownAlgorithmError

HOST = "127.0.0.1"
PERMISSIONS = frozenset({"get", "wrapKey", "unwrapKey"})
TOKEN_SECONDS = 3600
_NAMES = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}


@dataclass
class Fault:
    """What happens instead of, or before, the next `times` answers of an operation.

    operation: get, wrapKey, unwrapKey or token; None means each of them. status None only waits.
    """

    status: int | None = None
    operation: str | None = None
    times: int = 1
    retry_after: str | None = None
    delay_seconds: float = 0.0
    drops_connection: bool = False


@dataclass
class KeyVault:
    """One vault, its one client and what it was asked."""

    directory: Path
    tenant_id: str = "3b1f0c52-9c3e-4c7f-8e57-0a6d2b1c9f10"
    client_id: str = "8d0a4f11-2f64-4a3c-9a58-1f8f2b7c6d5e"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    permissions: set[str] = field(default_factory=lambda: set(PERMISSIONS))
    keys: dict[str, list[KeyVersion]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    port: int = 0
    _tokens: set[str] = field(default_factory=set, repr=False)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Address of the vault, and of the token endpoint as well."""
        return f"https://{HOST}:{self.port}"

    @property
    def resource(self) -> str:
        """For whom tokens are issued."""
        return f"https://{HOST.partition('.')[2]}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Certificate authority of the server."""
        return self.directory / "ca.pem"

    @property
    def client_environment(self) -> dict[str, str]:
        """Variables with which azure-identity signs the client in."""
        return {
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "AZURE_AUTHORITY_HOST": self.url,
        }

    def add_version(self, name: str) -> str:
        """Make a key or its next version; returns the identifier with the version."""
        added = KeyVersion()
        self.keys.setdefault(name, []).append(added)
        return self.identifier(name, added)

    def identifier(self, name: str, version: KeyVersion | None = None) -> str:
        """Return the identifier of a key, with a version if one is given."""
        base = f"{self.url}/keys/{name}"
        return base if version is None else f"{base}/{version.version}"

    async def start(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application(middlewares=[self._watch])
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/keys/{name}{version:/?[^/]*}", self._get)
        app.router.add_post("/keys/{name}/{version}/{operation}", self._use)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        self.directory.mkdir(parents=True, exist_ok=True)
        context = server_context(self.directory, HOST)
        await web.TCPSite(self._runner, HOST, self.port, ssl_context=context).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        operation = _operation(request)
        fault = next((f for f in self.faults if f.operation in (None, operation)), None)
        is_anonymous = operation != "token" and "Authorization" not in request.headers
        # The first call of a client carries no token and only asks for the challenge.
        if fault is None or is_anonymous:
            return await self._answered(request, handler, operation)
        fault.times -= 1
        if fault.times <= 0:
            self.faults.remove(fault)
        await asyncio.sleep(fault.delay_seconds)
        if fault.drops_connection and request.transport is not None:
            request.transport.abort()
        if fault.status is None:
            return await self._answered(request, handler, operation)
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        self.calls.append(f"{operation} {fault.status}")
        return _refusal(fault.status, "Fault", "This vault was told to refuse.", headers=headers)

    async def _answered(
        self, request: web.Request, handler: Any, operation: str
    ) -> web.StreamResponse:
        response: web.StreamResponse = self._refused(request, operation) or await handler(request)
        self.calls.append(f"{operation} {response.status}")
        return response

    def _refused(self, request: web.Request, operation: str) -> web.Response | None:
        """Return the refusal of whoever may not do this."""
        if operation == "token":
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            challenge = (
                f'Bearer authorization="{self.url}/{self.tenant_id}", resource="{self.resource}"'
            )
            message = "AKV10000: Request is missing a Bearer or PoP token."
            headers = {"WWW-Authenticate": challenge}
            return _refusal(401, "Unauthorized", message, headers=headers)
        if "api-version" not in request.query:
            return _refusal(400, "BadParameter", "api-version must be specified")
        if operation not in self.permissions:
            message = f"The user, group or application does not have keys {operation} permission."
            return _refusal(403, "Forbidden", message, inner="AccessDenied")
        return None

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        is_known = (form.get("client_id"), form.get("client_secret")) == (
            self.client_id,
            self.client_secret,
        )
        if request.match_info["tenant"] != self.tenant_id or not is_known:
            text = "AADSTS7000215: Invalid client secret provided."
            return web.json_response(
                {"error": "invalid_client", "error_description": text}, status=401
            )
        if form.get("scope") != f"{self.resource}/.default":
            text = "AADSTS500011: The resource principal was not found."
            return web.json_response(
                {"error": "invalid_resource", "error_description": text}, status=400
            )
        token = secrets.token_urlsafe(32)
        self._tokens.add(token)
        document = {"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token}
        return web.json_response(document)

    async def _get(self, request: web.Request) -> web.Response:
        name, version = request.match_info["name"], request.match_info["version"].strip("/")
        found = self._find(name, version)
        if found is None:
            return _missing(name, version)
        return web.json_response(found.public(self.identifier(name, found)))

    async def _use(self, request: web.Request) -> web.Response:
        name, version = request.match_info["name"], request.match_info["version"]
        found = self._find(name, version)
        if found is None:
            return _missing(name, version)
        operation = _operation(request)
        if operation == "unwrapKey" and not found.is_enabled:
            message = "Operation unwrapKey is not allowed on a disabled key."
            return _refusal(403, "Forbidden", message, inner="KeyDisabled")
        given = await request.json()
        use = found.wrap if operation == "wrapKey" else found.unwrap
        try:
            value = use(given["alg"], given["value"])
        except (KeyError, UnknownAlgorithmError):
            return _refusal(400, "BadParameter", "Property has invalid value")
        except ValueError:
            return _refusal(400, "BadParameter", "The parameter is incorrect.")
        return web.json_response({"kid": self.identifier(name, found), "value": value})

    def _find(self, name: str, version: str) -> KeyVersion | None:
        versions = self.keys.get(name, [])
        if not version:
            return versions[-1] if versions else None
        return next((known for known in versions if known.version == version), None)


@asynccontextmanager
async def running_key_vault(directory: Path) -> AsyncIterator[KeyVault]:
    """Run a vault that keeps its certificates in a folder."""
    vault = KeyVault(directory)
    await vault.start()
    try:
        yield vault
    finally:
        await vault.stop()


def _operation(request: web.Request) -> str:
    if request.path.endswith("/token"):
        return "token"
    name = request.match_info.get("operation", "").lower()
    return _NAMES.get(name, "get")


def _missing(name: str, version: str) -> web.Response:
    message = f"A key with (name/id) {name}/{version} was not found in this key vault."
    return _refusal(404, "KeyNotFound", message)


def _refusal(
    status: int,
    code: str,
    message: str,
    *,
    inner: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner is not None:
        error["innererror"] = {"code": inner}
    return web.json_response({"error": error}, status=status, headers=headers)
