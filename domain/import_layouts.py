"""Which collection of Graph the folders of exports stand for, by the tools that write them.

Sources: the folder names in the source of IntuneCD 2.6, IntuneManagement 3.10,
IntuneBackupAndRestore 4.0 and EntraExporter 2. A name is looked up together with the one above it
first, the folder nearest to the file before those above it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Final

from domain.resource_types.registry import RESOURCE_TYPES

_DM: Final = "/deviceManagement"
_DAM: Final = "/deviceAppManagement"
_CA: Final = "/identity/conditionalAccess"

# Folder → collection; letters and digits in lower case, the folder above first.
_FOLDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "settingscatalog": f"{_DM}/configurationPolicies",
        "deviceconfiguration": f"{_DM}/deviceConfigurations",
        "updatepolicies": f"{_DM}/deviceConfigurations",
        "compliance": f"{_DM}/deviceCompliancePolicies",
        "devicecompliance": f"{_DM}/deviceCompliancePolicies",
        "compliancepolicies": f"{_DM}/deviceCompliancePolicies",
        "compliancepolicies/policies": f"{_DM}/deviceCompliancePolicies",
        "compliancepolicies/scripts": f"{_DM}/deviceComplianceScripts",
        "compliancepolicies/messagetemplates": f"{_DM}/notificationMessageTemplates",
        "compliancepoliciesv2": f"{_DM}/compliancePolicies",
        "compliancescripts": f"{_DM}/deviceComplianceScripts",
        "managementintents": f"{_DM}/intents",
        "devicemanagementintents": f"{_DM}/intents",
        "endpointsecurity": f"{_DM}/intents",
        "administrativetemplates": f"{_DM}/groupPolicyConfigurations",
        "deviceconfigurationadmx": f"{_DM}/groupPolicyConfigurations",
        "powershellscripts": f"{_DM}/deviceManagementScripts",
        "scripts/powershell": f"{_DM}/deviceManagementScripts",
        "macscripts": f"{_DM}/deviceShellScripts",
        "scripts/shell": f"{_DM}/deviceShellScripts",
        "maccustomattributes": f"{_DM}/deviceCustomAttributeShellScripts",
        "customattributes": f"{_DM}/deviceCustomAttributeShellScripts",
        "proactiveremediations": f"{_DM}/deviceHealthScripts",
        "enrollmentconfigurations": f"{_DM}/deviceEnrollmentConfigurations",
        "enrollmentstatuspage": f"{_DM}/deviceEnrollmentConfigurations",
        "enrollmentrestrictions": f"{_DM}/deviceEnrollmentConfigurations",
        "comanagementsettings": f"{_DM}/deviceEnrollmentConfigurations",
        "windows/esp": f"{_DM}/deviceEnrollmentConfigurations",
        "enrollmentprofiles/windows": f"{_DM}/windowsAutopilotDeploymentProfiles",
        "enrollmentprofiles/apple": f"{_DM}/depOnboardingSettings",
        "autopilot": f"{_DM}/windowsAutopilotDeploymentProfiles",
        "autopilotdeploymentprofiles": f"{_DM}/windowsAutopilotDeploymentProfiles",
        "featureupdates": f"{_DM}/windowsFeatureUpdateProfiles",
        "qualityupdates": f"{_DM}/windowsQualityUpdateProfiles",
        "driverupdates": f"{_DM}/windowsDriverUpdateProfiles",
        "driverupdateprofiles": f"{_DM}/windowsDriverUpdateProfiles",
        "filters": f"{_DM}/assignmentFilters",
        "scopetags": f"{_DM}/roleScopeTags",
        "roles": f"{_DM}/roleDefinitions",
        "roledefinitions": f"{_DM}/roleDefinitions",
        "notifications": f"{_DM}/notificationMessageTemplates",
        "reusablesettings": f"{_DM}/reusablePolicySettings",
        "devicemanagementsettings": f"{_DM}/settings",
        "applepushnotification": f"{_DM}/applePushNotificationCertificate",
        "managedgoogleplay": f"{_DM}/androidManagedStoreAccountEnterpriseSettings",
        "partnerconnections/compliance": f"{_DM}/complianceManagementPartners",
        "partnerconnections/management": f"{_DM}/deviceManagementPartners",
        "partnerconnections/remoteassistance": f"{_DM}/remoteAssistancePartners",
        "autopilotdevices": f"{_DM}/windowsAutopilotDeviceIdentities",
        "activationlockbypasscodes": f"{_DM}/managedDevices",
        "intunebranding": f"{_DM}/intuneBrandingProfiles",
        "locations": f"{_DM}/managementConditions",
        "appleenrollmenttypes": f"{_DM}/appleUserInitiatedEnrollmentProfiles",
        "iosdepprofile": f"{_DM}/depOnboardingSettings",
        "admxfiles": f"{_DM}/groupPolicyUploadedDefinitionFiles",
        "w365provisioningpolicies": f"{_DM}/virtualEndpoint/provisioningPolicies",
        "w365usersettings": f"{_DM}/virtualEndpoint/userSettings",
        "applevpptokens": f"{_DAM}/vppTokens",
        "appprotection": f"{_DAM}/managedAppPolicies",
        "appprotectionpolicies": f"{_DAM}/managedAppPolicies",
        "appconfiguration": f"{_DAM}/mobileAppConfigurations",
        "appconfigurationmanageddevice": f"{_DAM}/mobileAppConfigurations",
        "androidoemconfig": f"{_DAM}/mobileAppConfigurations",
        "appconfigurationmanagedapp": f"{_DAM}/targetedManagedAppConfigurations",
        "clientapps": f"{_DAM}/mobileApps",
        # Apps of Intune name their type; what does not is a registration in Entra.
        "applications": "/applications",
        "entra/applications": "/applications",
        "conditionalaccess": f"{_CA}/policies",
        "conditional/accesspolicies": f"{_CA}/policies",
        "conditional/namedlocations": f"{_CA}/namedLocations",
        "conditional/authenticationcontexts": f"{_CA}/authenticationContextClassReferences",
        "authenticationcontext": f"{_CA}/authenticationContextClassReferences",
        "authenticationstrengths": f"{_CA}/authenticationStrengths/policies",
        "termsofuse": "/identityGovernance/termsOfUse/agreements",
        "azurebranding": "/organization/branding/localizations",
        "branding/localizations": "/organization/branding/localizations",
        "entra/authenticationflowspolicy": "/policies/authenticationFlowsPolicy",
        "entra/authenticationmethods": "/policies/authenticationMethodsPolicy",
        "entra/authorizationpolicy": "/policies/authorizationPolicy",
        "entra/deviceregistrationpolicy": "/policies/deviceRegistrationPolicy",
        "entra/externalcollaborationsettings": "/policies/externalIdentitiesPolicy",
        "entra/securitydefaults": "/policies/identitySecurityDefaultsEnforcementPolicy",
        "policies/activitybasedtimeoutpolicy": "/policies/activityBasedTimeoutPolicies",
        "policies/homerealmdiscoverypolicy": "/policies/homeRealmDiscoveryPolicies",
        "policies/claimsmappingpolicy": "/policies/claimsMappingPolicies",
        "policies/tokenissuancepolicy": "/policies/tokenIssuancePolicies",
        "policies/tokenlifetimepolicy": "/policies/tokenLifetimePolicies",
        # What belongs to an object of another folder is no object by itself.
        "members": "members of another object",
        "owners": "owners of another object",
        "scopedmembers": "members of another object",
        "scopedrolemembers": "members of another object",
        "assignments": "assignments of another object",
    }
)
# Last segments of paths that say too little by themselves.
_VAGUE: Final = frozenset({"policies", "settings", "localizations"})
_ENTRA_POLICIES: Final = "policies"


def plain_name(folder: str) -> str:
    """Return a folder's name by its letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", folder.lower())


