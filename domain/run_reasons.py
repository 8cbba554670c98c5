"""Reason entries that come from the system itself: checks, refusals, the life of a run.

Append-only: a code is never renamed or given another meaning (behaviour row 48).
"""

from domain.links import LinkTarget
from domain.reason_entries import Actionability, DenialClass, NextStep, Reason, ReasonClass

_BLOCKED = ReasonClass.BLOCKED
_FAILED = ReasonClass.FAILED
_RETRYABLE = ReasonClass.RETRYABLE
_SKIPPED = ReasonClass.SKIPPED
_NEUTRAL = ReasonClass.NEUTRAL
_TRANSIENT = Actionability.RETRYABLE_TRANSIENT
_CONFIGURATION = Actionability.PERMANENT_CONFIGURATION
_PREREQUISITE = Actionability.PREREQUISITE_MISSING
_NOTHING = Actionability.NON_ACTIONABLE

_OPEN_CONNECTION = NextStep("Open the connection", LinkTarget.CONNECTION)
_OPEN_TENANT = NextStep("Open the tenant", LinkTarget.TENANT)
_OPEN_SCHEDULE = NextStep("Open the schedule", LinkTarget.SCHEDULE)
_OPEN_RUN = NextStep("Open the run", LinkTarget.RUN)
_ASK_OWNER = NextStep("Ask an owner of the workspace", LinkTarget.MEMBERS)
_READ = NextStep("Read what this means", LinkTarget.DOCUMENTATION)
_RETRY = NextStep("Start it again", LinkTarget.RUN)

# The baseline of verification checks (behaviour section 2).
BASELINE_REASONS = (
    Reason("ok", _NEUTRAL, _NOTHING, "In order", "Nothing is wrong."),
    Reason(
        "not_applicable",
        _SKIPPED,
        _NOTHING,
        "Does not apply",
        "This check does not apply here.",
    ),
    Reason(
        "missing_configuration",
        _BLOCKED,
        _PREREQUISITE,
        "Configuration missing",
        "A setting that this needs has not been made.",
        (_READ,),
    ),
    Reason(
        "permission_denied",
        _BLOCKED,
        _CONFIGURATION,
        "Permission denied",
        "Access was refused for want of a permission.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "authentication_failed",
        _BLOCKED,
        _CONFIGURATION,
        "Sign-in failed",
        "Signing in was refused.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "throttled",
        _RETRYABLE,
        _TRANSIENT,
        "Throttled",
        "The service asked for fewer requests.",
        (_RETRY,),
    ),
    Reason(
        "dependency_unreachable",
        _RETRYABLE,
        _TRANSIENT,
        "Dependency unreachable",
        "A service that this builds on could not be reached.",
        (_RETRY,),
    ),
    Reason(
        "invalid_state",
        _FAILED,
        _CONFIGURATION,
        "Unexpected state",
        "Something was found in a state in which this work makes no sense.",
        (_READ,),
    ),
    Reason(
        "unknown_error",
        _FAILED,
        _NOTHING,
        "Unknown error",
        "It failed in a way that has no code here yet.",
        (_READ,),
    ),
)

# The ten refusals of execution with their classes (behaviour row 52).
DENIAL_REASONS = (
    Reason(
        "workspace_mismatch",
        _BLOCKED,
        _NOTHING,
        "Not found",
        "The object does not exist in this workspace.",
        denial_class=DenialClass.SCOPE_DENIED,
    ),
    Reason(
        "tenant_not_entitled",
        _BLOCKED,
        _CONFIGURATION,
        "No access to the tenant",
        "Whoever started this has no access to the tenant.",
        (_ASK_OWNER,),
        DenialClass.SCOPE_DENIED,
    ),
    Reason(
        "missing_capability",
        _BLOCKED,
        _CONFIGURATION,
        "Right missing",
        "Whoever started this lacks the right for this kind of operation.",
        (_ASK_OWNER,),
        DenialClass.CAPABILITY_DENIED,
    ),
    Reason(
        "tenant_not_operable",
        _BLOCKED,
        _PREREQUISITE,
        "Tenant not active",
        "Only an active tenant accepts work; this one is a draft, being set up or archived.",
        (_OPEN_TENANT,),
        DenialClass.TENANT_NOT_OPERABLE,
    ),
    Reason(
        "tenant_missing",
        _BLOCKED,
        _NOTHING,
        "Tenant missing",
        "The operation needs a tenant, and there is none.",
        (_OPEN_TENANT,),
        DenialClass.SCOPE_DENIED,
    ),
    Reason(
        "initiator_missing",
        _BLOCKED,
        _CONFIGURATION,
        "Initiator missing",
        "Whoever started this no longer exists.",
        (_ASK_OWNER,),
        DenialClass.INITIATOR_INVALID,
    ),
    Reason(
        "initiator_not_entitled",
        _BLOCKED,
        _CONFIGURATION,
        "Initiator not entitled",
        "Whoever started this is no longer entitled to it.",
        (_ASK_OWNER,),
        DenialClass.INITIATOR_INVALID,
    ),
    Reason(
        "provider_connection_invalid",
        _BLOCKED,
        _CONFIGURATION,
        "Connection not usable",
        "The provider connection is disabled, of another purpose or waits for a check.",
        (_OPEN_CONNECTION,),
        DenialClass.PREREQUISITE_INVALID,
    ),
    Reason(
        "write_gate_blocked",
        _BLOCKED,
        _PREREQUISITE,
        "Writing not allowed",
        "The gate before changes to the tenant is closed.",
        (_READ,),
        DenialClass.PREREQUISITE_INVALID,
    ),
    Reason(
        "execution_prerequisite_invalid",
        _BLOCKED,
        _PREREQUISITE,
        "Prerequisite not met",
        "Something that this operation needs is not in place.",
        (_READ,),
        DenialClass.PREREQUISITE_INVALID,
    ),
)

