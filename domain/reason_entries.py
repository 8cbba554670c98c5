"""The shape of one entry of the reason catalog, and the words it may use.

The entries stand in `provider_reasons` and `run_reasons`; who wants to look one up asks
`domain.reasons`.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.links import LinkTarget


class ReasonClass(StrEnum):
    """What a cause does to the run or the resource type that met it (D5, api.md d.8)."""

    # It cannot legitimately run until a person has acted.
    BLOCKED = "blocked"
    # It ran and broke; trying again gives the same answer.
    FAILED = "failed"
    # It broke, and a later try may well work.
    RETRYABLE = "retryable"
    # Left out on purpose, with this cause; nothing is wrong.
    SKIPPED = "skipped"
    # Not a problem at all.
    NEUTRAL = "neutral"


class Actionability(StrEnum):
    """Whether and how a person can mend it (behaviour row 49)."""

    # Wait; it passes.
    RETRYABLE_TRANSIENT = "retryable_transient"
    # Something is set up wrongly and stays wrong.
    PERMANENT_CONFIGURATION = "permanent_configuration"
    # Something that must be there first is not.
    PREREQUISITE_MISSING = "prerequisite_missing"
    # Nothing to do.
    NON_ACTIONABLE = "non_actionable"


class NextStepPolicy(StrEnum):
    """How firmly the next steps are asked for."""

    # Nothing works until they are done.
    REQUIRED = "required"
    # They help.
    OPTIONAL = "optional"
    # There are none.
    NONE = "none"


class DenialClass(StrEnum):
    """The five classes of refused execution (behaviour row 52)."""

    # Wrong workspace or tenant; answered like a missing object.
    SCOPE_DENIED = "scope_denied"
    # The principal lacks the capability.
    CAPABILITY_DENIED = "capability_denied"
    # The tenant's lifecycle does not allow work.
    TENANT_NOT_OPERABLE = "tenant_not_operable"
    # Connection or gate is not ready.
    PREREQUISITE_INVALID = "prerequisite_invalid"
    # Whoever started it is gone or no longer entitled.
    INITIATOR_INVALID = "initiator_invalid"

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later without a change of rights (row 52)."""
        return self in (DenialClass.TENANT_NOT_OPERABLE, DenialClass.PREREQUISITE_INVALID)


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do: what the link says, and where it leads."""

    label: str
    target: LinkTarget


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause: its code, our words for people, and what follows from it.

    `denial_class` is set for the ten denial codes only.
    """

    code: str
    reason_class: ReasonClass
    actionability: Actionability
    label: str
    explanation: str
    next_steps: tuple[NextStep, ...] = ()
    denial_class: DenialClass | None = None

    @property
    def next_step_policy(self) -> NextStepPolicy:
        """Required when it blocks, optional when there is something to do all the same."""
        if not self.next_steps:
            return NextStepPolicy.NONE
        is_required = self.reason_class is ReasonClass.BLOCKED
        return NextStepPolicy.REQUIRED if is_required else NextStepPolicy.OPTIONAL

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later without a person's action or a new right."""
        if self.denial_class is not None:
            return self.denial_class.is_retryable
        return self.actionability is Actionability.RETRYABLE_TRANSIENT
