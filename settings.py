"""Settings of the product, read from the environment; wrong ones stop the process.

Owns names, defaults and meaning of every variable, and nothing that uses them. Temporal's own
variables (`TEMPORAL_ADDRESS`, …) are read by Temporal's SDK. No file is read unless a variable
names it: `.env` is for docker compose and for the shell.
"""

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
# `.invalid` resolves nowhere (RFC 2606).
_NOWHERE = "postgresql://database.invalid/none"
_VAULT_KEY = re.compile(r"/keys/[0-9A-Za-z-]{1,127}(/[0-9A-Za-z]{1,64})?")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment is wrong; the message names each variable and its mend, never a value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def _parse_duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError("not a duration")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _existing_file(path: Path) -> Path:
    # pydantic's own FilePath lets out what the system says, with the path in it.
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise ValueError("not a file, or not to be reached")
    return path


ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
Duration = Annotated[timedelta, BeforeValidator(_parse_duration), Field(gt=timedelta(0))]


def _variable(name: str, description: str, mend: str, **options: Any) -> Any:
    """Declare a field; `mend` completes the sentence "… is wrong; ___" (pydantic's own texts quote
    the value).
    """
    return Field(
        validation_alias=name, description=description, json_schema_extra={"mend": mend}, **options
    )


