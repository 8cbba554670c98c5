"""Which service area a Graph path is counted in (api.md d.2). Paths start below the version."""

from domain.resource_types.shape import ServiceArea

# The longest matching prefix wins; lower case, as Graph ignores case in path segments.
_PREFIXES: tuple[tuple[str, ServiceArea], ...] = (
    ("/deviceappmanagement/managedapppolicies", ServiceArea.APP_PROTECTION),
    ("/deviceappmanagement/targetedmanagedappconfigurations", ServiceArea.APP_PROTECTION),
    ("/deviceappmanagement/mobileapp", ServiceArea.APPLICATIONS),
    ("/deviceappmanagement/vpptokens", ServiceArea.APPLICATIONS),
    ("/deviceappmanagement/policysets", ServiceArea.APPLICATIONS),
    ("/deviceappmanagement/", ServiceArea.APP_PROTECTION),
    ("/devicemanagement/deviceenrollmentconfigurations", ServiceArea.ENROLLMENT),
    ("/devicemanagement/windowsautopilot", ServiceArea.ENROLLMENT),
    ("/devicemanagement/termsandconditions", ServiceArea.ENROLLMENT),
    ("/devicemanagement/devicecategories", ServiceArea.ENROLLMENT),
    ("/devicemanagement/deponboardingsettings", ServiceArea.ENROLLMENT),
    ("/devicemanagement/appleuserinitiated", ServiceArea.ENROLLMENT),
    ("/devicemanagement/role", ServiceArea.INTUNE_RBAC),
    ("/devicemanagement/notificationmessagetemplates", ServiceArea.NOTIFICATIONS),
    ("/devicemanagement/auditevents", ServiceArea.INTUNE_AUDIT),
    ("/devicemanagement", ServiceArea.DEVICE_CONFIGURATION),
    ("/auditlogs/", ServiceArea.DIRECTORY_AUDIT),
    ("/identity/conditionalaccess", ServiceArea.CONDITIONAL_ACCESS),
)


def service_area_of(path: str) -> ServiceArea:
    """Return the area that a request to this path is counted in; the directory when unknown."""
    lowered = path.lower()
    matches = [(len(prefix), area) for prefix, area in _PREFIXES if lowered.startswith(prefix)]
    return max(matches, key=lambda match: match[0])[1] if matches else ServiceArea.DIRECTORY
