"""What goes in and out of a capture: a step that was read, how far a type is, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any, NamedTuple

from domain.canonical_rules import CanonicalRules
from domain.outcome import PermissionState, TypeResult
from services.backups.listed_objects import ListedObject
from storage.statements import Row


@dataclass(frozen=True, kw_only=True)
class CaptureStep:
    """A batch of list pages as it was read.

    `epoch`, `page` and `cursor` say where the reading started from, `next_page` and `next_cursor`
    where it goes on; `next_cursor` None means that the listing came to its end. `took` is how long
    reading it took: the first step began the listing.
    """

    resource_type: str
    rules: CanonicalRules
    epoch: int
    page: int
    objects: Sequence[ListedObject]
    next_cursor: str | None
    next_page: int
    # ... leaves it unchecked.
    cursor: str | EllipsisType | None = ...
    took: timedelta = timedelta(0)


@dataclass(frozen=True)
class StepResult:
    """Whether the step is in; if not, somebody else was faster: read the progress again."""

    recorded: bool
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, kw_only=True)
class TypeProgress:
    """How far a type is, as stored: `state` is pending, listing, confirming or done."""

    resource_type: str
    state: str
    epoch: int
    page: int
    cursor: str | None
    next_attempt_at: datetime | None
    reason_code: str | None
    http_status: int | None
    request_id: str | None
    expected: int
    captured: int
    unchanged: int
    skipped: int
    failed: int
    listing_complete: bool

    @property
    def is_listed(self) -> bool:
        """Whether the listing came to its end."""
        return self.state in ("confirming", "done")

    @property
    def is_done(self) -> bool:
        """Whether the type has ended."""
        return self.state == "done"


class StepsFrom(NamedTuple):
    """The steps of one listing of a type, from a page on."""

    resource_type: str
    epoch: int
    page: int


class ReferenceSources(NamedTuple):
    """Where references are looked for: in all objects of some types, or in what steps recorded."""

    types: Sequence[str] = ()
    steps: Sequence[StepsFrom] = ()


class ListingQuestions(NamedTuple):
    """Objects that a listing leaves in doubt.

    `missing` are known and not listed; `contested` were listed and answered 404 all the same.
    """

    missing: Sequence[str] = ()
    contested: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Delay:
    """Why a type waits until `until`."""

    until: datetime
    reason_code: str
    http_status: int | None = None
    request_id: str | None = None


def type_result(row: Row) -> TypeResult:
    """Make the result of a type from its row."""
    values: dict[str, Any] = {entry.name: row[entry.name] for entry in fields(TypeResult)}
    values["permission_state"] = PermissionState(row["permission_state"])
    return TypeResult(**values)
