"""A root key that never leaves Azure Key Vault (decision 0007).

The vault wraps a random key of 32 bytes (RSA-OAEP-256), and that key seals the secret: RSA-OAEP
cannot bind a context, AES-256-GCM can. Each wrapped key names the version that wrapped it, so older
versions go on opening theirs. Text of the vault is never kept (D7).
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError
from azure.identity.aio import (
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.keys.crypto import KeyWrapAlgorithm
from azure.keyvault.keys.crypto.aio import CryptographyClient
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    RootKeyOutageError,
    StoredKeyAlteredError,
    WrappedKey,
)

VAULT_SETTING: Final = "TENANTOPS_ROOT_KEY_VAULT"
# Rights that this process's identity needs on the key.
RIGHTS: Final = "get, wrapKey and unwrapKey"

_ALGORITHM: Final = KeyWrapAlgorithm.rsa_oaep_256
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
# First byte of what is stored; another form would get another one.
_FORM: Final = b"\x01"
# For how long messages may name an older version; what wraps is asked for each time.
_VERSION_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 10.0
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.5
# A vault that asks for more patience than this is not waited for here: its caller can.
_LONGEST_PAUSE_SECONDS: Final = 3.0
_OUTAGE_SECONDS: Final = 5.0
_MICROSOFT_AUTHORITIES: Final = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
)

_NOBODY: Final = (
    "nobody is signed in to the key vault; set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
    "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or give this host a workload or managed "
    "identity"
)
_WRONG_SIGN_IN: Final = (
    "the sign-in to the key vault was refused; check the AZURE_ variables or the identity of this "
    "host, and that it is of the vault's tenant"
)

Result = TypeVar("Result")


class VaultRootKey:
    """A key of a vault; `identifier` is its address, with or without a version to wrap with."""

    def __init__(
        self,
        identifier: str,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        setting: str = VAULT_SETTING,
    ) -> None:
        _quiet_azure_logs()
        self.setting = setting
        parts = urlsplit(identifier)
        _, name, *version = parts.path.strip("/").split("/")
        # Hosts have no case, and what was wrapped is found by this very text.
        self._vault_url, self._name = f"https://{parts.netloc.lower()}", name
        self._base = f"{self._vault_url}/keys/{name}/"
        self._pinned = version[0] if version else None
        self._options = _options(ca_file, proxy)
        self._credential = _credential(self._options)
        self._keys = KeyClient(self._vault_url, self._credential, **self._options)
        self._clients: dict[str, CryptographyClient] = {}
        self._newest: tuple[float, str] | None = None

    async def current_id(self) -> str:
        """Return the identifier of the version that wraps; asks the vault once a minute."""
        if self._newest is None or time.monotonic() - self._newest[0] > _VERSION_SECONDS:
            return await self._newest_id()
        return self._newest[1]

    def opens(self, root_key_id: str) -> bool:
        """Whether it is a version of this key: no other address is ever asked."""
        version = root_key_id.removeprefix(self._base)
        return version != root_key_id and version.isalnum()

    async def wrap(self, secret: bytes, context: bytes) -> WrappedKey:
        """Return a key as it is stored, after the vault has opened it again.

        A disabled key or a missing right lets the vault wrap what it would not unwrap. The version
        is asked for each time: with a remembered one, keys would come to be under the old version
        after a rotation to the next has ended.
        """
        root_key_id = await self._newest_id()
        client, key = self._client(root_key_id), os.urandom(_KEY_BYTES)
        wrapped = await self._asked(lambda: client.wrap_key(_ALGORITHM, key))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, secret, _bound(context, root_key_id))
        length = len(wrapped.encrypted_key).to_bytes(2, "big")
        stored = _FORM + length + wrapped.encrypted_key + nonce + sealed
        made = WrappedKey(root_key_id, stored)
        await self.unwrap(made, context)
        return made

    async def unwrap(self, key: WrappedKey, context: bytes) -> bytes:
        """Return the key with the version that wrapped it."""
        if not self.opens(key.root_key_id) or key.wrapped[:1] != _FORM:
            raise self._unopened()
        end = 3 + int.from_bytes(key.wrapped[1:3], "big")
        client, inner = self._client(key.root_key_id), key.wrapped[3:end]
        opened = await self._asked(lambda: client.unwrap_key(_ALGORITHM, inner))
        nonce, sealed = key.wrapped[end : end + _NONCE_BYTES], key.wrapped[end + _NONCE_BYTES :]
        try:
            return AESGCM(opened.key).decrypt(nonce, sealed, _bound(context, key.root_key_id))
        except (InvalidTag, ValueError):
            raise self._unopened() from None

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        await self._keys.close()
        await self._credential.close()

    async def _newest_id(self) -> str:
        version = self._pinned
        if version is None:
            version = (await self._asked(lambda: self._keys.get_key(self._name))).properties.version
        self._newest = (time.monotonic(), f"{self._base}{version}")
        return self._newest[1]

    def _client(self, root_key_id: str) -> CryptographyClient:
        if root_key_id not in self._clients:
            client = CryptographyClient(root_key_id, self._credential, **self._options)
            self._clients[root_key_id] = client
        return self._clients[root_key_id]

    async def _asked(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Ask the vault, again after a short outage; raises EncryptionKeyUnavailableError."""
        for attempt in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(_CALL_SECONDS):
                    return await call()
            except (AzureError, TimeoutError, ValueError) as error:
                wanted, problem = _retry_after(error), self._explained(error)
            pause = _PAUSE_SECONDS * 2**attempt if wanted is None else wanted
            is_over = attempt == _ATTEMPTS - 1 or pause > _LONGEST_PAUSE_SECONDS
            if is_over or not isinstance(problem, RootKeyOutageError):
                break
            await asyncio.sleep(pause)
        # Outside of the handler, so that no text of the vault comes along.
        raise problem

    def _explained(self, error: Exception) -> EncryptionKeyUnavailableError:
        status = _status(error)
        if status == HTTPStatus.TOO_MANY_REQUESTS or _is_outage(error, status):
            how = "throttles" if status == HTTPStatus.TOO_MANY_REQUESTS else "does not answer"
            patience = _retry_after(error) or _OUTAGE_SECONDS
            return RootKeyOutageError(
                f"the key vault that {self.setting} names {how} ({_kind(error, status)}); check "
                "that it can be reached, then try again",
                patience,
            )
        return EncryptionKeyUnavailableError(f"{self._refusal(error, status)} ({self.setting})")

    def _refusal(self, error: Exception, status: int | None) -> str:
        """Return what is wrong and its mend, in our own words."""
        if isinstance(error, ClientAuthenticationError):
            return _NOBODY if isinstance(error, CredentialUnavailableError) else _WRONG_SIGN_IN
        if status == HTTPStatus.NOT_FOUND:
            return f"the key vault has no such key or version: {self._name}; check the identifier"
        if status == HTTPStatus.FORBIDDEN and _inner_code(error) == "KeyDisabled":
            return f"the key {self._name} is disabled in the key vault; enable that version"
        if status == HTTPStatus.FORBIDDEN:
            return (
                "the key vault refuses this process; let its identity do "
                f"{RIGHTS} on {self._name}, and check the vault's network rules"
            )
        if isinstance(error, ValueError):
            return (
                f"the key {self._name} cannot be used now; check its activation and expiry dates, "
                "that it is an RSA key, and the vault's address"
            )
        return f"the key vault refused ({_kind(error, status)}); check the key {self._name}"

    def _unopened(self) -> StoredKeyAlteredError:
        return StoredKeyAlteredError(
            f"a stored key does not open with {self.setting}: its row was altered, or another "
            "root key wrapped it"
        )


