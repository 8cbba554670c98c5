"""Places of Graph that are knowingly no part of a backup, and why, by path and entity type. Pure.

Nothing that people configure may stand here: what is doubtful stays uncovered, where it is seen.
"""

from enum import StrEnum


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
    # Another address of what a type reads already, or of a place that is watched.
    OTHER_ADDRESS = "other_address"
    # Content and settings of services beside Intune and Entra: mail, files, Teams, Purview.
    OTHER_SERVICE = "other_service"
    # The metadata say that nobody can write there.
    READ_ONLY = "read_only"


# Ends of entity types that tell what is no configuration, whatever the path.
_TYPE_ENDS: tuple[tuple[str, LeftOut], ...] = tuple(
    (end.lower(), reason)
    for reason, ends in (
        (
            LeftOut.OBSERVATION,
            (
                "Summary Summaries Overview Performance History Score Scores Metric Report Reports "
                "Status StatusSummary State StateSummary ByDevice HealthDetails Insight Insights "
                "Alert ConnectivityIssue CertificateConnectorDetails RestrictedAppsViolation "
                "VerificationModel AccessPackageSuggestion AvailableAccessPackage "
                "AccessReviewHistoryDefinition "
                "AnalyticsCategory AnalyticsBaseline AnalyticsProperty "
                "AnalyticsResourcePerformance DeviceWithoutCloudIdentity AnomalySeverityOverview "
                "RemoteConnection BatteryHealth RemediationDeviceRun MalwareInformation "
                "StartupProcess DeviceTimelineEvent Usage "
                "UserExperienceAnalyticsWindows10DevicesSummary "
                "AppDiscoveredDetails ByOSVersion ByAppVersion "
                "CloudCertificationAuthorityLeafCertificate"
            ),
        ),
        (
            LeftOut.EVENTS,
            (
                "Event Events AuditEvent TroubleshootingEvent AgreementAcceptance "
                "AccessReviewInstanceDecisionItem"
            ),
        ),
        (
            LeftOut.INVENTORY,
            (
                "ManagedDevice DetectedApp DeviceIdentity AppRegistration CloudPC ComanagedDevice "
                "ChromeOSOnboardingSettingsDevice UserPFXCertificate "
                "ManagedDeviceEncryptionState PrivilegeManagementElevation ElevationRequest "
                "WindowsInformationProtectionDeviceRegistration ComanagementEligibleDevice "
                "ConfigManagerCollection HardwarePasswordDetail HardwarePasswordInfo "
                "CloudPcManagedLicense DeviceLocalCredentialInfo CompanySubscription "
                "AccessPackageSubject DelegatedAdminCustomer"
            ),
        ),
        (
            LeftOut.MICROSOFT_CONTENT,
            (
                "Template TemplateInsight GalleryImage ServicePlan ResourceOperation "
                "ResourceNamespace SettingDefinition ConfigurationCategory SettingCategory "
                "DefinitionFile "
                "PolicyDefinition PolicyCategory FeatureUpdateCatalogItem UpdateCatalogItem "
                "SupportedRegion SnapshotDefinition PolicyTemplate MethodModeDetail "
                "AppConfigurationSchema MobileAppCatalogPackage ZebraFotaArtifact "
                "UnifiedRoleManagementAlertDefinition"
            ),
        ),
        (
            LeftOut.WORK,
            (
                "Request ScheduleInstance ExportJob RemoteActionAudit Import "
                "MigrationReport Approval BulkAction Snapshot LongRunningOperation "
                "DeviceAppManagementTask WindowsInformationProtectionWipeAction "
                "ServerLogCollectionResponse GroupPolicyObjectFile JoinRequestRecord"
            ),
        ),
    )
    for end in ends.split()
)

# What people set although its name sounds like something else; lower case.
_CONFIGURED = frozenset(
    {
        "/devicemanagement/userexperienceanalyticsbaselines",
        "/devicemanagement/userexperienceanalyticsdevicescopes",
        "/policies/crosstenantaccesspolicy/templates/multitenantorganizationidentitysynchronization",
        "/policies/crosstenantaccesspolicy/templates/multitenantorganizationpartnerconfiguration",
    }
)

