"""Policies made from templates: administrative templates (ADMX) and legacy security intents."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
    preview_only,
)
from domain.resource_types.shape import (
    FollowUp,
    NotCapturedRule,
    ResourceType,
    ServiceArea,
    UnorderedList,
)

# The most throttled area of all peers: slices stay small, so that a long wait undoes little and
# every attempt gets further. Presentation values are asked for along with the definitions. Some
# report that Graph refuses the nested expansion, or answers it with empty lists for ingested
# templates: then they are read value by value, and an empty list is never believed.
ADMIN_TEMPLATE = ResourceType(
    key="adminTemplate",
    label="Administrative template",
    odata_type="#microsoft.graph.groupPolicyConfiguration",
    list_path="/deviceManagement/groupPolicyConfigurations",
    list_query="$expand=assignments",
    follow_ups=(
        EXPANDED_ASSIGNMENTS,
        FollowUp(
            property="definitionValues",
            path="definitionValues",
            query="$expand=definition,presentationValues($expand=presentation)",
            plain_query="$expand=definition",
            nested=(
                FollowUp(
                    property="definition",
                    path="definition",
                    expanded=True,
                    single=True,
                    optional=True,
                ),
                FollowUp(
                    property="presentationValues",
                    path="presentationValues",
                    query="$expand=presentation",
                    expanded=True,
                    inline_needs="presentation",
                    nested=(
                        FollowUp(
                            property="presentation",
                            path="presentation",
                            expanded=True,
                            single=True,
                            optional=True,
                        ),
                    ),
                ),
            ),
        ),
    ),
    slice_size=4,
    is_bulky=True,
    volatile=(
        *ASSIGNED_VOLATILE,
        "policyConfigurationIngestionType",
        "definitionValues/*/id",
        "definitionValues/*/createdDateTime",
        "definitionValues/*/lastModifiedDateTime",
        "definitionValues/*/definition/lastModifiedDateTime",
        "definitionValues/*/presentationValues/*/id",
        "definitionValues/*/presentationValues/*/createdDateTime",
        "definitionValues/*/presentationValues/*/lastModifiedDateTime",
        "definitionValues/*/presentationValues/*/presentation/lastModifiedDateTime",
    ),
    unordered=(
        *USUAL_UNORDERED,
        UnorderedList(path="definitionValues", key="definition/id"),
        UnorderedList(path="definitionValues/*/presentationValues", key="presentation/id"),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="administrative-templates",
)

# The file cannot be read back, so what Graph says about it (revision, namespace, when it was
# uploaded) is all that shows another file, and is compared; api.md a.1 leaves it out of an import.
ADMX_FILE = ResourceType(
    key="admxFile",
    label="Imported ADMX file",
    odata_type="#microsoft.graph.groupPolicyUploadedDefinitionFile",
    list_path="/deviceManagement/groupPolicyUploadedDefinitionFiles",
    name_property="fileName",
    volatile=(
        *COMMON_VOLATILE,
        "status",
        "groupPolicyUploadedLanguageFiles/*/id",
        "groupPolicyUploadedLanguageFiles/*/lastModifiedDateTime",
    ),
    unordered=(
        UnorderedList(path="languageCodes"),
        UnorderedList(path="groupPolicyUploadedLanguageFiles", key="languageCode"),
    ),
    not_captured=(
        NotCapturedRule(property="content", path="content", masked=True),
        NotCapturedRule(
            property="content", path="groupPolicyUploadedLanguageFiles/*/content", masked=True
        ),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(45, "file_content_not_in_graph"),
    export_folder="admx-files",
    is_foundation=True,
)

ENDPOINT_SECURITY_INTENT = ResourceType(
    key="endpointSecurityIntent",
    label="Endpoint security (legacy)",
    odata_type="#microsoft.graph.deviceManagementIntent",
    list_path="/deviceManagement/intents",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS, FollowUp(property="settings", path="settings")),
    volatile=(*ASSIGNED_VOLATILE, "isMigratingToConfigurationPolicy", "settings/*/id"),
    unordered=(*USUAL_UNORDERED, UnorderedList(path="settings", key="definitionId")),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="endpoint-security-intents",
)