class Settings(BaseSettings):
    """Every setting of worker, command line and hub."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=None, env_ignore_empty=True, case_sensitive=True, extra="ignore"
    )

    database_url: SecretStr = _variable(
        "DATABASE_URL",
        "Address of PostgreSQL 15 or newer, with user and password if it needs them.",
        "set it to postgresql://user:password@host:5432/database",
    )
    root_key: SecretStr | None = _variable(
        "TENANTOPS_ROOT_KEY",
        "Root key that wraps every tenant's data key: 32 random bytes in base64. Losing it loses "
        "all stored contents and credentials. Processes that only migrate the database need none.",
        "set it to the output of `openssl rand -base64 32`",
        default=None,
    )
    root_key_file: ExistingFile | None = _variable(
        "TENANTOPS_ROOT_KEY_FILE",
        "File that holds the root key, instead of TENANTOPS_ROOT_KEY.",
        "set it to the path of a readable file",
        default=None,
    )
    root_key_vault: str | None = _variable(
        "TENANTOPS_ROOT_KEY_VAULT",
        "RSA key in Azure Key Vault that is the root key, instead of TENANTOPS_ROOT_KEY; without a "
        "version the newest one wraps. Sign-in by the variables AZURE_* of azure-identity, or by "
        "the host's workload or managed identity; it needs get, wrapKey and unwrapKey.",
        "set it to https://VAULT.vault.azure.net/keys/KEY, with /VERSION behind it or not",
        default=None,
    )
    root_key_previous: SecretStr | None = _variable(
        "TENANTOPS_ROOT_KEY_PREVIOUS",
        "Root key that was used before, while a rotation goes on: it still opens what it wrapped.",
        "set it to the value that TENANTOPS_ROOT_KEY had",
        default=None,
    )
    root_key_previous_file: ExistingFile | None = _variable(
        "TENANTOPS_ROOT_KEY_PREVIOUS_FILE",
        "File that holds the root key that was used before.",
        "set it to the path of a readable file",
        default=None,
    )
    root_key_previous_vault: str | None = _variable(
        "TENANTOPS_ROOT_KEY_PREVIOUS_VAULT",
        "Key in a key vault that was used before. Older versions of the same key need no setting.",
        "set it to https://VAULT.vault.azure.net/keys/KEY",
        default=None,
    )
    task_queue: str = _variable(
        "TENANTOPS_TASK_QUEUE",
        "Temporal task queue of workers, schedules and the front door.",
        "set it to a name of 1 to 200 characters",
        default="tenant-operations",
        min_length=1,
        max_length=200,
    )
    graph_root: str | None = _variable(
        "TENANTOPS_GRAPH_ROOT",
        "Address of Microsoft Graph for connections of the cloud `custom`, such as the local "
        "Graph. Needs TENANTOPS_AUTHORITY_HOST.",
        "set it to https://host or https://host:port",
        default=None,
    )
    authority_host: str | None = _variable(
        "TENANTOPS_AUTHORITY_HOST",
        "Address of the sign-in service for connections of the cloud `custom`. Needs "
        "TENANTOPS_GRAPH_ROOT.",
        "set it to https://host or https://host:port",
        default=None,
    )
    ca_bundle: ExistingFile | None = _variable(
        "TENANTOPS_CA_BUNDLE",
        "PEM file of the certificate authorities to trust for Graph and sign-in, instead of the "
        "system's.",
        "set it to the path of a readable file",
        default=None,
    )
    http_proxy: SecretStr | None = _variable(
        "TENANTOPS_HTTP_PROXY",
        "Proxy for Graph and sign-in, with user and password if it needs them.",
        "set it to http://host:port",
        default=None,
    )
    graph_budget_scale: PositiveFloat = _variable(
        "TENANTOPS_GRAPH_BUDGET_SCALE",
        "Multiplies Microsoft's request limits. For a local Graph only: Microsoft answers with "
        "throttling above 1.",
        "set it to a number above 0, or leave it out",
        default=1.0,
    )
    graph_budget_share: float = _variable(
        "TENANTOPS_GRAPH_BUDGET_SHARE",
        "Share of Microsoft's request limits that TenantOps uses; the rest is left to others of "
        "the same app registration.",
        "set it to a number above 0 and up to 1",
        default=0.8,
        gt=0,
        le=1,
    )
    backup_deadline: Duration = _variable(
        "TENANTOPS_BACKUP_DEADLINE",
        "Longest time of a backup run; types that are open then are closed with their last reason.",
        "set it to a duration such as 3h, 90m or 1h30m",
        default=timedelta(hours=3),
    )
    role_sync_deadline: Duration = _variable(
        "TENANTOPS_ROLE_SYNC_DEADLINE",
        "Longest time of a directory role definition sync.",
        "set it to a duration such as 15m",
        default=timedelta(minutes=15),
    )
    heartbeat_timeout: Duration = _variable(
        "TENANTOPS_HEARTBEAT_TIMEOUT",
        "How long a reading activity may be silent before another worker takes its work over.",
        "set it to a duration such as 40s",
        default=timedelta(seconds=40),
    )
    catchup_window: Duration = _variable(
        "TENANTOPS_CATCHUP_WINDOW",
        "How late a slot of a new schedule may still fire after an outage, unless the schedule "
        "says otherwise.",
        "set it to a duration of 10s or more, such as 15m",
        default=timedelta(minutes=15),
        ge=timedelta(seconds=10),
    )
    log_level: str = _variable(
        "TENANTOPS_LOG_LEVEL",
        "Least severity of log lines: INFO, WARNING or ERROR; DEBUG writes what INFO does.",
        "set it to DEBUG, INFO, WARNING or ERROR",
        default="INFO",
    )
    hub_url: str | None = _variable(
        "TENANTOPS_HUB_URL",
        "Address of the hub, for links in answers and in the Temporal UI.",
        "set it to https://host",
        default=None,
    )
    principal: str | None = _variable(
        "TENANTOPS_PRINCIPAL",
        "Name of the service principal as which the command line acts.",
        "set it to the name of a registered principal",
        default=None,
        min_length=1,
        max_length=200,
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _known_level(cls, value: object) -> object:
        level = str(value).upper()
        if level not in _LOG_LEVELS:
            raise ValueError("unknown level")
        return level

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        scheme = urlsplit(value.get_secret_value()).scheme.partition("+")[0]
        if scheme not in ("postgresql", "postgres"):
            raise ValueError("not PostgreSQL")
        return value

    @field_validator("root_key_vault", "root_key_previous_vault")
    @classmethod
    def _vault_key(cls, value: str | None) -> str | None:
        if value is None:
            return None
        address = _checked_address(value, ("https",), has_path=True)
        if not _VAULT_KEY.fullmatch(urlsplit(address).path):
            raise ValueError("not a key of a vault")
        return address

    @field_validator("graph_root", "authority_host")
    @classmethod
    def _https_host(cls, value: str | None) -> str | None:
        return None if value is None else _checked_address(value, ("https",), has_path=False)

    @field_validator("hub_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        return None if value is None else _checked_address(value, ("https", "http"), has_path=True)

    @field_validator("http_proxy")
    @classmethod
    def _proxy_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("http", "https"):
            raise ValueError("not a proxy address")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        homes = (self.root_key, self.root_key_file, self.root_key_vault)
        if sum(home is not None for home in homes) > 1:
            raise ValueError(
                "TENANTOPS_ROOT_KEY: set it or TENANTOPS_ROOT_KEY_FILE or "
                "TENANTOPS_ROOT_KEY_VAULT, one of them; one that was used before goes where "
                "PREVIOUS stands in the name"
            )
        if (self.graph_root is None) is not (self.authority_host is None):
            raise ValueError("TENANTOPS_GRAPH_ROOT: set it together with TENANTOPS_AUTHORITY_HOST")
        return self

    @property
    def is_custom_cloud(self) -> bool:
        """Whether connections of the cloud `custom` have addresses."""
        return self.graph_root is not None

    @property
    def log_level_number(self) -> int:
        """The level as `logging` counts it."""
        return logging.getLevelNamesMapping()[self.log_level]


@dataclass(frozen=True, slots=True)
class SettingReference:
    """One variable, for the documentation; `default` is None where there is none."""

    variable: str
    description: str
    default: str | None
    is_required: bool
    is_secret: bool


def load_settings() -> Settings:
    """Read the environment; raises SettingsError."""
    return _settings()


def load_settings_without_database() -> Settings:
    """Read the environment for work that touches no database; raises SettingsError.

    DATABASE_URL leads nowhere then, whatever the environment says.
    """
    return _settings(DATABASE_URL=_NOWHERE)


def _settings(**given: Any) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        # Raised outside the handler's chain: pydantic's message quotes values.
        problems = tuple(_problem(detail) for detail in error.errors(include_url=False))
    raise SettingsError(problems)


def load_settings_or_stop() -> Settings:
    """Read the environment; a wrong one ends the process with the message on stderr."""
    try:
        return load_settings()
    except SettingsError as error:
        raise SystemExit(f"TenantOps cannot start:\n{error}") from None


def settings_reference() -> list[SettingReference]:
    """List every variable in the order of declaration, for `docs/` and the test that reads it."""
    return [_reference(field) for field in Settings.model_fields.values()]


def _reference(field: FieldInfo) -> SettingReference:
    required = field.is_required()
    default = None if required or field.default is None else _shown(field.default)
    return SettingReference(
        variable=str(field.validation_alias),
        description=field.description or "",
        default=default,
        is_required=required,
        is_secret="SecretStr" in str(field.annotation),
    )


def _shown(value: object) -> str:
    if not isinstance(value, timedelta):
        return str(value)
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _problem(detail: Any) -> str:
    if not detail["loc"]:
        return str(detail["ctx"]["error"])
    variable = str(detail["loc"][0])
    state = "is not set" if detail["type"] == "missing" else "has a wrong value"
    return f"{variable} {state}; {_mend_of(variable)}"


def _mend_of(variable: str) -> str:
    for field in Settings.model_fields.values():
        if field.validation_alias == variable and isinstance(field.json_schema_extra, dict):
            return str(field.json_schema_extra["mend"])
    return "look it up in the documentation"


def _checked_address(value: str, schemes: tuple[str, ...], *, has_path: bool) -> str:
    parts = urlsplit(value)
    is_bare = has_path or not parts.path.strip("/")
    if parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc or not is_bare:
        raise ValueError("not an address")
    if parts.query or parts.fragment:
        raise ValueError("not an address")
    return value.rstrip("/")
