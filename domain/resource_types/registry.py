"""The registry of resource types: lookups by key, by lane, and by what a backup holds."""

from collections.abc import Iterable
from types import MappingProxyType

from domain.resource_types.apps import (
    APP_CONFIG_DEVICE,
    APP_CONFIG_MANAGED_APP,
    APP_PROTECTION,
    MOBILE_APP,
    POLICY_SET,
)
from domain.resource_types.compliance import COMPLIANCE_POLICY, NOTIFICATION_TEMPLATE
from domain.resource_types.conditional_access import (
    AUTHENTICATION_CONTEXT,
    AUTHENTICATION_STRENGTH,
    CONDITIONAL_ACCESS_POLICY,
    NAMED_LOCATION,
    TERMS_OF_USE,
)
from domain.resource_types.device_configuration import (
    DEVICE_CONFIGURATION,
    HARDWARE_CONFIGURATION,
    MANAGEMENT_CONDITION,
    UPDATE_RINGS,
)
from domain.resource_types.directory import ENTRA_ROLE, GROUP
from domain.resource_types.enrollment import (
    APPLE_USER_ENROLLMENT,
    AUTOPILOT_DEVICE,
    AUTOPILOT_PROFILE,
    CLOUD_PC_PROVISIONING,
    DEVICE_CATEGORY,
    ENROLLMENT_CONFIGURATION,
    TERMS_AND_CONDITIONS,
)
from domain.resource_types.foundations import FILTER, INTUNE_ROLE, SCOPE_TAG
from domain.resource_types.identity_policies import (
    ADMIN_CONSENT_REQUEST,
    AUTHENTICATION_METHODS_POLICY,
    AUTHORIZATION_POLICY,
    CROSS_TENANT_ACCESS,
    SECURITY_DEFAULTS,
)
from domain.resource_types.platform_tokens import (
    APNS_CERTIFICATE,
    APPLE_DEP,
    MANAGED_GOOGLE_PLAY,
    VPP_TOKEN,
)
from domain.resource_types.scripts import (
    COMPLIANCE_SCRIPT,
    CUSTOM_ATTRIBUTE,
    POWERSHELL_SCRIPT,
    REMEDIATION,
    SHELL_SCRIPT,
)
from domain.resource_types.settings_catalog import (
    COMPLIANCE_POLICY_V2,
    INVENTORY_POLICY,
    REUSABLE_SETTING,
    SETTINGS_CATALOG,
)
from domain.resource_types.shape import Lane, ResourceType
from domain.resource_types.templates import ADMIN_TEMPLATE, ADMX_FILE, ENDPOINT_SECURITY_INTENT
from domain.resource_types.tenant_identity import DIRECTORY_ROLE, DOMAIN, ORGANIZATION
from domain.resource_types.tenant_wide import (
    BRANDING_PROFILE,
    COMPLIANCE_PARTNER,
    DEVICE_MANAGEMENT_PARTNER,
    REMOTE_ASSISTANCE_PARTNER,
    TENANT_SETTINGS,
)
from domain.resource_types.updates import (
    DRIVER_UPDATE,
    FEATURE_UPDATE,
    QUALITY_UPDATE,
    QUALITY_UPDATE_POLICY,
)

_ALL = (
    SETTINGS_CATALOG,
    DEVICE_CONFIGURATION,
    UPDATE_RINGS,
    COMPLIANCE_POLICY,
    COMPLIANCE_POLICY_V2,
    COMPLIANCE_SCRIPT,
    ENDPOINT_SECURITY_INTENT,
    ADMIN_TEMPLATE,
    ADMX_FILE,
    POWERSHELL_SCRIPT,
    SHELL_SCRIPT,
    CUSTOM_ATTRIBUTE,
    REMEDIATION,
    ENROLLMENT_CONFIGURATION,
    AUTOPILOT_PROFILE,
    AUTOPILOT_DEVICE,
    APPLE_DEP,
    APPLE_USER_ENROLLMENT,
    APNS_CERTIFICATE,
    MANAGED_GOOGLE_PLAY,
    FEATURE_UPDATE,
    QUALITY_UPDATE,
    QUALITY_UPDATE_POLICY,
    DRIVER_UPDATE,
    FILTER,
    SCOPE_TAG,
    INTUNE_ROLE,
    DEVICE_CATEGORY,
    NOTIFICATION_TEMPLATE,
    TERMS_AND_CONDITIONS,
    BRANDING_PROFILE,
    REUSABLE_SETTING,
    HARDWARE_CONFIGURATION,
    INVENTORY_POLICY,
    TENANT_SETTINGS,
    COMPLIANCE_PARTNER,
    DEVICE_MANAGEMENT_PARTNER,
    REMOTE_ASSISTANCE_PARTNER,
    MANAGEMENT_CONDITION,
    CLOUD_PC_PROVISIONING,
    APP_PROTECTION,
    APP_CONFIG_MANAGED_APP,
    APP_CONFIG_DEVICE,
    MOBILE_APP,
    POLICY_SET,
    VPP_TOKEN,
    CONDITIONAL_ACCESS_POLICY,
    NAMED_LOCATION,
    AUTHENTICATION_CONTEXT,
    AUTHENTICATION_STRENGTH,
    TERMS_OF_USE,
    AUTHORIZATION_POLICY,
    SECURITY_DEFAULTS,
    AUTHENTICATION_METHODS_POLICY,
    CROSS_TENANT_ACCESS,
    ADMIN_CONSENT_REQUEST,
    GROUP,
    ENTRA_ROLE,
    DIRECTORY_ROLE,
    ORGANIZATION,
    DOMAIN,
)

RESOURCE_TYPES: MappingProxyType[str, ResourceType] = MappingProxyType(
    {entry.key: entry for entry in _ALL}
)


class UnknownResourceTypeError(LookupError):
    """A key that no registry entry has, for example of a newer version's row."""


def is_by_reference(key: str) -> bool:
    """Whether a type's objects are those that others refer to; an unknown type's are listed."""
    entry = RESOURCE_TYPES.get(key)
    return entry is not None and entry.by_reference


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
