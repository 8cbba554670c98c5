"""Faults that tests inject: which requests they meet, how often, and what happens then."""

from __future__ import annotations

import enum
import fnmatch
import random
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from devstack.graph_service.answers import BodyStyle


class FaultKind(enum.StrEnum):
    """What a matching request meets."""

    STATUS = "status"  # status, code, message, body_style; with retry_after as given
    DELAY = "delay"  # the right answer, delay_s late and with `headers`
    RESET = "reset"  # connection aborted, nothing applied
    CUT = "cut"  # connection closed in the middle of the right answer
    OMITTED = "omitted"  # item of a batch that gets no answer at all
    TRUNCATED = "truncated"  # well-formed HTTP with half of the JSON
    HTML = "html"  # a gateway's page with the status (default 200)
    WRONG_CONTENT_TYPE = "wrong_content_type"  # right body as text/plain
    HOSTILE = "hostile"  # error whose message, headers and body carry `secrets`
    APPLIED_THEN_LOST = "applied_then_lost"  # write carried out, then 504 or a reset
    LATE_VISIBILITY = "late_visibility"  # created object answers 404 for delay_s
    EMPTY_LIST = "empty_list"  # 200 with no objects, although they answer on their own path
    EMPTY_PAGE = "empty_page"  # page `page` is empty but has a next link
    BROKEN_PAGE = "broken_page"  # page `page` answers with the status (default 500)
    EXPIRED_PAGE = "expired_page"  # page `page` answers Directory_ExpiredPageToken
    UNAUTHORIZED = "unauthorized"  # 401 although the token is good
    INSUFFICIENT_CLAIMS = "insufficient_claims"  # 401 with a claims challenge
    RESYNC_REQUIRED = "resync_required"  # 410 with a Location header


# One invented value of each kind that must never be stored (api.md e).
PLANTED_SECRETS = (
    "Bearer eyJ0eXAiOiJKV1QiLCJub25jZSI6InBsYW50ZWQifQ.eyJhdWQiOiJwbGFudGVkIn0.cGxhbnRlZA",
    "0.AXoAplantedRefreshTokenValue0123456789.AgABAwEAAAD",
    "client_secret=Pl4~8Q~antedClientSecretValue0123456789ab",
    "AADSTS50020: User account 'jane.planted@fabrikam.example' does not exist in tenant 'Planted'",
    "jane.planted@fabrikam.example",
    "https://planted.blob.core.windows.net/c/f?sv=2021-08-06&sr=b&sig=pLaNtEd%3D&sp=rw",
    "MIIDplantedCertificateBodyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "-----BEGIN PRIVATE KEY----- planted",
    '"preSharedKey":"planted-wifi-key"',
    "https://fef.planted.manage.microsoft.example/DeviceFE",
    "http://planted:proxy-password@proxy.example:8080",
)

PAGE_KINDS = frozenset({FaultKind.EMPTY_PAGE, FaultKind.BROKEN_PAGE, FaultKind.EXPIRED_PAGE})


@dataclass(frozen=True, kw_only=True)
class FaultSpec:
    """A fault. Empty conditions match everything; `path` is a shell pattern without version.

    Patterns are compared in lower case with the path (`/deviceManagement/intents/*`) and with its
    template (`/deviceManagement/intents/{id}`). `$batch` itself has the path `/$batch`, token
    requests have `/token`.
    """

    kind: FaultKind = FaultKind.STATUS
    path: str = "*"
    method: str = ""  # GET, POST …
    version: str = ""  # v1.0 or beta
    tenant: str = ""  # tenant id
    app: str = ""  # client id
    in_batch: bool | None = None  # only items of a batch, or only single requests
    times: int | None = None  # how often it strikes, None: until removed
    skip: int = 0  # matching requests let through first
    probability: float = 1.0
    seed: int = 0  # of the probability
    status: int = 500
    code: str = ""
    message: str = "Injected fault."
    body_style: BodyStyle = BodyStyle.DIRECTORY
    retry_after: str | None = None  # header text of a 429 or 503, verbatim
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    page: int = 1  # counted from 0: 1 is the second page
    secrets: tuple[str, ...] = PLANTED_SECRETS  # what a hostile answer carries

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FaultSpec:
        """A fault from plain JSON values."""
        values = dict(content)
        if "kind" in values:
            values["kind"] = FaultKind(values["kind"])
        if "body_style" in values:
            values["body_style"] = BodyStyle(values["body_style"])
        if "secrets" in values:
            values["secrets"] = tuple(values["secrets"])
        return cls(**values)


@dataclass(slots=True)
class ActiveFault:
    """A fault in force, with how often it has matched and struck."""

    fault_id: int
    spec: FaultSpec
    matched: int = 0
    struck: int = 0
    rng: random.Random = field(default_factory=random.Random)

    def describe(self) -> dict[str, Any]:
        """Plain values for the control; secrets are left out."""
        spec = asdict(replace(self.spec, secrets=()))
        return {"id": self.fault_id, **spec, "matched": self.matched, "struck": self.struck}


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a fault is matched against."""

    path: str
    template: str
    method: str
    version: str
    tenant: str
    app: str
    in_batch: bool
    page: int  # page number of a list request, 0 for everything else


class Faults:
    """Faults in the order they were added; the first that strikes wins."""

    def __init__(self) -> None:
        self._active: list[ActiveFault] = []
        self._next_id = 1

    def add(self, spec: FaultSpec) -> int:
        """Put a fault in force; returns its id."""
        fault = ActiveFault(self._next_id, spec, rng=random.Random(spec.seed))
        self._next_id += 1
        self._active.append(fault)
        return fault.fault_id

    def remove(self, fault_id: int) -> None:
        """Lift one fault; an unknown id is no error."""
        self._active = [f for f in self._active if f.fault_id != fault_id]

    def clear(self) -> None:
        """Lift all faults."""
        self._active.clear()

    def list(self) -> list[dict[str, Any]]:
        """Faults in force with their counts."""
        return [fault.describe() for fault in self._active]

    def strike(self, occasion: Occasion) -> FaultSpec | None:
        """The fault this request meets, if any."""
        if not self._active:
            return None
        for fault in self._active:
            if self._strikes(fault, occasion):
                return fault.spec
        return None

    def _strikes(self, fault: ActiveFault, occasion: Occasion) -> bool:
        spec = fault.spec
        if spec.times is not None and fault.struck >= spec.times:
            return False
        if not _matches(spec, occasion):
            return False
        fault.matched += 1
        if fault.matched <= spec.skip or fault.rng.random() >= spec.probability:
            return False
        fault.struck += 1
        return True


def _matches(spec: FaultSpec, occasion: Occasion) -> bool:
    conditions = (
        (spec.method.upper(), occasion.method),
        (spec.version, occasion.version),
        (spec.tenant, occasion.tenant),
        (spec.app, occasion.app),
    )
    if any(wanted and wanted != actual for wanted, actual in conditions):
        return False
    if spec.in_batch is not None and spec.in_batch != occasion.in_batch:
        return False
    if spec.kind in PAGE_KINDS and spec.page != occasion.page:
        return False
    pattern = spec.path.lower()
    return fnmatch.fnmatchcase(occasion.path.lower(), pattern) or fnmatch.fnmatchcase(
        occasion.template.lower(), pattern
    )