def collection_of(folders: Sequence[str]) -> str | None:
    """Return the collection that the folders above a file stand for; None if they say nothing.

    It may be one that no resource type reads.
    """
    names = [plain_name(folder) for folder in folders]
    for end in range(len(names), 0, -1):
        own = _own_folders().get(folders[end - 1])
        found = own or _by_path(names[:end]) or _by_table(names[:end])
        if found is not None:
            return found
    return None


def _by_table(names: Sequence[str]) -> str | None:
    pair = "/".join(names[-2:])
    if pair in _FOLDERS:
        return _FOLDERS[pair]
    name = names[-1]
    if name in _FOLDERS:
        return _FOLDERS[name]
    by_segment = _last_segments().get(name)
    if by_segment is not None:
        return by_segment
    # EntraExporter writes each policy of the directory under its own name.
    is_policy = len(names) > 1 and names[-2] == _ENTRA_POLICIES and len(name) > 1
    return f"/policies/{name}" if is_policy else None


def _by_path(names: Sequence[str]) -> str | None:
    """Folders that are a path of Graph, as EntraExporter makes them."""
    for path in _paths():
        segments = [plain_name(part) for part in path.strip("/").split("/")]
        if len(segments) > 1 and list(names[-len(segments) :]) == segments:
            return path
    return None


@cache
def _paths() -> list[str]:
    return sorted({entry.list_path for entry in RESOURCE_TYPES.values()}, key=len, reverse=True)


@cache
def _own_folders() -> dict[str, str]:
    return {entry.export_folder: entry.list_path for entry in RESOURCE_TYPES.values()}


@cache
def _last_segments() -> dict[str, str]:
    found: dict[str, str | None] = {}
    for path in _paths():
        name = plain_name(path.rpartition("/")[2])
        # One that ends two paths says nothing.
        found[name] = None if name in found or name in _VAGUE else path
    return {name: path for name, path in found.items() if path is not None}
