"""What a backup covers of Graph, and what it knowingly leaves out.

Pure. A place of Graph's metadata is covered by a type of the registry, left out for a reason that
stands here, or uncovered: something new that people can set and no backup holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.resource_types.shape import ResourceType

# Where configuration lives; each singleton of Graph below which places are compared.
WATCHED_ROOTS = (
    "deviceManagement",
    "deviceAppManagement",
    "identity",
    "identityGovernance/termsOfUse",
    "policies",
    "roleManagement/directory",
)


class CoverageState(StrEnum):
    """What becomes of a place."""

    # A type of the registry reads it.
    COVERED = "covered"
    # It is knowingly not a part of backups.
    LEFT_OUT = "left_out"
    # Nobody has decided about it: it may hold configuration that no backup has.
    UNCOVERED = "uncovered"


class LeftOut(StrEnum):
    """Why a place is no part of a backup."""

    # Counted or observed by Microsoft: states, reports, analytics, alerts.
    OBSERVATION = "observation"
    # What happened: audit and troubleshooting events.
    EVENTS = "events"
    # Devices, users' data and what they enrolled: inventory.
    INVENTORY = "inventory"
    # Given by Microsoft, the same for everybody: templates, catalogs, definitions.
    MICROSOFT_CONTENT = "microsoft_content"
    # Requests, schedules and jobs: work in progress.
    WORK = "work"
    # What was deleted and can still be taken back at Microsoft.
    DELETED = "deleted"
    # Another address of what a type reads already.
    OTHER_ADDRESS = "other_address"
    # The metadata say that nobody can write there.
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredPlace:
    """One place and its state; `resource_type` of covered ones, `reason` of those left out."""

    path: str
    entity_type: str
    is_collection: bool
    state: CoverageState
    resource_type: str | None = None
    reason: LeftOut | None = None


# Ends of entity types that tell what is no configuration, whatever the path.
_TYPE_ENDS: tuple[tuple[str, LeftOut], ...] = tuple(
    (end.lower(), reason)
    for reason, ends in (
        (
            LeftOut.OBSERVATION,
            (
                "Summary Summaries Overview Performance History Score Scores Metric Report Reports "
                "Status StatusSummary State StateSummary ByDevice HealthDetails Insight Alert "
                "AnalyticsCategory AnalyticsBaseline AnalyticsProperty "
                "AnalyticsResourcePerformance DeviceWithoutCloudIdentity AnomalySeverityOverview "
                "RemoteConnection BatteryHealth RemediationDeviceRun MalwareInformation "
                "StartupProcess DeviceTimelineEvent Usage "
                "UserExperienceAnalyticsDeviceScope UserExperienceAnalyticsWindows10DevicesSummary "
                "MonitoringConfiguration AppDiscoveredDetails ByOSVersion ByAppVersion "
                "CloudCertificationAuthorityLeafCertificate ZebraFotaConnectorState"
            ),
        ),
        (LeftOut.EVENTS, "Event Events AuditEvent TroubleshootingEvent"),
        (
            LeftOut.INVENTORY,
            (
                "ManagedDevice DetectedApp DeviceIdentity AppRegistration CloudPC ComanagedDevice "
                "EBook ChromeOSOnboardingSettingsDevice UserPFXCertificate DeviceAppManagementTask "
                "ManagedDeviceEncryptionState PrivilegeManagementElevation ElevationRequest "
                "CartToClassAssociation DataSharingConsent DepIosEnrollmentDevice"
            ),
        ),
        (
            LeftOut.MICROSOFT_CONTENT,
            (
                "Template TemplateInsight GalleryImage ServicePlan ResourceOperation "
                "ResourceNamespace SettingDefinition ConfigurationCategory SettingCategory "
                "DefinitionFile "
                "PolicyDefinition PolicyCategory FeatureUpdateCatalogItem UpdateCatalogItem "
                "SupportedRegion SnapshotDefinition PolicyTemplate MethodModeDetail"
            ),
        ),
        (
            LeftOut.WORK,
            (
                "Request ScheduleInstance Schedule ExportJob RemoteActionAudit Import "
                "MigrationReport Approval BulkAction Snapshot Verification"
            ),
        ),
    )
    for end in ends.split()
)

# Beginnings of paths, lower case.
_PATH_STARTS: tuple[tuple[str, LeftOut], ...] = (
    ("/devicemanagement/userexperienceanalytics", LeftOut.OBSERVATION),
    ("/identity/conditionalaccess/deleteditems/", LeftOut.DELETED),
)

# Places by their path, lower case.
_PATHS: dict[str, LeftOut] = {
    "/policies/conditionalaccesspolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/iosmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/androidmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/windowsmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/defaultmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/mdmwindowsinformationprotectionpolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/windowsinformationprotectionpolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/managedappstatuses": LeftOut.OBSERVATION,
    "/devicemanagement/resourceaccessprofiles": LeftOut.OTHER_ADDRESS,
    "/devicemanagement/roleassignments": LeftOut.OTHER_ADDRESS,
    "/devicemanagement/reports": LeftOut.OBSERVATION,
    "/identity/conditionalaccess/authenticationstrength": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrength/policies": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrengths": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrengths/policies": LeftOut.OTHER_ADDRESS,
    "/identitygovernance/termsofuse/agreementacceptances": LeftOut.EVENTS,
}


def coverage(
    places: Iterable[tuple[str, str, bool, bool]], types: Sequence[ResourceType]
) -> list[CoveredPlace]:
    """Return the state of each place.

    `places` are (path, entity type, whether a collection, whether read-only), as in Graph's
    metadata. A navigation property below a covered object is covered if the type reads it.
    """
    covered = _covered_paths(types)
    return [
        _place(path, entity_type, is_collection, is_read_only, covered)
        for path, entity_type, is_collection, is_read_only in places
    ]


def _covered_paths(types: Sequence[ResourceType]) -> dict[str, str]:
    """Return the paths that a type reads, lower case, with the type's key."""
    paths: dict[str, str] = {}
    for entry in types:
        paths.setdefault(entry.list_path.lower(), entry.key)
        for follow_up in entry.follow_ups:
            # A singleton's navigation property stands right below its path.
            below = f"{entry.list_path}/{follow_up.property}".lower()
            paths.setdefault(below, entry.key)
    return paths


def _place(
    path: str,
    entity_type: str,
    is_collection: bool,  # noqa: FBT001 - private, from a row of facts
    is_read_only: bool,  # noqa: FBT001 - private, from a row of facts
    covered: dict[str, str],
) -> CoveredPlace:
    key = covered.get(path.lower())
    reason = None if key else _left_out(path, entity_type, is_read_only=is_read_only)
    state = CoverageState.LEFT_OUT if reason else CoverageState.UNCOVERED
    return CoveredPlace(
        path=path,
        entity_type=entity_type,
        is_collection=is_collection,
        state=CoverageState.COVERED if key else state,
        resource_type=key,
        reason=reason,
    )


def _left_out(path: str, entity_type: str, *, is_read_only: bool) -> LeftOut | None:
    if is_read_only:
        return LeftOut.READ_ONLY
    by_start = (reason for start, reason in _PATH_STARTS if path.lower().startswith(start))
    known = _PATHS.get(path.lower()) or next(by_start, None)
    if known is not None:
        return known
    lowered = entity_type.lower()
    ends = [(len(end), reason) for end, reason in _TYPE_ENDS if lowered.endswith(end)]
    return max(ends)[1] if ends else None
