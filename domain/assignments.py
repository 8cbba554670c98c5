"""Whom an object is assigned to, as its document says: targets, filters, intent, source.

Pure, and by id: names are another matter (`services.references`). Assignments of Intune and the
users of conditional access are brought into one form. Sources: api.md a.0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.references import FILTER, GROUP, USER, Reference, reference_to
from domain.resource_types.shape import Document


class TargetKind(StrEnum):
    """What an assignment points to."""

    GROUP = "group"  # a group of the directory
    USER = "user"  # one person, by id only
    ROLE = "role"  # everybody who holds a role of the directory
    ALL_USERS = "all_users"  # every licensed user
    ALL_DEVICES = "all_devices"  # every device
    COLLECTION = "collection"  # a device collection of Configuration Manager
    WORD = "word"  # one of Graph's words: All, None, GuestsOrExternalUsers
    OTHER = "other"  # a target of a kind that is not known here


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One target of an object.

    reference: the group, person or role; null for the other kinds. word: Graph's own word, id of a
    collection, or `@odata.type` of a target that is not known here. filter_mode: include or
    exclude, null without a filter. intent: of apps. source: `direct`, or `policySets` if it came
    from the policy set `source_id`; null where Graph names none.
    """

    target: TargetKind
    is_exclusion: bool = False
    reference: Reference | None = None
    word: str | None = None
    filter: Reference | None = None
    filter_mode: str | None = None
    intent: str | None = None
    source: str | None = None
    source_id: str | None = None


_PREFIX: Final = "#microsoft.graph."
_WITHOUT_ID: Mapping[str, TargetKind] = MappingProxyType(
    {
        "allLicensedUsersAssignmentTarget": TargetKind.ALL_USERS,
        "allDevicesAssignmentTarget": TargetKind.ALL_DEVICES,
    }
)
# Of conditional access: property below `conditions/users`, kind of its ids, exclusion or not.
_PEOPLE: Final = (
    ("includeUsers", USER, TargetKind.USER, False),
    ("excludeUsers", USER, TargetKind.USER, True),
    ("includeGroups", GROUP, TargetKind.GROUP, False),
    ("excludeGroups", GROUP, TargetKind.GROUP, True),
    ("includeRoles", "entraRole", TargetKind.ROLE, False),
    ("excludeRoles", "entraRole", TargetKind.ROLE, True),
)


def assignments_of(document: Document) -> list[Assignment]:
    """Return the assignments in document order; what has another shape is none."""
    rows = document.get("assignments")
    listed = rows if isinstance(rows, list) else []
    found = [_assignment(row) for row in listed if isinstance(row, Mapping)]
    return [*(entry for entry in found if entry is not None), *_conditional(document)]


def _assignment(row: Document) -> Assignment | None:
    target = row.get("target")
    if not isinstance(target, Mapping):
        return None
    kind = str(target.get("@odata.type") or "").removeprefix(_PREFIX)
    reference = reference_to(GROUP, target.get("groupId"))
    chosen = reference_to(FILTER, target.get("deviceAndAppManagementAssignmentFilterId"))
    word = None
    if reference is not None:
        target_kind = TargetKind.GROUP
    elif kind in _WITHOUT_ID:
        target_kind = _WITHOUT_ID[kind]
    elif "collectionId" in target:
        target_kind, word = TargetKind.COLLECTION, _text(target["collectionId"])
    else:
        target_kind, word = TargetKind.OTHER, kind or None
    return Assignment(
        target=target_kind,
        is_exclusion="exclusion" in kind.lower(),
        reference=reference,
        word=word,
        filter=chosen,
        filter_mode=_text(target.get("deviceAndAppManagementAssignmentFilterType"))
        if chosen
        else None,
        intent=_text(row.get("intent")),
        source=_text(row.get("source")),
        source_id=_text(row.get("sourceId")) if row.get("source") not in (None, "direct") else None,
    )


def _conditional(document: Document) -> Iterator[Assignment]:
    conditions = document.get("conditions")
    users = conditions.get("users") if isinstance(conditions, Mapping) else None
    if not isinstance(users, Mapping):
        return
    for name, kind, target, is_exclusion in _PEOPLE:
        values = users.get(name)
        for value in values if isinstance(values, list) else ():
            reference = reference_to(kind, value)
            yield Assignment(
                target=TargetKind.WORD if reference is None else target,
                is_exclusion=is_exclusion,
                reference=reference,
                word=_text(value) if reference is None else None,
            )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
