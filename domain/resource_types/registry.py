"""The registry of resource types: lookups by key, by lane, and by what a backup holds."""

from collections.abc import Iterable
from types import MappingProxyType

from domain.resource_types.apps import (
    APP_CONFIG_DEVICE,
    APP_CONFIG_MANAGED_APP,
    APP_PROTECTION,
    MOBILE_APP,
)
from domain.resource_types.compliance import COMPLIANCE_POLICY, NOTIFICATION_TEMPLATE
from domain.resource_types.conditional_access import CONDITIONAL_ACCESS_POLICY, NAMED_LOCATION
from domain.resource_types.device_configuration import DEVICE_CONFIGURATION, UPDATE_RINGS
from domain.resource_types.directory import ENTRA_ROLE, GROUP
from domain.resource_types.enrollment import (
    AUTOPILOT_PROFILE,
    DEVICE_CATEGORY,
    ENROLLMENT_CONFIGURATION,
    TERMS_AND_CONDITIONS,
)
from domain.resource_types.foundations import FILTER, INTUNE_ROLE, SCOPE_TAG
from domain.resource_types.scripts import (
    COMPLIANCE_SCRIPT,
    CUSTOM_ATTRIBUTE,
    POWERSHELL_SCRIPT,
    REMEDIATION,
    SHELL_SCRIPT,
)
from domain.resource_types.settings_catalog import (
    COMPLIANCE_POLICY_V2,
    REUSABLE_SETTING,
    SETTINGS_CATALOG,
)
from domain.resource_types.shape import Lane, ResourceType
from domain.resource_types.templates import ADMIN_TEMPLATE, ENDPOINT_SECURITY_INTENT
from domain.resource_types.updates import DRIVER_UPDATE, FEATURE_UPDATE, QUALITY_UPDATE

_ALL = (
    SETTINGS_CATALOG,
    DEVICE_CONFIGURATION,
    UPDATE_RINGS,
    COMPLIANCE_POLICY,
    COMPLIANCE_POLICY_V2,
    COMPLIANCE_SCRIPT,
    ENDPOINT_SECURITY_INTENT,
    ADMIN_TEMPLATE,
    POWERSHELL_SCRIPT,
    SHELL_SCRIPT,
    CUSTOM_ATTRIBUTE,
    REMEDIATION,
    ENROLLMENT_CONFIGURATION,
    AUTOPILOT_PROFILE,
    FEATURE_UPDATE,
    QUALITY_UPDATE,
    DRIVER_UPDATE,
    FILTER,
    SCOPE_TAG,
    INTUNE_ROLE,
    DEVICE_CATEGORY,
    NOTIFICATION_TEMPLATE,
    TERMS_AND_CONDITIONS,
    REUSABLE_SETTING,
    APP_PROTECTION,
    APP_CONFIG_MANAGED_APP,
    APP_CONFIG_DEVICE,
    MOBILE_APP,
    CONDITIONAL_ACCESS_POLICY,
    NAMED_LOCATION,
    GROUP,
    ENTRA_ROLE,
)

RESOURCE_TYPES: MappingProxyType[str, ResourceType] = MappingProxyType(
    {entry.key: entry for entry in _ALL}
)


class UnknownResourceTypeError(LookupError):
    """A key that no registry entry has, for example of a newer version's row."""


def resource_type(key: str) -> ResourceType:
    """Return the entry with this key. Raises UnknownResourceTypeError."""
    try:
        return RESOURCE_TYPES[key]
    except KeyError:
        raise UnknownResourceTypeError("no such resource type") from None


def backup_types(lane: Lane | None = None) -> tuple[ResourceType, ...]:
    """Return the types of a usual backup in registry order, of one lane or of all."""
    return tuple(
        entry for entry in _ALL if entry.in_backups and (lane is None or entry.lane is lane)
    )


def selected_keys(
    policy_types: Iterable[str] | None, *, include_foundations: bool
) -> tuple[str, ...] | None:
    """Return the keys that a schedule backs up, sorted; None for all, also those that come later.

    Foundations come along with what is named, or are left out of all; one that is named by itself
    is backed up in any case (decision 0004).
    """
    foundations = {entry.key for entry in _ALL if entry.is_foundation}
    if policy_types is None:
        if include_foundations:
            return None
        return tuple(sorted({entry.key for entry in backup_types()} - foundations))
    named = set(policy_types)
    return tuple(sorted(named | foundations if include_foundations else named))
