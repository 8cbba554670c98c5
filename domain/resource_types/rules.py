"""Rules that many types share: what changes by itself, what has no order, how assignments are read.

Sources: api.md a.0 (properties to remove before comparing, order-insensitive lists) and d.1.
"""

from domain.resource_types.shape import FollowUp, RestoreLevel, RestoreRule, UnorderedList

# Set by the service on every object (endpoints.json, common_strip).
COMMON_VOLATILE = (
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "modifiedDateTime",
    "version",
    "isAssigned",
    "supportsScopeTags",
)

# An assignment's id is made of the object's and the target's; source ids name a policy set.
ASSIGNMENT_VOLATILE = ("assignments/*/id", "assignments/*/sourceId")

ASSIGNED_VOLATILE = (*COMMON_VOLATILE, *ASSIGNMENT_VOLATILE)

ASSIGNMENTS_UNORDERED = UnorderedList(path="assignments", key="target")
SCOPE_TAGS_UNORDERED = UnorderedList(path="roleScopeTagIds")
USUAL_UNORDERED = (ASSIGNMENTS_UNORDERED, SCOPE_TAGS_UNORDERED)

EXPANDED_ASSIGNMENTS = FollowUp(
    property="assignments", path="assignments", expanded=True, claimed_by="isAssigned"
)
SCHEDULED_ACTIONS = FollowUp(
    property="scheduledActionConfigurations", path="scheduledActionConfigurations", expanded=True
)
READ_ASSIGNMENTS = FollowUp(property="assignments", path="assignments")


def is_annotation(name: str) -> bool:
    """Tell whether a property is OData's or Graph's note about the answer, not configuration.

    `@odata.type` stays: it says what an object is. `settings@odata.context`, `@odata.etag`,
    `#microsoft.graph.assign` and the like go (api.md a.0).
    """
    if name == "@odata.type":
        return False
    return "@odata." in name or name.startswith(("#microsoft.graph.", "@microsoft.graph."))


def preview_only(order: int, reason: str) -> RestoreRule:
    """Return the rule of a type that is compared and not written."""
    return RestoreRule(level=RestoreLevel.PREVIEW_ONLY, order=order, reason=reason)


def full_restore(order: int) -> RestoreRule:
    """Return the rule of a type that can be created and updated."""
    return RestoreRule(level=RestoreLevel.FULL, order=order)
