"""What a listing gives to a capture: objects that were read, or not, and whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.canonical_rules import CanonicalRules
from services.contents.tenant_keys import TenantCipher


@dataclass(frozen=True)
class CapturedObject:
    """An object that was read whole.

    `document` is its body with what was read separately under its navigation property, `body` the
    same as JSON, if it has been written already; `not_captured` are JSON Pointers of values that
    Graph did not return.
    """

    object_id: str
    name: str | None
    document: Mapping[str, Any]
    not_captured: tuple[str, ...] = ()
    body: bytes | None = None


@dataclass(frozen=True)
class FailedObject:
    """An object that was listed but not read; a skip has a cause that may prove harmless."""

    object_id: str
    reason_code: str
    is_skip: bool = False


ListedObject = CapturedObject | FailedObject


@dataclass(frozen=True)
class PagePlace:
    """Whose page it is, and the rules of its type."""

    workspace_id: UUID
    tenant_id: UUID
    resource_type: str
    rules: CanonicalRules
    cipher: TenantCipher
