"""What a backup schedule is told to do: everything an editor may set, checked in one place.

Owns the bounds of every editable field (behaviour row 81) apart from the due times, which
`domain.schedules` checks. It must not know where a schedule is stored or who fires it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches

from domain.names import NAME_RULE, is_name
from domain.schedules import FieldProblem, InvalidScheduleError, ScheduleSpec

# Temporal silently raises a smaller window to ten seconds (temporal.md 1.3).
SMALLEST_CATCHUP_WINDOW = timedelta(seconds=10)
DEFAULT_CATCHUP_WINDOW = timedelta(minutes=15)
# More would let a slot start after the next day's; Temporal caps it at the next slot anyway.
LARGEST_JITTER = timedelta(hours=23)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDefinition:
    """Everything an editor sets on a backup schedule.

    `policy_types` None means every type, also those that come later. With `include_foundations`
    the named types come with what others refer to: filters, scope tags, Intune roles, notification
    templates; without it, every type means every other type (decision 0004).
    `retention_keep_last` None keeps every set. `jitter` spreads the start after the slot,
    `catchup_window` is how late a slot may still fire after an outage (D2). Call `check` before
    storing one.
    """

    name: str
    spec: ScheduleSpec
    policy_types: tuple[str, ...] | None = None
    include_foundations: bool = True
    retention_keep_last: int | None = None
    jitter: timedelta = timedelta(0)
    catchup_window: timedelta = DEFAULT_CATCHUP_WINDOW


def check(definition: ScheduleDefinition, known_types: Collection[str]) -> None:
    """Raise InvalidScheduleError with every problem of the definition.

    `known_types` are the keys of the resource type registry.
    """
    found = (
        _name_problem(definition.name),
        _types_problem(definition.policy_types, known_types),
        _retention_problem(definition.retention_keep_last),
        _jitter_problem(definition.jitter),
        _window_problem(definition.catchup_window),
    )
    if problems := tuple(problem for problem in found if problem is not None):
        raise InvalidScheduleError(problems)


def _name_problem(name: str) -> FieldProblem | None:
    if is_name(name):
        return None
    return FieldProblem("name", "is not a usable name", NAME_RULE)


def _types_problem(types: tuple[str, ...] | None, known: Collection[str]) -> FieldProblem | None:
    field = "policy_types"
    if types is None:
        return None
    if not types:
        return FieldProblem(field, "is empty", "name at least one type, or leave it out for all")
    if len(set(types)) < len(types):
        return FieldProblem(field, "names a type twice", "name each type once")
    if unknown := [entry for entry in types if entry not in known]:
        near = get_close_matches(unknown[0], known, n=1) or [min(known)]
        return FieldProblem(
            field, f"holds unknown types: {', '.join(unknown)}", f"use keys such as {near[0]}"
        )
    return None


def _retention_problem(keep_last: int | None) -> FieldProblem | None:
    if keep_last is None or keep_last >= 1:
        return None
    mend = "keep at least 1 set, or leave it out to keep all"
    return FieldProblem("retention_keep_last", "would keep nothing", mend)


def _jitter_problem(jitter: timedelta) -> FieldProblem | None:
    if timedelta(0) <= jitter <= LARGEST_JITTER and not jitter % _SECOND:
        return None
    return FieldProblem("jitter", "is out of range", "use whole seconds from 0 to 23 hours")


def _window_problem(window: timedelta) -> FieldProblem | None:
    if window >= SMALLEST_CATCHUP_WINDOW and not window % _SECOND:
        return None
    return FieldProblem("catchup_window", "is too short", "use 10 whole seconds or more")