# Beginnings of paths, lower case.
_PATH_STARTS: tuple[tuple[str, LeftOut], ...] = (
    ("/devicemanagement/userexperienceanalytics", LeftOut.OBSERVATION),
    ("/identity/conditionalaccess/deleteditems/", LeftOut.DELETED),
    ("/directory/deleteditems", LeftOut.DELETED),
    ("/directory/recovery/", LeftOut.WORK),
    # Microsoft 365 Lighthouse: a view of other tenants.
    ("/tenantrelationships/managedtenants/", LeftOut.OTHER_SERVICE),
)

# Ends of paths, lower case.
_PATH_ENDS: tuple[tuple[str, LeftOut], ...] = (
    # Worked out from the assignments and the groups.
    ("/transitiveroleassignments", LeftOut.OBSERVATION),
)

_AT_THE_TOP: tuple[tuple[LeftOut, str], ...] = (
    (
        LeftOut.INVENTORY,
        "contacts contracts devices directoryObjects me scopedRoleMemberships subscribedSkus users",
    ),
    (LeftOut.EVENTS, "agreementAcceptances auditLogs"),
    (LeftOut.OBSERVATION, "identityProtection reports riskDetections riskyUsers"),
    (
        LeftOut.MICROSOFT_CONTENT,
        (
            "applicationTemplates directoryRoleTemplates directorySettingTemplates domainDnsRecords"
            " filterOperators functions groupSettingTemplates teamsTemplates"
        ),
    ),
    (LeftOut.WORK, "dataPolicyOperations invitations subscriptions"),
    (
        LeftOut.OTHER_ADDRESS,
        (
            "administrativeUnits agreements authenticationMethodConfigurations"
            " authenticationMethodsPolicy conditionalAccess entitlementManagement identityProviders"
            # Older ones of identityGovernance.
            " accessReviewDecisions accessReviews approvalWorkflowProviders businessFlowTemplates"
            " privilegedAccess programControlTypes programControls programs"
        ),
    ),
    (
        LeftOut.OTHER_SERVICE,
        (
            "admin appCatalogs chats communications compliance connections copilot drive drives"
            " dataClassification education employeeExperience external informationProtection"
            " places planner print privacy search security shares sites solutions storage"
            " teamTemplateDefinition teams teamwork termStore"
            # Roles in Azure.
            " governanceResources governanceRoleAssignmentRequests governanceRoleAssignments"
            " governanceRoleDefinitions governanceRoleSettings governanceSubjects"
        ),
    ),
)

# Places by their path, lower case.
_PATHS: dict[str, LeftOut] = {
    f"/{name.lower()}": reason for reason, names in _AT_THE_TOP for name in names.split()
} | {
    "/policies/conditionalaccesspolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/iosmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/androidmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/windowsmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/defaultmanagedappprotections": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/mdmwindowsinformationprotectionpolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/windowsinformationprotectionpolicies": LeftOut.OTHER_ADDRESS,
    "/deviceappmanagement/managedappstatuses": LeftOut.OBSERVATION,
    "/deviceappmanagement/mobileapprelationships": LeftOut.OTHER_ADDRESS,
    "/devicemanagement/roleassignments": LeftOut.OTHER_ADDRESS,
    "/devicemanagement/reports": LeftOut.OBSERVATION,
    # Starts and stops the reckoning for a scope of the list.
    "/devicemanagement/userexperienceanalyticsdevicescope": LeftOut.OBSERVATION,
    "/identity/conditionalaccess/authenticationstrength": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrength/policies": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrengths": LeftOut.OTHER_ADDRESS,
    "/identity/conditionalaccess/authenticationstrengths/policies": LeftOut.OTHER_ADDRESS,
}


def left_out(path: str, entity_type: str, *, is_read_only: bool) -> LeftOut | None:
    """Return why a place is left out; None if nobody has decided that it is."""
    if is_read_only:
        return LeftOut.READ_ONLY
    folded = path.lower()
    if folded in _CONFIGURED:
        return None
    by_part = [reason for start, reason in _PATH_STARTS if folded.startswith(start)]
    by_part += [reason for end, reason in _PATH_ENDS if folded.endswith(end)]
    known = _PATHS.get(folded) or next(iter(by_part), None)
    # At the top of Graph a place is known by its name, or new.
    if known is not None or folded.count("/") == 1:
        return known
    lowered = entity_type.lower()
    ends = [(len(end), reason) for end, reason in _TYPE_ENDS if lowered.endswith(end)]
    return max(ends)[1] if ends else None
