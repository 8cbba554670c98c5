"""What a backup covers of Graph, and what it knowingly leaves out.

Pure. A place of Graph's metadata is covered by a type of the registry, left out for a reason that
stands in `left_out_places`, or uncovered: something new that people can set and no backup holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.left_out_places import LeftOut, left_out
from domain.resource_types.shape import ResourceType

# Where configuration lives; each singleton of Graph below which places are compared. What else
# stands at the top of Graph is one place each.
WATCHED_ROOTS = (
    "deviceManagement",
    "deviceAppManagement",
    "identity",
    "identityGovernance",
    "policies",
    "roleManagement",
    "directory",
    "tenantRelationships",
    "admin/windows",
)


class CoverageState(StrEnum):
    """What becomes of a place."""

    # A type of the registry reads it.
    COVERED = "covered"
    # It is knowingly not a part of backups.
    LEFT_OUT = "left_out"
    # Nobody has decided about it: it may hold configuration that no backup has.
    UNCOVERED = "uncovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredPlace:
    """One place and its state; `resource_type` of covered ones, `reason` of those left out."""

    path: str
    entity_type: str
    is_collection: bool
    state: CoverageState
    resource_type: str | None = None
    reason: LeftOut | None = None


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
    reason = None if key else left_out(path, entity_type, is_read_only=is_read_only)
    state = CoverageState.LEFT_OUT if reason else CoverageState.UNCOVERED
    return CoveredPlace(
        path=path,
        entity_type=entity_type,
        is_collection=is_collection,
        state=CoverageState.COVERED if key else state,
        resource_type=key,
        reason=reason,
    )
