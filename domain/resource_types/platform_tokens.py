"""What binds the tenant to Apple and Google: tokens, certificates and the profiles below them.

The bindings themselves are made outside of Graph, so none can be restored from a backup. Apple IDs
and owners' addresses are content like any other; tokens and certificates are secrets.
"""

from domain.resource_types.rules import COMMON_VOLATILE, SCOPE_TAGS_UNORDERED, preview_only
from domain.resource_types.shape import (
    FollowUp,
    NotCapturedRule,
    ResourceType,
    RestoreLevel,
    RestoreRule,
    SecretRule,
    ServiceArea,
    Singleton,
    UnorderedList,
)

_CONFIGURATION_READ = "DeviceManagementConfiguration.Read.All"
_SERVICE_READ = "DeviceManagementServiceConfig.Read.All"
_SERVICE_WRITE = "DeviceManagementServiceConfig.ReadWrite.All"

# The object is the token with all of its profiles: profiles have no collection of their own.
APPLE_DEP = ResourceType(
    key="appleDep",
    label="Apple enrollment program token with its profiles",
    odata_type="#microsoft.graph.depOnboardingSetting",
    list_path="/deviceManagement/depOnboardingSettings",
    follow_ups=(FollowUp(property="enrollmentProfiles", path="enrollmentProfiles"),),
    name_property="tokenName",
    volatile=(
        *COMMON_VOLATILE,
        "lastSuccessfulSyncDateTime",
        "lastSyncTriggeredDateTime",
        "lastSyncErrorCode",
        "syncedDeviceCount",
        "enrollmentProfiles/*/id",
    ),
    unordered=(
        SCOPE_TAGS_UNORDERED,
        UnorderedList(path="enrollmentProfiles", key="displayName"),
        UnorderedList(path="enrollmentProfiles/*/enabledSkipKeys"),
        UnorderedList(path="enrollmentProfiles/*/enrollmentTimeAzureAdGroupIds"),
    ),
    secrets=(SecretRule(property="adminAccountPassword"),),
    permission_read=_SERVICE_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=RestoreRule(level=RestoreLevel.UPDATE_ONLY, order=100, reason="bound_to_its_token"),
    export_folder="apple-enrollment-program",
)

APNS_CERTIFICATE = ResourceType(
    key="apnsCertificate",
    label="Apple push certificate",
    odata_type="#microsoft.graph.applePushNotificationCertificate",
    list_path="/deviceManagement/applePushNotificationCertificate",
    singleton=Singleton.MAY_BE_ABSENT,
    name_property="appleIdentifier",
    volatile=(
        *COMMON_VOLATILE,
        "certificate",
        "topicIdentifier",
        "certificateSerialNumber",
        "certificateUploadStatus",
        "certificateUploadFailureReason",
    ),
    secrets=(SecretRule(property="certificate"),),
    not_captured=(NotCapturedRule(property="certificate", path="certificate", masked=True),),
    permission_read=_CONFIGURATION_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(100, "renewed_with_apple"),
    export_folder="apple-push-certificate",
)

VPP_TOKEN = ResourceType(
    key="vppToken",
    label="Apple volume purchase token",
    odata_type="#microsoft.graph.vppToken",
    list_path="/deviceAppManagement/vppTokens",
    volatile=(
        *COMMON_VOLATILE,
        "token",
        "state",
        "lastSyncDateTime",
        "lastSyncStatus",
        "tokenActionResults",
        "usedLicenseCount",
    ),
    unordered=(SCOPE_TAGS_UNORDERED,),
    secrets=(SecretRule(property="token"),),
    not_captured=(NotCapturedRule(property="token", path="token", masked=True),),
    permission_read=_SERVICE_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.APPLICATIONS,
    restore=preview_only(100, "issued_by_apple"),
    export_folder="apple-vpp-tokens",
)

MANAGED_GOOGLE_PLAY = ResourceType(
    key="managedGooglePlay",
    label="Managed Google Play",
    odata_type="#microsoft.graph.androidManagedStoreAccountEnterpriseSettings",
    list_path="/deviceManagement/androidManagedStoreAccountEnterpriseSettings",
    singleton=Singleton.MAY_BE_ABSENT,
    name_property="ownerUserPrincipalName",
    volatile=(*COMMON_VOLATILE, "lastAppSyncDateTime", "lastAppSyncStatus", "companyCodes"),
    unordered=(
        UnorderedList(path="targetGroupIds"),
        UnorderedList(path="managedGooglePlayInitialScopeTagIds"),
    ),
    secrets=(
        SecretRule(property="enrollmentToken", path="companyCodes/*/enrollmentToken"),
        SecretRule(property="qrCodeContent", path="companyCodes/*/qrCodeContent"),
        SecretRule(property="value", path="companyCodes/*/qrCodeImage/value"),
    ),
    permission_read=_CONFIGURATION_READ,
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(100, "bound_with_google"),
    export_folder="managed-google-play",
)
