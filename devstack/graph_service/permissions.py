"""Which application permissions let a request through (api.md a.1, a.2).

Facts are those of the collection table; this module adds the exceptions by path.
"""

from __future__ import annotations

from collections.abc import Sequence

from devstack.graph_service.catalog import CATALOG, Area, Collection

CONFIGURATION_WRITE = "DeviceManagementConfiguration.ReadWrite.All"
DIRECTORY_AREAS = frozenset({Area.IDENTITY, Area.CONDITIONAL_ACCESS, Area.REPORTS})
READS_BY_POST = frozenset({"getbyids", "getmembergroups", "checkmembergroups"})

# The set of one app registration for backup, and what a restore adds (api.md a.2).
READ_PERMISSIONS = frozenset(
    {
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementServiceConfig.Read.All",
        "DeviceManagementApps.Read.All",
        "DeviceManagementRBAC.Read.All",
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementScripts.Read.All",
        "Policy.Read.All",
        "RoleManagement.Read.Directory",
        "Group.Read.All",
        "Organization.Read.All",
        "Application.Read.All",
        "Domain.Read.All",
        "CloudPC.Read.All",
        "Agreement.Read.All",
        "AuthenticationContext.Read.All",
        "AuditLog.Read.All",
    }
)
WRITE_PERMISSIONS = frozenset(
    permission for collection in CATALOG.by_key.values() for permission in collection.write
) - frozenset({"Directory.ReadWrite.All", "Group.Create"})


def accepted_permissions(
    collection: Collection, rest: Sequence[str], method: str
) -> tuple[str, ...]:
    """Any one of these is enough for the method on the path behind the collection."""
    last = rest[-1].lower() if rest else ""
    if last.startswith("getomasettingplaintextvalue"):
        # A read that needs the write permission (api.md a.2).
        return (CONFIGURATION_WRITE,)
    if method == "GET" or last in READS_BY_POST:
        return collection.read
    return collection.write


def is_directory(collection: Collection) -> bool:
    """Whether refusals of this collection are directory style, not Intune style."""
    return collection.area in DIRECTORY_AREAS
