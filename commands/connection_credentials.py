"""Where a connection's credential comes from: a prompt, a file, a named variable; never an
argument, which other users of the machine could read.
"""

import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands.errors import InputError
from commands.views.screen import Screen

if TYPE_CHECKING:
    from graph.clouds import Cloud
    from services.connections.credential_documents import StorableCredential

_MAIN_SOURCES = ("secret_env", "secret_file", "certificate", "token_file", "managed_identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSources:
    """The options as they were given; at most one of them names a credential."""

    secret_env: str | None = None
    secret_file: Path | None = None
    certificate: Path | None = None
    password_env: str | None = None
    token_file: Path | None = None
    managed_identity: bool = False


def read_credential(sources: CredentialSources, screen: Screen) -> "StorableCredential":
    """Return the credential from its source; asks for a client secret when none is named."""
    from graph.credentials import (
        ClientCertificate,
        ClientSecret,
        ManagedIdentity,
        WorkloadIdentity,
    )

    _check_single(sources)
    if sources.certificate is not None:
        password = sources.password_env and _variable(sources.password_env, "--password-env")
        return ClientCertificate(_file(sources.certificate, "--certificate"), password)
    if sources.token_file is not None:
        return WorkloadIdentity(sources.token_file.resolve())
    if sources.managed_identity:
        return ManagedIdentity()
    if sources.secret_env is not None:
        return ClientSecret(_variable(sources.secret_env, "--secret-env"))
    if sources.secret_file is not None:
        return ClientSecret(_text(sources.secret_file, "--secret-file"))
    return ClientSecret(_prompted(screen))


def parse_cloud(name: str | None, *, is_custom: bool) -> "Cloud":
    """Return the cloud of a name; without one the global cloud, or `custom` where it is set up."""
    from graph.clouds import Cloud

    if name is None:
        return Cloud.CUSTOM if is_custom else Cloud.GLOBAL
    try:
        return Cloud(name)
    except ValueError:
        # Germany's is closed; it names old connections only.
        known = ", ".join(cloud.value for cloud in Cloud if cloud is not Cloud.GERMANY)
        raise InputError("--cloud", "is not known", f"give one of {known}") from None


def _check_single(sources: CredentialSources) -> None:
    given = [
        f"--{entry.name.replace('_', '-')}"
        for entry in fields(sources)
        if entry.name in _MAIN_SOURCES and getattr(sources, entry.name)
    ]
    if len(given) > 1:
        raise InputError(given[1], f"contradicts {given[0]}", "give one of them")
    if sources.password_env is not None and sources.certificate is None:
        raise InputError("--password-env", "has no --certificate", "give both")


def _variable(name: str, field: str) -> str:
    value = os.environ.get(name)
    if not value:
        # The name may be the secret itself, given by mistake: not repeated.
        raise InputError(field, "names a variable that is not set", "give the name of a variable")
    return value


def _file(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = type(error).__name__.removesuffix("Error").lower()
        raise InputError(field, f"cannot be read ({reason})", "give a readable file") from None


def _text(path: Path, field: str) -> str:
    try:
        return _file(path, field).decode().strip()
    except UnicodeDecodeError:
        raise InputError(field, "is not text", "give a file with the secret alone") from None


def _prompted(screen: Screen) -> str:
    if screen.as_json or not sys.stdin.isatty():
        mend = "give --secret-env, --secret-file, --certificate or --token-file"
        raise InputError("--secret-file", "there is nobody to ask for the secret", mend)
    secret: str = typer.prompt("Client secret", hide_input=True, err=True)
    return secret
