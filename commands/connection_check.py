"""Trying a connection: a token, one cheap read, and which permissions are missing for what."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from commands.errors import EXIT_FAILED
from commands.views.screen import Screen, details, table
from domain.connections import ConsentStatus, VerificationStatus
from domain.reasons import reason
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from graph.client import GraphClient
    from services.assembly import Services
    from storage.connections import StoredConnection


@dataclass(frozen=True, slots=True)
class PermissionNeed:
    """One application permission, what it is for, and whether the app has it or more.

    is_usual: a backup of everything needs it; others only serve types that somebody has to name.
    """

    permission: str
    is_granted: bool
    resource_types: tuple[str, ...]
    is_usual: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCheck:
    """What trying a connection gave; `read_type` is what was read, None when nothing was."""

    status: VerificationStatus
    reason_code: str | None
    read_type: str | None
    granted: tuple[str, ...]
    needs: tuple[PermissionNeed, ...]

    @property
    def missing(self) -> tuple[PermissionNeed, ...]:
        """Permissions without which something is left out of backups."""
        return tuple(need for need in self.needs if need.is_usual and not need.is_granted)


async def check_connection(services: "Services", stored: "StoredConnection") -> ConnectionCheck:
    """Try a connection and write down what was learned.

    An open circuit is passed: whoever tests by hand has mended something.
    """
    from graph.errors import GraphError

    if stored.circuit_open_until is not None and stored.last_reason_code is not None:
        await services.connections.open_circuit(
            stored.id, stored.last_reason_code, datetime.now(UTC)
        )
    granted: tuple[str, ...] = ()
    read_type = None
    reason_code = None
    try:
        async with services.access.client(stored.id) as client:
            granted = await client.token_roles()
            read_type = await _read_once(client, granted)
    except GraphError as error:
        reason_code = error.reason_code.value
    check = _judged(granted, read_type, reason_code)
    await _write_down(services, stored, check)
    return check


def permission_needs(granted: Collection[str]) -> tuple[PermissionNeed, ...]:
    """Return what reading needs, by permission; the permission to write includes reading."""
    types_of: dict[str, list[str]] = {}
    is_granted: dict[str, bool] = {}
    for entry in RESOURCE_TYPES.values():
        types_of.setdefault(entry.permission_read, []).append(entry.key)
        has_it = entry.permission_read in granted or entry.permission_write in granted
        is_granted[entry.permission_read] = is_granted.get(entry.permission_read, True) and has_it
    return tuple(
        PermissionNeed(
            name,
            is_granted[name],
            tuple(keys),
            any(RESOURCE_TYPES[key].in_backups for key in keys),
        )
        for name, keys in sorted(types_of.items())
    )


def report_check(screen: Screen, stored: "StoredConnection", check: ConnectionCheck) -> None:
    """Show the check; raises typer.Exit(1) when the connection does not work."""
    code = check.reason_code
    why = None if code is None else f"{reason(code).label}: {reason(code).explanation}"
    document = {
        "connection_id": stored.id,
        "name": stored.name,
        "verification_status": check.status,
        "reason_code": code,
        "explanation": None if code is None else reason(code).explanation,
        "read_type": check.read_type,
        "granted": check.granted,
        "permissions": check.needs,
        "missing": [need.permission for need in check.missing],
    }
    rows = [
        (need.permission, "granted" if need.is_granted else "missing", _listed(need.resource_types))
        for need in check.needs
    ]
    screen.show(
        document,
        lambda: [
            details(
                (
                    ("Connection", stored.name),
                    ("State", check.status.value),
                    ("Why", why),
                    ("Read", check.read_type),
                )
            ),
            *([table(("Permission", "State", "For"), rows)] if check.granted else []),
        ],
    )
    if check.status in (VerificationStatus.BLOCKED, VerificationStatus.ERROR):
        raise typer.Exit(EXIT_FAILED)


async def _read_once(client: "GraphClient", granted: Collection[str]) -> str | None:
    for entry in RESOURCE_TYPES.values():
        if entry.permission_read in granted or entry.permission_write in granted:
            one = "" if entry.singleton else "?$top=1"
            await client.get(entry.version, f"{entry.list_path}{one}")
            return entry.key
    return None


def _judged(
    granted: tuple[str, ...], read_type: str | None, reason_code: str | None
) -> ConnectionCheck:
    needs = permission_needs(granted)
    status = VerificationStatus.HEALTHY
    if reason_code is not None:
        is_transient = reason(reason_code).is_retryable
        status = VerificationStatus.ERROR if is_transient else VerificationStatus.BLOCKED
    elif read_type is None:
        status, reason_code = VerificationStatus.BLOCKED, "provider_permission_denied"
    elif not all(need.is_granted or not need.is_usual for need in needs):
        status, reason_code = VerificationStatus.DEGRADED, "provider_permission_denied"
    return ConnectionCheck(
        status=status, reason_code=reason_code, read_type=read_type, granted=granted, needs=needs
    )


async def _write_down(
    services: "Services", stored: "StoredConnection", check: ConnectionCheck
) -> None:
    connections = services.connections
    if check.granted:
        await connections.note_consent(stored.id, ConsentStatus.GRANTED)
    elif check.reason_code == "provider_consent_required":
        await connections.note_consent(stored.id, ConsentStatus.REQUIRED, check.reason_code)
    await connections.note_verification(stored.id, check.status, check.reason_code)


def _listed(keys: tuple[str, ...]) -> str:
    rest = len(keys) - 4
    return ", ".join(keys[:4]) + (f" and {rest} more" if rest > 0 else "")