def _bound(context: bytes, root_key_id: str) -> bytes:
    return context + b"\0" + root_key_id.encode()


def _options(ca_file: Path | None, proxy: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "use_env_settings": False,
        # Repeating is decided above; the libraries' own would take minutes.
        "retry_total": 0,
        "connection_timeout": 5,
        "read_timeout": 8,
    }
    if ca_file is not None:
        options["connection_verify"] = str(ca_file)
    if proxy is not None:
        options["proxies"] = {"https": proxy}
    return options


def _credential(
    options: Mapping[str, Any],
) -> WorkloadIdentityCredential | EnvironmentCredential | ManagedIdentityCredential:
    """Return the credential that the environment names; never one after another by trial."""
    host = urlsplit(os.environ.get("AZURE_AUTHORITY_HOST", "")).hostname
    given: dict[str, Any] = {
        **options,
        # It asks Microsoft's own host about the authority, which knows no other.
        "disable_instance_discovery": host is not None and host not in _MICROSOFT_AUTHORITIES,
    }
    if "AZURE_FEDERATED_TOKEN_FILE" in os.environ:
        return WorkloadIdentityCredential(**given)
    if {"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"} & os.environ.keys():
        return EnvironmentCredential(**given)
    return ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID"), retry_total=0)


def _status(error: Exception) -> int | None:
    response = error.response if isinstance(error, HttpResponseError) else None
    status = None if response is None else response.status_code
    return status if isinstance(status, int) else None


def _is_outage(error: Exception, status: int | None) -> bool:
    if isinstance(error, ServiceRequestError | ServiceResponseError | TimeoutError):
        return True
    return status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _retry_after(error: Exception) -> float | None:
    """Return the seconds that an answer asks for; a date or nonsense counts as nothing."""
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    text = "" if response is None else str(response.headers.get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() else None


def _inner_code(error: Exception) -> str | None:
    details = getattr(error, "error", None)
    inner = getattr(details, "innererror", None)
    code = inner.get("code") if isinstance(inner, Mapping) else None
    return code if isinstance(code, str) else None


def _kind(error: Exception, status: int | None) -> str:
    return type(error).__name__ if status is None else f"HTTP {status}"


def _quiet_azure_logs() -> None:
    # These libraries log refusals with the provider's text (D7).
    for name in ("azure.identity", "azure.core", "azure.keyvault"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
