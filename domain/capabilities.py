"""Who may do what: roles, capabilities and the map between them (behaviour section 3).

Code asks for a capability and never for a role; a role's name appears here, in the tables and
nowhere else (behaviour row 63). Which capability a type of operation asks for stands in
`domain.operation_types`.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a person is in a workspace or tenant; each role includes the ones after it."""

    # Everything, members and destructive actions included.
    OWNER = "owner"
    # Schedules, connections, restores.
    MANAGER = "manager"
    # Starts backups and syncs.
    OPERATOR = "operator"
    # Looks only.
    READONLY = "readonly"


class Capability(StrEnum):
    """One permitted thing; what a principal or a role holds (behaviour section 3)."""

    # See that the tenant exists, and its overview.
    CORE_VIEW = "tenant.core.view"
    # See who belongs to it.
    MEMBERS_VIEW = "tenant.members.view"
    # Change who belongs to it; owners only (behaviour row 64).
    MEMBERS_MANAGE = "tenant.members.manage"
    # See its settings.
    SETTINGS_VIEW = "tenant.settings.view"
    # Change its settings.
    SETTINGS_MANAGE = "tenant.settings.manage"
    # See its provider connections, never their credentials.
    PROVIDERS_VIEW = "tenant.providers.view"
    # Add, change and disable connections.
    PROVIDERS_MANAGE = "tenant.providers.manage"
    # Replace a credential.
    CREDENTIALS_ROTATE = "tenant.providers.credentials.rotate"
    # Run checks on a connection.
    PROVIDERS_RUN_OPS = "tenant.providers.run_ops"
    # See verification runs and the list of runs.
    OPERATIONS_VIEW = "tenant.operations.view"
    # Start backups and syncs, and see their runs.
    OPERATIONS_START = "tenant.operations.start"
    # See the inventory.
    INVENTORY_VIEW = "tenant.inventory.view"
    # Refresh the inventory.
    INVENTORY_SYNC = "tenant.inventory.sync"
    # See drift findings.
    DRIFT_VIEW = "tenant.drift.view"
    # Acknowledge drift findings.
    DRIFT_ACKNOWLEDGE = "tenant.drift.ack"
    # See policies and their versions.
    POLICIES_VIEW = "tenant.policies.view"
    # Refresh policies.
    POLICIES_SYNC = "tenant.policies.sync"
    # Delete policies.
    POLICIES_DELETE = "tenant.policies.delete"
    # Edit schedules, retention and backup sets.
    BACKUPS_MANAGE = "tenant.backups.manage"
    # Write to the tenant.
    RESTORE_EXECUTE = "tenant.restore.execute"
    # Erase; owners only.
    DANGER_ZONE = "tenant.danger_zone"
    # Maintenance of the system itself; no role holds it (architecture section 4, "system").
    SYSTEM_MAINTAIN = "system.operations.maintain"


_VIEW = frozenset(capability for capability in Capability if capability.endswith(".view"))
_OPERATE = frozenset(
    {
        Capability.OPERATIONS_START,
        Capability.INVENTORY_SYNC,
        Capability.POLICIES_SYNC,
        Capability.PROVIDERS_RUN_OPS,
        Capability.DRIFT_ACKNOWLEDGE,
    }
)
_MANAGE = frozenset(
    {
        Capability.PROVIDERS_MANAGE,
        Capability.CREDENTIALS_ROTATE,
        Capability.BACKUPS_MANAGE,
        Capability.RESTORE_EXECUTE,
        Capability.POLICIES_DELETE,
        Capability.SETTINGS_MANAGE,
    }
)
_OWN = frozenset({Capability.MEMBERS_MANAGE, Capability.DANGER_ZONE})

_HELD: dict[Role, frozenset[Capability]] = {
    Role.READONLY: _VIEW,
    Role.OPERATOR: _VIEW | _OPERATE,
    Role.MANAGER: _VIEW | _OPERATE | _MANAGE,
    Role.OWNER: _VIEW | _OPERATE | _MANAGE | _OWN,
}

# What an active schedule may start for a valid slot: judged by itself, not by whoever edited it
# (D13, behaviour row 53).
SCHEDULE_CAPABILITIES: frozenset[Capability] = _OPERATE - {Capability.DRIFT_ACKNOWLEDGE} | {
    Capability.BACKUPS_MANAGE
}

# What the system's own sweeps may start.
SYSTEM_CAPABILITIES: frozenset[Capability] = SCHEDULE_CAPABILITIES | {Capability.SYSTEM_MAINTAIN}


def capabilities_of(role: Role) -> frozenset[Capability]:
    """Return everything that a role permits; higher roles include lower ones."""
    return _HELD[role]


def parse_capabilities(stored: list[str]) -> frozenset[Capability]:
    """Read a principal's stored names; a name that is not known grants nothing."""
    known = set(Capability)
    return frozenset(Capability(name) for name in stored if name in known)
