"""Compliance policies of the first kind, and the messages that their actions send."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    SCHEDULED_ACTIONS,
    SCOPE_TAGS_UNORDERED,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import (
    Document,
    FollowUp,
    ResourceType,
    ServiceArea,
    UnorderedList,
)

COMPLIANCE_POLICY = ResourceType(
    key="compliancePolicy",
    label="Compliance policy",
    odata_type="#microsoft.graph.deviceCompliancePolicy",
    list_path="/deviceManagement/deviceCompliancePolicies",
    list_query=(
        "$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)"
    ),
    follow_ups=(
        EXPANDED_ASSIGNMENTS,
        FollowUp(
            property="scheduledActionsForRule",
            path="scheduledActionsForRule",
            query="$expand=scheduledActionConfigurations",
            expanded=True,
            nested=(SCHEDULED_ACTIONS,),
        ),
    ),
    volatile=(
        *ASSIGNED_VOLATILE,
        "scheduledActionsForRule/*/id",
        "scheduledActionsForRule/*/scheduledActionConfigurations/*/id",
    ),
    unordered=(
        *USUAL_UNORDERED,
        UnorderedList(path="scheduledActionsForRule", key="ruleName"),
        UnorderedList(
            path="scheduledActionsForRule/*/scheduledActionConfigurations", key="actionType"
        ),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="compliance-policies",
)


def _is_made_by_people(document: Document) -> bool:
    # Intune keeps one template of its own that nobody can edit (api.md a.1).
    return document.get("displayName") != "EnrollmentNotificationInternalMEO"


NOTIFICATION_TEMPLATE = ResourceType(
    key="notificationTemplate",
    label="Notification template",
    odata_type="#microsoft.graph.notificationMessageTemplate",
    list_path="/deviceManagement/notificationMessageTemplates",
    list_query="$expand=localizedNotificationMessages",
    follow_ups=(
        FollowUp(
            property="localizedNotificationMessages",
            path="localizedNotificationMessages",
            expanded=True,
        ),
    ),
    belongs=_is_made_by_people,
    volatile=(
        *COMMON_VOLATILE,
        "localizedNotificationMessages/*/id",
        "localizedNotificationMessages/*/lastModifiedDateTime",
    ),
    unordered=(
        SCOPE_TAGS_UNORDERED,
        UnorderedList(path="localizedNotificationMessages", key="locale"),
    ),
    permission_read="DeviceManagementServiceConfig.Read.All",
    permission_write="DeviceManagementServiceConfig.ReadWrite.All",
    service_area=ServiceArea.NOTIFICATIONS,
    restore=full_restore(40),
    export_folder="notification-templates",
    is_foundation=True,
)
