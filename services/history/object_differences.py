"""What differs between two documents of one type, in every form that it is shown in.

Documents are let go as soon as they are compared; secrets are in no result.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.diff import Change, diff
from domain.patches import PatchOperation, patch
from domain.text_differences import text_differences
from services.sets.set_comparison import rules_for
from storage import changes as rows

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDifference:
    """One object that is not the same on both sides.

    `change`: added, removed, changed, schema_changed (nobody changed it) or uncertain (on one side
    only, and nothing proves why). `changes`, `patch` and `texts` (unified diffs by pointer) are of
    objects on both sides. `not_captured`: places whose values Graph keeps to itself, so that a
    difference there is not seen. `is_stored` is False when a document is not there to be compared;
    `reason_code` says why an object is uncertain, if that is known.
    """

    resource_type: str
    object_id: str
    name: str | None
    change: str
    version_before: str | None = None
    version_hash: str | None = None
    changes: Sequence[Change] = ()
    patch: Sequence[PatchOperation] = ()
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    not_captured: Sequence[str] = ()
    is_stored: bool = True
    reason_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDifference:
    """One resource type of two sides.

    Unless it `is_comparable` (read whole on both), nothing of it is called added or removed;
    `reason_code` says why one side could not be read now.
    """

    resource_type: str
    is_comparable: bool
    reason_code: str | None = None
    objects: Sequence[ObjectDifference] = ()

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, as far as is known."""
        return not self.objects


async def compared(
    subjects: Sequence[tuple[ObjectDifference, Document, Document]],
) -> list[ObjectDifference]:
    """Return the objects with what differs in them; older document first."""
    return await asyncio.to_thread(lambda: [_compared(*subject) for subject in subjects])


async def with_not_captured(
    connection: AsyncConnection, tenant_id: UUID, objects: Sequence[ObjectDifference]
) -> list[ObjectDifference]:
    """Return the objects with the places that were not captured in one of their versions."""
    hashes = [
        version
        for entry in objects
        for version in (entry.version_before, entry.version_hash)
        if version is not None
    ]
    found = await rows.not_captured_in(connection, tenant_id, hashes)
    places = {row["version_hash"]: row["not_captured"] for row in found}
    return [
        replace(
            entry,
            not_captured=_merged(
                entry.not_captured,
                places.get(entry.version_before, ()),
                places.get(entry.version_hash, ()),
            ),
        )
        for entry in objects
    ]


def _compared(subject: ObjectDifference, before: Document, after: Document) -> ObjectDifference:
    rules = rules_for(subject.resource_type)
    changes = diff(before, after, rules)
    return replace(
        subject,
        changes=changes,
        patch=patch(before, after, rules),
        texts=text_differences(before, after, changes),
        is_stored=True,
    )


def _merged(*places: Iterable[str]) -> Sequence[str]:
    return sorted({place for group in places for place in group})