# The life of a run, from request to end.
FLOW_REASONS = (
    Reason(
        "queue.dispatch_failed",
        _RETRYABLE,
        _TRANSIENT,
        "Could not be started",
        "The workflow engine did not accept the start. Nothing was done.",
        (_RETRY,),
    ),
    Reason(
        "overlap_skipped",
        _BLOCKED,
        _NOTHING,
        "Skipped: still running",
        "The slot met a backup of the same schedule that was still running.",
        (_OPEN_SCHEDULE,),
    ),
    Reason(
        "slot_missed",
        _BLOCKED,
        _NOTHING,
        "Slot missed",
        "The slot could not start within its window.",
        (_OPEN_SCHEDULE,),
    ),
    Reason(
        "listing_inconsistent",
        _FAILED,
        _NOTHING,
        "Listing contradicts objects",
        "Objects are missing in the listing and still answer; nothing was taken as deleted.",
        (_READ,),
    ),
    Reason(
        "listing_incomplete",
        _RETRYABLE,
        _TRANSIENT,
        "Listing not read to its end",
        "The listing ended early, so nothing was concluded from what it lacks.",
        (_RETRY,),
    ),
    Reason(
        "listing_held",
        _BLOCKED,
        _PREREQUISITE,
        "Held for confirmation",
        "Far more objects are gone than usual; the deletions wait for confirmation.",
        (NextStep("Confirm the deletions", LinkTarget.RUN),),
    ),
    Reason(
        "object_listed_not_found",
        _RETRYABLE,
        _TRANSIENT,
        "Listed, but not found",
        "The list names an object whose own address answers that there is none; it was not read.",
        (_RETRY,),
    ),
    Reason(
        "reference_dangling",
        ReasonClass.SKIPPED,
        _NOTHING,
        "Refers to nothing",
        "An object refers to a group that does not exist in the tenant.",
    ),
    Reason(
        "object_failed",
        _FAILED,
        _NOTHING,
        "Object not readable",
        "One object could not be read or stored.",
        (_READ,),
    ),
    Reason(
        "deadline_exceeded",
        _RETRYABLE,
        _TRANSIENT,
        "Out of time",
        "The time for this run was used up before everything was done.",
        (_RETRY,),
    ),
    Reason(
        "cancelled_by_operator",
        _FAILED,
        _NOTHING,
        "Cancelled",
        "Somebody cancelled the run. What was done until then is kept.",
    ),
    Reason(
        "worker_error",
        _FAILED,
        _NOTHING,
        "Internal error",
        "The program failed inside. This is a defect to report.",
        (_READ,),
    ),
    Reason(
        "run_terminated",
        _FAILED,
        _NOTHING,
        "Terminated",
        "The execution was terminated from outside without being able to finish.",
        (_OPEN_RUN,),
    ),
    Reason(
        "run_timed_out",
        _RETRYABLE,
        _TRANSIENT,
        "Timed out",
        "The execution exceeded its time limit and was ended.",
        (_RETRY,),
    ),
    Reason(
        "execution_lost",
        _RETRYABLE,
        _TRANSIENT,
        "Execution lost",
        "The run was active, but no execution of it exists any more.",
        (_RETRY,),
    ),
    Reason(
        "waiting_for_turn",
        _NEUTRAL,
        _NOTHING,
        "Waiting for its turn",
        "Another operation of the same tenant runs first.",
        (_OPEN_RUN,),
    ),
    Reason(
        "idempotency_key_reused",
        _FAILED,
        _NOTHING,
        "Key used for another request",
        "The idempotency key was already used with a different request.",
        (_READ,),
    ),
    Reason(
        "input_invalid",
        _FAILED,
        _NOTHING,
        "Input not valid",
        "An input of the request is missing or has the wrong form.",
        (_READ,),
    ),
    Reason(
        "operation_not_available",
        _FAILED,
        _NOTHING,
        "Not available yet",
        "This kind of operation is known, but this version cannot run it.",
        (_READ,),
    ),
    Reason("not_found", _FAILED, _NOTHING, "Not found", "There is no such object."),
    Reason(
        "schedule_inactive",
        _BLOCKED,
        _PREREQUISITE,
        "Schedule not active",
        "The schedule is paused or archived, so it may not start anything.",
        (_OPEN_SCHEDULE,),
    ),
    Reason(
        "encryption_key_unavailable",
        _BLOCKED,
        _CONFIGURATION,
        "Encryption key not available",
        "The key that protects the tenant's content cannot be used here.",
        (_READ,),
    ),
    Reason(
        "failures_truncated",
        _NEUTRAL,
        _NOTHING,
        "More failures",
        "More failures happened than are listed here; the results per type count them all.",
    ),
)
