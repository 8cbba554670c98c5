"""Why a change of a backup schedule was refused; nothing was changed then.

ScheduleServiceError
├── ScheduleNotFoundError       no such schedule in this workspace, or no such tenant
├── TenantNotActiveError        only active tenants get schedules (behaviour row 68)
├── ScheduleArchivedError       an archived schedule takes no changes
├── ScheduleNotArchivedError    only an archived schedule is restored or deleted
├── ScheduleChangedError        somebody else changed it meanwhile
├── ScheduleHasHistoryError     its runs and sets would lose their schedule
├── ScheduleStillInTemporalError  it would go on firing
├── SchedulePausedError         a paused schedule fires nothing
├── NotASlotError               the schedule is never due then
└── SlotNotDueError             the slot is still to come
"""

from datetime import datetime


class ScheduleServiceError(Exception):
    """A change of a schedule was refused; nothing was changed."""


class ScheduleNotFoundError(ScheduleServiceError):
    """There is no such schedule or tenant; one of another workspace answers the same."""

    def __init__(self) -> None:
        super().__init__("there is no such schedule")


class TenantNotActiveError(ScheduleServiceError):
    """The tenant is not active."""

    def __init__(self) -> None:
        super().__init__("the tenant is not active; activate it first")


class ScheduleArchivedError(ScheduleServiceError):
    """The schedule is archived."""

    def __init__(self) -> None:
        super().__init__("the schedule is archived; restore it first")


class ScheduleNotArchivedError(ScheduleServiceError):
    """The schedule is not archived."""

    def __init__(self) -> None:
        super().__init__("the schedule is not archived; archive it first")


class SchedulePausedError(ScheduleServiceError):
    """The schedule is paused, so whatever Temporal fired for it would be refused."""

    def __init__(self) -> None:
        super().__init__("the schedule is paused and fires nothing; resume it first")


class ScheduleChangedError(ScheduleServiceError):
    """The schedule was changed since the editor read it."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"the schedule was changed meanwhile; look at revision {revision} first")
        self.revision = revision


class ScheduleHasHistoryError(ScheduleServiceError):
    """Runs or backup sets belong to the schedule (behaviour row 88)."""

    def __init__(self) -> None:
        super().__init__("the schedule has runs or backup sets; it stays archived for them")


class ScheduleStillInTemporalError(ScheduleServiceError):
    """Temporal could not be told to forget the schedule."""

    def __init__(self) -> None:
        super().__init__("Temporal could not be told to forget the schedule; try again later")


class NotASlotError(ScheduleServiceError):
    """The schedule is not due at this time."""

    def __init__(self, following: datetime) -> None:
        super().__init__(f"the schedule is not due then; its next slot is {following:%FT%RZ}")
        self.following = following


class SlotNotDueError(ScheduleServiceError):
    """A slot is still to come; fired now, it would be missing at its time."""

    def __init__(self, now: datetime) -> None:
        super().__init__(
            "slots run once, and those still to come would be missing at their time; "
            f"fire slots up to {now:%FT%RZ} only, or run a backup now"
        )
        self.now = now
