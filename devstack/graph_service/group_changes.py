"""The change log behind groups delta: what happened to which group, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One change; `removed` is the reason of a deletion, `members` the member rows touched."""

    group_id: str
    removed: str | None = None
    members: tuple[dict[str, Any], ...] = field(default_factory=tuple)


class GroupChanges:
    """Numbered changes. `generation` counts forced resyncs: older tokens answer 410."""

    def __init__(self) -> None:
        self.generation = 0
        self._changes: list[GroupChange] = []

    @property
    def position(self) -> int:
        """How many changes there were; a delta token remembers it."""
        return len(self._changes)

    def changed(self, group_id: str, members: list[dict[str, Any]]) -> None:
        """A group was created or updated."""
        self._changes.append(GroupChange(group_id, members=tuple(members)))

    def removed(self, group_id: str, reason: str) -> None:
        """A group was deleted: "changed" can be restored, "deleted" can not."""
        self._changes.append(GroupChange(group_id, removed=reason))

    def since(self, position: int) -> list[GroupChange]:
        """Changes after a position, oldest first; the same group may appear several times."""
        return self._changes[position:]
