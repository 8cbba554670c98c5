"""How a trial looks: the code to type, what changed, each type, and what a refusal means."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from commands.errors import RefusedError
from commands.views.change_views import change_parts
from commands.views.screen import cell, counted, moment, printable, styled, table
from domain.provider_errors import ProviderReason
from domain.reasons import reason

if TYPE_CHECKING:
    from graph.device_sign_in import SignInPrompt
    from graph.errors import GraphError
    from services.sets.set_comparison import ObjectChange
    from services.trial.trial_reports import TypeReport
    from services.trial.trial_state import TrialChange
    from services.trial.trials import TrialReport

_COLUMNS = ("Resource type", "#Objects", "State", "#Failed", "#Not captured", "Why")
_MORE = (
    "The whole product does this for many tenants, nightly on durable schedules: every version"
    " is kept encrypted, what was read is proven by signatures, and nobody has to sign in."
)
_NOT_CONSENTED = "Permission missing: the sign-in did not bring {}"
_NO_ROLE = "Permission missing: {} is there, but your role in Intune or Entra does not allow it"
_PERMISSION_DENIED = ProviderReason.PERMISSION_DENIED.value

# What to do about a sign-in that was refused.
_MENDS: Mapping[ProviderReason, str] = {
    ProviderReason.SIGN_IN_DECLINED: "call again, and accept what is asked for, which is reading",
    ProviderReason.SIGN_IN_EXPIRED: "call again, and enter the code within fifteen minutes",
    ProviderReason.CONSENT_REQUIRED: (
        "let an administrator of the tenant sign in here once and consent for everybody, or name "
        "an app that has the consent with --client-id"
    ),
    ProviderReason.CONDITIONAL_ACCESS: (
        "sign in on a device and from a place that the policy accepts; if it forbids device codes, "
        "this command cannot be used in the tenant"
    ),
    ProviderReason.ACCOUNT_PROBLEM: "sign in with an account of the tenant that is in order",
    ProviderReason.APP_NOT_FOUND: "name a public client of the tenant with --client-id",
    ProviderReason.APP_DISABLED: "name another public client of the tenant with --client-id",
    ProviderReason.TENANT_NOT_FOUND: "check --tenant and --cloud",
    ProviderReason.RESOURCE_NOT_FOUND: "check --cloud",
    ProviderReason.ACCESS_BLOCKED: "sign in from where the tenant allows it",
    ProviderReason.REQUEST_REJECTED: (
        "leave types out with --types, because this cloud may not know a permission that they "
        "need, or name another app with --client-id"
    ),
    ProviderReason.UNAVAILABLE: (
        "check the network, --cloud and, where there is a proxy, TENANTOPS_HTTP_PROXY"
    ),
    ProviderReason.TLS: "name the certificate authorities to trust in TENANTOPS_CA_BUNDLE",
}
_USUAL_MEND = "try again later"


def prompt_panel(prompt: "SignInPrompt") -> Panel:
    """Return what a person has to do, so that nobody misses it."""
    text = Text.assemble(
        ("Open  ", "dim"),
        (printable(prompt.address), "bold cyan"),
        ("\nCode  ", "dim"),
        (printable(prompt.code), "bold yellow"),
        (
            f"\n\nThe code ends at {moment(prompt.ends_at)}. You will be asked for reading only.",
            "dim",
        ),
    )
    return Panel(text, title="Sign in to your tenant", expand=False, padding=(1, 2))


def prompt_sentence(prompt: "SignInPrompt") -> str:
    """Return the same on one line, for where there is no terminal."""
    ends_at = moment(prompt.ends_at)
    return f"Open {prompt.address} and enter the code {prompt.code}, which ends at {ends_at}."


def sign_in_refusal(error: "GraphError") -> RefusedError:
    """Return what a person can do about a sign-in that did not work; our words only (D7)."""
    entry = reason(error.reason_code.value)
    number = "" if error.aadsts_code is None else f" (AADSTS{error.aadsts_code})"
    mend = _MENDS.get(error.reason_code, _USUAL_MEND)
    said = f"{entry.label}: {entry.explanation[:-1]}{number}; {mend}"
    return RefusedError(said, error.reason_code.value)


def trial_document(place: Path, report: "TrialReport") -> dict[str, Any]:
    """Return a call as JSON; who signed in is not in it."""
    from services.trial.trial_state import change_document

    return {
        "folder": str(place),
        "entra_tenant_id": report.entra_tenant_id,
        "is_first": report.is_first,
        "is_whole": report.is_whole,
        "types": [_type_document(of_type) for of_type in report.types],
        "changes": [change_document(change) for change in report.changes],
        "unseen_changes": [change_document(change) for change in report.unseen],
    }


def trial_parts(place: Path, report: "TrialReport") -> list[RenderableType]:
    """Return what a person reads of one call."""
    total = sum(_objects(of_type) for of_type in report.types)
    head = f"{counted(total, 'object')} of tenant {report.entra_tenant_id} in {place}."
    # The changes come last: nobody should have to look for them above a table of sixty rows.
    return [styled(head, ""), *_tables(report), *_changes(report), styled(_MORE, "dim")]


def _tables(report: "TrialReport") -> Iterator[RenderableType]:
    """Return the types: those without objects, read whole, in one sentence."""
    empty = [one for one in report.types if one.is_whole and not _objects(one)]
    rows = [_row(of_type) for of_type in report.types if of_type not in empty]
    if rows:
        yield table(_COLUMNS, rows)
    if empty:
        keys = ", ".join(of_type.result.resource_type for of_type in empty)
        yield styled(f"Read whole and without objects: {keys}.\n", "dim")


def _changes(report: "TrialReport") -> Iterator[RenderableType]:
    if report.is_first:
        yield "Call again to see what changed meanwhile."
        return
    if report.unseen:
        yield "What the call before had found when it was ended:"
        yield from _change_parts(report.unseen)
    partial = [of_type.label for of_type in report.types if not of_type.is_whole]
    unsure = f" Not compared whole: {', '.join(partial)}." if partial else ""
    if not report.changes:
        yield f"Nothing changed since the last call.{unsure}"
        return
    yield f"{counted(len(report.changes), 'change')} since the last call:{unsure}"
    yield from _change_parts(report.changes)


def _change_parts(changes: "Sequence[TrialChange]") -> list[RenderableType]:
    differences = [list(change.differences or ()) for change in changes]
    # They have the names that changes of sets have.
    return change_parts(cast("Sequence[ObjectChange]", changes), differences)


def _row(of_type: "TypeReport") -> tuple[object, ...]:
    result = of_type.result
    return (
        result.resource_type,
        _objects(of_type),
        cell(_state(of_type)),
        result.failed or None,
        result.not_captured or None,
        _why(of_type),
    )


def _type_document(of_type: "TypeReport") -> dict[str, Any]:
    result = of_type.result
    return {
        "resource_type": result.resource_type,
        "label": of_type.label,
        "objects": _objects(of_type),
        "state": _state(of_type),
        "is_whole": of_type.is_whole,
        "listing_complete": result.listing_complete,
        "reason_code": result.cause,
        "why": _why(of_type),
        "failed": result.failed,
        "failures": dict(result.problems),
        "not_captured": result.not_captured,
        "permission": of_type.permission,
        "is_consented": of_type.is_consented,
    }


def _objects(of_type: "TypeReport") -> int:
    return of_type.result.captured + of_type.result.unchanged


def _state(of_type: "TypeReport") -> str:
    cause = of_type.result.cause
    if cause is None:
        return "partial" if of_type.result.failed else "complete"
    return reason(cause).reason_class.value if not _objects(of_type) else "partial"


def _why(of_type: "TypeReport") -> str | None:
    result = of_type.result
    said = [] if result.cause is None else [_cause(of_type, result.cause)]
    said += [f"{reason(code).label}: {count}" for code, count in result.problems.items()]
    return "; ".join(said) or None


def _cause(of_type: "TypeReport", code: str) -> str:
    if code != _PERMISSION_DENIED:
        return reason(code).label
    sentence = _NO_ROLE if of_type.is_consented else _NOT_CONSENTED
    return sentence.format(of_type.permission)
