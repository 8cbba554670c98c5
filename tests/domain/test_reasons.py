"""The reason catalog is whole, append-only and total over any text."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.provider_errors import ProviderReason
from domain.reasons import (
    Actionability,
    DenialClass,
    NextStepPolicy,
    Reason,
    ReasonClass,
    catalog,
    is_registered,
    next_step_links,
    normalize_reason_code,
    reason,
)

RECORDED = Path(__file__).parent / "data" / "reason_codes.txt"
BASELINE = (
    "ok not_applicable missing_configuration permission_denied authentication_failed throttled"
    " dependency_unreachable invalid_state unknown_error"
)
DENIALS = [
    ("workspace_mismatch", DenialClass.SCOPE_DENIED, False),
    ("tenant_not_entitled", DenialClass.SCOPE_DENIED, False),
    ("tenant_missing", DenialClass.SCOPE_DENIED, False),
    ("missing_capability", DenialClass.CAPABILITY_DENIED, False),
    ("tenant_not_operable", DenialClass.TENANT_NOT_OPERABLE, True),
    ("initiator_missing", DenialClass.INITIATOR_INVALID, False),
    ("initiator_not_entitled", DenialClass.INITIATOR_INVALID, False),
    ("provider_connection_invalid", DenialClass.PREREQUISITE_INVALID, True),
    ("write_gate_blocked", DenialClass.PREREQUISITE_INVALID, True),
    ("execution_prerequisite_invalid", DenialClass.PREREQUISITE_INVALID, True),
]
entries = pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.code)


@entries
def test_entry_has_every_field_in_readable_form(entry: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)*", entry.code)
    assert re.fullmatch(r"[A-Z].{1,40}[^.]", entry.label)
    assert re.fullmatch(r"[A-Z].{10,150}\.", entry.explanation)
    assert isinstance(entry.reason_class, ReasonClass)
    assert isinstance(entry.actionability, Actionability)
    assert all(re.fullmatch(r"[A-Z][^.]{4,40}", step.label) for step in entry.next_steps)


@entries
def test_entry_that_asks_for_action_says_which(entry: Reason) -> None:
    if entry.actionability is not Actionability.NON_ACTIONABLE:
        assert entry.next_steps
    if entry.reason_class is ReasonClass.BLOCKED and entry.next_steps:
        assert entry.next_step_policy is NextStepPolicy.REQUIRED
    if not entry.next_steps:
        assert entry.next_step_policy is NextStepPolicy.NONE


@entries
def test_entry_of_a_retryable_class_is_transient(entry: Reason) -> None:
    is_transient = entry.actionability is Actionability.RETRYABLE_TRANSIENT
    assert is_transient is (entry.reason_class is ReasonClass.RETRYABLE)


def test_catalog_has_each_code_once() -> None:
    codes = [entry.code for entry in catalog()]
    assert len(set(codes)) == len(codes)


def test_catalog_only_grows() -> None:
    recorded = RECORDED.read_text().split()
    assert recorded == sorted(entry.code for entry in catalog()), (
        f"codes are never removed or renamed; record new ones in {RECORDED.name}"
    )


@pytest.mark.parametrize("code", BASELINE.split())
def test_baseline_code_of_verification_is_registered(code: str) -> None:
    assert reason(code).code == code


@pytest.mark.parametrize("code", list(ProviderReason))
def test_code_of_the_provider_table_is_registered(code: ProviderReason) -> None:
    assert reason(code.value).code == code.value


def test_permission_denied_by_the_provider_blocks() -> None:
    assert reason("provider_permission_denied").reason_class is ReasonClass.BLOCKED


@pytest.mark.parametrize(("code", "denial", "is_retryable"), DENIALS)
def test_denial_code_has_class_and_retryable_flag(
    code: str, denial: DenialClass, is_retryable: bool
) -> None:
    entry = reason(code)
    assert (entry.denial_class, entry.is_retryable) == (denial, is_retryable)
    assert entry.reason_class is ReasonClass.BLOCKED


def test_denial_codes_are_ten_in_five_classes() -> None:
    denials = [entry for entry in catalog() if entry.denial_class is not None]
    assert {entry.code for entry in denials} == {row[0] for row in DENIALS}
    assert {entry.denial_class for entry in denials} == set(DenialClass)


@pytest.mark.parametrize(
    ("old", "code"),
    [
        ("TOKEN_EXPIRED", "provider_token_rejected"),
        ("PERMISSION_MISSING", "provider_permission_denied"),
        ("GRAPH_THROTTLE", "provider_throttled"),
        ("UNKNOWN", "unknown_error"),
        ("permission", "provider_permission_denied"),
        ("throttling", "provider_throttled"),
        ("transient", "provider_unavailable"),
        ("provider_consent_missing", "provider_consent_required"),
    ],
)
def test_old_spelling_is_read_as_the_canonical_code(old: str, code: str) -> None:
    assert normalize_reason_code(old) == code
    assert not is_registered(old)


@given(text=st.text())
def test_any_text_becomes_a_registered_code(text: str) -> None:
    assert is_registered(normalize_reason_code(text))


@pytest.mark.parametrize("code", [None, "", "eyJhbGciOi", "Bearer abc", "ext.x", "ext.a.b.c.d1"])
def test_unknown_code_becomes_the_explicit_unknown_one(code: str | None) -> None:
    assert normalize_reason_code(code) == "unknown_error"
    assert reason(code).label == "Unknown error"


def test_extension_code_is_kept_and_explained_as_unknown() -> None:
    assert normalize_reason_code("ext.backup.odd_thing") == "ext.backup.odd_thing"
    assert reason("ext.backup.odd_thing").code == "unknown_error"


def test_next_steps_are_links_with_labels() -> None:
    context = {"provider_connection_id": "0192f1a0-0000-7000-8000-000000000001"}
    assert next_step_links("provider_consent_required", context) == [
        {
            "label": "Grant admin consent",
            "url": "/connections/0192f1a0-0000-7000-8000-000000000001",
        }
    ]


def test_next_steps_of_a_harmless_code_are_none() -> None:
    assert next_step_links("ok", {}) == []
