"""Reading the cache of directory role definitions: lists, and what a sync changed by action.

Names stand in the encrypted documents alone, so sorting and searching by name happen here.
Never calls Graph (behaviour row 105).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.contents import ContentReader, OpenedContent
from storage.directory_roles import changes_of_run, list_roles


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role definition as a list shows it."""

    role_definition_id: str
    template_id: str | None
    display_name: str
    is_built_in: bool
    is_enabled: bool
    version_count: int
    last_changed_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What one sync changed about one role; action lists are sorted."""

    role_definition_id: str
    display_name: str
    is_built_in: bool
    # `created`, `updated` or `removed`.
    change: str
    added_actions: tuple[str, ...]
    removed_actions: tuple[str, ...]


class DirectoryRoleReads:
    """Read models of the role cache."""

    def __init__(self, *, engine: AsyncEngine, contents: ContentReader) -> None:
        self._engine = engine
        self._contents = contents

    async def list_roles(
        self,
        workspace_id: UUID,
        tenant_id: UUID,
        *,
        search: str | None = None,
        with_removed: bool = False,
    ) -> list[RoleView]:
        """Return the roles by name; `search` is a part of the name."""
        async with self._engine.begin() as connection:
            rows = await list_roles(connection, workspace_id, tenant_id, with_removed=with_removed)
        hashes = [row["current_version_hash"] for row in rows]
        documents = await self._contents.documents(workspace_id, tenant_id, hashes)
        views = [_view(dict(row), documents) for row in rows]
        wanted = (search or "").casefold()
        return sorted(
            (view for view in views if wanted in view.display_name.casefold()), key=_by_name
        )

    async def changes(self, run_id: UUID, workspace_id: UUID, tenant_id: UUID) -> list[RoleChange]:
        """Return what a sync created, updated and removed, by name."""
        async with self._engine.begin() as connection:
            rows = await changes_of_run(connection, run_id, workspace_id, tenant_id)
        hashes = {row[key] for row in rows for key in ("version_hash", "previous_hash")} - {None}
        documents = await self._contents.documents(workspace_id, tenant_id, hashes)
        changes = [
            _change(
                dict(row), documents.get(row["previous_hash"]), documents.get(row["version_hash"])
            )
            for row in rows
        ]
        return sorted(changes, key=_by_name)


def _view(row: dict[str, Any], documents: Mapping[str, OpenedContent]) -> RoleView:
    content = documents.get(row.pop("current_version_hash"))
    return RoleView(display_name=_name(row, content), **row)


def _by_name(role: RoleView | RoleChange) -> tuple[str, str]:
    return (role.display_name.casefold(), role.role_definition_id)


def _name(row: Mapping[str, Any], content: OpenedContent | None) -> str:
    """Return the name that a document gives; the id where there is none."""
    name = None if content is None else content.document.get("displayName")
    return name if isinstance(name, str) and name else str(row["role_definition_id"])


def _change(
    row: dict[str, Any], before: OpenedContent | None, after: OpenedContent | None
) -> RoleChange:
    # A role that comes back after a removal is created with all of its actions.
    old = _actions(before) if row["change"] != "created" else frozenset[str]()
    new = _actions(after)
    return RoleChange(
        role_definition_id=row["role_definition_id"],
        display_name=_name(row, after or before),
        is_built_in=row["is_built_in"],
        change=row["change"],
        added_actions=tuple(sorted(new - old)),
        removed_actions=tuple(sorted(old - new)),
    )


def _actions(content: OpenedContent | None) -> frozenset[str]:
    if content is None:
        return frozenset()
    return frozenset(
        action
        for permission in content.document.get("rolePermissions") or ()
        for action in permission.get("allowedResourceActions") or ()
    )
