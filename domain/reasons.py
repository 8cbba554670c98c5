"""The reason catalog: look up a code, read an old spelling, make the next steps of a refusal.

Every code that a run, result or decision may hold is in the catalog with label, explanation,
actionability and next steps (behaviour rows 47 to 50). A code that is not in it becomes an explicit
unknown one, so free text never travels as a code (D7).
"""

import re
from collections.abc import Mapping
from typing import Final

from domain.links import link_path
from domain.provider_reasons import ANSWER_REASONS, CONNECTION_REASONS
from domain.reason_entries import (
    Actionability,
    DenialClass,
    NextStep,
    NextStepPolicy,
    Reason,
    ReasonClass,
)
from domain.run_reasons import BASELINE_REASONS, DENIAL_REASONS, FLOW_REASONS

__all__ = [
    "Actionability",
    "DenialClass",
    "NextStep",
    "NextStepPolicy",
    "Reason",
    "ReasonClass",
    "catalog",
    "is_registered",
    "next_step_links",
    "normalize_reason_code",
    "reason",
]

UNKNOWN_CODE: Final = "unknown_error"

_ENTRIES: dict[str, Reason] = {
    entry.code: entry
    for group in (
        BASELINE_REASONS,
        DENIAL_REASONS,
        FLOW_REASONS,
        ANSWER_REASONS,
        CONNECTION_REASONS,
    )
    for entry in group
}

# Spellings of older versions (behaviour section 2); read, never written.
_ALIASES: dict[str, str] = {
    "TOKEN_EXPIRED": "provider_token_rejected",
    "PERMISSION_MISSING": "provider_permission_denied",
    "GRAPH_THROTTLE": "provider_throttled",
    "UNKNOWN": UNKNOWN_CODE,
    "permission": "provider_permission_denied",
    "throttling": "provider_throttled",
    "transient": "provider_unavailable",
    "unknown": UNKNOWN_CODE,
    "provider_consent_missing": "provider_consent_required",
    "provider_auth_failed": "provider_credential_invalid",
    "provider_rate_limited": "provider_throttled",
    "graph.throttled": "provider_throttled",
}

# Flows may add codes of their own under this namespace before they get an entry (row 48).
_EXTENSION = re.compile(r"ext\.[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")


def catalog() -> tuple[Reason, ...]:
    """Return every entry, for documentation and tests."""
    return tuple(_ENTRIES.values())


def is_registered(code: str) -> bool:
    """Whether the code may be stored: in the catalog, or `ext.<flow>.<detail>`."""
    return code in _ENTRIES or (len(code) <= 80 and _EXTENSION.fullmatch(code) is not None)


def normalize_reason_code(code: str | None) -> str:
    """Return the canonical code of any spelling; `unknown_error` for what is not known."""
    if code is None:
        return UNKNOWN_CODE
    if is_registered(code):
        return code
    return _ALIASES.get(code, UNKNOWN_CODE)


def reason(code: str | None) -> Reason:
    """Return the entry of a code in any spelling; an unknown one gives the unknown entry."""
    return _ENTRIES.get(normalize_reason_code(code), _ENTRIES[UNKNOWN_CODE])


def next_step_links(code: str, context: Mapping[str, object]) -> list[dict[str, str]]:
    """Make the `next_steps` of a blocked run: `[{label, url}]`, links only (behaviour row 50)."""
    return [
        {"label": step.label, "url": link_path(step.target, context, code)}
        for step in reason(code).next_steps
    ]
