"""From settings to root keys: the one that wraps, and those that were used before."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.contents.root_keys import (
    FILE_SETTING,
    KEY_SETTING,
    PREVIOUS_SETTING,
    EncryptionKeyUnavailableError,
    RootKey,
    RootKeys,
    read_root_key,
)
from settings import Settings

_VAULT_SETTING: Final = "TENANTOPS_ROOT_KEY_VAULT"


def configured_root_keys(settings: Settings) -> RootKeys:
    """Return the root keys of this process; nothing is asked of a key vault yet.

    Raises EncryptionKeyUnavailableError when none is set, or one is no key.
    """
    if settings.root_key_vault is not None:
        current: RootKey = _of_vault(settings, settings.root_key_vault, _VAULT_SETTING)
    else:
        names = (KEY_SETTING, FILE_SETTING)
        current = read_root_key(_text(settings.root_key), settings.root_key_file, names)
    return RootKeys(current, list(_previous(settings)))


def _previous(settings: Settings) -> list[RootKey]:
    found: list[RootKey] = []
    homes: list[tuple[str | None, Path | None]] = [
        (_text(settings.root_key_previous), None),
        (None, settings.root_key_previous_file),
    ]
    for key, file in homes:
        if key is not None or file is not None:
            names = (PREVIOUS_SETTING, f"{PREVIOUS_SETTING}_FILE")
            found.append(read_root_key(key, file, names))
    if settings.root_key_previous_vault is not None:
        name = f"{PREVIOUS_SETTING}_VAULT"
        found.append(_of_vault(settings, settings.root_key_previous_vault, name))
    return found


def _of_vault(settings: Settings, identifier: str, setting: str) -> RootKey:
    # Late: only those who use a vault pay for its libraries.
    from services.contents.vault_keys import VaultRootKey

    try:
        return VaultRootKey(
            identifier,
            ca_file=settings.ca_bundle,
            proxy=_text(settings.http_proxy),
            setting=setting,
        )
    except ValueError:
        # azure-identity checks its variables at once; its text quotes them.
        raise EncryptionKeyUnavailableError(
            f"{setting} needs a sign-in: one of the variables AZURE_* has a wrong value"
        ) from None


def _text(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
